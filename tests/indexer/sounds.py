"""Makes small real audio files of every kind for the tests, so that none has to be committed."""

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16000
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}

ENCODINGS: dict[str, tuple[str, str]] = {
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "m4a": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "aac": ("adts", "aac"),
    "mp4": ("mp4", "aac"),
    "wma": ("asf", "wmav2"),
    "wv": ("wv", "wavpack"),
    "tta": ("tta", "tta"),
    "ac3": ("ac3", "ac3"),
    "avi": ("avi", "pcm_s16le"),
}


def tone(
    *, seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ, channels: int = 1
) -> NDArray[np.float32]:
    """A tone with a little fixed noise, shape (samples, channels)."""
    count = round(seconds * rate_hz)
    noise = np.random.default_rng(7).normal(scale=0.01, size=count)
    wave = 0.4 * np.sin(2 * np.pi * hz * np.arange(count) / rate_hz) + noise
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def wav_bytes(samples: NDArray[np.float32], *, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    return soundfile_bytes(samples, file_format="WAV", rate_hz=rate_hz, subtype=subtype)


def soundfile_bytes(
    samples: NDArray[np.float32], *, file_format: str, rate_hz: int = RATE_HZ, subtype: str = "PCM_16"
) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=file_format, subtype=subtype)
    return buffer.getvalue()


def ffmpeg_bytes(
    samples: NDArray[np.float32], *, suffix: str, rate_hz: int, options: dict[str, str] | None = None
) -> bytes:
    """Encode (samples, channels) with FFmpeg as a file of that suffix usually is, to the same bytes every time."""
    container_format, codec = ENCODINGS[suffix]
    buffer = io.BytesIO()
    options = {"fflags": "+bitexact", **(options or {})}
    with av.open(buffer, mode="w", format=container_format, options=options) as container:
        stream: Any = container.add_stream(codec, rate=rate_hz, layout=LAYOUTS[samples.shape[1]])
        if suffix == "wma":
            stream.bit_rate = 64000  # what it takes by itself is too little for it
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout=LAYOUTS[samples.shape[1]]
        )
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def encode(samples: NDArray[np.float32], *, suffix: str, rate_hz: int) -> bytes:
    """Encode (samples, channels) as a file of that suffix usually is."""
    if suffix in ENCODINGS:
        return ffmpeg_bytes(samples, suffix=suffix, rate_hz=rate_hz)
    subtype = "VORBIS" if suffix == "ogg" else "PCM_16"
    file_format = {"wav": "WAV", "flac": "FLAC", "aiff": "AIFF", "ogg": "OGG"}[suffix]
    return soundfile_bytes(samples, file_format=file_format, rate_hz=rate_hz, subtype=subtype)


def write_tone(path: Path, *, seconds: float, hz: float = 440.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(tone(seconds=seconds, hz=hz)))
    return path
