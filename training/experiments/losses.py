"""The loss ablation: the paper's contrast, each practice of ``training.contrast`` alone, and all of them together."""

from dataclasses import replace

from training.contrast import Contrast
from training.recipes.cacara import PLUS, Recipe

CONTRASTS = {
    "paper": Contrast(),
    "bank negatives": Contrast(bank_negatives=True),
    "masking": Contrast(mask_false_negatives=True),
    "bank and masking": Contrast(bank_negatives=True, mask_false_negatives=True),
    "soft targets": Contrast(soft_targets=True),
    "two captions": Contrast(captions_per_clip=2),
    "sigmoid": Contrast(sigmoid=True),
    "plus": PLUS.contrast,
    "plus, sigmoid": replace(PLUS.contrast, sigmoid=True),
}
NOTES = (
    "One run each: differences of a point or two may be chance; run it again with another --seed.",
    "Everything but the loss is the same: clips, their order, encoder, schedule.",
)


def loss_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """Return a recipe with each of the losses, by the loss's name."""
    return {name: replace(recipe, contrast=contrast) for name, contrast in CONTRASTS.items()}
