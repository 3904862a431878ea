"""Writes tags into small real files, by the bytes where no library of the tests writes them."""

import io
import struct

import av
import numpy as np
import soundfile

from tests.indexer.sounds import RATE_HZ, tone, wav_bytes

SECONDS = 0.5


def with_strings(file_format: str, **strings: str) -> bytes:
    """A file that libsndfile writes with title, artist, comment, copyright, license or genre."""
    buffer = io.BytesIO()
    subtype = "VORBIS" if file_format == "OGG" else "PCM_16"
    samples = tone(seconds=SECONDS)
    with soundfile.SoundFile(
        buffer, "w", samplerate=RATE_HZ, channels=1, format=file_format, subtype=subtype
    ) as file:
        for name, value in strings.items():
            setattr(file, name, value)
        file.write(samples)
    return buffer.getvalue()


def with_metadata(container_format: str, codec: str, *, rate_hz: int, **metadata: str) -> bytes:
    """A file that FFmpeg writes with metadata as it names them."""
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format=container_format) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        stream.bit_rate = 64_000
        samples = np.ascontiguousarray(tone(seconds=SECONDS, rate_hz=rate_hz).T)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def with_chunks(*chunks: bytes) -> bytes:
    """A WAV file with more chunks behind its sound."""
    wave = wav_bytes(tone(seconds=SECONDS)) + b"".join(chunks)
    return wave[:4] + struct.pack("<I", len(wave) - 8) + wave[8:]


def bext(description: bytes, originator: bytes) -> bytes:
    return chunk(b"bext", description.ljust(256, b"\0") + originator.ljust(32, b"\0") + bytes(602 - 288))


def ixml(inner: str) -> bytes:
    return chunk(b"iXML", f'<?xml version="1.0" encoding="UTF-8"?><BWFXML>{inner}</BWFXML>'.encode())


def id3(*frames: bytes) -> bytes:
    """An ID3v2.3 tag."""
    body = b"".join(frames)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + body


def id3_frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body)) + b"\0\0" + body


def id3_text(kind: bytes, text: str) -> bytes:
    return id3_frame(kind, b"\x01" + text.encode("utf-16"))


def id3_user_text(name: str, text: str) -> bytes:
    return id3_frame(b"TXXX", b"\x00" + name.encode("latin-1") + b"\0" + text.encode("latin-1"))


def flac_with_comments(count: int, comments: bytes) -> bytes:
    """A FLAC file with a block of Vorbis comments that says it holds ``count`` of them."""
    sound = with_strings("FLAC")
    info_end = 4 + 4 + 34
    body = struct.pack("<I", 0) + struct.pack("<I", count) + comments
    return sound[:info_end] + b"\x04" + len(body).to_bytes(3, "big") + body + sound[info_end:]


def vorbis_comment(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text
