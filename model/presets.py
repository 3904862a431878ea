"""Anchors of OpenCLIP's that can be named, with the facts one chooses by: dimension, licence, languages.

Plain data and no heavy imports, so that `sonoglot models` answers at once. An anchor decides which languages and
pictures are understood; each needs an audio encoder trained towards it before it can search sounds.

Figures: XM3600 text-to-image R@1 in percent, the anchors' own, as published.
"""

from dataclasses import dataclass

COMPACT = "compact"  # the anchor of the committed default
LOCAL, HUB = "local-dir:", "hf-hub:"  # OpenCLIP's own ways to say where a model is


@dataclass(frozen=True, kw_only=True)
class OpenClipPreset:
    """An anchor: ``model_name`` and ``tag`` are OpenCLIP's own names for it."""

    model_name: str
    tag: str
    dim: int
    licence: str
    languages: str


OPEN_CLIP_PRESETS = (
    OpenClipPreset(
        model_name="xlm-roberta-base-ViT-B-32",
        tag="laion5b_s13b_b90k",
        dim=512,
        licence="MIT",
        languages="mean 42.6; en 47.0, ja 63.8, es 54.3, hi 16.8, bn 2.4, sw 2.3, te 0.2",
    ),
    OpenClipPreset(
        model_name="xlm-roberta-large-ViT-H-14",
        tag="frozen_laion5b_s13b_b90k",
        dim=1024,
        licence="MIT by its makers' page; check before use",
        languages="mean 50.2; en 51.3, ja 72.6, es 62.2, hi 21.5, bn 5.4, sw 2.7, te 0.6",
    ),
    OpenClipPreset(
        model_name="ViT-B-16-SigLIP-i18n-256",
        tag="webli",
        dim=768,
        licence="Apache-2.0 by its makers' page; check before use",
        languages="mean 44.1; en 49.1, ja 43.2, es 59.6, hi 17.3, bn 21.1, sw 11.4, te 4.1",
    ),
    OpenClipPreset(
        model_name="ViT-B-16-SigLIP2-256",
        tag="webli",
        dim=768,
        licence="Apache-2.0 by its makers' page; check before use",
        languages="multilingual; no figures at hand",
    ),
    OpenClipPreset(
        model_name="nllb-clip-large-siglip",
        tag="mrl",
        dim=1152,
        licence="CC BY-NC 4.0: not for commercial use",
        languages="mean 60.8; en 52.1, ja 70.0, es 63.9, hi 42.0, bn 57.3, sw 49.8, te 42.3",
    ),
)


def open_clip_preset(model_name: str, tag: str | None) -> OpenClipPreset | None:
    """Return the facts about an OpenCLIP model by its own name and tag; None if it is no preset."""
    for preset in OPEN_CLIP_PRESETS:
        if (preset.model_name, preset.tag) == (model_name, tag):
            return preset
    return None
