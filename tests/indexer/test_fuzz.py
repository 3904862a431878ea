"""Fuzzing of the decode path: whatever is done to a file, it gives sound that can be used, or a reason."""

import struct
import time
import unittest
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from indexer import prefetch
from indexer.audio import MAX_DURATION_S, MAX_PEAK
from indexer.errors import DecodeReason
from indexer.reading import ClipRead, ReadJob, WindowPlan, Windows
from tests.indexer.bad_cuts import HEADERS, sound
from tests.indexer.sounds import RATE_HZ, tone, wav_bytes

SUFFIXES = [*HEADERS, "aac", "ac3"]
FUZZ_S = 10.0
"""Seconds for each format."""

PLAN = WindowPlan(sample_rate_hz=RATE_HZ, window=RATE_HZ, hop=RATE_HZ // 2)
SILENT = {
    DecodeReason.DECODER_HUNG,
    DecodeReason.VANISHED,
    DecodeReason.CHANGED_WHILE_READING,
    DecodeReason.UNREADABLE,
}
"""Reasons that the content of a file can never be."""

_NUMBERS = (
    0,
    1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 63,
    (1 << 64) - 1,
)
_FLOATS = (0.0, -1.0, 1e300, float("nan"), float("inf"))

Mutation = tuple[Any, ...]
"""A function of a file's bytes and more, and those other arguments."""


class Decoder:
    """A decoding process like those of indexing, and a good file that it must always decode to the same."""

    def __init__(self, folder: Path) -> None:
        self._worker = prefetch._Worker(PLAN)
        self._fuzzed, self._good = folder / "fuzzed", folder / "good.wav"
        self._good.write_bytes(wav_bytes(tone(seconds=0.5)))
        self._good_sha256 = self._read(self._good)[1].audio_sha256

    def read(self, data: bytes) -> tuple[list[Windows], ClipRead]:
        self._fuzzed.write_bytes(data)
        return self._read(self._fuzzed)

    def check_neighbour(self) -> None:
        assert self._read(self._good)[1].audio_sha256 == self._good_sha256 != ""

    def close(self) -> None:
        self._worker.close()

    def _read(self, path: Path) -> tuple[list[Windows], ClipRead]:
        job = ReadJob(path=path, known_sha256=None)
        *parts, end = self._worker.read(job, lambda facts: False)
        assert isinstance(end, ClipRead)
        return [part for part in parts if isinstance(part, Windows)], end


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefetch, "STALL_S", 60.0)
        decoder = Decoder(tmp_path_factory.mktemp("fuzz"))
        yield decoder
        decoder.close()


def places() -> st.SearchStrategy[float]:
    """Where in a file, as a share of it: headers stand at its start."""
    return st.one_of(st.floats(0, 1), st.floats(0, 0.02), st.floats(0.98, 1))


def fields() -> st.SearchStrategy[bytes]:
    """A number as a header may hold it."""
    whole = st.builds(
        lambda number, layout: struct.pack(layout, number & (1 << 8 * struct.calcsize(layout)) - 1),
        st.sampled_from(_NUMBERS),
        st.sampled_from(["B", "<H", ">H", "<I", ">I", "<Q", ">Q"]),
    )
    broken = st.builds(
        lambda number, layout: struct.pack(layout, number),
        st.sampled_from(_FLOATS),
        st.sampled_from(["<d", ">d"]),
    )
    return st.one_of(whole, whole, broken, st.binary(min_size=1, max_size=16))


def flip(data: bytes, place: float, mask: int) -> bytes:
    at = int(place * max(0, len(data) - 1))
    return data[:at] + bytes(byte ^ mask for byte in data[at : at + 1]) + data[at + 1 :]


def put(data: bytes, place: float, field: bytes) -> bytes:
    at = int(place * len(data))
    return data[:at] + field + data[at + len(field) :]


def insert(data: bytes, place: float, what: bytes, times: int) -> bytes:
    at = int(place * len(data))
    return data[:at] + what * times + data[at:]


def cut(data: bytes, place: float) -> bytes:
    return data[: int(place * len(data))]


def remove(data: bytes, place: float, count: int) -> bytes:
    at = int(place * len(data))
    return data[:at] + data[at + count :]


def repeat(data: bytes, place: float, count: int, times: int) -> bytes:
    at = int(place * len(data))
    return data[:at] + data[at : at + count] * times + data[at + count :]


def move(data: bytes, place: float, count: int, target: float) -> bytes:
    at = int(place * len(data))
    return put(data, target, data[at : at + count])


def splice(data: bytes, place: float, suffix: str, other_place: float) -> bytes:
    other = sound(suffix, seconds=0.3)
    return data[: int(place * len(data))] + other[int(other_place * len(other)) :]


def mutations() -> st.SearchStrategy[Mutation]:
    counts, times = st.integers(1, 300), st.integers(2, 30)
    return st.one_of(
        st.tuples(st.just(flip), places(), st.integers(1, 255)),
        st.tuples(st.just(put), places(), fields()),
        st.tuples(st.just(insert), places(), fields(), times),
        st.tuples(st.just(cut), places()),
        st.tuples(st.just(remove), places(), counts),
        st.tuples(st.just(repeat), places(), counts, times),
        st.tuples(st.just(move), places(), counts, places()),
        st.tuples(st.just(splice), places(), st.sampled_from(SUFFIXES), places()),
    )


def check_sound(parts: list[Windows], end: ClipRead) -> None:
    """Sound that can be used: finite, in bounds, and as long as is said."""
    assert 0 < end.duration_s <= MAX_DURATION_S
    assert end.audio_sha256
    spans = [span for part in (*parts, end.windows) for span in part.spans]
    samples = [window for part in (*parts, end.windows) for window in part.samples]
    assert len(spans) == len(samples) > 0
    for start, stop in spans:
        assert 0 <= start < stop <= start + PLAN.window
    assert spans[0][0] == 0
    # Each change of the rate within a file may round by a sample.
    assert spans[-1][1] == pytest.approx(end.duration_s * RATE_HZ, abs=2, rel=1e-3)
    for window in samples:
        assert window.shape == (PLAN.window,)
        assert np.isfinite(window).all()
        assert np.abs(window).max() <= 2 * MAX_PEAK  # resampling overshoots


def check(decoder: Decoder, data: bytes) -> None:
    """Decode such a file; whatever comes of it must be of use to somebody."""
    parts, end = decoder.read(data)
    if end.error is None:
        event("sound")
        check_sound(parts, end)
        return
    event(end.error.reason)
    assert end.error.reason not in SILENT
    assert "should have known" not in str(end.error)
    assert str(end.error).isprintable()
    if end.error.reason is DecodeReason.DECODER_CRASHED:
        decoder.check_neighbour()


class TimeIsUp(unittest.SkipTest):
    """Ends a run of Hypothesis at once: it lets nothing else through but failures."""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_whatever_is_done_to_a_file_gives_sound_or_a_reason(decoder: Decoder, suffix: str) -> None:
    seed = sound(suffix, seconds=0.3)
    check_sound(*decoder.read(seed))
    deadline = time.monotonic() + FUZZ_S
    has_failed = False

    @settings(max_examples=100_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(mutations(), min_size=1, max_size=4))
    def fuzz(done: list[Mutation]) -> None:
        nonlocal has_failed
        if time.monotonic() > deadline and not has_failed:  # a failure is made as small as it can be first
            raise TimeIsUp
        data = seed
        for mutate, *arguments in done:
            data = mutate(data, *arguments)
        try:
            check(decoder, data)
        except AssertionError:
            has_failed = True
            raise

    with suppress(TimeIsUp):
        fuzz()
    decoder.check_neighbour()
