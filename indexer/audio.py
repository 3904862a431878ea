"""Decodes any common audio to float32 mono at the rate a model wants, in bounded memory.

WAV, FLAC and AIFF go through libsndfile, everything else through FFmpeg (PyAV), chosen by content and never
by a file's name; soxr resamples. Decoders accept far too much in silence: NaN samples, headers that claim
absurd things, and files that break off in the middle. What they let pass is checked here, and refused with a
reason.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import av.container
import av.error
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from indexer.containers import (
    ends_inside_ogg_page,
    file_size,
    id3_size,
    missing_pcm_share,
    mp3_declares_length,
)
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError

MAX_DURATION_S = 6 * 3600.0
"""Longest clip that is taken, in seconds."""

BLOCK_FRAMES = 65536
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
MAX_CHANNELS = 32
MAX_PEAK = 100.0
"""Decoded music overshoots 1.0 a little; a peak beyond this is integer data labelled as float."""

# A file may end this much earlier than it declares: encoders round, and count their own delay.
_TOLERATED_LOSS_S, _TOLERATED_LOSS_SHARE = 0.25, 0.02
# Raw streams (MP3, AAC) are skipped over silently where they are damaged; more than this left out is corrupt.
_MOST_BYTES_UNUSED, _MOST_SHARE_UNUSED = 8192, 0.2
_MOST_BAD_PACKETS = 0.05

_FFMPEG_OPTIONS = {
    # Only containers that carry audio themselves: playlists (HLS, concat) would open other files and
    # addresses.
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,"
    "tta,w64,wav,wv",
    "protocol_whitelist": "",
}
_FORMATS_WITH_TRUE_DURATION = (
    "mov",
    "matroska",
    "ogg",
    "asf",
    "flac",
    "wav",
    "aiff",
    "caf",
    "ape",
    "w64",
    "au",
)

_INTEGER_SCALES = {"u1": 128.0, "i2": 32768.0, "i4": 2147483648.0, "i8": 9223372036854775808.0}


class _Block(NamedTuple):
    rate_hz: int
    samples: NDArray[np.float32]


class AudioStream:
    """One open recording: iterate over it once to get float32 mono blocks at ``sample_rate_hz``.

    A defect found on the way (a truncated file is only known at its end) raises DecodeError from the
    iteration. ``source_rate_hz`` (of the file) and ``duration_s`` (decoded so far) are known while iterating.
    """

    def __init__(self, file: BinaryIO, *, name: str, sample_rate_hz: int, max_duration_s: float) -> None:
        self.source_rate_hz: int | None = None
        self.duration_s = 0.0
        self._file = file
        self._name = name
        self._sample_rate_hz = sample_rate_hz
        self._max_duration_s = max_duration_s

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        resampler: soxr.ResampleStream | None = None
        rate: int | None = None
        for block in self._checked_blocks():
            if block.rate_hz != rate:
                if resampler is not None:
                    yield from _nonempty(resampler.resample_chunk(np.empty(0, np.float32), last=True))
                rate = block.rate_hz
                wanted = self._sample_rate_hz
                resampler = None if rate == wanted else soxr.ResampleStream(rate, wanted, 1, dtype="float32")
            yield from _nonempty(
                block.samples if resampler is None else resampler.resample_chunk(block.samples)
            )
        if resampler is not None:
            yield from _nonempty(resampler.resample_chunk(np.empty(0, np.float32), last=True))

    def _checked_blocks(self) -> Iterator[_Block]:
        for block in _decoded_blocks(self._file, self._name):
            if not MIN_RATE_HZ <= block.rate_hz <= MAX_RATE_HZ:
                raise _error(
                    DecodeReason.BAD_HEADER, self._name, f"claims a sample rate of {block.rate_hz} Hz"
                )
            if len(block.samples) == 0:
                continue
            self.source_rate_hz = self.source_rate_hz or block.rate_hz
            self.duration_s += len(block.samples) / block.rate_hz
            if self.duration_s > self._max_duration_s:
                limit = f"is longer than the limit of {self._max_duration_s:g} s; cut it into parts"
                raise _error(DecodeReason.TOO_LONG, self._name, limit)
            peak = float(np.abs(block.samples).max())
            if not np.isfinite(peak):
                raise _error(DecodeReason.NOT_FINITE, self._name, "holds samples that are NaN or infinite")
            if peak > MAX_PEAK:
                raise _error(
                    DecodeReason.OUT_OF_RANGE,
                    self._name,
                    f"holds floating-point samples up to {peak:.3g}; scale them to the range from -1 to 1",
                )
            yield block
        if self.source_rate_hz is None:
            raise _error(DecodeReason.NO_SAMPLES, self._name, "holds no samples")


@contextmanager
def open_audio(
    source: Path | bytes, *, sample_rate_hz: int, max_duration_s: float = MAX_DURATION_S
) -> Iterator[AudioStream]:
    """Open a recording, given as a path or as a file's content.

    Raises:
        UnreadableFileError: the path does not exist, may not be read, or is no regular file.
        DecodeError: it is empty; everything else that is wrong is raised while iterating over the stream.
    """
    with _open(source) as (file, name):
        if file_size(file) == 0:
            raise _error(DecodeReason.EMPTY_FILE, name, "is empty (0 bytes)")
        yield AudioStream(file, name=name, sample_rate_hz=sample_rate_hz, max_duration_s=max_duration_s)


def decode_audio(
    source: Path | bytes, *, sample_rate_hz: int, max_duration_s: float = MAX_DURATION_S
) -> NDArray[np.float32]:
    """Decode a whole recording (a path, or a file's content) to float32 mono samples at ``sample_rate_hz``.

    Raises:
        DecodeError: with its ``reason``; see ``open_audio``.
    """
    with open_audio(source, sample_rate_hz=sample_rate_hz, max_duration_s=max_duration_s) as stream:
        # a few samples may come to none at this rate
        return np.concatenate([np.empty(0, np.float32), *stream])


def container_tags(file: BinaryIO) -> dict[str, str]:
    """What FFmpeg finds of tags in an open file, as its container and its sound track have them.

    Raises:
        DecodeError: it is not audio in a known format.
    """
    try:
        with av.open(file, mode="r", options=_FFMPEG_OPTIONS, metadata_errors="ignore") as container:
            return {**container.metadata, **(stream.metadata if (stream := _first_audio(container)) else {})}
    except (av.error.FFmpegError, ValueError) as error:
        raise _error(DecodeReason.NOT_AUDIO, "The audio", "is not audio in a known format") from error


def _first_audio(container: av.container.InputContainer) -> av.AudioStream | None:
    return container.streams.audio[0] if container.streams.audio else None


@contextmanager
def _open(source: Path | bytes) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source), "The audio"
        return
    name = f"{str(source)!r}"
    try:
        # O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableFileError(DecodeReason.VANISHED, f"{name} does not exist.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFileError(DecodeReason.UNREADABLE, f"{name} cannot be read: {error}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFileError(DecodeReason.NOT_A_FILE, f"{name} is not a regular file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file, name


def _decoded_blocks(file: BinaryIO, name: str) -> Iterator[_Block]:
    head = file.read(12)
    file.seek(0)
    try:
        if _is_pcm_container(head):
            share = missing_pcm_share(file)
            file.seek(0)
            if share > _TOLERATED_LOSS_SHARE:
                raise _error(
                    DecodeReason.TRUNCATED, name, f"is cut off: {share:.0%} of the declared data is missing"
                )
        if _is_pcm_container(head) or head[:4] == b"fLaC":
            sound = _open_with_soundfile(file)
            if sound is not None:
                with sound:
                    yield from _soundfile_blocks(sound, name)
                return
        yield from _ffmpeg_blocks(file, name)
    except (
        av.error.FFmpegError,
        ValueError,
    ) as error:  # ValueError: PyAV met a sample format it does not know.
        raise _error(DecodeReason.CORRUPT, name, "is damaged and cannot be decoded") from error
    except OSError as error:
        raise UnreadableFileError(DecodeReason.UNREADABLE, f"{name} cannot be read: {error}.") from error


def _is_pcm_container(head: bytes) -> bool:
    wave = head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE"
    return wave or (head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"))


def _open_with_soundfile(file: BinaryIO) -> soundfile.SoundFile | None:
    try:
        return soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        file.seek(0)
        return None  # A codec that libsndfile lacks, or a broken header: FFmpeg decides which.


def _soundfile_blocks(sound: soundfile.SoundFile, name: str) -> Iterator[_Block]:
    _check_channels(sound.channels, name)
    declared, decoded = sound.frames, 0
    try:
        while len(frames := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            decoded += len(frames)
            yield _Block(sound.samplerate, _mono(frames.T.astype(np.float32, copy=False)))
    except soundfile.LibsndfileError as error:
        reason = DecodeReason.TRUNCATED if decoded else DecodeReason.CORRUPT
        raise _error(reason, name, f"breaks off after {decoded / sound.samplerate:.2f} s: {error}") from error
    _check_complete(decoded / sound.samplerate, declared / sound.samplerate, name)


def _ffmpeg_blocks(file: BinaryIO, name: str) -> Iterator[_Block]:
    head = file.read(8)
    trusts_mp3 = mp3_declares_length(file)
    size_of_tag = id3_size(file)
    size = file_size(file)
    try:
        container = av.open(file, mode="r", options=_FFMPEG_OPTIONS, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as error:
        if head[4:] == b"ftyp":
            raise _error(DecodeReason.TRUNCATED, name, "is cut off: its index (moov) is missing") from error
        if head[:4] == b"OggS" and ends_inside_ogg_page(file):
            raise _error(DecodeReason.TRUNCATED, name, "is cut off: it ends inside an Ogg page") from error
        raise _error(DecodeReason.NOT_AUDIO, name, "is not audio in a known format") from error
    with container:
        if not container.streams.audio:
            raise _error(DecodeReason.NO_AUDIO_STREAM, name, "has no sound track")
        stream = container.streams.audio[0]
        _check_channels(stream.codec_context.channels, name)
        counts = _PacketCounts()
        decoded_s = 0.0
        for block in _decode_packets(container, stream, counts):
            decoded_s += len(block.samples) / block.rate_hz
            yield block
        if counts.bad > max(1, _MOST_BAD_PACKETS * counts.all):
            is_audio = counts.bad < counts.all
            reason = DecodeReason.CORRUPT if is_audio else DecodeReason.NOT_AUDIO
            raise _error(reason, name, f"is damaged: {counts.bad} of {counts.all} packets cannot be decoded")
        kind = container.format.name
        unused = size - size_of_tag - counts.bytes
        if kind in ("mp3", "aac") and unused > max(_MOST_BYTES_UNUSED, _MOST_SHARE_UNUSED * size):
            raise _error(
                DecodeReason.CORRUPT, name, f"is damaged: {unused:,} of its {size:,} bytes are no sound"
            )
        if kind == "ogg" and ends_inside_ogg_page(file):
            raise _error(DecodeReason.TRUNCATED, name, "is cut off: it ends inside an Ogg page")
        declared_s = _declared_duration_s(container, stream)
        trusted = trusts_mp3 if kind == "mp3" else kind.startswith(_FORMATS_WITH_TRUE_DURATION)
        if trusted and declared_s is not None:
            _check_complete(decoded_s, declared_s, name)


class _PacketCounts:
    def __init__(self) -> None:
        self.all = self.bad = self.bytes = 0


def _decode_packets(
    container: av.container.InputContainer, stream: av.AudioStream, counts: _PacketCounts
) -> Iterator[_Block]:
    for packet in container.demux(stream):
        counts.all += 1
        counts.bytes += packet.size
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            counts.bad += 1
            continue
        for frame in frames:
            yield _Block(frame.sample_rate, _mono(_planes(frame)))


def _planes(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Samples of a frame as float32 in [-1, 1], shape (channels, samples)."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    scale = _INTEGER_SCALES.get(values.dtype.str[1:])
    if scale is None:
        return values.astype(np.float32, copy=False)
    offset = scale if values.dtype.kind == "u" else 0.0
    return ((values.astype(np.float64) - offset) / scale).astype(np.float32)


def _declared_duration_s(container: av.container.InputContainer, stream: av.AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _mono(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):  # NaN and infinity are found, and refused, afterwards.
        return np.ascontiguousarray(
            channels[0] if len(channels) == 1 else channels.mean(axis=0, dtype=np.float32)
        )


def _nonempty(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    if len(samples):
        yield samples


def _check_channels(channels: int, name: str) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise _error(
            DecodeReason.BAD_HEADER, name, f"claims {channels} channels; 1 to {MAX_CHANNELS} are taken"
        )


def _check_complete(decoded_s: float, declared_s: float, name: str) -> None:
    if declared_s - decoded_s > max(_TOLERATED_LOSS_S, _TOLERATED_LOSS_SHARE * declared_s):
        told = f"is cut off: it declares {declared_s:.2f} s and holds {decoded_s:.2f} s"
        raise _error(DecodeReason.TRUNCATED, name, told)


def _error(reason: DecodeReason, name: str, what: str) -> DecodeError:
    return DecodeError(reason, f"{name} {what}.")
