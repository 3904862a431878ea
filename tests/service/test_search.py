"""Searching over HTTP: by words, by a picture, by a sound, by a clip, and while the index grows."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.limits import MAX_QUERY_CHARS
from model.retrieval_model import RetrievalModel
from service.body import FILE_LIMITS
from service.search_schemas import SearchResponse
from tests.service.helpers import index, png_bytes, serving, wait_until_loaded, wav_bytes, write_sounds

HIT_FIELDS = {
    "rank", "clip_id", "path", "library", "score", "start_s", "end_s", "duration_s", "audio_url", "tags",
    "matches", "confidence",
}  # fmt: skip


@pytest.mark.parametrize("text", ["rain", "雨の音", "صوت المطر", "mvua inanyesha", "дождь"])
def test_words_in_any_script_rank_clips(client: TestClient, text: str) -> None:
    answer = client.post("/v1/search", json={"text": text, "k": 3, "lang": "mul"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["query"] == {"kind": "text", "text": text, "lang": "mul", "k": 3, "by": "clip"}
    assert body["model"] == "sonoglot-compact"
    assert body["took_ms"] > 0
    hits = body["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert set(hits[0]) == HIT_FIELDS
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= hit["start_s"] < hit["end_s"] <= hit["duration_s"] + 0.01 for hit in hits)


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "rain", "k": 1},
        {"parts": [{"text": "rain", "weight": 0.5}], "without": ["dog"], "by": "segment", "library": "foley"},
    ],
)
def test_an_answer_is_what_its_schema_says_and_nothing_else(
    client: TestClient, asked: dict[str, Any]
) -> None:
    body = client.post("/v1/search", json=asked).json()
    again = SearchResponse.model_validate(body, strict=False)
    assert again.model_dump(mode="json", exclude_none=True) == body


def test_a_library_narrows_the_search(client: TestClient) -> None:
    everywhere = client.post("/v1/search", json={"text": "rain"}).json()["hits"]
    narrowed = client.post("/v1/search", json={"text": "rain", "library": "foley"}).json()["hits"]
    assert {hit["library"] for hit in everywhere} == {"weather", "foley"}
    assert sorted(Path(hit["path"]).name for hit in narrowed) == ["door.wav", "چکش.wav"]


@pytest.fixture(scope="module")
def described(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Clips of three, four and five seconds, two of them described by a table."""
    root = tmp_path_factory.mktemp("described")
    write_sounds(root / "set" / "far", ["rain.wav"], first_seed=0)
    write_sounds(root / "set", ["dog.wav", "plain.wav"], first_seed=1)
    (root / "set" / "metadata.csv").write_text(
        "file,title,description,artist,licence,category,tags\n"
        "far/rain.wav,Regen,auf dem Dach,Ana,CC0,WEATHER,rain;Roof\n"
        "dog.wav,Hund,,,CC BY 4.0,ANIMALS,dog;roof\n"
    )
    index(model, root / "store", "set", root / "set")
    with serving(root / "store") as client:
        wait_until_loaded(client)
        yield client


def test_hits_and_clips_are_described(described: TestClient) -> None:
    hits = described.post("/v1/search", json={"text": "rain"}).json()["hits"]
    by_name = {Path(hit["path"]).name: hit for hit in hits}
    said = {
        "title": "Regen", "description": "auf dem Dach", "artist": "Ana", "licence": "CC0",
        "category": "WEATHER", "tags": ["rain", "Roof"],
    }  # fmt: skip
    rain = by_name["rain.wav"]
    assert {name: rain[name] for name in said} == said
    clip = described.get(f"/v1/clips/{rain['clip_id']}").json()
    assert {name: clip[name] for name in said} == said
    assert by_name["plain.wav"]["tags"] == []
    assert "title" not in by_name["plain.wav"]


FILTERS = [
    ({"tags": ["roof"]}, ["dog.wav", "rain.wav"]),
    ({"tags": ["ROOF", "dog"]}, ["dog.wav"]),
    ({"licence": "cc0"}, ["rain.wav"]),
    ({"category": "animals"}, ["dog.wav"]),
    ({"min_duration_s": 4}, ["dog.wav", "plain.wav"]),
    ({"min_duration_s": 3.5, "max_duration_s": 4.5}, ["dog.wav"]),
    ({"library": "set", "tags": ["nobody has it"]}, []),
]


@pytest.mark.parametrize(("filters", "names"), FILTERS)
def test_filters_narrow_every_kind_of_search(
    described: TestClient, filters: dict[str, object], names: list[str]
) -> None:
    by_text = described.post("/v1/search", json={"text": "rain", **filters})
    by_picture = described.post("/v1/search", files={"image": ("a.png", png_bytes())}, data=filters)
    for answer in (by_text, by_picture):
        assert answer.status_code == 200, answer.text
        assert sorted(Path(hit["path"]).name for hit in answer.json()["hits"]) == names
        query = answer.json()["query"]
        assert {name: query[name] for name in filters} == filters


def test_a_folder_narrows_the_search(described: TestClient) -> None:
    path = Path(
        described.post("/v1/search", json={"text": "rain", "category": "WEATHER"}).json()["hits"][0]["path"]
    )
    for folder in (path.parent, f"{path.parent}/../far/"):
        answer = described.post("/v1/search", json={"text": "rain", "folder": str(folder)})
        assert [hit["path"] for hit in answer.json()["hits"]] == [str(path)]


def test_more_like_a_clip_is_filtered_too(described: TestClient) -> None:
    [rain] = described.post("/v1/search", json={"text": "rain", "licence": "CC0"}).json()["hits"]
    for tags, expected in ((["roof"], 1), (["rain"], 0)):
        answer = described.post("/v1/search", json={"clip_id": rain["clip_id"], "tags": tags})
        assert len(answer.json()["hits"]) == expected


def test_empty_fields_of_a_form_filter_nothing(described: TestClient) -> None:
    fields = dict.fromkeys(("library", "folder", "tags", "licence", "category", "min_duration_s", "k"), "")
    answer = described.post("/v1/search", files={"image": ("a.png", png_bytes())}, data=fields)
    assert len(answer.json()["hits"]) == 3


def test_a_picture_ranks_clips(client: TestClient) -> None:
    answer = client.post(
        "/v1/search", files={"image": ("photo.png", png_bytes(), "image/png")}, data={"k": "2"}
    )
    assert answer.status_code == 200
    assert answer.json()["query"] == {
        "kind": "image", "filenames": ["photo.png"], "k": 2, "by": "clip",
    }  # fmt: skip
    assert len(answer.json()["hits"]) == 2


def test_a_sound_finds_itself_first(client: TestClient) -> None:
    thunder = _hit_named(client, "thunder.flac")
    content = Path(thunder["path"]).read_bytes()
    answer = client.post(
        "/v1/search", files={"audio": ("any name.wav", content)}, data={"library": "weather", "k": "1"}
    )
    assert answer.status_code == 200
    (hit,) = answer.json()["hits"]
    assert hit["clip_id"] == thunder["clip_id"]
    assert hit["score"] == pytest.approx(1.0, abs=1e-3)


def test_more_like_a_clip_leaves_out_the_clip_itself(client: TestClient) -> None:
    wind = _hit_named(client, "wind.ogg")
    answer = client.post("/v1/search", json={"clip_id": wind["clip_id"]})
    assert answer.status_code == 200
    names = [Path(hit["path"]).name for hit in answer.json()["hits"]]
    assert sorted(names) == ["door.wav", "rain.wav", "thunder.flac", "چکش.wav"]
    assert [hit["rank"] for hit in answer.json()["hits"]] == [1, 2, 3, 4]


def test_what_is_indexed_meanwhile_is_found_without_a_restart(model: RetrievalModel, tmp_path: Path) -> None:
    sounds, store = tmp_path / "sounds", tmp_path / "store"
    with serving(store) as client:
        wait_until_loaded(client)
        before = client.post("/v1/search", json={"text": "rain"})
        assert before.status_code == 503
        assert before.json()["type"].endswith(":no-store")
        assert "sonoglot index" in before.json()["detail"]

        write_sounds(sounds, ["first.wav"], first_seed=1)
        index(model, store, "growing", sounds)
        assert _names(client) == ["first.wav"]

        write_sounds(sounds, ["second.wav"], first_seed=2)
        index(model, store, "growing", sounds)
        assert _names(client) == ["first.wav", "second.wav"]

        (sounds / "first.wav").unlink()
        index(model, store, "growing", sounds)
        assert _names(client) == ["second.wav"]


REFUSALS = [
    ({"text": ""}, 422, "unusable-text", "empty"),
    ({"text": " \n "}, 422, "unusable-text", "empty"),
    ({"text": "x" * 20_000}, 422, "unusable-text", f"{MAX_QUERY_CHARS:,}"),
    ({"text": "🐕" * 20_000}, 422, "unusable-text", f"{MAX_QUERY_CHARS:,}"),
    ({"text": 5}, 422, "invalid-request", "text"),
    ({}, 422, "invalid-request", "at least one"),
    ({"without": ["rain"]}, 422, "invalid-request", "at least one"),
    ({"text": "rain", "k": 0}, 422, "invalid-request", "k:"),
    ({"text": "rain", "k": 1001}, 422, "invalid-request", "k:"),
    ({"text": "rain", "by": "library"}, 422, "invalid-request", "by:"),
    ({"text": "rain", "cursor": "x"}, 422, "invalid-request", "alone"),
    ({"text": "rain", "without": [""]}, 422, "unusable-text", "empty"),
    ({"text": "rain", "start_s": 1, "end_s": 2}, 422, "invalid-request", "clip_id"),
    ({"clip_id": "a", "start_s": 1}, 422, "invalid-request", "belong together"),
    ({"clip_id": "a", "start_s": 2, "end_s": 2}, 422, "invalid-request", "before"),
    ({"parts": []}, 422, "invalid-request", "parts"),
    ({"parts": [{"text": "a", "clip_id": "b"}]}, 422, "invalid-request", "exactly one"),
    ({"parts": [{"text": "rain", "weight": 0}]}, 422, "invalid-request", "above zero"),
    ({"parts": [{"text": "rain"}, {"text": "rain", "weight": -1}]}, 422, "invalid-request", "cancel"),
    ({"parts": [{"image_url": "http://example.org/a.png"}]}, 422, "invalid-request", "send the file"),
    ({"text": "rain", "lang": "not a tag"}, 422, "invalid-request", "lang"),
    ({"text": "rain", "libary": "weather"}, 422, "invalid-request", "libary"),
    ({"text": "rain", "library": "nowhere"}, 404, "unknown-library", "nowhere"),
    ({"text": "rain", "folder": "sounds"}, 422, "invalid-request", "not absolute"),
    ({"text": "rain", "min_duration_s": -1}, 422, "invalid-request", "min_duration_s"),
    ({"text": "rain", "min_duration_s": 3, "max_duration_s": 2}, 422, "invalid-request", "at most 2 s"),
    ({"text": "rain", "tags": ["a"] * 21}, 422, "invalid-request", "tags"),
    ({"text": "rain", "tags": "a"}, 422, "invalid-request", "tags"),
    ({"text": "rain", "tags": [" "]}, 422, "invalid-request", "empty"),
    ({"clip_id": "nothing"}, 404, "unknown-clip", "nothing"),
    ([1, 2], 422, "invalid-request", ""),
]


@pytest.mark.parametrize(("body", "status", "kind", "told"), REFUSALS)
def test_a_question_that_makes_no_sense_is_explained(
    client: TestClient, body: object, status: int, kind: str, told: str
) -> None:
    answer = client.post("/v1/search", json=body)
    _assert_problem(answer, status, kind, told)


UPLOADS = [
    ({"audio": ("notes.wav", b"this is a text file\n" * 50)}, {}, 422, "unusable-audio", "not audio"),
    ({"audio": ("empty.wav", b"")}, {}, 422, "unusable-audio", "empty"),
    ({"audio": ("cut.wav", wav_bytes()[:9000])}, {}, 422, "unusable-audio", "cut off"),
    ({"image": ("notes.png", b"this is a text file")}, {}, 422, "unusable-image", "not a picture"),
    ({"image": ("empty.png", b"")}, {}, 422, "unusable-image", "empty"),
    ({"image": ("cut.png", png_bytes()[:-40])}, {}, 422, "unusable-image", "broken or truncated"),
    ({"image": ("a.png", png_bytes())}, {"k": "many"}, 422, "invalid-request", "k:"),
    ({"image": ("a.png", png_bytes())}, {"colour": "red"}, 422, "invalid-request", "colour"),
    ({"image": ("a.png", png_bytes())}, {"library": "nowhere"}, 404, "unknown-library", "nowhere"),
    ({"picture": ("a.png", png_bytes())}, {}, 422, "invalid-request", "'image' or 'audio'"),
    ({"image": ("a.png", png_bytes())}, {"image_weight": "0"}, 422, "invalid-request", "above zero"),
    (
        [("image", ("a.png", png_bytes())), ("image", ("b.png", png_bytes()))],
        {},
        422,
        "invalid-request",
        "one file",
    ),
    ([("image", ("a.png", png_bytes()))] * 3, {}, 400, "malformed-request", "Too many files"),
]


@pytest.mark.parametrize(("files", "data", "status", "kind", "told"), UPLOADS)
def test_an_upload_that_cannot_be_used_is_explained(
    client: TestClient, files: Any, data: dict, status: int, kind: str, told: str
) -> None:
    answer = client.post("/v1/search", files=files, data=data)
    _assert_problem(answer, status, kind, told)


@pytest.mark.parametrize("side", [9_000, 30_000])  # Pillow itself refuses the larger one
def test_a_decompression_bomb_is_refused_without_being_decoded(client: TestClient, side: int) -> None:
    bomb = bytearray(png_bytes())
    bomb[16:24] = struct.pack(
        ">II", 30_000, 30_000
    )  # width and height in the header, which is all that is read
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    answer = client.post("/v1/search", files={"image": ("bomb.png", bytes(bomb))})
    _assert_problem(answer, 422, "unusable-image", "pixels")


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b'{"text": ', {"Content-Type": "application/json"}, 400, "malformed-request"),
        (b'"\xff\xfe"', {"Content-Type": "application/json"}, 400, "malformed-request"),
        (b'{"text": "\\ud800"}', {"Content-Type": "application/json"}, 400, "malformed-request"),
        (b"text=rain", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported-type"),
        (b"rain", {}, 415, "unsupported-type"),
        (b"no boundary", {"Content-Type": "multipart/form-data"}, 400, "malformed-request"),
        (b"garbage", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "malformed-request"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    client: TestClient, body: bytes, headers: dict[str, str], status: int, kind: str
) -> None:
    _assert_problem(client.post("/v1/search", content=body, headers=headers), status, kind, "")


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_body_beyond_its_limit_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, declares_length: bool
) -> None:
    monkeypatch.setattr("service.body.MAX_JSON_BYTES", 1000)
    part = b'{"text": "' + b" " * 600
    content = part * 2 if declares_length else iter([part, part])
    answer = client.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
    _assert_problem(answer, 413, "too-large", "exceeds")


@pytest.mark.parametrize(("kind", "content"), [("image", png_bytes()), ("audio", wav_bytes())])
def test_a_file_beyond_its_limit_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes
) -> None:
    monkeypatch.setitem(FILE_LIMITS, kind, len(content) - 1)
    answer = client.post("/v1/search", files={kind: ("big", content)})
    _assert_problem(answer, 413, "too-large", "exceeds")


def _assert_problem(answer, status: int, kind: str, told: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:sonoglot:problem:{kind}"
    assert problem["status"] == status
    assert problem["instance"] == "/v1/search"
    assert told in problem["detail"]
    assert problem["detail"]


def _hit_named(client: TestClient, name: str) -> dict:
    hits = client.post("/v1/search", json={"text": "a sound"}).json()["hits"]
    return next(hit for hit in hits if Path(hit["path"]).name == name)


def _names(client: TestClient) -> list[str]:
    answer = client.post("/v1/search", json={"text": "rain"})
    assert answer.status_code == 200, answer.text
    return sorted(Path(hit["path"]).name for hit in answer.json()["hits"])
