"""The model card: every source with its licence and number, and what its licences mean."""

from pathlib import Path

from training.card import CardData, model_card
from training.manifest import ManifestEntry


def card(*licences: str | None) -> str:
    train = [ManifestEntry(audio=Path(f"{row}.wav"), licence=name) for row, name in enumerate(licences)]
    return model_card(
        title="A model",
        about="About it.",
        anchor="Its anchor.",
        train=CardData.of(train),
        val=[],
        figures={},
        command="c",
        config={"seed": 0},
        fingerprint="f",
    )


def test_restricted_and_inherited_licences_are_counted_apart() -> None:
    text = " ".join(
        card("CC BY-NC 3.0", "cc-by-nc-4.0", "GPL-2+", "CC-BY-SA-3.0", "CC0", "MIT", None).split()
    )
    assert "**2 of the 7 clips are licensed for non-commercial use only" in text
    assert "2 of the 7 clips come under licences that works made from them inherit" in text
    assert "| not named | CC BY-NC 3.0 | 1 |" in text


def test_free_clips_bring_no_warning() -> None:
    text = card("CC0", "MIT")
    assert "non-commercial" not in text
    assert "inherit" not in text
