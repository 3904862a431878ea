"""Picture queries from a Tux Paint folder."""

from pathlib import Path

import pytest

from training.errors import StampsError
from training.image_queries import TUX_PAINT_CLASSES, tux_paint_queries


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
