"""Audio encoders that can be named, with the facts one chooses by: what they are, licence, where weights come from.

Plain data and no heavy imports, so that `sonoglot models` answers at once; ``model.audio_encoders.start_encoder`` makes
encoders of them. The small ones have the same architecture as their namesakes, at sizes that learn on a CPU from
random weights: to try a recipe out, not to reach published figures.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.errors import PresetError

OWN = "none published: what is trained is yours"


@dataclass(frozen=True, kw_only=True)
class EncoderPreset:
    """An audio encoder to train.

    ``kind`` is what ``config.json`` calls it, and ``sizes`` those of its config that are not as published.
    ``checkpoint`` says which published weights it can start from, None if from none; ``licence`` is theirs.
    ``window_s`` is the natural length of a clip.
    """

    name: str
    kind: str
    about: str
    licence: str
    checkpoint: str | None = None
    window_s: float = 10.0
    sizes: Mapping[str, Any] = field(default_factory=dict)


SMALL_TRANSFORMER = {"layers": 4, "width": 192, "heads": 3}
ENCODER_PRESETS = (
    EncoderPreset(
        name="beats",
        kind="beats",
        about="BEATs, the paper's audio encoder: 90 M parameters, 16 kHz",
        licence="MIT",
        checkpoint="BEATs_iter3.pt and its relatives (microsoft/unilm), or what `sonoglot convert-beats` wrote",
    ),
    EncoderPreset(
        name="hts-at",
        kind="hts-at",
        about="HTS-AT as in CLAP, an ablation of the paper's: 28 M parameters, 48 kHz, at most 10 s",
        licence="Apache-2.0 by its makers' page; check before use",
        checkpoint="laion/clap-htsat-unfused and its larger relatives on the Hugging Face hub; not the fused ones",
    ),
    EncoderPreset(
        name="audio-mae",
        kind="audio-mae",
        about="AudioMAE, an ablation of the paper's: 86 M parameters, 16 kHz, at most 10.2 s",
        licence="CC BY-NC 4.0: not for commercial use",
        checkpoint="gaunernst/vit_base_patch16_1024_128.audiomae_as2m on the Hugging Face hub, or the makers' "
        "pretrained.pth (facebookresearch/AudioMAE)",
    ),
    EncoderPreset(
        name="eat",
        kind="eat",
        about="EAT, newer than the paper's: 86 M parameters, 16 kHz; SSLAM is the same network, trained on mixtures",
        licence="MIT (EAT's and SSLAM's)",
        checkpoint="worstchan/EAT-base_epoch30_pretrain or ta012/SSLAM_pretrain on the Hugging Face hub",
    ),
    EncoderPreset(
        name="beats-small",
        kind="beats",
        about="a small BEATs for a CPU",
        licence=OWN,
        sizes=SMALL_TRANSFORMER | {"patch_dim": 192, "feed_forward": 768, "layer_drop": 0.0},
    ),
    EncoderPreset(
        name="hts-at-small",
        kind="hts-at",
        about="a small HTS-AT for a CPU",
        licence=OWN,
        sizes={"width": 32, "depths": (2, 2, 4, 2), "heads": (2, 4, 8, 16)},
    ),
    EncoderPreset(
        name="audio-mae-small",
        kind="audio-mae",
        about="a small AudioMAE for a CPU",
        licence=OWN,
        sizes=SMALL_TRANSFORMER | {"drop_path": 0.0},
    ),
    EncoderPreset(
        name="eat-small",
        kind="eat",
        about="a small EAT for a CPU; at most 20.5 s",
        licence=OWN,
        sizes=SMALL_TRANSFORMER | {"max_columns": 128, "drop_path": 0.0},
    ),
    EncoderPreset(
        name="ear",
        kind="ear",
        about="one ear of the compact model: EfficientNet-lite0 over 5 s, 3.4 M parameters, 16 kHz, from ImageNet's "
        "weights",
        licence="Apache-2.0 (the ImageNet weights)",
        window_s=5.0,
    ),
)


def encoder_preset(name: str) -> EncoderPreset:
    """Return the preset of this name; PresetError, with names like it, if there is none."""
    presets = {preset.name: preset for preset in ENCODER_PRESETS}
    if name in presets:
        return presets[name]
    close = difflib.get_close_matches(name, presets)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(presets)}"
    raise PresetError(f"no audio encoder is called {name!r}; {hint}")
