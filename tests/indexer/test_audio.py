"""Every format decodes to the same sound; every broken file is refused with the reason that fits it."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.audio import decode_audio, open_audio
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from tests.indexer.sounds import RATE_HZ, encode, soundfile_bytes, tone, wav_bytes

SUFFIXES = ["wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a", "webm", "aac"]


def strongest_hz(samples: NDArray[np.float32]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def reason_of(data: bytes | Path) -> DecodeReason:
    with pytest.raises(DecodeError) as caught:
        decode_audio(data, sample_rate_hz=RATE_HZ)
    assert str(caught.value).endswith(".")
    return caught.value.reason


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_every_format_decodes_to_the_same_sound(suffix: str, channels: int, rate_hz: int) -> None:
    if suffix == "mp3" and channels == 6:
        pytest.skip("MP3 has at most two channels")
    data = encode(tone(seconds=2, hz=440, rate_hz=rate_hz, channels=channels), suffix=suffix, rate_hz=rate_hz)
    samples = decode_audio(data, sample_rate_hz=RATE_HZ)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / RATE_HZ == pytest.approx(2, abs=0.2)  # AAC adds up to two of its frames
    assert strongest_hz(samples) == pytest.approx(440, abs=2)
    # 5.1 encoders leave the bass channel out, so the mean over channels may lose a sixth.
    assert 0.2 < np.sqrt(np.mean(samples**2)) < 0.3


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 32000, 44100, 96000, 192000])
def test_every_rate_is_resampled_and_keeps_its_duration(rate_hz: int) -> None:
    data = wav_bytes(tone(seconds=1, hz=1000, rate_hz=rate_hz), rate_hz=rate_hz)
    samples = decode_audio(data, sample_rate_hz=RATE_HZ)
    assert len(samples) == pytest.approx(RATE_HZ, abs=2)
    assert strongest_hz(samples) == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "MS_ADPCM"]
)
def test_every_sample_format_of_wav_has_the_same_loudness(subtype: str) -> None:
    samples = decode_audio(wav_bytes(tone(seconds=1), subtype=subtype), sample_rate_hz=RATE_HZ)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.283, abs=0.01)


def test_stereo_is_mixed_down_to_its_mean() -> None:
    samples = tone(seconds=1, channels=2)
    samples[:, 1] = 0
    mixed = decode_audio(wav_bytes(samples, subtype="FLOAT"), sample_rate_hz=RATE_HZ)
    np.testing.assert_allclose(mixed, samples[:, 0] / 2, atol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_very_short_sounds_decode(suffix: str, seconds: float) -> None:
    samples = decode_audio(
        encode(tone(seconds=seconds), suffix=suffix, rate_hz=16000), sample_rate_hz=RATE_HZ
    )
    assert seconds * RATE_HZ * 0.9 <= len(samples) <= seconds * RATE_HZ + 3000


def test_the_name_does_not_decide_the_decoder(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"really_{suffix}.wav"
        path.write_bytes(encode(tone(seconds=1), suffix=suffix, rate_hz=16000))
        assert strongest_hz(decode_audio(path, sample_rate_hz=RATE_HZ)) == pytest.approx(440, abs=2)


def test_decoding_twice_gives_the_same_bits() -> None:
    data = encode(tone(seconds=3, rate_hz=44100, channels=2), suffix="mp3", rate_hz=44100)
    first, second = (decode_audio(data, sample_rate_hz=RATE_HZ) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_stream_tells_rate_and_duration_of_the_source() -> None:
    with open_audio(
        wav_bytes(tone(seconds=3, rate_hz=44100), rate_hz=44100), sample_rate_hz=RATE_HZ
    ) as stream:
        blocks = list(stream)
    assert stream.source_rate_hz == 44100
    assert stream.duration_s == pytest.approx(3)
    assert len(blocks) > 1


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != "aac"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_truncated_files_are_refused(suffix: str, share: float) -> None:
    # Bare AAC declares no length anywhere: cut off, it is a shorter recording and nothing can tell.
    data = encode(tone(seconds=8), suffix=suffix, rate_hz=16000)
    reasons = {DecodeReason.TRUNCATED, DecodeReason.CORRUPT}
    if suffix == "mp3" and share == 0.02:
        reasons.add(DecodeReason.NOT_AUDIO)  # Less than two frames are left to recognise it by.
    assert reason_of(data[: int(len(data) * share)]) in reasons


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg", "opus", "m4a", "webm", "aac"])
@pytest.mark.parametrize("fill", ["zeros", "noise"])
def test_a_compressed_file_with_a_damaged_middle_is_refused(suffix: str, fill: str) -> None:
    data = bytearray(encode(tone(seconds=10), suffix=suffix, rate_hz=16000))
    start, stop = len(data) // 5, len(data) * 4 // 5
    data[start:stop] = (
        bytes(stop - start) if fill == "zeros" else np.random.default_rng(3).bytes(stop - start)
    )
    assert reason_of(bytes(data)) in (DecodeReason.TRUNCATED, DecodeReason.CORRUPT, DecodeReason.NOT_AUDIO)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", DecodeReason.EMPTY_FILE),
        (b"R", DecodeReason.NOT_AUDIO),
        (b"RIFF\x00\x00\x00\x00WAVE", DecodeReason.TRUNCATED),
        (b"Dies ist ein Text.\n" * 99, DecodeReason.NOT_AUDIO),
        (bytes(10_000), DecodeReason.ONLY_ZEROS),
        (np.random.default_rng(1).bytes(50_000), DecodeReason.NOT_AUDIO),
        (b"#EXTM3U\n#EXTINF:3,\nother.wav\n", DecodeReason.PLAYLIST),
        (b"ffconcat version 1.0\nfile 'other.wav'\n", DecodeReason.PLAYLIST),
        (wav_bytes(tone(seconds=0)), DecodeReason.NO_SAMPLES),
        (wav_bytes(tone(seconds=1) * 30_000, subtype="FLOAT"), DecodeReason.OUT_OF_RANGE),
    ],
    ids=[
        "empty",
        "one-byte",
        "bare-riff",
        "text",
        "zeros",
        "noise",
        "playlist",
        "concat",
        "no-samples",
        "loud",
    ],
)
def test_what_is_no_audio_is_refused(data: bytes, reason: DecodeReason) -> None:
    assert reason_of(data) is reason


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(value: float) -> None:
    samples = tone(seconds=1, channels=2)
    samples[5000, 1] = value
    assert reason_of(wav_bytes(samples, subtype="FLOAT")) is DecodeReason.NOT_FINITE


def patched(data: bytes, offset: int, kind: str, value: int) -> bytes:
    size = struct.calcsize(kind)
    return data[:offset] + struct.pack(kind, value) + data[offset + size :]


@pytest.mark.parametrize(
    ("offset", "kind", "value", "reason"),
    [
        (40, "<I", 0x70000000, DecodeReason.TRUNCATED),
        (24, "<I", 1, DecodeReason.BAD_HEADER),
        (24, "<I", 0x7FFFFFFF, DecodeReason.BAD_HEADER),
        (24, "<I", 0, DecodeReason.BAD_HEADER),
        (22, "<H", 1000, DecodeReason.BAD_HEADER),
        (22, "<H", 0, DecodeReason.BAD_HEADER),
    ],
    ids=["huge-data", "1-hz", "2-ghz", "0-hz", "1000-channels", "0-channels"],
)
def test_absurd_headers_are_refused(offset: int, kind: str, value: int, reason: DecodeReason) -> None:
    assert reason_of(patched(wav_bytes(tone(seconds=1)), offset, kind, value)) is reason


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_streamed_wav_that_could_not_know_its_length_decodes(size: int) -> None:
    samples = decode_audio(patched(wav_bytes(tone(seconds=1)), 40, "<I", size), sample_rate_hz=RATE_HZ)
    assert len(samples) == RATE_HZ


def test_the_longest_duration_is_a_limit() -> None:
    data = soundfile_bytes(tone(seconds=3), file_format="FLAC")
    assert len(decode_audio(data, sample_rate_hz=RATE_HZ, max_duration_s=3)) == 3 * RATE_HZ
    with pytest.raises(DecodeError) as caught:
        decode_audio(data, sample_rate_hz=RATE_HZ, max_duration_s=2.9)
    assert caught.value.reason is DecodeReason.TOO_LONG


def test_a_picture_and_a_silent_video_have_no_sound(tmp_path: Path) -> None:
    import av
    from PIL import Image

    picture = tmp_path / "picture.wav"
    Image.new("RGB", (32, 32)).save(picture, "PNG")
    assert reason_of(picture) is DecodeReason.NOT_AUDIO
    video = tmp_path / "video.m4a"
    with av.open(str(video), mode="w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    assert reason_of(video) is DecodeReason.NO_AUDIO_STREAM


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.wav"
    os.mkfifo(fifo)
    for path, reason in [
        (tmp_path / "missing.wav", DecodeReason.VANISHED),
        (tmp_path, DecodeReason.NOT_A_FILE),
        (fifo, DecodeReason.NOT_A_FILE),
    ]:
        with pytest.raises(UnreadableFileError) as caught:
            decode_audio(path, sample_rate_hz=RATE_HZ)
        assert caught.value.reason is reason


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav_bytes(tone(seconds=1)))
    path.chmod(0)
    with pytest.raises(UnreadableFileError) as caught:
        decode_audio(path, sample_rate_hz=RATE_HZ)
    assert caught.value.reason is DecodeReason.NO_PERMISSION
