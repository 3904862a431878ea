"""Picture queries from a Tux Paint folder."""

import json
from pathlib import Path

import pytest

from training.errors import StampsError
from training.image_queries import TUX_PAINT_CLASSES, tux_paint_queries, write_image_queries


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    for names in TUX_PAINT_CLASSES.values():
        for name in names:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return tmp_path


def test_every_stamp_becomes_a_query_for_its_class(stamps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stamps.parent)

    queries = list(tux_paint_queries(Path(stamps.name)))

    labels = {Path(query["image"]).stem: query["label"] for query in queries}
    assert (labels["747"], labels["ram"], labels["eddieCopter"]) == ("airplane", "sheep", "helicopter")
    assert len({query["image"] for query in queries}) == len(queries) >= 20
    assert all(Path(query["image"]).is_absolute() and Path(query["image"]).is_file() for query in queries)


def test_a_missing_stamp_is_named_with_what_to_do(stamps: Path) -> None:
    (stamps / "household" / "toilet.png").unlink()

    with pytest.raises(StampsError, match=r"toilet\.png is missing.*tuxpaint-stamps-default"):
        list(tux_paint_queries(stamps))


def test_written_queries_read_back(stamps: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"

    count = write_image_queries(tux_paint_queries(stamps), out)

    read = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(read) == count
    assert read == list(tux_paint_queries(stamps))
