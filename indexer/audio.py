"""Decodes any common audio to float32 mono at the rate a model wants, in bounded memory.

WAV, FLAC and AIFF go through libsndfile, everything else through FFmpeg (PyAV), chosen by content and never
by a file's name; soxr resamples. Decoders accept far too much in silence: NaN samples, headers that claim
absurd things, and files that break off in the middle. What they let pass is checked here, and refused with a
reason.
"""

import io
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
    last_ogg_page_is_intact,
    mp3_declares_length,
)
from indexer.errors import DecodeError, DecodeReason
from indexer.opening import OpenFile, open_regular
from indexer.parts import EndlessPartsError
from indexer.sniffing import MIN_RATE_HZ, absurd_claim, absurdity, why_no_codec, why_not_decodable
from indexer.structure import how_cut_off, is_whole

MAX_DURATION_S = 6 * 3600.0
"""Longest clip that is taken, in seconds."""

MAX_FRAMES = round(MAX_DURATION_S * 192_000)
"""Most samples of a channel that are decoded: at the highest rates and in silence, a few kilobytes can hold days."""

BLOCK_FRAMES = 65536
MAX_PEAK = 100.0
"""Decoded music overshoots 1.0 a little; a peak beyond this is integer data labelled as float."""

# A file may end this much earlier than it declares: encoders round, and count their own delay.
_TOLERATED_LOSS_S, _TOLERATED_LOSS_SHARE = 0.25, 0.02
# Raw streams (MP3, AAC) are skipped over silently where they are damaged; more than this left out is corrupt.
_MOST_BYTES_UNUSED, _MOST_SHARE_UNUSED = 8192, 0.2
_FEW_BYTES_UNUSED = 1024
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
    "tta",
    "wv",
)

_CODECS_WITH_CHECKSUMS = ("ape", "flac", "tta", "wavpack")
"""Each frame has a checksum, which FFmpeg checks only if told to."""

_INTEGER_SCALES = {"u1": 128.0, "i2": 32768.0, "i4": 2147483648.0, "i8": 9223372036854775808.0}


class _Block(NamedTuple):
    """Mono samples, and how long the whole recording is if its header can be believed, else 0."""

    rate_hz: int
    samples: NDArray[np.float32]
    declared_s: float = 0.0


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
        is_empty = True
        for samples in self._resampled():
            if len(samples):
                is_empty = False
                yield samples
        if is_empty:
            told = f"is too short: after {self.duration_s * 1e6:.0f} microseconds it ends"
            raise _error(DecodeReason.TOO_SHORT, self._name, told)

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        resampler: soxr.ResampleStream | None = None
        rate: int | None = None
        for block in self._checked_blocks():
            if block.rate_hz != rate:
                if resampler is not None:
                    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
                rate = block.rate_hz
                wanted = self._sample_rate_hz
                resampler = None if rate == wanted else soxr.ResampleStream(rate, wanted, 1, dtype="float32")
            yield block.samples if resampler is None else resampler.resample_chunk(block.samples)
        if resampler is not None:
            yield resampler.resample_chunk(np.empty(0, np.float32), last=True)

    def _checked_blocks(self) -> Iterator[_Block]:
        for block in _decoded_blocks(self._file, self._name):
            _check_claims(1, block.rate_hz, self._name)
            if len(block.samples) == 0:
                continue
            self.source_rate_hz = self.source_rate_hz or block.rate_hz
            self.duration_s += len(block.samples) / block.rate_hz
            if max(self.duration_s, block.declared_s) > self._max_duration_s:
                limit = f"is longer than the limit of {self._max_duration_s:g} s; cut it into parts"
                raise _error(DecodeReason.TOO_LONG, self._name, limit)
            if max(self.duration_s, block.declared_s) * block.rate_hz > MAX_FRAMES:
                limit = f"holds more than {MAX_FRAMES:,} samples at {block.rate_hz:,} Hz; cut it into parts"
                raise _error(DecodeReason.TOO_DEMANDING, self._name, limit)
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
    source: Path | bytes | OpenFile, *, sample_rate_hz: int, max_duration_s: float = MAX_DURATION_S
) -> Iterator[AudioStream]:
    """Open a recording, given as a path, as a file from ``open_regular``, or as a file's content.

    Raises:
        UnreadableFileError: the path does not exist, may not be read, or is no regular file.
        DecodeError: it is empty; everything else that is wrong is raised while iterating over the stream.
    """
    with _open(source) as (file, name):
        if file_size(file) == 0:
            raise _error(DecodeReason.EMPTY_FILE, name, "is empty (0 bytes)")
        yield AudioStream(file, name=name, sample_rate_hz=sample_rate_hz, max_duration_s=max_duration_s)


def decode_audio(
    source: Path | bytes | OpenFile, *, sample_rate_hz: int, max_duration_s: float = MAX_DURATION_S
) -> NDArray[np.float32]:
    """Decode a whole recording to float32 mono samples at ``sample_rate_hz``; at least one.

    Raises:
        DecodeError: with its ``reason``; see ``open_audio``.
    """
    with open_audio(source, sample_rate_hz=sample_rate_hz, max_duration_s=max_duration_s) as stream:
        return np.concatenate(list(stream))


@contextmanager
def _open(source: Path | bytes | OpenFile) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source), "The audio"
    elif isinstance(source, Path):
        with open_regular(source) as file:
            yield file, repr(str(source))
    else:
        yield source, repr(str(source.path))


def _decoded_blocks(file: BinaryIO, name: str) -> Iterator[_Block]:
    try:
        yield from _blocks(file, name)
    except MemoryError:  # FFmpeg's is one of its own errors, too
        raise
    except (av.error.FFmpegError, OSError) as error:
        _check_was_readable(file)
        raise _error(DecodeReason.CORRUPT, name, "is damaged and cannot be decoded") from error
    except ValueError as error:  # PyAV met a sample format it does not know
        told = "holds samples in a format that is not known here; convert it to FLAC"
        raise _error(DecodeReason.UNSUPPORTED, name, told) from error
    except DecodeError:
        _check_was_readable(file)
        raise
    _check_was_readable(file)


def _check_was_readable(file: BinaryIO) -> None:
    if isinstance(file, OpenFile):
        file.check_was_readable()


def _blocks(file: BinaryIO, name: str) -> Iterator[_Block]:
    try:
        cut = how_cut_off(file)
    except EndlessPartsError as error:
        raise _error(DecodeReason.BAD_HEADER, name, "is an endless chain of parts without sound") from error
    if cut is not None:
        raise _error(DecodeReason.TRUNCATED, name, f"is cut off: {cut}")
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    if _is_pcm_container(head) or head[:4] == b"fLaC":
        absurd = absurd_claim(file)
        if absurd is not None:
            raise _error(DecodeReason.BAD_HEADER, name, absurd)
        file.seek(0)
        sound = _open_with_soundfile(file)
        if sound is not None:
            with sound:
                yield from _soundfile_blocks(sound, file, name)
            return
    yield from _ffmpeg_blocks(file, name)


def _is_pcm_container(head: bytes) -> bool:
    wave = head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE"
    return wave or (head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"))


def _open_with_soundfile(file: BinaryIO) -> soundfile.SoundFile | None:
    try:
        return soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        file.seek(0)
        return None  # A codec that libsndfile lacks, or a broken header: FFmpeg decides which.


def _soundfile_blocks(sound: soundfile.SoundFile, file: BinaryIO, name: str) -> Iterator[_Block]:
    _check_claims(sound.channels, sound.samplerate, name)
    declared_s, decoded_s = sound.frames / sound.samplerate, 0.0
    try:
        while len(frames := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            decoded_s += len(frames) / sound.samplerate
            yield _Block(sound.samplerate, _mono(frames.T.astype(np.float32, copy=False)), declared_s)
    except soundfile.LibsndfileError as error:
        told = f"is damaged within {BLOCK_FRAMES / sound.samplerate:.1f} s after {decoded_s:.1f} s"
        # FFmpeg goes on behind the damage, and so tells a damaged middle from a missing end.
        for block in _ffmpeg_blocks(file, name):
            decoded_s += len(block.samples) / block.rate_hz
            if decoded_s > MAX_DURATION_S:
                break
        if decoded_s:
            raise _error(DecodeReason.CORRUPT, name, told) from error
    else:
        _check_complete(decoded_s, declared_s, name)


def _ffmpeg_blocks(file: BinaryIO, name: str) -> Iterator[_Block]:
    file.seek(0)
    head = file.read(8)
    trusts_mp3 = mp3_declares_length(file)
    size_of_tag = id3_size(file)
    size = file_size(file)
    try:
        container = av.open(file, mode="r", options=_FFMPEG_OPTIONS, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as error:
        if head[:4] == b"OggS" and ends_inside_ogg_page(file):
            raise _error(DecodeReason.TRUNCATED, name, "is cut off: it ends inside an Ogg page") from error
        why = why_not_decodable(file)
        raise _error(why.reason, name, why.words) from error
    with container:
        if not container.streams.audio:
            raise _error(DecodeReason.NO_AUDIO_STREAM, name, "has no sound track")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        if codec is None or not codec.channels:  # FFmpeg knows neither, or takes noise for sound
            why = why_no_codec(file) if codec is None else why_not_decodable(file)
            raise _error(why.reason, name, why.words)
        _check_claims(
            codec.channels, codec.sample_rate or MIN_RATE_HZ, name
        )  # some tell it only while decoding
        if codec.name in _CODECS_WITH_CHECKSUMS:
            codec.options = {"err_detect": "crccheck+explode"}
        counts = _PacketCounts()
        decoded_s = 0.0
        kind = container.format.name
        trusted = trusts_mp3 if kind == "mp3" else kind.startswith(_FORMATS_WITH_TRUE_DURATION)
        declared_s = _declared_duration_s(container, stream) if trusted else None
        for frame in _joined(_decoded_frames(container, stream, counts)):
            decoded_s += frame.samples / frame.sample_rate
            yield _Block(frame.sample_rate, _mono(_planes(frame)), declared_s or 0.0)
        if counts.bad > max(1, _MOST_BAD_PACKETS * counts.all):
            is_audio = counts.bad < counts.all
            reason = DecodeReason.CORRUPT if is_audio else DecodeReason.NOT_AUDIO
            raise _error(reason, name, f"is damaged: {counts.bad} of {counts.all} packets cannot be decoded")
        unused = size - size_of_tag - counts.bytes
        if kind in ("mp3", "aac") and unused > max(_MOST_BYTES_UNUSED, _MOST_SHARE_UNUSED * size):
            raise _error(
                DecodeReason.CORRUPT, name, f"is damaged: {unused:,} of its {size:,} bytes are no sound"
            )
        if kind == "ogg" and ends_inside_ogg_page(file):
            raise _error(DecodeReason.TRUNCATED, name, "is cut off: it ends inside an Ogg page")
        if kind == "ogg" and not last_ogg_page_is_intact(file):
            raise _error(DecodeReason.CORRUPT, name, "is damaged: the checksum of its last page is wrong")
        declared_s = _declared_duration_s(container, stream) if trusted else None  # some know more in the end
        if declared_s is not None:
            has_end = (
                kind == "ogg"
                or is_whole(file)
                or _is_complete(counts.end_s, declared_s)
                or (kind in ("mp3", "aac") and unused > _FEW_BYTES_UNUSED)
            )
            _check_complete(decoded_s, declared_s, name, has_end=has_end)
        if counts.bad and not decoded_s:
            raise _error(DecodeReason.CORRUPT, name, "is damaged: nothing of it can be decoded")


class _PacketCounts:
    def __init__(self) -> None:
        self.all = self.bad = self.bytes = 0
        self.end_s = 0.0
        """Where the last frame says that it ends; less was decoded if others were lost before it."""

    def heard(self, frame: av.AudioFrame) -> None:
        # Joining takes the time away.
        self.end_s = 0.0 if frame.time is None else frame.time + frame.samples / frame.sample_rate


def _joined(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """Join frames of a few hundred samples: what is done with them afterwards costs as much for a short one."""
    fifo, fifo_kind = av.AudioFifo(), None
    for frame in frames:
        kind = frame.format.name, frame.layout.nb_channels, frame.sample_rate
        if kind != fifo_kind or fifo.samples >= BLOCK_FRAMES:
            yield from _all_of(fifo)
            fifo, fifo_kind = av.AudioFifo(), kind
        frame.pts = None  # a gap in time is no error
        fifo.write(frame)
    yield from _all_of(fifo)


def _all_of(fifo: av.AudioFifo) -> Iterator[av.AudioFrame]:
    frame = fifo.read()
    if isinstance(frame, av.AudioFrame):  # none was written
        yield frame


def _decoded_frames(
    container: av.container.InputContainer, stream: av.AudioStream, counts: _PacketCounts
) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        counts.all += 1
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            counts.bad += 1
            continue
        counts.bytes += packet.size if frames else 0
        for frame in frames:
            counts.heard(frame)
            yield frame


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


def _check_claims(channels: int, rate_hz: int, name: str) -> None:
    absurd = absurdity(channels, rate_hz)
    if absurd is not None:
        raise _error(DecodeReason.BAD_HEADER, name, absurd)


def _check_complete(decoded_s: float, declared_s: float, name: str, *, has_end: bool = False) -> None:
    if not _is_complete(decoded_s, declared_s):
        reason = DecodeReason.CORRUPT if has_end else DecodeReason.TRUNCATED
        what = "damaged in the middle" if has_end else "cut off"
        told = f"is {what}: it declares {declared_s:.2f} s and holds {decoded_s:.2f} s"
        raise _error(reason, name, told)


def _is_complete(held_s: float, declared_s: float) -> bool:
    return declared_s - held_s <= max(_TOLERATED_LOSS_S, _TOLERATED_LOSS_SHARE * declared_s)


def _error(reason: DecodeReason, name: str, what: str) -> DecodeError:
    return DecodeError(reason, f"{name} {what}.")
