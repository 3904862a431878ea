"""Questions of several parts, regions, segments, pages and batches, over HTTP with the shipped model."""

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import open_database
from service.keys import Keys, Scope
from tests.service.helpers import (
    client_of,
    index,
    png_bytes,
    serving,
    wait_until_loaded,
    wav_bytes,
    write_sounds,
)


def answered(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def scores(answer: dict[str, Any]) -> dict[str, float]:
    return {hit["clip_id"]: hit["score"] for hit in answer["hits"]}


def clip_named(client: TestClient, name: str) -> str:
    hits = answered(client, text="a sound")["hits"]
    return next(hit["clip_id"] for hit in hits if Path(hit["path"]).name == name)


def test_what_is_not_wanted_sinks(client: TestClient) -> None:
    wind = clip_named(client, "wind.ogg")
    plain = answered(client, text="rain")
    without = answered(client, text="rain", without=["wind"])
    like = answered(client, text="rain", parts=[{"clip_id": wind, "weight": -0.5}])
    assert [answer["query"]["kind"] for answer in (plain, without, like)] == ["text", "mixture", "mixture"]
    assert scores(like).keys() == scores(plain).keys() - {wind}, "a clip that was asked with is no result"
    assert scores(without) != scores(plain)
    assert without["query"]["without"] == ["wind"]


def test_parts_count_by_their_weights(client: TestClient) -> None:
    rain, door = clip_named(client, "rain.wav"), clip_named(client, "door.wav")
    mostly = [
        answered(client, parts=[{"clip_id": rain, "weight": a}, {"text": "a door", "weight": b}])
        for a, b in ((1, 0.01), (0.01, 1))
    ]
    assert scores(mostly[0]) == pytest.approx(scores(answered(client, clip_id=rain)), abs=0.02)
    alone = scores(answered(client, text="a door"))
    assert {clip: alone[clip] for clip in scores(mostly[1])} == pytest.approx(scores(mostly[1]), abs=0.02)
    assert door in scores(mostly[1])


def test_a_picture_a_sound_and_words_are_mixed(client: TestClient) -> None:
    files = {"image": ("a.png", png_bytes()), "audio": ("b.wav", wav_bytes())}
    fields = {"text": "rain", "without": ["wind", "door"], "image_weight": "0.5"}
    answer = client.post("/v1/search", files=files, data=fields).json()
    assert answer["query"]["kind"] == "mixture"
    assert answer["query"]["filenames"] == ["a.png", "b.wav"]
    assert answer["query"]["without"] == ["wind", "door"]
    heard = client.post("/v1/search", files={"audio": files["audio"]}).json()
    only = client.post("/v1/search", files=files, data={"image_weight": "0"}).json()
    assert scores(only) == pytest.approx(scores(heard), abs=1e-5)


def test_an_answer_says_what_was_searched_and_how_long_it_took(client: TestClient) -> None:
    answer = answered(client, text="rain", k=2)
    assert answer["generation"] >= 2
    assert set(answer["timings_ms"]) == {"embed", "search"}
    assert sum(answer["timings_ms"].values()) == pytest.approx(answer["took_ms"], rel=0.2, abs=1)


@pytest.fixture(scope="module")
def moments(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One clip of 23 seconds, of a sound that changes."""
    root = tmp_path_factory.mktemp("moments")
    write_sounds(root / "set", ["long.wav"], first_seed=20)
    index(model, root / "store", "set", root / "set")
    with serving(root / "store") as client:
        wait_until_loaded(client)
        yield client


def test_a_clip_is_one_result_with_its_best_moments_and_segments_are_each_one(moments: TestClient) -> None:
    [hit] = answered(moments, text="rain")["hits"]
    segments = answered(moments, text="rain", by="segment", k=100)["hits"]
    assert len(segments) == 9, "windows of five seconds, two and a half apart, in 23"
    assert {segment["clip_id"] for segment in segments} == {hit["clip_id"]}
    by_start = {segment["start_s"]: segment["score"] for segment in segments}
    best = hit["matches"]
    assert len(best) == 3
    assert best[0] == {"start_s": hit["start_s"], "end_s": hit["end_s"], "score": hit["score"]}
    assert [each["score"] for each in best] == [pytest.approx(by_start[each["start_s"]]) for each in best]
    ordered = sorted(best, key=lambda each: each["start_s"])
    assert all(a["end_s"] <= b["start_s"] for a, b in itertools.pairwise(ordered))
    assert hit["score"] == max(by_start.values())


def test_a_region_of_a_clip_finds_its_own_segment_in_others(
    model: RetrievalModel, tmp_path: Path, moments: TestClient
) -> None:
    long = answered(moments, text="rain", by="segment", k=100)["hits"]
    chosen = next(hit for hit in long if hit["start_s"] == 5.0)
    write_sounds(tmp_path / "set", ["other.wav"], first_seed=3)
    whole = Path(chosen["path"])
    copy = tmp_path / "set" / "a.wav"
    copy.write_bytes(whole.read_bytes())
    index(model, tmp_path / "store", "set", tmp_path / "set")
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        [mine] = [hit for hit in answered(client, text="rain")["hits"] if hit["path"] == str(copy)]
        write_sounds(tmp_path / "more", ["twin.wav"], first_seed=20)  # the same sound in another clip
        index(model, tmp_path / "store", "more", tmp_path / "more")
        found = answered(client, clip_id=mine["clip_id"], start_s=5.0, end_s=10.0)
        assert found["query"] == {
            "kind": "clip", "clip_id": mine["clip_id"], "start_s": 5.0, "end_s": 10.0, "k": 10, "by": "clip",
        }  # fmt: skip
        best = found["hits"][0]
        assert (Path(best["path"]).name, best["start_s"], best["end_s"]) == ("twin.wav", 5.0, 10.0)
        assert best["score"] == pytest.approx(1.0, abs=1e-3)
        beyond = client.post("/v1/search", json={"clip_id": mine["clip_id"], "start_s": 30, "end_s": 31})
        assert (beyond.status_code, "ends before" in beyond.json()["detail"]) == (422, True)
        copy.unlink()
        gone = client.post("/v1/search", json={"clip_id": mine["clip_id"], "start_s": 1, "end_s": 2})
        assert gone.status_code == 410


def paged(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    pages = [answered(client, **asked)]
    while "next" in pages[-1]:
        pages.append(answered(client, cursor=pages[-1]["next"]))
    return pages


@pytest.mark.parametrize("by", ["clip", "segment"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_pages_together_are_the_whole_list(client: TestClient, by: str, k: int) -> None:
    whole = answered(client, text="rain", by=by, k=100)
    pages = paged(client, text="rain", by=by, k=k)
    assert [hit for page in pages for hit in page["hits"]] == whole["hits"]
    assert all(len(page["hits"]) == k for page in pages[:-1])
    assert {page["query"]["kind"] for page in pages[1:]} == {"page"}
    assert "next" not in whole


def test_pages_keep_filters_and_what_was_asked_with(client: TestClient) -> None:
    wind = clip_named(client, "wind.ogg")
    pages = paged(client, clip_id=wind, library="weather", k=1)
    names = [Path(hit["path"]).name for page in pages for hit in page["hits"]]
    assert sorted(names) == ["rain.wav", "thunder.flac"]


def test_pages_stay_true_while_clips_come_and_go(model: RetrievalModel, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_sounds(folder, [f"{number}.wav" for number in range(6)], first_seed=0)
    index(model, tmp_path / "store", "set", folder)
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        whole = [hit["path"] for hit in answered(client, text="rain")["hits"]]
        first = answered(client, text="rain", k=2)
        Path(whole[0]).unlink()  # shown already
        Path(whole[3]).unlink()  # not yet shown
        write_sounds(folder, ["new-1.wav", "new-2.wav"], first_seed=7)
        index(model, tmp_path / "store", "set", folder)
        now = [hit["path"] for hit in answered(client, text="rain")["hits"]]
        last = first["hits"][-1]
        rest = []
        cursor = first["next"]
        while cursor is not None:
            page = answered(client, cursor=cursor)
            rest += page["hits"]
            cursor = page.get("next")
        paths = [hit["path"] for hit in rest]
        assert not {whole[0], whole[1], whole[3]} & set(paths), "nothing twice, nothing that is gone"
        assert {whole[2], whole[4], whole[5]} <= set(paths), "all that stayed"
        assert paths == [path for path in now if path in paths], "in the order of today"
        assert all(hit["score"] <= last["score"] for hit in rest)
        assert [hit["rank"] for hit in rest] == list(range(3, 3 + len(rest)))
        assert page["generation"] > first["generation"]


def tampered(cursor: str, **changes: object) -> str:
    head, _, vector = base64.urlsafe_b64decode(cursor).partition(b"\n")
    return base64.urlsafe_b64encode(json.dumps(json.loads(head) | changes).encode() + b"\n" + vector).decode()


BAD = [
    {"rank": 0}, {"rank": 10**9}, {"rank": 1e400}, {"k": 10**6}, {"format": 2}, {"kind": "smell"}, {"by": 5},
    {"score": "x"}, {"path": "%"}, {"filter": {"tags": [5]}}, {"filter": {"libary": "a"}}, {"more": 1},
    {"without": ["a"] * 1000}, {"filter": {"folder": "not absolute"}},
]  # fmt: skip


def test_a_cursor_that_somebody_made_up_is_refused(client: TestClient) -> None:
    cursor = answered(client, text="rain", k=1)["next"]
    held = base64.urlsafe_b64decode(cursor)
    short, long = (base64.urlsafe_b64encode(data).decode() for data in (held[:-4], held[:-1] + b"\x7f"))
    bad = ["", "x", "ü", "[" * 20_000, short, long, *(tampered(cursor, **changes) for changes in BAD)]
    for made_up in bad:
        answer = client.post("/v1/search", json={"cursor": made_up})
        assert answer.status_code == 422, (made_up, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (
        "another model" in client.post("/v1/search", json={"cursor": tampered(cursor, space="f" * 16)}).text
    )
    assert client.post("/v1/search", json={"cursor": tampered(cursor)}).status_code == 200


def test_a_batch_has_an_answer_or_a_problem_for_each_question(client: TestClient) -> None:
    asked = [{"text": "rain", "k": 2}, {"text": " "}, {"text": "雨", "library": "nowhere"}, {"text": "wind"}]
    answer = client.post("/v1/search/batch", json={"searches": asked})
    assert answer.status_code == 200
    first, empty, nowhere, last = answer.json()["answers"]
    assert first["hits"] == answered(client, text="rain", k=2)["hits"]
    assert last["query"]["text"] == "wind"
    assert [(problem["status"], problem["type"].rpartition(":")[2]) for problem in (empty, nowhere)] == [
        (422, "unusable-text"),
        (404, "unknown-library"),
    ]
    for searches in ([], [{"text": "rain"}] * 33, [{"k": 1}]):
        assert client.post("/v1/search/batch", json={"searches": searches}).status_code == 422


def test_a_batch_counts_as_many_requests_as_it_has_questions(store_dir: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.sqlite'}"
    _, text = Keys(open_database(tmp_path, url)).create(name="", scope=Scope.SEARCH, requests_per_minute=5)
    with client_of(create_app(store_dir=store_dir, database_url=url)) as client:
        wait_until_loaded(client)
        headers = {"Authorization": f"Bearer {text}"}
        asked = {"searches": [{"text": "rain"}] * 4}
        assert client.post("/v1/search/batch", json=asked, headers=headers).status_code == 200
        refused = client.post("/v1/search/batch", json=asked, headers=headers)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 1
