"""A corpus of all kinds of bad file: none crashes, hangs or harms its neighbours; each has a reason of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import prefetch
from indexer.build import IndexSummary, index_paths
from indexer.errors import DecodeReason
from indexer.reading import ClipRead, FileFacts, ReadJob, Windows
from indexer.store import open_store, open_store_for_writing
from model.retrieval_model import RetrievalModel
from tests.indexer.bad_contents import all_contents
from tests.indexer.bad_file import BadFile
from tests.indexer.bad_files import all_kinds, make_corpus
from tests.indexer.sounds import write_tone

KINDS = [kind for kind in all_kinds() if not kind.slow]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)  # paths beyond what most programs take should not stay


def index(folder: Path, model: RetrievalModel, *, store: str, paths: list[Path]) -> IndexSummary:
    with open_store_for_writing(folder / store, space=model.space) as opened:
        return index_paths(opened, model, library="test", paths=paths)


def vectors(folder: Path, *, store: str, below: Path) -> dict[Path, NDArray[np.float32]]:
    with open_store(folder / store) as opened:
        clips = [clip for clip in opened.catalog.clips("test") if below in clip.path.parents]
        return {clip.path: opened.catalog.segments_of(clip.clip_id).vectors for clip in clips}


def durations(folder: Path, *, store: str) -> dict[Path, float]:
    with open_store(folder / store) as opened:
        return {clip.path: clip.duration_s for clip in opened.catalog.clips("test")}


def let_happen(made: dict[Path, BadFile], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have somebody else change files at exact moments of their being read."""
    real = prefetch._Worker.read

    def read(
        worker: prefetch._Worker, job: ReadJob, is_known: Callable[[FileFacts], bool]
    ) -> Iterator[Windows | ClipRead]:
        kind = made.get(job.path)
        due = kind.when_decoding if kind else None

        def asked(facts: FileFacts) -> bool:
            if kind is not None and kind.when_hashed is not None:
                kind.when_hashed(job.path)
            return is_known(facts)

        for item in real(worker, job, asked):
            if due is not None and isinstance(item, Windows):
                due(job.path)
                due = None
            yield item

    monkeypatch.setattr(prefetch._Worker, "read", read)


class Told(NamedTuple):
    """What became of a file, and what people are told of it."""

    path: Path
    outcome: str
    words: str


def told(summary: IndexSummary, made: dict[Path, BadFile]) -> dict[Path, list[Told]]:
    """What was reported, by kind; what lies below a kind's path counts as it."""
    all_reports = {path: [] for path in made}
    for state in ("indexed", "unchanged", "skipped", "failed"):
        for report in getattr(summary, state):
            place = next((place for place in (report.path, *report.path.parents) if place in made), None)
            if place is not None:
                item = Told(report.path, report.code or state, report.reason or "")
                all_reports[place].append(item)
    return all_reports


def is_as_declared(kind: BadFile, items: list[Told]) -> bool:
    if len(items) != 1 or items[0].outcome != kind.outcome:
        return False
    item = items[0]
    is_for_people = (
        item.words.isprintable() and item.words.endswith(".") and repr(str(item.path)) in item.words
    )
    return kind.outcome == "indexed" or (
        kind.says in item.words and (kind.outcome == "skipped" or is_for_people)
    )


def test_no_bad_file_harms_anything_and_each_has_its_reason(
    folder: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = folder / "corpus"
    made = make_corpus(corpus, KINDS)
    tops = sorted({path.relative_to(corpus).parts[0] for path in made})
    good = [
        write_tone(corpus / top / "m, a good sound.wav", seconds=1 + number % 3 * 3, hz=200 * 1.2**number)
        for number, top in enumerate(tops)
    ]
    index(folder, model, store="alone", paths=good)
    let_happen(made, monkeypatch)
    monkeypatch.setattr(prefetch, "STALL_S", 30.0)

    summary = index(folder, model, store="together", paths=[corpus])
    items = told(summary, made)
    assert {
        str(path): items[path] for path, kind in made.items() if not is_as_declared(kind, items[path])
    } == {}
    assert {report.path for report in summary.indexed} >= set(good)
    lasting = durations(folder, store="together")
    declared = {path: kind.seconds for path, kind in made.items() if kind.outcome == "indexed"}
    assert {path: lasting[path] for path in declared} == pytest.approx(declared, abs=0.1)
    alone = vectors(folder, store="alone", below=corpus)
    together = vectors(folder, store="together", below=corpus)
    assert set(alone) == set(good)
    for path in good:
        np.testing.assert_array_equal(together[path], alone[path])

    again = told(index(folder, model, store="together", paths=[corpus]), made)
    for path, kind in made.items():
        if kind.when_hashed is None and kind.when_decoding is None:
            expected = [
                item._replace(outcome=item.outcome.replace("indexed", "unchanged")) for item in items[path]
            ]
            assert [item[:2] for item in again[path]] == [item[:2] for item in expected]


def test_there_are_many_kinds_and_many_reasons() -> None:
    assert len({kind.path for kind in KINDS}) == len(KINDS) >= 60
    unreachable = {
        DecodeReason.NOT_EMBEDDABLE,
        DecodeReason.DECODER_CRASHED,
        DecodeReason.DECODER_HUNG,
    }
    if os.getuid() == 0:
        unreachable.add(DecodeReason.NO_PERMISSION)
    assert {kind.outcome for kind in KINDS} >= set(DecodeReason) - unreachable


def test_the_corpus_is_the_same_every_time(tmp_path: Path) -> None:
    kinds = list(all_contents())
    first, second = (make_corpus(tmp_path / name, kinds) for name in ("first", "second"))
    for one, other in zip(first, second, strict=True):
        assert one.stat().st_size == other.stat().st_size
        if one.stat().st_size < 1 << 20:
            assert one.read_bytes() == other.read_bytes()
