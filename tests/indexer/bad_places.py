"""Kinds of bad places: names, links, things that are no files, and files that change while they are read."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from indexer.errors import DecodeReason
from tests.indexer.bad_cuts import sound
from tests.indexer.bad_file import BadFile, Outcome, fine
from tests.indexer.sounds import wav_bytes

_R = DecodeReason
_SCRIPTS = {
    "Arabic": "صوت المطر",
    "Chinese": "雨声",
    "Cyrillic": "звук дождя",
    "Devanagari": "बारिश की आवाज़",
    "Ethiopic": "የዝናብ ድምፅ",
    "Georgian": "წვიმის ხმა",
    "Greek": "ήχος βροχής",
    "Hangul": "빗소리",
    "Hebrew": "קול הגשם",
    "Japanese": "雨の音",
    "Latin, composed": "pluie d\u00e9t\u00e9",
    "Latin, decomposed": "pluie de\u0301te\u0301",
    "Tamil": "மழையின் ஒலி",
    "Thai": "เสียงฝน",
    "Emoji": "🌧️🔊",
    "beyond the BMP": "𓂀𝄞",
}
_ODD_NAMES = {
    "newline": "two\nlines",
    "return": "two\rlines",
    "tab and escape": "\t\x1b[31mred\x1b[0m",
    "quotes": 'it\'s "so"',
    "shell": "$(rm -rf x); `x` & | > < * ?",
    "backslash": "C:\\sounds\\a",
    "percent": "%s %n %00",
    "leading dash": "-rf --help",
    "only a space": " ",
    "spaces around": "  a  ",
    "right to left": "a\u202egpj",
    "nothing to see": "\u200b\ufeff",
    "markup": "[bold]<b>&amp;",
    "long": "ö" * 125,
    "invalid UTF-8": os.fsdecode(b"caf\xe9 \xff\xfe"),
    "half a letter": os.fsdecode("дождь".encode()[:-1]),
    "surrogate as bytes": os.fsdecode(b"\xed\xa0\x80"),
    "device of Windows": "NUL",
}
LONG_S = 140
"""A clip that is handed out in parts: what is done to it after the first part is done in the middle of decoding."""


def all_places() -> Iterator[BadFile]:
    """Every kind of bad place."""
    for kinds in (names, links, no_files, changing):
        yield from kinds()


def names() -> Iterator[BadFile]:
    content = sound("wav", seconds=0.5, hz=350)
    for name in [*_SCRIPTS.values(), *_ODD_NAMES.values()]:
        yield fine(f"names/{name}.wav", content, 0.5)
    yield fine("names/a folder named like a sound.wav/inside.wav", content, 0.5)
    for name in (".hidden.wav", "no suffix", "suffix and space.wav ", "two.wav.part"):
        yield BadFile(
            path=f"names/{name}", make=lambda path: path.write_bytes(content), outcome="skipped", says=""
        )
    yield BadFile(path="names/deep", make=_make_deep, outcome=_R.UNREADABLE, says="File name too long")


def _make_deep(path: Path) -> None:
    """Make folders whose whole path is longer than a system call takes, one inside another."""
    path.mkdir()
    folder = os.open(path, os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


def links() -> Iterator[BadFile]:
    def link(name: str, target: str, outcome: Outcome, says: str = "") -> BadFile:
        return BadFile(
            path=f"links/{name}",
            make=lambda path: path.symlink_to(target),
            outcome=outcome,
            says=says,
            seconds=0.5 if outcome == "indexed" else None,
        )

    yield fine("links/target.wav", sound("wav", seconds=0.5, hz=360), 0.5)
    yield link("to a sound.wav", "target.wav", "indexed")
    yield link("to a link.wav", "to a sound.wav", "indexed")
    yield link("nowhere.wav", "gone.wav", _R.DANGLING_LINK, "'gone.wav', which does not exist")
    yield link("through a file.wav", "target.wav/x.wav", _R.DANGLING_LINK, "does not exist")
    yield link("to itself.wav", "to itself.wav", _R.LINK_CIRCLE, "back to itself")
    yield link("circle 1.wav", "circle 2.wav", _R.LINK_CIRCLE, "back to itself")
    yield link("circle 2.wav", "circle 1.wav", _R.LINK_CIRCLE, "back to itself")
    yield link("to the parent", "..", "skipped", "a folder that is looked through anyway")
    yield link("to this folder", ".", "skipped", "a folder that is looked through anyway")
    yield link("to all zeros.wav", "/dev/zero", _R.NOT_A_FILE, "is a device")
    yield link("to nothing.wav", "/dev/null", _R.NOT_A_FILE, "is a device")
    if sys.platform == "linux":
        # What lies at address 0 cannot be read: the same error as a bad sector gives.
        yield link("to a bad sector.wav", "/proc/self/mem", _R.UNREADABLE, "Input/output error")


def no_files() -> Iterator[BadFile]:
    yield BadFile(path="no files/pipe.wav", make=os.mkfifo, outcome=_R.NOT_A_FILE, says="is a named pipe")
    yield BadFile(
        path="no files/socket.wav",
        make=lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
        outcome=_R.NOT_A_FILE,
        says="is a socket",
    )
    if os.getuid() != 0:  # root may read everything
        yield BadFile(
            path="no files/secret.wav",
            make=lambda path: path.touch(mode=0),
            outcome=_R.NO_PERMISSION,
            says="may not be read",
        )


def changing() -> Iterator[BadFile]:
    """Each is a sound of its own, for what is known already is not decoded."""
    happenings: dict[str, tuple[Callable[[Path], object], DecodeReason, str]] = {
        "vanishes": (Path.unlink, _R.VANISHED, "went away while it was read"),
        "grows": (_grow, _R.CHANGED_WHILE_READING, "changed while it was read"),
        "shrinks": (_shrink, _R.CHANGED_WHILE_READING, "changed while it was read"),
        "is emptied": (lambda path: os.truncate(path, 0), _R.CHANGED_WHILE_READING, "changed while"),
        "is overwritten": (_overwrite, _R.CHANGED_WHILE_READING, "changed while it was read"),
        "is replaced": (_replace, _R.CHANGED_WHILE_READING, "replaced by another file"),
        "becomes a pipe": (_become_pipe, _R.CHANGED_WHILE_READING, "replaced by another file"),
        "becomes a folder": (_become_folder, _R.CHANGED_WHILE_READING, "replaced by another file"),
    }
    for number, (name, (happening, reason, says)) in enumerate(happenings.items()):
        short = wav_bytes(np.full((8000 + number, 1), 0.25, np.float32))
        long = wav_bytes(np.zeros((LONG_S * 8000 + number, 1), np.float32), rate_hz=8000, subtype="PCM_U8")
        for when, data in (("hashed", short), ("decoding", long)):
            yield BadFile(
                path=f"changing/{name} when {when}.wav",
                make=lambda path, data=data: path.write_bytes(data),
                outcome=reason,
                says=says,
                when_hashed=happening if when == "hashed" else None,
                when_decoding=happening if when == "decoding" else None,
            )


def _grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(bytes(1000))


def _shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _overwrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (1, 1))  # clocks of file systems are coarse


def _replace(path: Path) -> None:
    """By another file of the same size and time."""
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
