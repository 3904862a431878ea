"""Maps of libraries: places by sound, the same every time, and anew when the library changes."""

from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from indexer.layout import lay_out
from indexer.store import open_store
from model.retrieval_model import RetrievalModel
from tests.indexer.test_store import clip, content, fill
from tests.service.helpers import index, serving, wait_until_loaded, write_sounds


def test_what_sounds_alike_lies_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    made = []
    for number in range(60):
        axis = np.eye(4)[number % 2] + random.normal(scale=0.1, size=4)
        made.append((clip(f"{number}.wav"), content((axis / np.linalg.norm(axis)).astype(np.float32))))
    fill(tmp_path, *made)
    with open_store(tmp_path) as store:
        laid_out = lay_out(store, store.snapshot(), "sounds")
        assert lay_out(store, store.snapshot(), "sounds") == laid_out
        some = lay_out(store, store.snapshot(), "sounds", most=10)
    assert len(some) == 10
    assert len(laid_out) == 60
    places = {int(each.clip.path.stem): np.array([each.x, each.y]) for each in laid_out}
    assert all(0 <= value <= 1 for place in places.values() for value in place)
    for number, place in places.items():
        others = sorted((float(np.linalg.norm(place - other)), key) for key, other in places.items())
        near = [key for _, key in others[1:6]]
        assert sum(key % 2 == number % 2 for key in near) >= 4


def test_a_map_is_made_anew_when_its_library_changed(model: RetrievalModel, tmp_path: Path) -> None:
    def places(client: TestClient) -> dict[str, tuple[float, float]]:
        answer = client.get("/v1/libraries/a%20%2F%20set/map")
        assert answer.status_code == 200, answer.text
        return {point["title"]: (point["x"], point["y"]) for point in answer.json()["points"]}

    write_sounds(tmp_path / "set", ["a.wav", "b.wav"], first_seed=1)
    index(model, tmp_path / "store", "a / set", tmp_path / "set")
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        assert places(client).keys() == {"a.wav", "b.wav"}
        assert places(client) == places(client)
        write_sounds(tmp_path / "set", ["c.wav"], first_seed=5)
        index(model, tmp_path / "store", "a / set", tmp_path / "set")
        assert places(client).keys() == {"a.wav", "b.wav", "c.wav"}
        assert client.get("/v1/libraries/nowhere/map").status_code == 404
