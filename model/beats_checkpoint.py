"""Published BEATs checkpoints: read safely, checked, and converted once to safetensors.

A checkpoint is ``{"cfg": {...}, "model": {...}}`` (microsoft/unilm, folder beats, MIT); a fine-tuned one adds the
labels and a classifier, which is left out here. Pickles are read with ``weights_only``, so that none can run a program.
"""

import dataclasses
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.beats import Beats, BeatsConfig, BeatsEncoder, BeatsEncoderConfig
from model.errors import WeightsError
from model.weights import first_line, load_strictly

SUFFIX = ".safetensors"
CONFIG_KEY = "beats_config"  # in the metadata of a converted file
CLASSIFIER = "predictor."
TABLE = "self_attn.relative_attention_bias.weight"  # each layer's copy
WEIGHT_NORM = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
# The published names of our sizes and rates.
PUBLISHED_NAMES = {
    "patch_size": "input_patch_size",
    "patch_dim": "embed_dim",
    "layers": "encoder_layers",
    "width": "encoder_embed_dim",
    "feed_forward": "encoder_ffn_embed_dim",
    "heads": "encoder_attention_heads",
    "position_kernel": "conv_pos",
    "position_groups": "conv_pos_groups",
    "buckets": "num_buckets",
    "max_distance": "max_distance",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "input_dropout": "dropout_input",
    "layer_drop": "encoder_layerdrop",
}
# What all published checkpoints have, and this implementation is written for.
EXPECTED = {
    "activation_fn": "gelu",
    "activation_dropout": 0.0,
    "conv_bias": False,
    "deep_norm": True,
    "layer_norm_first": False,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
}


def load_beats(path: Path) -> Beats:
    """Build BEATs with the weights of a published checkpoint, or of a file that ``convert_beats`` wrote.

    Raises WeightsError if it cannot be read, is of another architecture, or lacks or adds a tensor.
    """
    config, tensors = _read_converted(path) if path.suffix == SUFFIX else _read_published(path)
    beats = Beats(config)
    load_strictly(beats, tensors, path)
    return beats


def load_beats_encoder(path: Path, embed_dim: int) -> BeatsEncoder:
    """Return BEATs as ``load_beats`` reads it, at the sizes that the file names, under a new linear map."""
    beats = load_beats(path)
    encoder = BeatsEncoder(BeatsEncoderConfig(embed_dim=embed_dim, **dataclasses.asdict(beats.config)))
    encoder.beats.load_state_dict(beats.state_dict())
    return encoder


def convert_beats(published: Path, converted: Path) -> None:
    """Write a published checkpoint as safetensors, its configuration in the metadata.

    Raises WeightsError if it is none, or if ``converted`` does not end in ``.safetensors`` or cannot be written.
    """
    if converted.suffix != SUFFIX:
        raise WeightsError(f"{converted} does not end in {SUFFIX}, by which a converted checkpoint is known")
    beats = load_beats(published)
    config = json.dumps(dataclasses.asdict(beats.config))
    tensors = {key: tensor.contiguous() for key, tensor in beats.state_dict().items()}
    try:
        save_file(tensors, converted, {CONFIG_KEY: config})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{converted} cannot be written: {error}") from error


def _read_converted(path: Path) -> tuple[BeatsConfig, Mapping[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            config = BeatsConfig(**json.loads((file.metadata() or {})[CONFIG_KEY]))
            return config, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is not what `sonoglot convert-beats` wrote of a BEATs checkpoint ({first_line(error)})"
        ) from error


def _read_published(path: Path) -> tuple[BeatsConfig, Mapping[str, Tensor]]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        fields, tensors = stored["cfg"], stored["model"]
        other = {name: fields[name] for name, value in EXPECTED.items() if fields.get(name, value) != value}
        missing = [name for name in PUBLISHED_NAMES.values() if name not in fields]
    except (
        OSError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise WeightsError(
            f"{path} is not a BEATs checkpoint: a file with 'cfg' and 'model' is expected ({first_line(error)})"
        ) from error
    if other or missing:
        raise WeightsError(f"{path} is of another architecture: {other or f'cfg lacks {missing}'}")
    config = BeatsConfig(**{ours: fields[theirs] for ours, theirs in PUBLISHED_NAMES.items()})
    return config, _under_our_names(tensors, path)


def _under_our_names(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return a checkpoint's weights without its classifier, and with the layers' table of positions kept once."""
    tables = [tensor for key, tensor in tensors.items() if key.endswith(TABLE)]
    if not tables or any(not torch.equal(table, tables[0]) for table in tables):
        raise WeightsError(f"{path} is of another architecture: its layers share no table of positions")
    kept = {
        _our_name(key): tensor
        for key, tensor in tensors.items()
        if not key.endswith(TABLE) and not key.startswith(CLASSIFIER)
    }
    return kept | {"encoder.relative_attention_bias.weight": tables[0]}


def _our_name(key: str) -> str:
    """Name the normalised convolution as torch's parametrisations do."""
    for theirs, ours in WEIGHT_NORM.items():
        key = key.replace(theirs, ours)
    return key
