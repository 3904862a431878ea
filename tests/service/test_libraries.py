"""Libraries and what users change of them over HTTP: made, gone through, described, tagged, deleted."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from indexer.manifest import read_manifest
from indexer.store import open_store_for_writing
from model.retrieval_model import RetrievalModel
from tests.service.helpers import index, serving, wait_until_loaded, write_sounds

NAMES = ["погода", "音/雨 100%", "a/clips", "%2F", "c d+e?f#g", "ملف"]


def at(name: str, rest: str = "") -> str:
    return f"/v1/libraries/{quote(name, safe='')}{rest}"


@pytest.fixture(scope="module")
def root(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Library 'own', whose clips these tests change, and a store that has room for more."""
    folder = tmp_path_factory.mktemp("libraries")
    write_sounds(folder / "own", ["a.wav", "b.flac", "c.ogg", "d.wav", "e.wav"], first_seed=1)
    (folder / "own" / "broken.wav").write_bytes(b"RIFF")
    index(model, folder / "store", "own", folder / "own")
    return folder


@pytest.fixture(scope="module")
def own(root: Path) -> Iterator[TestClient]:
    with serving(root / "store") as client:
        wait_until_loaded(client)
        yield client


def clips(client: TestClient, **asked: object) -> dict[str, dict]:
    page = client.get(at("own", "/clips"), params=asked).json()
    return {Path(clip["path"]).name: clip for clip in page["clips"]}


def problem(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]  # pyright: ignore


def test_a_library_of_any_name_is_made_found_and_deleted(own: TestClient) -> None:
    for name in NAMES:
        made = own.post("/v1/libraries", json={"name": name})
        assert (made.status_code, made.json()["name"], made.json()["clips"]) == (201, name, 0)
        assert own.get(made.headers["location"]).json() == made.json()
        assert own.get(at(name, "/clips")).json() == {"clips": []}
        assert own.get(at(name, "/facets")).json() == {"tags": [], "licences": [], "categories": []}
        assert problem(own.post("/v1/libraries", json={"name": name})) == (409, "library-exists")
    for name in NAMES:
        assert own.delete(at(name)).status_code == 204
        assert problem(own.delete(at(name))) == (404, "unknown-library")
    assert [library["name"] for library in own.get("/v1/libraries").json()["libraries"]] == ["own"]


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": ".."}, {"name": " x"}, {"name": "x" * 101}, {}, {"x": 1}]
)
def test_a_name_that_cannot_be_used_is_refused(own: TestClient, body: dict) -> None:
    assert problem(own.post("/v1/libraries", json=body)) == (422, "invalid-request")


def test_the_first_library_makes_the_store(tmp_path: Path) -> None:
    with serving(tmp_path / "new") as client:
        wait_until_loaded(client)
        assert problem(client.get(at("first"))) == (503, "no-store")
        assert client.post("/v1/libraries", json={"name": "first"}).status_code == 201
        assert client.get(at("first")).json()["clips"] == 0
        assert client.post("/v1/search", json={"text": "rain"}).json()["hits"] == []


def test_clips_come_page_by_page(own: TestClient) -> None:
    seen: list[dict] = []
    asked: dict[str, object] = {"limit": 2}
    while True:
        page = own.get(at("own", "/clips"), params=asked).json()
        assert len(page["clips"]) <= 2
        seen += page["clips"]
        if "next" not in page:
            break
        asked["cursor"] = page["next"]
    assert [Path(clip["path"]).name for clip in seen] == [
        "a.wav",
        "b.flac",
        "broken.wav",
        "c.ogg",
        "d.wav",
        "e.wav",
    ]
    (failed,) = clips(own, status="failed").values()
    assert (failed["status"], "cut off" in failed["reason"]) == ("failed", True)
    assert seen[0] == own.get(f"/v1/clips/{seen[0]['clip_id']}").json()


@pytest.mark.parametrize(
    "asked",
    [{"limit": 0}, {"limit": 1001}, {"cursor": "?"}, {"cursor": "QUJD"}, {"cursor": "é"}, {"status": "x"}],
)
def test_a_page_that_there_is_not_is_refused(own: TestClient, asked: dict) -> None:
    assert problem(own.get(at("own", "/clips"), params=asked)) == (422, "invalid-request")
    assert problem(own.get(at("none", "/clips"))) == (404, "unknown-library")


def test_what_a_user_says_of_a_clip_is_found_at_once_and_kept(
    own: TestClient, root: Path, model: RetrievalModel
) -> None:
    clip = clips(own)["a.wav"]
    address = f"/v1/clips/{clip['clip_id']}"
    said = own.patch(address, json={"title": "Дождь", "tags": ["rain", "Roof"], "licence": "CC0"})
    assert said.status_code == 200
    assert said.json() == own.get(address).json()
    assert said.json() == {**clip, "title": "Дождь", "tags": ["rain", "Roof"], "licence": "CC0"}
    found = own.post("/v1/search", json={"text": "x", "tags": ["roof"], "licence": "cc0"}).json()["hits"]
    assert [(hit["clip_id"], hit["title"]) for hit in found] == [(clip["clip_id"], "Дождь")]
    facets = own.get(at("own", "/facets"), params={"limit": 1}).json()
    assert facets["licences"] == [{"value": "CC0", "clips": 1}]
    assert [value["value"] for value in facets["tags"]] == ["rain"]

    index(model, root / "store", "own", root / "own")
    assert own.get(address).json() == said.json()
    assert own.patch(address, json={}).json() == said.json()
    back = own.patch(address, json={"title": None, "tags": [], "licence": ""})
    assert back.json() == clip
    assert own.get(at("own", "/facets")).json()["tags"] == []


@pytest.mark.parametrize(
    "body", [{"title": 1}, {"title": "x" * 201}, {"tags": "x"}, {"tags": ["x"] * 51}, {"path": "/etc"}, []]
)
def test_what_cannot_be_said_is_refused(own: TestClient, body: object) -> None:
    clip_id = clips(own)["a.wav"]["clip_id"]
    assert problem(own.patch(f"/v1/clips/{clip_id}", json=body)) == (422, "invalid-request")
    assert problem(own.patch("/v1/clips/none", json={"title": "x"})) == (404, "unknown-clip")


def test_a_deleted_clip_stays_away_and_its_file_stays(
    own: TestClient, root: Path, model: RetrievalModel
) -> None:
    clip = clips(own)["e.wav"]
    assert own.delete(f"/v1/clips/{clip['clip_id']}").status_code == 204
    for _ in range(2):
        assert problem(own.delete(f"/v1/clips/{clip['clip_id']}")) == (404, "unknown-clip")
        assert "e.wav" not in clips(own)
        hits = own.post("/v1/search", json={"text": "x"}).json()["hits"]
        assert len(hits) == 4
        index(model, root / "store", "own", root / "own")
    assert Path(clip["path"]).exists()
    index(model, root / "store", "own", root / "own" / "e.wav")
    assert clips(own)["e.wav"]["clip_id"] == clip["clip_id"]


def test_changes_need_no_lock_but_removing_a_library_does(own: TestClient, root: Path) -> None:
    clip_id = clips(own)["a.wav"]["clip_id"]
    with open_store_for_writing(root / "store"):
        assert own.patch(f"/v1/clips/{clip_id}", json={"artist": "Ana"}).status_code == 200
        assert own.patch(f"/v1/clips/{clip_id}", json={"artist": None}).status_code == 200
        assert own.post("/v1/libraries", json={"name": "meanwhile"}).status_code == 201
        busy = own.delete(at("meanwhile"))
        assert problem(busy) == (409, "store-busy")
        assert int(busy.headers["retry-after"]) > 0
    assert own.delete(at("meanwhile")).status_code == 204


def test_the_vectors_of_a_deleted_library_leave_the_index_on_disk(
    own: TestClient, root: Path, model: RetrievalModel
) -> None:
    rows = read_manifest(root / "store").about.rows
    write_sounds(root / "passing", ["f.wav"], first_seed=9)
    index(model, root / "store", "passing", root / "passing")
    assert read_manifest(root / "store").about.rows > rows
    assert own.delete(at("passing")).status_code == 204
    wait_until_loaded(own)  # and for what its loader was given since
    assert read_manifest(root / "store").about.rows == rows


def test_peaks_show_any_part_of_a_clip(own: TestClient, root: Path) -> None:
    clip = clips(own)["a.wav"]  # four seconds
    samples, rate_hz = soundfile.read(root / "own" / "a.wav", dtype="float32")
    address = f"/v1/clips/{clip['clip_id']}/peaks"
    whole = own.get(address, params={"points": 7}).json()
    assert (whole["start_s"], whole["end_s"], len(whole["min"])) == (0, 4, 7)
    assert max(whole["max"]) == pytest.approx(samples.max(), abs=1e-4)
    assert min(whole["min"]) == pytest.approx(samples.min(), abs=1e-4)
    part = own.get(address, params={"points": 4, "start_s": 1, "end_s": 3}).json()
    expected = samples[rate_hz : 3 * rate_hz].reshape(4, -1)
    np.testing.assert_allclose(part["max"], expected.max(axis=1), atol=1e-4)
    np.testing.assert_allclose(part["min"], expected.min(axis=1), atol=1e-4)
    tiny = own.get(address, params={"points": 4000, "start_s": 3.999}).json()
    np.testing.assert_allclose(tiny["max"], samples[-16:], atol=1e-4)
    assert tiny["max"] == tiny["min"], "no more points than samples"
    beyond = own.get(address, params={"points": 1, "end_s": 99}).json()
    assert beyond["end_s"] == 4
    assert own.get(address, params={"points": 4000}).json()["max"][2000] >= 0


@pytest.mark.parametrize(
    "asked",
    [
        {"points": 0},
        {"points": 4001},
        {"start_s": 4},
        {"start_s": 2, "end_s": 1},
        {"start_s": "nan"},
        {"start_s": 1e308},
        {"end_s": -1},
    ],
)
def test_peaks_of_what_there_is_not_are_refused(own: TestClient, asked: dict) -> None:
    address = f"/v1/clips/{clips(own)['a.wav']['clip_id']}/peaks"
    assert problem(own.get(address, params=asked)) == (422, "invalid-request")
    failed = clips(own, status="failed")["broken.wav"]["clip_id"]
    assert problem(own.get(f"/v1/clips/{failed}/peaks")) == (422, "invalid-request")


def test_tags_are_chosen_from_any_vocabulary(own: TestClient) -> None:
    clip_id = clips(own)["a.wav"]["clip_id"]
    words = ["Rauschen", "собака", "knocking", "knocking", "笑い声"]
    answer = own.post(f"/v1/clips/{clip_id}/tags", json={"vocabulary": words, "k": 9}).json()
    assert {tag["tag"] for tag in answer["tags"]} == set(words)
    scores = [tag["score"] for tag in answer["tags"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(tag["probability"] for tag in answer["tags"]) == pytest.approx(1, abs=1e-3)
    best = own.post(f"/v1/clips/{clip_id}/tags", json={"vocabulary": words, "k": 1}).json()
    assert best["tags"] == answer["tags"][:1]
    found = own.post("/v1/search", json={"text": best["tags"][0]["tag"], "k": 10}).json()["hits"]
    by_search = next(hit["score"] for hit in found if hit["clip_id"] == clip_id)
    assert best["tags"][0]["score"] == pytest.approx(by_search, abs=1e-3)


def test_a_vocabulary_that_cannot_be_used_is_refused(own: TestClient) -> None:
    address = f"/v1/clips/{clips(own)['a.wav']['clip_id']}/tags"
    for body in ({"vocabulary": []}, {"vocabulary": ["x"] * 1001}, {"vocabulary": ["x"], "k": 0}):
        assert problem(own.post(address, json=body)) == (422, "invalid-request")
    assert problem(own.post(address, json={"vocabulary": ["x", " "]})) == (422, "unusable-text")
    assert problem(own.post(address, json={"vocabulary": ["x" * 2_000_000]})) == (413, "too-large")
    failed = clips(own, status="failed")["broken.wav"]["clip_id"]
    assert problem(own.post(f"/v1/clips/{failed}/tags", json={"vocabulary": ["x"]})) == (
        422,
        "invalid-request",
    )
