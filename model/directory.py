"""Model directories: ``config.json`` + ``model.safetensors`` + ``README.md`` (the model card).

A directory says everything needed to build the model again; loading is strict, so a missing, extra or misshapen
tensor is an error and never a silently random layer. The fingerprint of the embedding space is taken over the
configuration and all the weights.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.compact_anchor import CompactAnchor
from model.compact_audio_encoder import CompactAudioEncoder
from model.errors import ModelDirectoryError
from model.quantised import pack, unpack
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace
from model.trained_ear import CompactAudioConfig
from model.weights import load_strictly

DEFAULT_MODEL_DIR = Path(__file__).parent / "compact"
FORMAT = 4
CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.json", "model.safetensors", "README.md"
ANCHOR_PREFIX, AUDIO_PREFIX = "anchor.", "audio."


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What ``config.json`` says of a model with the compact anchor."""

    name: str
    audio_encoder: CompactAudioConfig
    window_s: float = 5.0
    hop_s: float = 2.5


def load_model(directory: Path | None = None, *, device: str = "cpu") -> RetrievalModel:
    """Build the model that a directory holds; the committed default if none is given.

    Raises ModelDirectoryError if the directory is missing or incomplete, WeightsError if its weights do not fit.
    """
    directory = directory or DEFAULT_MODEL_DIR
    config = load_config(directory)
    tensors = load_tensors(directory)
    fingerprint = fingerprint_of(directory)
    anchor = build_anchor(tensors, fingerprint=fingerprint)
    audio_encoder = build_audio_encoder(config, _below(tensors, AUDIO_PREFIX), directory)
    space = EmbeddingSpace(name=config.name, fingerprint=fingerprint, dim=anchor.dim)
    return RetrievalModel(
        anchor=anchor,
        audio_encoder=audio_encoder.to(device),
        space=space,
        window_s=config.window_s,
        hop_s=config.hop_s,
    )


def load_space(directory: Path | None = None) -> EmbeddingSpace:
    """Return the space of a model without building it."""
    directory = directory or DEFAULT_MODEL_DIR
    config = load_config(directory)
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
    """Write a model directory; weights are stored as ``model.quantised`` says."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {ANCHOR_PREFIX + key: tensor for key, tensor in anchor.items()}
    tensors |= {AUDIO_PREFIX + key: tensor for key, tensor in audio.items()}
    save_file(pack(tensors), directory / WEIGHTS_FILE)
    text = json.dumps({"format": FORMAT, **dataclasses.asdict(config)}, indent=2)
    (directory / CONFIG_FILE).write_text(text + "\n", "utf-8")
    (directory / CARD_FILE).write_text(card, "utf-8")


def load_config(directory: Path) -> ModelConfig:
    """Read ``config.json`` strictly."""
    path = directory / CONFIG_FILE
    try:
        fields = json.loads(path.read_text("utf-8"))
        version = fields.pop("format")
        if version != FORMAT:
            raise ModelDirectoryError(
                f"{path}: format {version} is not {FORMAT}; use the release that wrote it"
            )
        return ModelConfig(**fields | {"audio_encoder": CompactAudioConfig(**fields["audio_encoder"])})
    except FileNotFoundError as error:
        raise ModelDirectoryError(
            f"{directory} is not a model directory: {CONFIG_FILE} is missing"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDirectoryError(f"{path} is not a valid model configuration: {error}") from error


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


def build_anchor(tensors: Mapping[str, Tensor], *, fingerprint: str) -> CompactAnchor:
    """Build the anchor from all tensors of a directory."""
    return CompactAnchor(_below(tensors, ANCHOR_PREFIX), fingerprint=fingerprint)


def build_audio_encoder(
    config: ModelConfig, tensors: Mapping[str, Tensor], directory: Path
) -> CompactAudioEncoder:
    """Build the audio encoder and load its weights strictly."""
    encoder = CompactAudioEncoder(config.audio_encoder)
    load_strictly(encoder, tensors, directory / WEIGHTS_FILE)
    return encoder.eval().requires_grad_(False)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
