"""Reading one file: large ones are looked at before they are hashed, and give signs of life."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from indexer import reading
from indexer.errors import DecodeReason
from indexer.reading import ClipRead, FileFacts, ReadJob, WindowPlan, Windows, read_clip
from tests.indexer.sounds import RATE_HZ, tone, wav_bytes

PLAN = WindowPlan(sample_rate_hz=RATE_HZ, window=RATE_HZ, hop=RATE_HZ)


def read(path: Path) -> tuple[list[Windows], ClipRead]:
    *parts, end = read_clip(ReadJob(path=path, known_sha256=None), PLAN, lambda facts: False)
    assert isinstance(end, ClipRead)
    return [part for part in parts if isinstance(part, Windows)], end


def test_a_large_file_gives_signs_of_life_and_the_same_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(tone(seconds=30)))
    parts, whole = read(path)
    assert parts == []
    monkeypatch.setattr(reading, "_LARGE_BYTES", 1 << 18)
    parts, large = read(path)
    assert len(parts) == path.stat().st_size // (1 << 18) == 3
    assert all(part.spans == [] for part in parts)
    assert large.facts is not None
    assert large.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert large.audio_sha256 == whole.audio_sha256
    np.testing.assert_array_equal(large.windows.samples, whole.windows.samples)


def test_a_large_file_that_is_no_sound_is_not_read_for_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LARGE_BYTES", 1 << 18)
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound " * 50_000)
    parts, end = read(path)
    assert parts == []
    assert end.error is not None
    assert end.error.reason is DecodeReason.NOT_AUDIO
    info = path.stat()
    assert end.facts == FileFacts(size_bytes=info.st_size, mtime_ns=info.st_mtime_ns, sha256="")


def test_what_is_known_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(tone(seconds=2)))
    asked: list[FileFacts] = []

    def is_known(facts: FileFacts) -> bool:
        asked.append(facts)
        return True

    [end] = read_clip(ReadJob(path=path, known_sha256=None), PLAN, is_known)
    assert isinstance(end, ClipRead)
    assert (end.is_known, end.windows.spans, end.facts) == (True, [], asked[0])
