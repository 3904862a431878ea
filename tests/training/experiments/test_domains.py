"""Domains of clips, and figures inside a domain beside those among all clips."""

import json
from pathlib import Path

import pytest

import training
from tests.training.experiments.helpers import Heard, clip
from training.errors import DataError
from training.experiments.domains import OTHERS, domains, load_domains


def test_every_class_of_esc50_has_a_domain() -> None:
    classes = json.loads((Path(training.__file__).parent / "captions" / "esc50.json").read_text())
    mapping = load_domains()
    assert set(mapping.of_label) == set(classes)
    assert len(classes) == 50
    assert {*mapping.of_label.values(), *mapping.of_tag.values()} == set(mapping.names)


def test_a_label_goes_before_tags_and_the_likeliest_tag_before_others() -> None:
    of = load_domains().of
    assert of(clip("a", label="rain", tags=(("Speech", 0.9),))) == "environment"
    assert of(clip("b", tags=(("Speech", 0.2), ("Silence", 0.9), ("Music", 0.6)))) == "instruments"
    assert of(clip("d", label="laughter", tags=(("Speech", 0.9),))) == "people"
    assert of(clip("c", label="no such class", tags=(("Silence", 0.9),))) == OTHERS


def test_a_clip_may_be_found_inside_its_domain_and_not_among_all(heard: Heard) -> None:
    entries = [
        clip("dog", label="dog"),
        clip("cat", label="cat"),
        clip("rain", label="rain"),
        clip("wind", captions=("wind in the trees",), tags=(("Wind", 0.9),)),
        clip("unknown"),
    ]
    # the cat is heard as rain: wrong among all, and among the animals nearer to its name than the dog is
    table = domains(heard(["dog", "rain", "rain", "wind in the trees", "silence"], entries))
    rows = {row["domain"]: row for row in table.rows}
    assert (rows["animals"]["clips"], rows["environment"]["texts"]) == (2, 2)
    assert rows["animals"]["audio_r1"] == pytest.approx(0.5)
    assert rows["animals"]["chance_r1_inside"] == pytest.approx(0.5)
    assert rows["environment"]["audio_r1"] == pytest.approx(1)
    assert float(rows["animals"]["map_inside"] or 0) >= float(rows["animals"]["map"] or 0)
    assert rows["speech"] == {"domain": "speech", "clips": 0}
    assert any(
        "Absent from these clips: people, household, machines, instruments, speech" in n for n in table.notes
    )
    assert "Left out because they have neither label nor caption: 1." in table.notes


def test_clips_without_any_name_are_refused(heard: Heard) -> None:
    with pytest.raises(DataError, match="no clip has a label or a caption"):
        domains(heard(["dog"], [clip("a", tags=(("Dog", 0.9),))]))
