"""Whatever is wrong with a store is found, with where it is and what to do; a sound store has no findings."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from indexer.coarse import IndexKind
from indexer.records import ClipStatus
from indexer.store import open_catalog, open_store_for_writing
from indexer.verify import Verification, verify
from tests.indexer.test_publishing import SPACE, put, vectors


@pytest.fixture(params=[IndexKind.EXACT, IndexKind.IVF])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with open_store_for_writing(tmp_path, space=SPACE) as opened:
        for number in range(5):
            put(opened, f"{number}", vectors(100, seed=number))
        put(opened, "failed", None, status=ClipStatus.FAILED)
        opened.ask_index(request.param)
        opened.save_index()
        put(opened, "later", vectors(3, seed=9))
    return tmp_path


def verified(store: Path) -> Verification:
    with open_catalog(store) as catalog:
        return verify(store, catalog)


def change(store: Path, statement: str, *values: bytes) -> None:
    with sqlite3.connect(store / "catalog.sqlite") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)
    connection.close()


def test_a_sound_store_has_no_findings(store: Path) -> None:
    assert verified(store) == Verification(segments=503, indexed=500, beside_the_index=3, findings=())
    change(store, "DELETE FROM segments WHERE id = 7")
    change(store, "UPDATE state SET generation = generation + 1, deletions = generation + 1")
    assert verified(store).findings == (), "what was removed by the rules is masked, not missing"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE segments SET vector = zeroblob(32) WHERE id = 3", "1 vectors are not of length one (ids 3)"),
        (
            "UPDATE segments SET vector = x'00' WHERE id IN (3, 4)",
            "2 vectors are not of 8 dimensions (ids 3, 4)",
        ),
        ("UPDATE segments SET end_s = -1 WHERE id = 3", "1 segments end before they start (ids 3)"),
        ("UPDATE clips SET content_id = NULL WHERE content_id = 2", "1 indexed clips have no audio"),
        ("DELETE FROM segments WHERE content_id = 2", "1 contents have no segments (ids 2)"),
        ("DELETE FROM contents WHERE id = 2", "belong to rows that are not there"),
    ],
)
def test_a_catalogue_that_is_not_sound_says_what_is_wrong(store: Path, statement: str, what: str) -> None:
    change(store, statement)
    findings = verified(store).findings
    assert [finding.where for finding in findings if what in finding.what] == ["catalog.sqlite"]
    assert "backup" in findings[0].remedy


def test_an_index_that_differs_from_the_catalogue_is_noticed(store: Path) -> None:
    change(store, "UPDATE segments SET vector = (SELECT vector FROM segments WHERE id = 9) WHERE id = 3")
    change(store, "DELETE FROM segments WHERE id = 11")
    told = [finding.what for finding in verified(store).findings]
    assert told == [
        "1 segments are not as the catalogue has them",
        "1 segments in it are not in the catalogue",
    ]


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "manifest", "ids"])
def test_a_damaged_index_is_found_and_rebuilt(store: Path, damage: str) -> None:
    (path,) = store.glob("index-*/vectors.npy")
    whole = bytearray(path.read_bytes())
    if damage == "flipped":
        whole[-1] ^= 1
        path.write_bytes(whole)
    elif damage == "cut":
        path.write_bytes(whole[:-9])
    elif damage == "gone":
        path.unlink()
    elif damage == "manifest":
        (store / "manifest.json").write_text("[]")
    else:
        np.save(path.with_name("ids.npy"), np.arange(500, 0, -1))
    found = verified(store)
    assert found.findings
    assert all("sonoglot rebuild" in finding.remedy for finding in found.findings)
    with open_store_for_writing(store) as opened:
        opened.rebuild_index()
    assert verified(store) == Verification(segments=503, indexed=503, beside_the_index=0, findings=())
