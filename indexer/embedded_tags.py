"""Reads what an audio file says of itself: the tags in it, and its name where that follows a convention.

ID3, Vorbis comments, MP4, ASF, AIFF and RIFF INFO are read by tinytag, which takes a fraction of a millisecond;
formats that it does not know (APE, WavPack, Matroska, CAF) by FFmpeg; ``bext`` and ``iXML`` by ``bwf``. Tags are the
least of a file: whatever is wrong with them, they are empty and the file is indexed. What reading them may take of
bytes and of time is bounded.
"""

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TypeVar, cast

from tinytag import TinyTag, UnsupportedFormatError

from indexer.audio import container_tags
from indexer.bwf import read_bwf
from indexer.description import NOTHING, Description, describe, split_tags
from indexer.opening import OpenFile
from indexer.ucs import read_ucs_name

_T = TypeVar("_T")

MAX_READ_BYTES = 32 << 20
"""Leaves room for a large picture among the tags; tags beyond are not read."""

MAX_CPU_S = 2.0
"""Tags can be made so that reading them takes hours."""

_LICENCE = re.compile(
    r"creative\s*commons|\bcc([ -]by|[ -]?(0|zero))\b|public domain|licen[cs]e", re.IGNORECASE
)
"""What is in a field for copyright is a licence only if it says so: most hold a name and a year."""


def describe_file(file: OpenFile) -> Description:
    """What a file's tags and, where they are silent, its name say. Raises nothing for a bad file.

    It is read as it was opened, not by its path, where something else may lie by now; afterwards it stands anywhere.
    """
    return _read_tags(file).over(read_ucs_name(file.path.stem))


def _read_tags(opened: OpenFile) -> Description:
    try:
        with _limited_cpu_time():
            file = cast(BinaryIO, _BoundedReader(opened))
            file.seek(0)
            # People write iXML of a sound; programs fill bext, some of them with settings of the recorder.
            ixml, bext = _safely(read_bwf, file, (NOTHING, NOTHING))
            return ixml.over(_safely(_read_common, file, NOTHING)).over(bext)
    except (OSError, _TooMuch):
        return NOTHING


def _safely(read: Callable[[BinaryIO], _T], file: BinaryIO, otherwise: _T) -> _T:
    try:
        return read(file)
    except Exception:  # Readers of tags meet what nobody thought of; see above.
        return otherwise


def _read_common(file: BinaryIO) -> Description:
    file.seek(0)
    try:
        found = TinyTag.get(file_obj=file, duration=False).as_dict()
        fields = {key: value for key, value in found.items() if isinstance(value, list)}
    except UnsupportedFormatError:
        file.seek(0)
        fields = {key.lower(): [value] for key, value in container_tags(file).items()}
    return _of_fields(fields)


def _of_fields(fields: Mapping[str, Sequence[str]]) -> Description:
    copyrights = (text for text in fields.get("copyright", ()) if _LICENCE.search(text))
    lists = (text for name in ("keywords", "tags", "ikey", "genre") for text in fields.get(name, ()))
    return describe(
        title=_first(fields, "title"),
        description=_first(fields, "description", "comment", "isbj"),
        artist=_first(fields, "artist", "albumartist", "album_artist", "author", "composer"),
        licence=_first(fields, "license", "licence") or next(copyrights, None),
        category=_first(fields, "category"),
        tags=[tag for text in lists for tag in split_tags(text)],
    )


def _first(fields: Mapping[str, Sequence[str]], *names: str) -> str | None:
    # tinytag puts a line before custom fields that are named as common ones.
    spelled = (*names, *(f"_{name}" for name in names))
    return next((text for name in spelled for text in fields.get(name, ()) if text.strip()), None)


class _TooMuch(Exception):
    """Reading tags takes more than it may."""


class _BoundedReader:
    """A file of which only so much may be read, whatever the sizes that it declares."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_READ_BYTES
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            data = self._file.read(self._left + 1)
            if len(data) > self._left:
                raise _TooMuch
        else:
            data = self._file.read(size)
        self._left -= len(data)
        return data

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


@contextmanager
def _limited_cpu_time() -> Iterator[None]:
    """Raise _TooMuch once the process has computed for MAX_CPU_S in the block; decoding processes can be told so.

    The time of a slow disk does not count: the rest of the file has to be read from it anyway.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(*_: object) -> None:
        raise _TooMuch

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
