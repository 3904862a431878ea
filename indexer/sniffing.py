"""Says what a file is that no decoder takes: a playlist, a placeholder, a picture, or sound that came to harm.

People with a few thousand such files want to know which to restore, which to fetch, and which to leave alone.
"""

import re
import struct
from typing import BinaryIO, NamedTuple

from indexer.containers import file_size, id3_size, ogg_has_only_headers
from indexer.errors import DecodeReason
from indexer.structure import Claims, claims, declares_no_sound

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
MAX_CHANNELS = 32
MAX_BITS = 64

_AUDIO_HEADS: dict[bytes, tuple[str, int]] = {
    b"ID3": ("MP3", 128),
    b"OggS": ("Ogg", 64),
    b"fLaC": ("FLAC", 42),
    b"caff": ("CAF", 68),
    b".snd": ("AU", 24),
    b"riff": ("W64", 128),
    b"wvpk": ("WavPack", 33),
    b"TTA1": ("TTA", 23),
    b"MAC ": ("Monkey's Audio", 100),
    b"#!AMR": ("AMR", 20),
    b"\x0bw": ("AC-3", 128),
    b"\xff\xf1": ("AAC", 64),
    b"\xff\xf9": ("AAC", 64),
    b"\x1aE\xdf\xa3": ("Matroska", 64),
    b"0&\xb2u": ("WMA", 100),
}
"""How sound files begin, and how many bytes they have at the very least."""

_OTHER_HEADS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a Zstandard archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\xcf\xfa\xed\xfe": "a program",
    b"SQLite format 3": "a database",
    b"MThd": "a MIDI file (notes, no sound)",
    b"\x00\x05\x16\x07": "a macOS resource file",
}
_PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|ffconcat version|\[playlist\]|<asx|<\?xml.{0,200}?<playlist)", re.I | re.S
)
_PLACEHOLDER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/|(\S*/)?\.git/annex/objects/|/annex/objects/"
)
_PAGE = re.compile(
    rb"\s*(<\?xml.{0,200}?)?(<!--.{0,200}?-->\s*)?<(!doctype html|html|head|body)", re.I | re.S
)

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_LOOKED_AT = 1 << 20
_TEXT_LOOKED_AT = 4096
_MPEG_LEAST = 2048
"""Fewer bytes may hold too few frames to be known by. More must be known: noise begins like a frame now and then."""


class Why(NamedTuple):
    """Why there is no sound to be had: for programs, and in words to follow the file's name, without a full stop."""

    reason: DecodeReason
    words: str


def why_not_decodable(file: BinaryIO) -> Why:
    """Why no decoder could open a file of which ``structure`` finds nothing missing."""
    if declares_no_sound(file):
        return Why(DecodeReason.NO_SAMPLES, "holds no samples")
    claimed = claims(file)
    if claimed is not None:
        return _why_refused(claimed)
    file.seek(0)
    head = file.read(_LOOKED_AT)
    return _harmed_audio(file, head) or _something_else(head)


def why_no_codec(file: BinaryIO) -> Why:
    """Why FFmpeg knows no codec for a sound track that it found."""
    claimed = claims(file)
    if claimed is not None:
        return _why_refused(claimed)
    return Why(DecodeReason.UNSUPPORTED, "holds sound in a codec that is not known here; convert it to FLAC")


def absurd_claim(file: BinaryIO) -> str | None:
    """What is absurd about a header, in words to follow the file's name; None if nothing is."""
    claimed = claims(file)
    return None if claimed is None else _absurd(claimed)


def _absurd(claimed: Claims) -> str | None:
    bits, width = claimed.bits, claimed.bytes_each
    absurd = absurdity(claimed.channels, claimed.rate_hz, bits)
    if absurd is not None or bits is None or bits % 8 == 0 or width in (None, -(-bits // 8)):
        return absurd  # decoders go by whole bytes of bits, whatever else is said
    return f"claims {bits} bits in a sample, and {width:g} bytes for it"


def absurdity(channels: int, rate_hz: float, bits: int | None = None) -> str | None:
    """The same for numbers that a decoder gave."""
    if not 1 <= channels <= MAX_CHANNELS:
        return f"claims {channels} channels; 1 to {MAX_CHANNELS} are taken"
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        return f"claims a sample rate of {rate_hz:.10g} Hz; {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} are taken"
    if bits is not None and not 1 <= bits <= MAX_BITS:
        return f"claims {bits} bits in a sample; 1 to {MAX_BITS} are taken"
    return None


def _why_refused(claimed: Claims) -> Why:
    absurd = _absurd(claimed)
    if absurd is not None:
        return Why(DecodeReason.BAD_HEADER, absurd)
    if claimed.codec not in (None, 1, 3):
        told = f"holds sound in a codec that is not known here (WAV format 0x{claimed.codec:04x}); convert it to FLAC"
        return Why(DecodeReason.UNSUPPORTED, told)
    if claimed.bits not in (None, 8, 16, 24, 32, 64):
        told = f"holds samples of {claimed.bits} bits, which are not known here; convert it to FLAC"
        return Why(DecodeReason.UNSUPPORTED, told)
    return Why(DecodeReason.BAD_HEADER, "has a header that contradicts itself")


def _harmed_audio(file: BinaryIO, head: bytes) -> Why | None:
    kind, least = next((value for start, value in _AUDIO_HEADS.items() if head.startswith(start)), ("", 0))
    size, tag = file_size(file), id3_size(file)
    if head[4:8] in (b"ftyp", b"moov"):
        kind = "MP4"
    elif not kind and size < _MPEG_LEAST and _is_mpeg_frame(head) and head[:2] not in _UTF_16_MARKS:
        kind, least = "MP3", _MPEG_LEAST
    if not kind:
        return None
    if tag >= size:
        told = f"is cut off: its ID3 tag alone should have {tag:,} bytes, and the file has {size:,}"
        return Why(DecodeReason.TRUNCATED, told)
    if kind == "Ogg" and ogg_has_only_headers(file):
        return Why(DecodeReason.NO_SAMPLES, "holds no samples, only the headers of an Ogg file")
    if size - tag < least:
        return Why(DecodeReason.TRUNCATED, f"is cut off: {size - tag:,} bytes are too few for {kind}")
    return Why(DecodeReason.BAD_HEADER, f"begins like {kind}, and what follows makes no sense")


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether the four bytes of an MPEG audio frame's header are all sensible (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4:
        return False
    (bits,) = struct.unpack(">I", head[:4])
    version, layer, rate, frequency = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    return bits >> 21 == 0x7FF and version != 1 and layer != 0 and rate not in (0, 15) and frequency != 3


def _something_else(head: bytes) -> Why:
    if not head.strip(b"\0"):
        told = "holds nothing but zero bytes where sound should begin; fetch or restore it again"
        return Why(DecodeReason.ONLY_ZEROS, told)
    head = head[:_TEXT_LOOKED_AT]
    if _PLAYLIST.match(head):
        told = "is a playlist; index the files that it names, for they are not opened from here"
        return Why(DecodeReason.PLAYLIST, told)
    if _PLACEHOLDER.match(head):
        told = "is a placeholder of Git LFS or git-annex; fetch the file itself"
        return Why(DecodeReason.PLACEHOLDER, told)
    if _PAGE.match(head):
        kind = "a web page (a download that needed a login, perhaps)"
    elif _is_text(head):
        kind = "text"
    else:
        kind = next((name for start, name in _OTHER_HEADS.items() if head.startswith(start)), None)
    told = f"is {kind}, not audio" if kind else "is not audio in a known format"
    return Why(DecodeReason.NOT_AUDIO, told)


def _is_text(data: bytes) -> bool:
    try:
        is_utf_16 = data[:2] in _UTF_16_MARKS
        text = data.decode("utf-16", errors="ignore") if is_utf_16 else data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:
            return False
        text = data[: error.start].decode("utf-8")  # cut inside a letter
    return bool(text) and all(char.isprintable() or char.isspace() for char in text)
