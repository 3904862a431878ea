"""Model directories that torch runs: ``config.json`` + ``model.safetensors`` + ``README.md`` (the model card).

A directory says everything needed to build the model again; loading is strict, so a missing, extra or misshapen
tensor is an error and never a silently random layer. The fingerprint of the embedding space is taken over the
configuration and all the weights.

The weights of the default's anchor lie in its directory. A model that was trained towards an anchor of another name
(``load_anchor``) only names it, with the fingerprint that it must have; where a folder ``anchor`` lies in the
directory, an OpenCLIP anchor is loaded from there and not from the hub.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from model.anchor import Anchor
from model.audio_encoders import build_encoder
from model.calibration import load_calibration
from model.compact_anchor import CompactAnchor
from model.config import CONFIG_FILE, AnchorReference, ModelConfig, config_text, read_config
from model.directory import DEFAULT_MODEL_DIR
from model.errors import DeviceError, ModelDirectoryError
from model.files import write_atomically
from model.presets import COMPACT, LOCAL
from model.quantised import pack, unpack
from model.space import EmbeddingSpace
from model.torch_model import TorchModel
from model.weights import below, load_strictly, tensors_hash

WEIGHTS_FILE, CARD_FILE = "model.safetensors", "README.md"
ANCHOR_FOLDER = "anchor"
ANCHOR_PREFIX, AUDIO_PREFIX = "anchor.", "audio."


def load_torch_model(directory: Path | None = None, *, device: str = "cpu") -> TorchModel:
    """Build the model that a directory holds; the committed default if none is given.

    Raises ModelDirectoryError if the directory is missing or incomplete, WeightsError if its weights do not fit,
    DeviceError if there is no such device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError(
            f"there is no CUDA device that torch can use: leave out --device {device} for the CPU"
        )
    directory = directory or DEFAULT_MODEL_DIR
    config = read_config(directory)
    tensors = load_tensors(directory)
    fingerprint = fingerprint_of(directory)
    if config.anchor:
        anchor = load_named_anchor(config.anchor, directory, device=device)
    else:
        anchor = CompactAnchor(below(tensors, ANCHOR_PREFIX), fingerprint=fingerprint)
    encoder = build_encoder(config.audio_encoder)
    load_strictly(encoder, below(tensors, AUDIO_PREFIX), directory / WEIGHTS_FILE)
    model = TorchModel(
        anchor=anchor,
        audio_encoder=encoder.requires_grad_(False).to(device),
        space=EmbeddingSpace(name=config.name, fingerprint=fingerprint, dim=anchor.dim),
        window_s=config.window_s,
        hop_s=config.hop_s,
    )
    model.calibration = load_calibration(directory, dim=anchor.dim)
    return model


def load_anchor(name: str, *, tag: str | None = None, device: str = "cpu") -> Anchor:
    """Load an anchor to train towards: ``compact``, or any that ``OpenClipAnchor.load`` takes."""
    if name == COMPACT:
        tensors = default_anchor_tensors()
        return CompactAnchor(tensors, fingerprint=tensors_hash(tensors))
    from model.open_clip_anchor import OpenClipAnchor  # seconds, which the compact anchor does not need

    return OpenClipAnchor.load(name, tag=tag, device=device)


def load_named_anchor(named: AnchorReference, directory: Path, *, device: str) -> Anchor:
    """Load the anchor that a model names; ModelDirectoryError if it is not the one that it was trained towards."""
    here = directory / ANCHOR_FOLDER
    if here.is_dir():
        anchor = load_anchor(f"{LOCAL}{here}", device=device)
    else:
        anchor = load_anchor(named.model_name, tag=named.tag, device=device)
    if anchor.fingerprint != named.fingerprint:
        raise ModelDirectoryError(
            f"{directory} was trained towards another anchor than {anchor.name}: its fingerprint is "
            f"{anchor.fingerprint[:12]} and not {named.fingerprint[:12]}. Put the right one into {here}"
        )
    return anchor


def default_anchor_tensors() -> dict[str, Tensor]:
    """Return the weights of the committed default's anchor."""
    return below(load_tensors(DEFAULT_MODEL_DIR), ANCHOR_PREFIX)


def load_torch_space(directory: Path) -> EmbeddingSpace:
    """Return the space of a model without building it."""
    config = read_config(directory)
    return EmbeddingSpace(
        name=config.name, fingerprint=fingerprint_of(directory), dim=config.audio_encoder.embed_dim
    )


def save_model(
    directory: Path,
    *,
    config: ModelConfig,
    anchor: Mapping[str, Tensor],
    audio: Mapping[str, Tensor],
    card: str,
) -> None:
    """Write a model directory; ``anchor`` has the compact anchor's weights, and none where the anchor is named.

    Raises ModelDirectoryError if it cannot be written; a file that was there before is then as it was.
    The weights of a compact model are stored as ``model.quantised`` says, those of any other as they are.
    """
    tensors = {ANCHOR_PREFIX + key: tensor for key, tensor in anchor.items()}
    tensors |= {AUDIO_PREFIX + key: tensor.cpu().contiguous() for key, tensor in audio.items()}
    _write(directory / WEIGHTS_FILE, save(tensors if config.anchor else pack(tensors)))
    _write(directory / CONFIG_FILE, config_text(config).encode())
    write_card(directory, card)


def read_card(directory: Path) -> str:
    """Return the model card. Raises ModelDirectoryError if there is none: a model's licences stand there."""
    try:
        return (directory / CARD_FILE).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ModelDirectoryError(
            f"{directory / CARD_FILE}, the model's card, cannot be read: {error}"
        ) from error


def write_card(directory: Path, card: str) -> None:
    """Write the model card. Raises ModelDirectoryError if it cannot be written."""
    _write(directory / CARD_FILE, card.encode())


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise ModelDirectoryError(
            f"{path} cannot be written: {error.strerror or error}. Make room, and run the same command again"
        ) from error


def load_tensors(directory: Path) -> dict[str, Tensor]:
    """Read all tensors of a directory."""
    path = directory / WEIGHTS_FILE
    try:
        return unpack(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelDirectoryError(f"{path} cannot be read as safetensors: {error}") from error


def fingerprint_of(directory: Path) -> str:
    """Hash the configuration and the weights of a directory."""
    digest = hashlib.sha256()
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        try:
            digest.update((directory / name).read_bytes())
        except OSError as error:
            raise ModelDirectoryError(
                f"{directory} is not a model directory: {name} cannot be read"
            ) from error
    return digest.hexdigest()
