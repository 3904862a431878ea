"""Clips over HTTP: what is known of them, their audio in ranges, their shape; and files that went away."""

import io
import os
from pathlib import Path

import pytest
import soundfile
from fastapi.testclient import TestClient

from model.retrieval_model import RetrievalModel
from service.playable import PlayableCopies
from tests.service.helpers import RATE_HZ, index, serving, sound, wait_until_loaded, write_sounds


@pytest.fixture(scope="module")
def clips(client: TestClient) -> dict[str, dict]:
    hits = client.post("/v1/search", json={"text": "a sound"}).json()["hits"]
    return {Path(hit["path"]).name: hit for hit in hits}


def test_a_clip_is_described(client: TestClient, clips: dict[str, dict]) -> None:
    hit = clips["چکش.wav"]
    answer = client.get(f"/v1/clips/{hit['clip_id']}")
    assert answer.status_code == 200
    assert answer.json() == {
        "clip_id": hit["clip_id"],
        "path": hit["path"],
        "library": "foley",
        "duration_s": hit["duration_s"],
        "status": "indexed",
        "audio_url": hit["audio_url"],
        "tags": [],
    }


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("rain.wav", "audio/wav"),
        ("thunder.flac", "audio/flac"),
        ("wind.ogg", "audio/ogg"),
        ("چکش.wav", "audio/wav"),
    ],
)
def test_audio_is_the_file_itself(
    client: TestClient, clips: dict[str, dict], name: str, media_type: str
) -> None:
    hit = clips[name]
    answer = client.get(hit["audio_url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == Path(hit["path"]).read_bytes()


@pytest.mark.parametrize(
    ("header", "part"),
    [("bytes=0-99", slice(0, 100)), ("bytes=500-", slice(500, None)), ("bytes=-64", slice(-64, None))],
)
def test_audio_comes_in_ranges(client: TestClient, clips: dict[str, dict], header: str, part: slice) -> None:
    whole = Path(clips["rain.wav"]["path"]).read_bytes()
    answer = client.get(clips["rain.wav"]["audio_url"], headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == whole[part]
    start, stop, _ = part.indices(len(whole))
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


def test_a_range_beyond_the_end_is_refused(client: TestClient, clips: dict[str, dict]) -> None:
    size = Path(clips["rain.wav"]["path"]).stat().st_size
    answer = client.get(clips["rain.wav"]["audio_url"], headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(":bad-range")


@pytest.mark.parametrize(
    "header", ["bytes=", "bytes=b-a", "lines=0-5", "bytes=9-2", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_that_is_none_is_refused(client: TestClient, clips: dict[str, dict], header: str) -> None:
    answer = client.get(clips["rain.wav"]["audio_url"], headers={"Range": header})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":malformed-request")


@pytest.mark.parametrize("path", ["", "/audio", "/waveform"])
@pytest.mark.parametrize("clip_id", ["nothing", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cboot.ini"])
def test_only_what_the_catalogue_knows_is_served(client: TestClient, clip_id: str, path: str) -> None:
    answer = client.get(f"/v1/clips/{clip_id}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_waveform_shows_how_loud_a_clip_is(client: TestClient, clips: dict[str, dict]) -> None:
    answer = client.get(f"/v1/clips/{clips['rain.wav']['clip_id']}/waveform")
    peaks = answer.json()["peaks"]
    assert len(peaks) == 240
    assert max(peaks) == 1.0
    # 'rain' swells twice and is silent at its start, middle and end; see helpers.sound.
    assert max(peaks[:5] + peaks[118:122] + peaks[-5:]) < 0.2 < min(max(peaks[40:80]), max(peaks[160:200]))


@pytest.mark.parametrize("replacement", ["nothing", "folder"])
def test_a_file_that_went_away_is_gone(model: RetrievalModel, tmp_path: Path, replacement: str) -> None:
    write_sounds(tmp_path / "sounds", ["short-lived.wav"], first_seed=1)
    index(model, tmp_path / "store", "fragile", tmp_path / "sounds")
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        (hit,) = client.post("/v1/search", json={"text": "rain"}).json()["hits"]
        Path(hit["path"]).unlink()
        if replacement == "folder":
            Path(hit["path"]).mkdir()
        for path in ("audio", "waveform"):
            answer = client.get(f"/v1/clips/{hit['clip_id']}/{path}")
            assert answer.status_code == 410
            assert answer.json()["type"].endswith(":file-gone")
        assert client.get(f"/v1/clips/{hit['clip_id']}").status_code == 200


def test_what_a_browser_cannot_play_comes_as_wav(model: RetrievalModel, tmp_path: Path) -> None:
    original = tmp_path / "sounds" / "flute.aiff"
    write_sounds(original.parent, [original.name], first_seed=2)  # five seconds
    index(model, tmp_path / "store", "old", original.parent)
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        (hit,) = client.post("/v1/search", json={"text": "flute"}).json()["hits"]
        address = f"{hit['audio_url']}.wav"
        answer = client.get(address)
        assert answer.headers["content-type"] == "audio/wav"
        assert 'filename="flute.wav"' in answer.headers["content-disposition"]
        played, rate_hz = soundfile.read(io.BytesIO(answer.content))
        assert (rate_hz, played.ndim, len(played)) == (44_100, 1, 5 * 44_100)
        assert played.std() == pytest.approx(soundfile.read(original)[0].std(), rel=0.01)
        part = client.get(address, headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, answer.content[1000:2000])

        soundfile.write(original, sound(seconds=2, seed=3), RATE_HZ)
        os.utime(original, (1, 1))
        assert len(client.get(address).content) < len(answer.content)
        original.write_text("no sound any more")
        refused = client.get(address)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:sonoglot:problem:unusable-audio")


def test_copies_to_listen_to_take_bounded_room_and_go_with_the_server(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["a.aiff", "b.aiff", "c.aiff"], first_seed=0)  # three, four and five seconds
    copies = PlayableCopies(most_bytes=10 * 44_100 * 2)
    made = [copies.of(tmp_path / f"{name}.aiff", clip_id=name, mtime_ns=0) for name in "abc"]
    assert [copy.exists() for copy in made] == [False, True, True]
    copies.close()
    assert not made[0].parent.exists()
