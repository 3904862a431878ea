"""What ``config.json`` of a model directory says: which anchor, which audio encoder, and how clips are cut."""

import dataclasses
import json
from pathlib import Path

from model.audio_encoders import AudioConfig, audio_config_fields, read_audio_config
from model.errors import ModelDirectoryError

FORMAT = 4
CONFIG_FILE = "config.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnchorReference:
    """An OpenCLIP model by the name and tag that ``OpenClipAnchor.load`` takes, and its fingerprint."""

    model_name: str
    tag: str | None
    fingerprint: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A model. Without an ``anchor`` it is the compact one, whose weights the directory holds."""

    name: str
    audio_encoder: AudioConfig
    anchor: AnchorReference | None = None
    window_s: float = 5.0
    hop_s: float = 2.5


def config_text(config: ModelConfig) -> str:
    """Return what ``config.json`` holds; what is as it is by default for the compact model is left out."""
    anchor = {"anchor": dataclasses.asdict(config.anchor)} if config.anchor else {}
    audio = {"audio_encoder": audio_config_fields(config.audio_encoder)}
    cut = {"window_s": config.window_s, "hop_s": config.hop_s}
    text = json.dumps({"format": FORMAT, "name": config.name, **anchor, **audio, **cut}, indent=2)
    return text + "\n"


def read_config(directory: Path) -> ModelConfig:
    """Read ``config.json`` strictly. Raises ModelDirectoryError."""
    path = directory / CONFIG_FILE
    try:
        fields = json.loads(path.read_text("utf-8"))
        version = fields.pop("format")
        if version != FORMAT:
            raise ModelDirectoryError(
                f"{path}: format {version} is not {FORMAT}; use the release that wrote it"
            )
        fields["audio_encoder"] = read_audio_config(fields["audio_encoder"])
        if "anchor" in fields:
            fields["anchor"] = AnchorReference(**fields["anchor"])
        return ModelConfig(**fields)
    except FileNotFoundError as error:
        raise ModelDirectoryError(
            f"{directory} is not a model directory: {CONFIG_FILE} is missing"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDirectoryError(f"{path} is not a valid model configuration: {error}") from error
