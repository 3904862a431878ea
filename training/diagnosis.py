"""What figures are a sign of: three ways in which an aligned model fails, each with its likely cause.

The signs are those of the method (CACARA, arXiv 2512.00496). The thresholds are ours, and are compared with what a
ranking in random order has, so that few candidates or many right answers do not pass for retrieval.
"""

from collections.abc import Mapping

from training.metrics import QueryFigures
from training.ranking import BothWays

# Nearly found: half of what chance leaves is among the first ten, but not even a quarter of that is first. LAION-CLAP
# (arXiv 2211.06687) has R@1 a third of R@10 on Clotho's hard captions, more elsewhere.
HIGH_R10 = 0.5
LOW_R1_OF_R10 = 0.25
# The paper's own near-zero language, Swahili, has a thirtieth of English; ours that help nobody lie below a tenth.
NEAR_ZERO_OF_REFERENCE = 0.1
# What a tenth is taken of must itself be retrieval, or everything would be "near zero" of nothing.
WORKS = 0.1
# Fewer queries are at chance by accident.
LEAST_QUERIES = 10


def weak_alignment(captions: BothWays) -> list[str]:
    """Low R@1 with high R@10, in either direction: the right ones are near but not told apart."""
    directions = {"text to audio": captions.to_clips, "audio to text": captions.to_queries}
    return [
        f"Fine-grained alignment is weak, {name}: R@1 {figures.recall_at(1):.3f} with R@10 "
        f"{figures.recall_at(10):.3f}. Likely the projection is too small, or the learning rate does not fit."
        for name, figures in directions.items()
        if is_nearly_found(figures)
    ]


def is_nearly_found(figures: QueryFigures) -> bool:
    """Whether R@10 is high for what chance gives, and R@1 low for that R@10."""
    found, chance = figures.recall_at(10), figures.chance_at(10)
    return found - chance >= HIGH_R10 * (1 - chance) > 0 and figures.recall_at(1) < LOW_R1_OF_R10 * found


def uncovered_languages(languages: Mapping[str, QueryFigures]) -> list[str]:
    """Name the languages near chance: their texts reach no sound, although English ones do."""
    english = languages.get("en")
    if english is None:
        return []
    if above_chance(english) < WORKS:
        return [
            f"English itself is near chance (mAP {english.map:.3f}, chance {english.chance_map:.3f}): nothing here is "
            "retrieval, and no language can be judged."
        ]
    names = [name for name, figures in languages.items() if is_near_zero(figures, english)]
    if not names:
        return []
    return [
        f"The anchor does not cover {', '.join(sorted(names))}: above chance, mAP is less than a tenth of English's. "
        "Answers to queries in such a language are little better than noise."
    ]


def blind_pictures(*, text: QueryFigures, pictures: QueryFigures) -> list[str]:
    """Pictures find nothing although texts of the same clips do."""
    if above_chance(text) < WORKS or not is_near_zero(pictures, text):
        return []
    return [
        f"Pictures find hardly more than chance (mAP {pictures.map:.3f}, chance {pictures.chance_map:.3f}) while texts "
        f"work (mAP {text.map:.3f}). Likely the anchor's text and image towers are not of one joint checkpoint, or "
        "were not frozen."
    ]


def is_near_zero(figures: QueryFigures, reference: QueryFigures) -> bool:
    """Whether, of enough queries, less is left above chance than a tenth of the reference's."""
    enough = len(figures) >= LEAST_QUERIES
    return enough and above_chance(figures) < NEAR_ZERO_OF_REFERENCE * above_chance(reference)


def above_chance(figures: QueryFigures) -> float:
    """How far mAP is above that of a random order."""
    return figures.map - figures.chance_map
