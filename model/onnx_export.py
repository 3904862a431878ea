"""Writes the compact model for ONNX Runtime, in a directory that needs neither torch nor the anchor's packages.

Three networks: texts, pictures, sounds. What is looked up (words, pieces, the lexicon) is no part of them, but lies
beside them as tables; tokens, picture views and spectra are made in numpy (``model.onnx_text``, ``image_views``,
``power_spectra``). The space is that of the model, and so is the card.

torch's older exporter, over TorchScript, is used: it is five times as fast as the newer one, asks for one package less,
and its networks are no slower (docs/decisions/0010).
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import onnx_directory as files
from model.compact_anchor import CompactAnchor
from model.compact_audio_encoder import CompactAudioEncoder
from model.compact_text import TextTower, encoders
from model.e5 import E5Encoder, pool
from model.e5_file import packed_path, read_packed
from model.errors import MissingPartError, ModelDirectoryError, NotExportableError
from model.image_views import IMAGE_SIZE_PX
from model.torch_model import TorchModel
from model.use_network import UseNetwork
from model.use_tables import use_pieces, use_tokenizer, use_weights

OPSET = 17


def export_onnx(model: TorchModel, out: Path, *, card: str, int8: bool) -> None:
    """Write ``model`` to a directory that is new or empty; with ``int8``, its text network multiplies in eight bits.

    Raises:
        NotExportableError: it is not a compact model.
        ModelDirectoryError: the directory is not empty, or cannot be written.
        MissingPartError: the package onnx is not installed.
    """
    anchor, encoder = model.anchor, model.audio_encoder
    if not isinstance(anchor, CompactAnchor) or not isinstance(encoder, CompactAudioEncoder):
        raise NotExportableError(
            f"{model.space.name} cannot be exported: only models over the compact anchor, with the compact audio "
            "encoder, can be"
        )
    _check_onnx()
    try:
        _make_empty(out)
        _write_tables(out, anchor.tower)
        _write_networks(out, model, anchor, encoder)
        if int8:
            from model.onnx_int8 import quantise_products

            quantise_products(out / files.TEXT_NETWORK)
        (out / files.CARD_FILE).write_text(card, "utf-8")
        if model.calibration is not None:
            model.calibration.save(out)
        files.write_onnx_facts(out, _facts(model, encoder))
    except OSError as error:
        raise ModelDirectoryError(f"{out} cannot be written: {error.strerror or error}") from error


def _check_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPartError(
            "exporting needs the package onnx, which is not installed: run `pip install 'sonoglot[onnx]'`"
        ) from error


def _make_empty(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise ModelDirectoryError(f"{out} is not empty: give a new directory, or empty it first")


def _facts(model: TorchModel, encoder: CompactAudioEncoder) -> files.OnnxFacts:
    tokens, mel = encoders()[0].tokenizer, encoder.log_mel.mel
    return files.OnnxFacts(
        space=model.space,
        sample_rate_hz=model.sample_rate_hz,
        window_s=model.window_s,
        hop_s=model.hop_s,
        e5=files.E5Ids(bos=tokens.bos, eos=tokens.eos, pad=tokens.pad),
        spectra=files.Spectra(window_size=mel.window_size, hop_size=mel.hop_size, fft_size=mel.fft_size),
    )


def _write_tables(out: Path, tower: TextTower) -> None:
    packed = read_packed(packed_path())
    tokens = encoders()[0].tokenizer
    tokens.tokenizer.save(str(out / files.E5_TOKENIZER), pretty=False)
    _write_json(out / files.E5_CHARACTERS, {str(code): text for code, text in tokens.char_map.items()})
    np.save(out / files.E5_WORDS, packed.words)
    pieces, scales = use_pieces()
    np.save(out / files.USE_PIECES, pieces)
    np.save(out / files.USE_SCALES, scales)
    tokenizer, forms = use_tokenizer()
    tokenizer.save(str(out / files.USE_TOKENIZER), pretty=False)
    _write_json(out / files.USE_NORMAL_FORMS, forms)
    np.save(out / files.LEXICON, tower.lexicon.table.numpy())


def _write_json(path: Path, value: Mapping[str, str]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "utf-8")


def _write_networks(
    out: Path, model: TorchModel, anchor: CompactAnchor, encoder: CompactAudioEncoder
) -> None:
    e5 = encoders()[0]
    text = TextNetwork(e5, UseNetwork(use_weights()), anchor.tower)
    words, pieces = (2, 5), (2, 7)  # any sizes would do
    _write_network(
        text,
        out / files.TEXT_NETWORK,
        {
            "words": torch.zeros(*words, e5.width),
            "word_mask": torch.ones(words, dtype=torch.bool),
            "pieces": torch.zeros(*pieces, text.use.width),
            "piece_mask": torch.ones(pieces, dtype=torch.bool),
            "lexicon": torch.zeros(2, anchor.tower.lexicon.table.shape[1]),
        },
        open_axes={
            "words": ["texts", "words"],
            "word_mask": ["texts", "words"],
            "pieces": ["texts", "pieces"],
            "piece_mask": ["texts", "pieces"],
            "lexicon": ["texts"],
        },
    )
    views = torch.zeros(2, 3, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    _write_network(ImageNetwork(anchor), out / files.IMAGE_NETWORK, {"views": views}, open_axes={})
    mel = encoder.log_mel.mel
    power = torch.zeros(1, 1 + model.window_samples // mel.hop_size, mel.fft_size // 2 + 1)
    _write_network(AudioNetwork(encoder), out / files.AUDIO_NETWORK, {"power": power}, open_axes={})


def _write_network(
    network: nn.Module, path: Path, inputs: Mapping[str, Tensor], *, open_axes: Mapping[str, list[str]]
) -> None:
    """Write a network; the first axes of an input that ``open_axes`` names may have any size."""
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # of what tracing takes for constant
        torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=["vectors"],
            dynamic_axes={name: dict(enumerate(axes)) for name, axes in open_axes.items()},
        )


class TextNetwork(nn.Module):
    """What is left of the text tower when all look-ups are done; texts (N, D)."""

    def __init__(self, e5: E5Encoder, use: UseNetwork, tower: TextTower) -> None:
        super().__init__()
        self.e5, self.use, self.tower = e5, use, tower

    def forward(
        self, words: Tensor, word_mask: Tensor, pieces: Tensor, piece_mask: Tensor, lexicon: Tensor
    ) -> Tensor:
        hidden = self.e5.norm(words + self.e5.positions[: words.shape[1]])
        for layer in self.e5.layers:
            hidden = layer(hidden, word_mask[:, None, None, :])
        e5 = F.normalize(pool(hidden, word_mask), dim=-1)
        parts = [e5, self.use(pieces, piece_mask), self.tower.lexicon.projection(lexicon)]
        return self.tower.concepts(self.tower.head(torch.cat(parts, dim=1)))


class ImageNetwork(nn.Module):
    """The views of one picture, (2, 3, pixels, pixels), to its vector, (D,)."""

    def __init__(self, anchor: CompactAnchor) -> None:
        super().__init__()
        self.anchor, self.network = anchor, anchor.image_network

    def forward(self, views: Tensor) -> Tensor:
        return self.anchor.vector_of(self.network(views))


class AudioNetwork(nn.Module):
    """Power spectra, (N, frames, frequencies), to unit vectors, (N, D)."""

    def __init__(self, encoder: CompactAudioEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, power: Tensor) -> Tensor:
        log_mel = self.encoder.log_mel
        return F.normalize(self.encoder.hear(log_mel.image(log_mel.mel.bands(power))), dim=-1)
