"""The audio encoders that a model directory may hold, by the kind that its ``config.json`` names, and how to start one.

The one place that knows them all: another encoder is a module of its own, a line of ``KINDS``, and a preset.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from model.audio_encoder import AudioEncoder
from model.audio_mae import AudioMaeConfig, AudioMaeEncoder, load_audio_mae
from model.beats import BeatsEncoder, BeatsEncoderConfig
from model.beats_checkpoint import load_beats_encoder
from model.compact_audio_encoder import CompactAudioEncoder
from model.eat import EatConfig, EatEncoder, load_eat
from model.encoder_presets import EncoderPreset
from model.errors import PresetError
from model.htsat import HtsAtConfig, HtsAtEncoder, load_htsat
from model.imagenet import start_from_imagenet
from model.trained_ear import CompactAudioConfig, EarConfig, TrainedEar

AudioConfig = CompactAudioConfig | EarConfig | BeatsEncoderConfig | HtsAtConfig | AudioMaeConfig | EatConfig
COMPACT = "compact"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of audio encoder: its sizes, itself, and how a published checkpoint of it is read, if there are any.

    ``load`` takes the checkpoint and the dimension of the space that the encoder is mapped to.
    """

    config: type[AudioConfig]
    encoder: Callable[[Any], AudioEncoder]
    load: Callable[[Path, int], AudioEncoder] | None = None


KINDS = {
    COMPACT: Kind(config=CompactAudioConfig, encoder=CompactAudioEncoder),
    "ear": Kind(config=EarConfig, encoder=TrainedEar),
    "beats": Kind(config=BeatsEncoderConfig, encoder=BeatsEncoder, load=load_beats_encoder),
    "hts-at": Kind(config=HtsAtConfig, encoder=HtsAtEncoder, load=load_htsat),
    "audio-mae": Kind(config=AudioMaeConfig, encoder=AudioMaeEncoder, load=load_audio_mae),
    "eat": Kind(config=EatConfig, encoder=EatEncoder, load=load_eat),
}
NAMES = {kind.config: name for name, kind in KINDS.items()}


def build_encoder(config: AudioConfig) -> AudioEncoder:
    """Return an encoder of these sizes, with random weights."""
    return KINDS[NAMES[type(config)]].encoder(config)


def read_audio_config(fields: Mapping[str, Any]) -> AudioConfig:
    """Read what ``config.json`` says of an audio encoder; without a kind it is compact. ValueError for another kind."""
    name = fields.get("kind", COMPACT)
    if name not in KINDS:
        raise ValueError(f"no audio encoder is called {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name].config(**{field: value for field, value in fields.items() if field != "kind"})


def audio_config_fields(config: AudioConfig) -> dict[str, Any]:
    """Return what ``config.json`` says of an audio encoder."""
    name = NAMES[type(config)]
    kind = {} if name == COMPACT else {"kind": name}
    return kind | dataclasses.asdict(config)


def start_encoder(
    preset: EncoderPreset, *, embed_dim: int, checkpoint: Path | None, seed: int
) -> AudioEncoder:
    """Return an encoder to train towards a space of ``embed_dim`` dimensions.

    Its weights are those of a published checkpoint, and its sizes then the checkpoint's, or they are random, drawn from
    ``seed``; an ear starts from ImageNet's. The linear map to the space is always drawn. Raises WeightsError for a
    checkpoint that does not fit, PresetError for one that the preset cannot take.
    """
    torch.manual_seed(seed)
    kind = KINDS[preset.kind]
    if checkpoint is not None:
        if kind.load is None or preset.checkpoint is None:
            raise PresetError(
                f"the encoder {preset.name} takes no checkpoint, so {checkpoint} cannot be loaded: leave it out, "
                "or choose an encoder that `sonoglot models` lists with one"
            )
        return kind.load(checkpoint, embed_dim)
    encoder = kind.encoder(kind.config(embed_dim=embed_dim, **preset.sizes))
    if isinstance(encoder, TrainedEar):
        start_from_imagenet(encoder.network)
    return encoder
