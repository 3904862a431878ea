"""Tables beside the files: what they may look like, what in them cannot be used, and what a change of one costs."""

import os
from pathlib import Path

import pytest

from indexer.build import FileReport, IndexSummary, index_failed, index_paths
from indexer.description import describe
from indexer.description_tables import NOTHING_TOLD, DescriptionTables, read_table
from indexer.prefetch import _Worker
from indexer.records import ClipStatus, SearchFilter
from indexer.store import open_store, open_store_for_writing
from model.retrieval_model import RetrievalModel
from tests.indexer.sounds import write_tone
from tests.indexer.tagged import with_strings


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


FULL = "filename,Title,description,artist,license,category,tags\n"


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "with BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_whoever_wrote_it(tmp_path: Path, head: bytes, end: str) -> None:
    text = FULL + '\na.wav,Сова,"hoots, twice\u2028at night",Ana,CC0,ANIMALS,"owl, bird;night"\nb.wav,B\n'
    table = read_table(write(tmp_path / "metadata.csv", head + text.replace("\n", end).encode()))
    assert table.problems == []
    assert table.about(tmp_path / "a.wav").said == describe(
        title="Сова",
        description="hoots, twice at night",
        artist="Ana",
        licence="CC0",
        category="ANIMALS",
        tags=["owl", "bird", "night"],
    )
    assert table.about(tmp_path / "b.wav").said == describe(title="B")
    assert table.about(tmp_path / "c.wav") is NOTHING_TOLD


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_seen_in_the_first_line(tmp_path: Path, delimiter: str) -> None:
    text = "path,title,tags\nx/a.wav,A,dog\n".replace(",", delimiter)
    table = read_table(write(tmp_path / "metadata.csv", text))
    assert table.about(tmp_path / "x" / "a.wav").said == describe(title="A", tags=["dog"])


def test_files_are_named_in_several_ways(tmp_path: Path) -> None:
    rows = ["./a.wav,1", "sub//b.wav,2", f"{tmp_path}/c.wav,3", "caf\u00e9.wav,4"]
    table = read_table(write(tmp_path / "metadata.csv", "\n".join(["file,title", *rows])))
    names = ["a.wav", "sub/b.wav", "c.wav", "cafe\u0301.wav"]
    assert [table.about(tmp_path / name).said.title for name in names] == ["1", "2", "3", "4"]
    assert table.about(tmp_path / "sub" / "a.wav") is NOTHING_TOLD


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (b"x.wav,1,2\n", "line 2: 3 values in 2 columns"),
        (b",title\n", "line 2: no file is named"),
        (b"x.wav,\xff\xfe\n", "line 2: not UTF-8"),
        (b"\nx.wav,1\nx.wav,2\n", "line 4: 'x.wav' is described twice"),
        (b'x.wav,"1"2\n', "line 2: "),
        (b'x.wav,"never closed\n', "line 2: "),
        (b'x.wav,"' + b"y" * 200_000 + b'"\n', "line 2: field larger"),
    ],
)
def test_a_bad_line_is_told_and_costs_itself(tmp_path: Path, lines: bytes, problem: str) -> None:
    table = read_table(write(tmp_path / "metadata.csv", b"file,title\n" + lines))
    assert table.bad_lines == 1
    assert table.problems[0].startswith(problem)


def test_good_lines_beside_bad_ones_are_used(tmp_path: Path) -> None:
    bad = "".join(f",{number}\n" for number in range(30))
    table = read_table(write(tmp_path / "metadata.csv", f"file,title\na.wav,A\n{bad}b.wav,B\n"))
    assert [table.about(tmp_path / name).said.title for name in ("a.wav", "b.wav")] == ["A", "B"]
    assert (table.bad_lines, len(table.problems)) == (30, 10)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"title,tags\na,b\n", "names no column"),
        ("file,title\na.wav,A\n".encode("utf-16"), "names no column"),
        (b"\x00\x01\x02" * 100, "names no column"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    table = read_table(write(tmp_path / "metadata.csv", data))
    assert problem in table.problems[0]
    assert table.rows == {}


def test_the_nearest_table_speaks_first(tmp_path: Path) -> None:
    write(tmp_path / "metadata.csv", "file,title,artist,licence\na/b/x.wav,far,far,far\n")
    write(tmp_path / "a" / "b" / "metadata.csv", "file,title,artist\nx.wav,near,near\n")
    write(tmp_path / "a" / "b" / "sonoglot.csv", "file,title\nx.wav,ours\n")
    write(tmp_path / "a" / "c" / "metadata.csv", "file,title\nx.wav,other\n")
    tables = DescriptionTables()
    found = tables.about(tmp_path / "a" / "b" / "x.wav")
    assert found.said == describe(title="ours", artist="near", licence="far")
    assert tables.about(tmp_path / "a" / "b" / "y.wav") is NOTHING_TOLD
    assert tables.about(tmp_path / "a" / "c" / "x.wav").said == describe(title="other")
    assert tables.about(tmp_path / "a" / "y.wav") is NOTHING_TOLD
    below = [table for table in tables.read if tmp_path in table.path.parents]
    assert len(below) == 4, "each is read once"
    assert [len(table.rows) for table in below] == [0, 0, 1, 0], "and held no longer than needed"


def test_an_original_name_counts_as_the_name_of_the_file(model: RetrievalModel, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    write_tone(sounds / "1.wav", seconds=1)
    write(sounds / "2.flac", with_strings("FLAC", title="tagged", genre="rain"))
    write_tone(sounds / "3.wav", seconds=1, hz=700)
    rows = ["1.wav,Am Fluß.wav", "2.flac,ignored.flac", "3.wav,GUNAuto_Uzi_TN_DORY.wav"]
    write(sounds / "sonoglot.csv", "\n".join(["file,original_name", *rows]))
    write(sounds / "metadata.csv", "file,artist\n1.wav,Ana\n")
    run(model, tmp_path)
    with open_store(tmp_path / "store") as store:
        found = {clip.path.name: clip.description for clip in store.catalog.clips("test")}
    assert found["1.wav"] == describe(title="Am Fluß", artist="Ana")
    assert found["2.flac"] == describe(title="tagged", tags=["rain"])
    assert found["3.wav"] == describe(title="Uzi", category="GUNS", tags=["GUNAuto"])


def run(model: RetrievalModel, folder: Path, *paths: Path) -> IndexSummary:
    with open_store_for_writing(folder / "store", space=model.space) as store:
        return index_paths(store, model, library="test", paths=paths or (folder / "sounds",))


def titles(folder: Path) -> dict[str, str | None]:
    with open_store(folder / "store") as store:
        return {clip.path.name: clip.description.title for clip in store.catalog.clips("test")}


def reports(summary: IndexSummary, name: str) -> list[FileReport]:
    return [report for report in summary.skipped if report.path.name == name]


def test_a_changed_table_changes_descriptions_and_reads_no_audio(
    model: RetrievalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = tmp_path / "sounds"
    for name in ("a.wav", "b.wav"):
        write_tone(sounds / name, seconds=1)
    write(sounds / "c.flac", with_strings("FLAC", title="tagged", genre="rain"))
    run(model, tmp_path)
    assert titles(tmp_path) == {"a.wav": None, "b.wav": None, "c.flac": "tagged"}

    monkeypatch.setattr(_Worker, "read", lambda self, job, is_known: pytest.fail(f"{job.path} is read"))
    table = write(sounds / "metadata.csv", "file,title,tags\na.wav,A,dog\nc.flac,C,\nnone.wav,x,\n,bad,\n")
    summary = run(model, tmp_path)
    assert (summary.redescribed, len(summary.unchanged), summary.indexed) == (2, 3, [])
    assert titles(tmp_path) == {"a.wav": "A", "b.wav": None, "c.flac": "C"}
    [report] = reports(summary, "metadata.csv")
    assert (report.code, "line 5: no file is named" in (report.reason or "")) == ("bad_table_lines", True)
    with open_store(tmp_path / "store") as store:
        assert store.catalog.filter_values("test").tags[0].value in ("dog", "rain")
        assert len(store.catalog.matching_segment_ids(SearchFilter(tags=("rain",)))) == 1

    summary = run(model, tmp_path)
    assert summary.redescribed == 0
    assert reports(summary, "metadata.csv") == [report]

    table.unlink()
    assert run(model, tmp_path).redescribed == 2
    assert titles(tmp_path) == {"a.wav": None, "b.wav": None, "c.flac": "tagged"}


def test_a_run_over_a_part_knows_the_tables_above(model: RetrievalModel, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    path = write_tone(sounds / "sub" / "a.wav", seconds=1)
    write(sounds / "metadata.csv", "file,title\nsub/a.wav,A\n")
    write(sounds / "other" / "metadata.csv", "title\nwithout files\n")
    summary = run(model, tmp_path)
    assert titles(tmp_path) == {"a.wav": "A"}
    assert [report.code for report in reports(summary, "metadata.csv")] == [None, None]
    for part in (sounds / "sub", path):
        assert run(model, tmp_path, part).redescribed == 0
        assert titles(tmp_path) == {"a.wav": "A"}


def test_moved_copied_touched_and_retried_files_are_described(model: RetrievalModel, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    first = write(sounds / "a.flac", with_strings("FLAC", artist="Ana"))
    bad = write(sounds / "bad.flac", first.read_bytes()[:-2000])
    write(sounds / "metadata.csv", "file,title\na.flac,A\nb.flac,B\nGUNAuto_x_TN_DORY.flac,C\nbad.flac,D\n")
    run(model, tmp_path)
    assert titles(tmp_path) == {"a.flac": "A", "bad.flac": "D"}

    first.rename(sounds / "b.flac")
    (sounds / "GUNAuto_x_TN_DORY.flac").write_bytes((sounds / "b.flac").read_bytes())
    summary = run(model, tmp_path)
    assert (summary.moved, summary.copies, summary.segments) == (1, 1, 0)
    with open_store(tmp_path / "store") as store:
        clips = {clip.path.name: clip.description for clip in store.catalog.clips("test")}
    assert clips["b.flac"] == describe(title="B", artist="Ana")
    assert clips["GUNAuto_x_TN_DORY.flac"] == describe(
        title="C", artist="Ana", category="GUNS", tags=["GUNAuto"]
    )

    os.utime(sounds / "b.flac", (1, 1))
    (sounds / "b.flac").rename(bad)
    with open_store_for_writing(tmp_path / "store") as store:
        index_failed(store, model, library="test")
        repaired = next(clip for clip in store.catalog.clips("test") if clip.path == bad)
    assert (repaired.status, repaired.description) == (ClipStatus.INDEXED, describe(title="D", artist="Ana"))


def test_bad_tags_never_cost_a_file(model: RetrievalModel, tmp_path: Path) -> None:
    from tests.indexer.test_descriptions import BAD

    waves = {what: data for what, data in BAD.items() if data[:4] == b"RIFF"}
    for number, data in enumerate(waves.values()):
        write(tmp_path / "sounds" / f"{number}.wav", data)
    summary = run(model, tmp_path)
    assert len(summary.indexed) == len(waves)
    assert summary.failed == []
