"""Makes many files of real sounds in every format, for benchmarks of indexing."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from indexer.audio import decode_audio
from indexer.scan import Scan

FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff", "webm")
_FFMPEG = {
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "m4a": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
}
_FILES_A_TASK = 50


class Sounds:
    """The sounds below a folder, decoded when they are first asked for."""

    def __init__(self, folder: Path, *, most: int) -> None:
        found = [path for portion in Scan([folder]).portions() for path in portion.candidates]
        if not found:
            raise SystemExit(f"There is no sound below {str(folder)!r}: give a folder of audio files.")
        self.paths = found[:: max(1, len(found) // most)][:most]
        self._held: dict[tuple[Path, int], NDArray[np.float32]] = {}

    def samples(self, number: int, *, rate_hz: int) -> NDArray[np.float32]:
        """Return a sound, mono; numbers beyond the last begin again."""
        key = self.paths[number % len(self.paths)], rate_hz
        if key not in self._held:
            self._held[key] = decode_audio(key[0], sample_rate_hz=rate_hz)
        return self._held[key]


def write_sound(path: Path, samples: NDArray[np.float32], *, rate_hz: int) -> None:
    """Write mono samples as the format that the suffix names."""
    suffix = path.suffix[1:]
    if suffix not in _FFMPEG:
        soundfile.write(path, samples, rate_hz, format="OGG" if suffix == "ogg" else None)
        return
    kind, codec = _FFMPEG[suffix]
    with av.open(str(path), mode="w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(stream.format, "mono", rate_hz, frame_size=stream.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def in_parallel(make: Callable[[range], None], count: int) -> None:
    """Make files with the numbers up to ``count``, in as many processes as there are cores."""
    parts = [range(at, min(at + _FILES_A_TASK, count)) for at in range(0, count, _FILES_A_TASK)]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(make, parts):
            pass
