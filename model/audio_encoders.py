"""The audio encoders that a model directory may hold, by the kind that its ``config.json`` names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from model.audio_encoder import AudioEncoder
from model.beats import BeatsEncoder, BeatsEncoderConfig
from model.compact_audio_encoder import CompactAudioEncoder
from model.trained_ear import CompactAudioConfig

AudioConfig = CompactAudioConfig | BeatsEncoderConfig
COMPACT, BEATS = "compact", "beats"


def build_encoder(config: AudioConfig) -> AudioEncoder:
    """Return an encoder of these sizes, with random weights."""
    if isinstance(config, BeatsEncoderConfig):
        return BeatsEncoder(config)
    return CompactAudioEncoder(config)


def read_audio_config(fields: Mapping[str, Any]) -> AudioConfig:
    """Read what ``config.json`` says of an audio encoder; without a kind it is compact. ValueError for another kind."""
    kind = fields.get("kind", COMPACT)
    sizes = {name: value for name, value in fields.items() if name != "kind"}
    if kind == BEATS:
        return BeatsEncoderConfig(**sizes)
    if kind == COMPACT:
        return CompactAudioConfig(**sizes)
    raise ValueError(f"no audio encoder is called {kind!r}; there are {COMPACT} and {BEATS}")


def audio_config_fields(config: AudioConfig) -> dict[str, Any]:
    """Return what ``config.json`` says of an audio encoder."""
    kind = {"kind": BEATS} if isinstance(config, BeatsEncoderConfig) else {}
    return kind | dataclasses.asdict(config)
