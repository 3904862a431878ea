"""Kinds of bad content: what is no sound, headers that lie, samples that are none, and damage."""

import io
import zipfile
from collections.abc import Iterator

import av
import numpy as np
from PIL import Image

from indexer.errors import DecodeReason
from tests.indexer.bad_bytes import (
    box,
    chunk,
    flac_of_silence,
    flipped,
    id3,
    ogg_page,
    ogg_pages,
    overwritten,
    patched,
    riff,
    with_serial,
)
from tests.indexer.bad_cuts import HEADERS, cuts, sound
from tests.indexer.bad_file import BadFile, failed, fine
from tests.indexer.sounds import soundfile_bytes, tone, wav_bytes

_R = DecodeReason
_NOISE = np.random.default_rng(5).bytes(4096)


def all_contents() -> Iterator[BadFile]:
    """Every kind of bad content."""
    for kinds in (
        cut_off,
        no_sound_at_all,
        playlists,
        wrong_suffixes,
        absurd_wav,
        absurd_others,
        samples,
        lengths,
        endless,
        damage,
        tags,
        ogg,
        video,
    ):
        yield from kinds()


def cut_off() -> Iterator[BadFile]:
    scanned_as = {"rf64": "wav", "avi": "mov"}
    for kind in HEADERS:
        for where, data in cuts(kind):
            name = f"{kind} {where}.{scanned_as.get(kind, kind)}"
            yield failed(f"cut off/{name}", data, _R.TRUNCATED, "is cut off")


def no_sound_at_all() -> Iterator[BadFile]:
    yield failed("nothing/empty.wav", b"", _R.EMPTY_FILE, "0 bytes")
    yield failed("nothing/empty.mp3", b"", _R.EMPTY_FILE, "0 bytes")
    yield failed("nothing/one byte.wav", b"R", _R.NOT_AUDIO, "is text")
    yield failed("nothing/zeros.wav", bytes(20_000), _R.ONLY_ZEROS, "zero bytes")
    yield failed("nothing/zeros.mp3", bytes(20_001), _R.ONLY_ZEROS, "zero bytes")
    yield failed("nothing/noise.flac", _NOISE * 5, _R.NOT_AUDIO, "not audio in a known format")
    kinds = {
        "text.wav": (b"Dies ist ein Text.\n" * 99, "is text"),
        "text in UTF-16.wav": (("Слова, не звуки.\n" * 9).encode("utf-16"), "is text"),
        "page.mp3": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        "data.m4a": (b'{"error": "expired"}', "is text"),
        "picture.wav": (_picture("PNG"), "PNG image"),
        "photo.flac": (_picture("JPEG"), "JPEG image"),
        "archive.ogg": (_archive(), "ZIP archive"),
        "packed.wav": (b"\x1f\x8b\x08\0" + _NOISE, "gzip archive"),
        "program.aiff": (b"\x7fELF\2\1\1" + bytes(9) + _NOISE, "program"),
        "program.wav": (b"MZ\x90\0\3\0\0\0" + _NOISE, "program"),
        "document.mp3": (b"%PDF-1.7\n" + _NOISE, "PDF document"),
        "notes.wav": (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "MIDI"),
        "database.wav": (b"SQLite format 3\0" + _NOISE, "database"),
        "resource.wav": (b"\0\5\x16\7\0\2\0\0" + bytes(99), "macOS"),
        "image in RIFF.wav": (_picture("WEBP"), "not audio in a known format"),
    }
    for name, (data, says) in kinds.items():
        yield failed(f"something else/{name}", data, _R.NOT_AUDIO, says)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    yield failed("something else/pointer.flac", pointer, _R.PLACEHOLDER, "Git LFS")
    pointer = b"/annex/objects/SHA256E-s12345--4d7a.wav\n"
    yield failed("something else/annexed.wav", pointer, _R.PLACEHOLDER, "git-annex")


def playlists() -> Iterator[BadFile]:
    """None of them may open the file or the address that it names."""
    lists = {
        "hls.wav": b"#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "m3u.mp3": b"#EXTM3U\n#EXTINF:3,\n../good/0.wav\n",
        "concat.wav": b"ffconcat version 1.0\nfile '../good/0.wav'\n",
        "winamp.mp3": b"[playlist]\nFile1=../good/0.wav\nNumberOfEntries=1\n",
        "xspf.ogg": b'<?xml version="1.0"?><playlist><trackList/></playlist>',
        "asx.wma": b'<asx version="3.0"><entry><ref href="http://127.0.0.1:9/"/></entry></asx>',
    }
    for name, data in lists.items():
        yield failed(f"playlists/{name}", data, _R.PLAYLIST, "is a playlist")
    for name in ("list.m3u", "list.m3u8", "list.concat", "list.ffconcat", "list.cue", "list.pls"):
        target = lists["m3u.mp3"]
        yield BadFile(
            path=f"playlists/{name}", make=lambda path, data=target: path.write_bytes(data), outcome="skipped"
        )
    other = patched(sound("m4b"), b"url \0\0\0", "B", 0)
    yield fine("playlists/sound said to be in another file.m4a", other, 1.09)


def wrong_suffixes() -> Iterator[BadFile]:
    for really, named in (("flac", "wav"), ("mp3", "flac"), ("opus", "mp3"), ("m4a", "ogg"), ("wav", "mp3")):
        yield fine(f"wrong suffix/really {really}.{named}", sound(really, hz=500), 1.05)
    yield fine("wrong suffix/SHOUTING.WAV", sound("wav", hz=510), 1)
    yield BadFile(
        path="wrong suffix/sound.txt", make=lambda path: path.write_bytes(sound("wav")), outcome="skipped"
    )


def absurd_wav() -> Iterator[BadFile]:
    good = sound("wav", seconds=0.5)
    fields = {
        "rate 0": (24, "<I", 0, "0 Hz"),
        "rate 1": (24, "<I", 1, "1 Hz"),
        "rate 2 GHz": (24, "<I", 1 << 31, "2147483648 Hz"),
        "rate 4 GHz": (24, "<I", 0xFFFFFFFF, "Hz"),
        "no channels": (22, "<H", 0, "0 channels"),
        "33 channels": (22, "<H", 33, "33 channels"),
        "65535 channels": (22, "<H", 65535, "65535 channels"),
        "0 bits": (34, "<H", 0, "0 bits"),
        "7 bits": (34, "<H", 7, "7 bits in a sample, and 2 bytes"),
        "255 bits": (34, "<H", 255, "255 bits"),
    }
    for name, (offset, layout, value, says) in fields.items():
        yield failed(f"absurd/wav {name}.wav", patched(good, offset, layout, value), _R.BAD_HEADER, says)
    yield failed("absurd/wav unknown codec.wav", patched(good, 20, "<H", 0x1234), _R.UNSUPPORTED, "0x1234")
    bits = patched(good, 32, "<HH", 5, 36)
    yield failed("absurd/wav 36 bits.wav", bits, _R.UNSUPPORTED, "samples of 36 bits")
    bits = patched(good, 32, "<HH", 8, 64)
    yield failed("absurd/wav 64 bits.wav", bits, _R.UNSUPPORTED, "samples in a format")
    yield fine("absurd/wav block of 5.wav", patched(good, 32, "<H", 5), 0.5)
    yield failed("absurd/wav size beyond end.wav", patched(good, 40, "<I", 0x60000000), _R.TRUNCATED, "100%")
    yield failed("absurd/wav size of fmt.wav", patched(good, 16, "<I", 0x60000000), _R.TRUNCATED, "header")
    yield failed("absurd/wav without fmt.wav", good[:12] + good[36:], _R.TRUNCATED, "header is missing")
    yield fine("absurd/wav block of 0.wav", patched(good, 32, "<H", 0), 0.5)
    yield fine("absurd/wav endless size.wav", patched(good, 40, "<I", 0xFFFFFFFF), 0.5)
    yield fine("absurd/wav size in RIFF.wav", patched(good, 4, "<I", 0), 0.5)
    yield fine("absurd/wav size too small.wav", patched(good, 40, "<I", 8000), 0.25)
    yield fine("absurd/wav rubbish behind.wav", good + _NOISE, 0.5)


def absurd_others() -> Iterator[BadFile]:
    rate = bytes.fromhex("400cfa00000000000000")  # 16000 as AIFF has it
    aiff, flac, caf, webm = (sound(suffix, seconds=0.5) for suffix in ("aiff", "flac", "caf", "webm"))
    vorbis, opus = with_serial(sound("ogg"), 1), with_serial(sound("opus"), 1)
    claims = {
        "aiff rate 0.aiff": (aiff.replace(rate, bytes(10)), "0 Hz"),
        "aiff rate endless.aiff": (aiff.replace(rate, b"\x7f\xff" + bytes(8)), "Hz"),
        "aiff no channels.aiff": (patched(aiff, 20, ">H", 0), "0 channels"),
        "aiff 65535 channels.aiff": (patched(aiff, 20, ">H", 65535), "65535 channels"),
        "aiff 0 bits.aiff": (patched(aiff, 26, ">H", 0), "0 bits"),
        "caf rate not a number.caf": (patched(caf, 20, ">d", float("nan")), "Hz"),
        "caf rate below 0.caf": (patched(caf, 20, ">d", -16000.0), "Hz"),
        "caf 4 billion channels.caf": (patched(caf, 44, ">I", 0xFFFFFFFF), "channels"),
        "vorbis no channels.ogg": (_first_page(vorbis, 39 - 28, "B", 0), ""),
        "vorbis rate 0.ogg": (_first_page(vorbis, 40 - 28, "<I", 0), ""),
        "opus no channels.opus": (_first_page(opus, 9, "B", 0), ""),
        "opus version.opus": (_first_page(opus, 8, "B", 255), ""),
        "tta rate 0.tta": (patched(sound("tta"), 10, "<I", 0), ""),
        "tta no channels.tta": (patched(sound("tta"), 6, "<H", 0), ""),
        "m4a 4 billion sizes.m4a": (patched(sound("m4a"), b"stsz" + bytes(8), ">I", 0xFFFFFFFF), ""),
    }
    for name, (data, says) in claims.items():
        yield failed(f"absurd/{name}", data, _R.BAD_HEADER, says)
    unknown = sound("m4a").replace(b"mp4a", b"xxxx").replace(b"esds", b"free")
    yield failed("absurd/m4a unknown codec.m4a", unknown, _R.UNSUPPORTED, "codec")
    unknown = webm.replace(b"A_OPUS", b"A_NONE")
    yield failed("absurd/webm unknown codec.webm", unknown, _R.UNSUPPORTED, "codec")
    # Each frame, or the codec itself, tells these again.
    yield fine("absurd/flac rate 0.flac", patched(flac, 18, ">H", 0), 0.5)
    yield fine("absurd/webm rate not a number.webm", patched(webm, b"\xb5\x88", ">d", float("nan")), 0.5)
    yield fine("absurd/webm rate 0.webm", patched(webm, b"\xb5\x88", ">d", 0.0), 0.5)
    yield fine("absurd/webm no channels.webm", patched(webm, b"\x9f\x81", "B", 0), 0.5)
    m4a = sound("m4a")
    clockless = patched(m4a, m4a.index(b"mdhd") + 16, ">I", 0)
    yield failed("absurd/m4a timescale 0.m4a", clockless, _R.CORRUPT, "declares")
    nowhere = patched(sound("au"), 4, ">II", 0, 0)
    yield failed("absurd/au sound before its header.au", nowhere, _R.NO_SAMPLES, "no samples")
    for name, size in (("offset", 32000), ("offset of nothing", 0)):
        data = patched(sound("au"), 4, ">II", 1 << 31, size)
        yield failed(f"absurd/au {name}.au", data, _R.TRUNCATED, "its sound data is missing")


def _first_page(data: bytes, offset: int, layout: str, value: int) -> bytes:
    first, *others = ogg_pages(data)
    body = patched(first[28:], offset, layout, value)
    return ogg_page(first, body=body) + b"".join(others)


def samples() -> Iterator[BadFile]:
    half = tone(seconds=0.5)
    for name, value in (("NaN", np.nan), ("infinite", np.inf), ("below all", -np.inf)):
        bad = half.copy()
        bad[5000] = value
        for subtype in ("FLOAT", "DOUBLE"):
            data = wav_bytes(bad, subtype=subtype)
            yield failed(f"samples/{name} {subtype}.wav", data, _R.NOT_FINITE, "NaN or infinite")
    for name, loud in (("integers", half * 30_000), ("huge", half * np.float32(1e30))):
        data = wav_bytes(loud, subtype="FLOAT")
        yield failed(f"samples/{name}.wav", data, _R.OUT_OF_RANGE, "scale them")
    none = np.zeros((0, 1), np.float32)
    yield failed("samples/none.flac", flac_of_silence(seconds=0, rate_hz=8000), _R.NO_SAMPLES, "no samples")
    for file_format in ("WAV", "AIFF", "CAF", "AU", "W64"):
        data = soundfile_bytes(none, file_format=file_format)
        yield failed(f"samples/none.{file_format.lower()}", data, _R.NO_SAMPLES, "no samples")
    short = wav_bytes(np.full((1, 1), 0.5, np.float32), rate_hz=768_000)
    yield failed("samples/too short.wav", short, _R.TOO_SHORT, "too short")
    yield fine("samples/one.wav", wav_bytes(np.full((1, 1), 0.5, np.float32)), 6.25e-05)
    yield fine("samples/silence.wav", wav_bytes(np.zeros((8000, 1), np.float32)), 0.5)
    yield fine("samples/all at the limit.wav", wav_bytes(np.ones((8000, 1), np.float32)), 0.5)
    yield fine("samples/tiny.wav", wav_bytes(np.full((8000, 1), 1e-40, np.float32), subtype="FLOAT"), 0.5)


def lengths() -> Iterator[BadFile]:
    week = flac_of_silence(seconds=7 * 3600, rate_hz=1000)
    yield failed("lengths/seven hours in 6 KB.flac", week, _R.TOO_LONG, "longer than the limit")
    untold = flac_of_silence(seconds=7 * 3600, rate_hz=1000, declared=0)
    yield failed("lengths/seven hours untold.flac", untold, _R.TOO_LONG, "longer than the limit", slow=True)
    hours = flac_of_silence(seconds=1, rate_hz=655_350, declared=3 * 3600 * 655_350)
    yield failed("lengths/three hours at 655 kHz.flac", hours, _R.TOO_DEMANDING, "cut it into parts")
    half = sound("flac", seconds=0.5)
    years = patched(half, 21, ">BI", 0xFF, 0xFFFFFFFF)
    yield failed("lengths/seven weeks.flac", years, _R.TRUNCATED, "declares 4294967.30 s")
    m4a = sound("m4a")
    claims = patched(m4a, m4a.index(b"mdhd") + 20, ">I", 0xFFFFFFFE)
    yield fine("lengths/three days.m4a", claims, 1.09)  # the table of its frames tells otherwise
    yield failed(
        "lengths/xing.mp3", patched(sound("mp3"), b"Info", ">II", 1, 0x7FFFFFFF), _R.TOO_LONG, "longer"
    )

    def sparse(head: bytes, size: int) -> object:
        def make(path: object) -> None:
            with open(path, "wb") as file:  # type: ignore[call-overload]
                file.write(head)
                file.truncate(size)

        return make

    day = patched(wav_bytes(np.zeros((0, 1), np.float32)), 40, "<I", 3_000_000_000)
    yield BadFile(
        path="lengths/sparse.wav", make=sparse(day, 3_000_000_044), outcome=_R.TOO_LONG, says="longer"
    )
    yield BadFile(
        path="lengths/sparse zeros.flac",
        make=sparse(b"", 100 << 30),
        outcome=_R.ONLY_ZEROS,
        says="zero bytes",
    )


def endless() -> Iterator[BadFile]:
    many = 110_000
    yield failed("endless/chunks.wav", riff(chunk(b"junk", b"") * many), _R.BAD_HEADER, "endless")
    aiff = b"FORM\0\0\0\0AIFF" + chunk(b"junk", b"", order=">") * many
    yield failed("endless/chunks.aiff", aiff, _R.BAD_HEADER, "endless")
    lists = b""
    for _ in range(500):
        lists = chunk(b"LIST", b"INFO" + lists)
    yield fine("endless/lists in lists.wav", riff(lists, sound("wav", seconds=0.5)[12:]), 0.5)
    boxes = b""
    for _ in range(2000):
        boxes = box(b"moov", boxes)
    yield failed(
        "endless/boxes in boxes.m4a",
        box(b"ftyp", b"M4A ") + boxes + box(b"mdat", b""),
        _R.NO_SAMPLES,
        "no samples",
    )
    masters = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    masters += (b"\x15\x49\xa9\x66\x01" + b"\xff" * 7) * 5000
    yield failed("endless/elements in elements.webm", masters, _R.BAD_HEADER, "Matroska")


def damage() -> Iterator[BadFile]:
    for suffix in ("flac", "mp3", "ogg", "opus", "m4a", "webm", "tta"):
        data = sound(suffix, seconds=4.0)
        data = with_serial(data, 1) if suffix in ("ogg", "opus") else data
        for name, fill in (("zeros", b"\0"), ("noise", _NOISE)):
            bad = overwritten(data, start=0.4, stop=0.6, fill=fill)
            yield failed(f"damage/{name} in {suffix}.{suffix}", bad, _R.CORRUPT, "damaged")
    # FFmpeg finds nothing behind a block of WavPack whose header is gone, so that it looks cut off.
    bad = overwritten(sound("wv", seconds=4.0), start=0.4, stop=0.6, fill=_NOISE)
    yield failed("damage/noise in wv.wv", bad, _R.TRUNCATED, "declares 4.00 s")
    flac = sound("flac", seconds=3.0)
    yield failed("damage/a bit of a frame.flac", flipped(flac, [len(flac) // 2]), _R.CORRUPT, "damaged")
    yield fine("damage/a bit of a frame.mp3", flipped(sound("mp3"), [2000]), 1)
    mp3 = sound("mp3", seconds=3.0)
    yield failed(
        "damage/rubbish between frames.mp3", mp3[:5000] + _NOISE * 8 + mp3[5000:], _R.CORRUPT, "no sound"
    )
    aac = sound("aac", seconds=3.0)
    yield failed(
        "damage/rubbish between frames.aac", aac[:5000] + _NOISE * 8 + aac[5000:], _R.CORRUPT, "no sound"
    )


def tags() -> Iterator[BadFile]:
    mp3 = sound("mp3", hz=600)
    yield failed("tags/huge.mp3", id3((1 << 28) - 1, mp3), _R.TRUNCATED, "ID3 tag alone")
    yield failed("tags/nothing behind.mp3", id3(1000, bytes(1000)), _R.TRUNCATED, "is cut off")
    yield fine("tags/large.mp3", id3(200_000, bytes(200_000)) + mp3, 1)
    yield fine("tags/many.mp3", id3(10, bytes(10)) * 200 + mp3, 1)
    yield fine("tags/at the end.mp3", mp3 + b"TAG" + b"\xff" * 125, 1)
    yield fine("tags/two joined.mp3", mp3 + sound("mp3", hz=900), 2)
    yield fine("tags/before flac.flac", id3(500, bytes(500)) + sound("flac", hz=600), 1)


def ogg() -> Iterator[BadFile]:
    first, second = (with_serial(sound("ogg", seconds=3.0, hz=hz), hz) for hz in (700, 800))
    pages = list(ogg_pages(first))
    yield fine("ogg/two one after the other.ogg", first + second, 6)
    endless = ogg_page(pages[-1], flags=pages[-1][5] & ~4)
    yield fine("ogg/no last page.ogg", b"".join([*pages[:-1], endless]), 3)
    for name, middle in (("checksum", flipped(pages[3], [22])), ("lost page", b"")):
        data = b"".join([*pages[:3], middle, *pages[4:]])
        yield failed(f"ogg/{name}.ogg", data, _R.CORRUPT, "damaged")
    data = b"".join([*pages[:-1], flipped(pages[-1], [22])])
    yield failed("ogg/checksum of the last page.ogg", data, _R.CORRUPT, "checksum")
    yield failed("ogg/only headers.ogg", b"".join(pages[:2]), _R.NO_SAMPLES, "no samples")


def video() -> Iterator[BadFile]:
    for suffix, container, codec in (
        ("mp4", "mp4", "mpeg4"),
        ("mkv", "matroska", "mpeg4"),
        ("mov", "avi", "mpeg4"),
    ):
        data = _video(container, codec)
        yield failed(f"video/silent.{suffix}", data, _R.NO_AUDIO_STREAM, "no sound track")


def _video(container_format: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format=container_format, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 32
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, kind)
    return buffer.getvalue()


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("sound.wav"), sound("wav", seconds=0.1))
    return buffer.getvalue()
