"""Decides what of an upload is taken: sounds by their suffix, and those in archives. Indexing finds out what they hold.

Blocks, and is called from worker threads. Whatever goes wrong with one file is told of that file; what is too large, or
finds no room, ends the whole upload, and then nothing of it is kept.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.paths import display_path
from indexer.scan import is_audio_name
from service.archives import ArchiveError, Content, Member, Unpacked, is_archive_name, members_of
from service.errors import NothingUsableError
from service.limits import UploadLimits
from service.multipart_files import SentFile
from service.upload_storage import UploadStorage, create, room_or_error

_COPIED_AT_ONCE = 1 << 18
_EMPTY = "it is empty"
_NO_SOUND = "there is no sound in it"
_NO_AUDIO = "not an audio file or an archive (by its suffix)"


@dataclass(frozen=True)
class Taken:
    """What became of a file; ``reason`` says why it was refused, if it was."""

    name: str
    reason: str | None = None


def take_files(storage: UploadStorage, files: list[SentFile], *, limits: UploadLimits) -> list[Taken]:
    """Sort files that were sent into the storage; what became of each, and of each in an archive.

    Raises NothingUsableError, BodyTooLargeError or StorageFullError.
    """
    taking = _Taking(storage, limits)
    taken = [outcome for file in files for outcome in taking.take(file)]
    refused = [(item.name, item.reason) for item in taken if item.reason is not None]
    if len(refused) == len(taken):
        raise NothingUsableError(refused)
    return taken


class _Taking:
    """Takes files one after another; ``limits`` shrink by what archives have held so far."""

    def __init__(self, storage: UploadStorage, limits: UploadLimits) -> None:
        self._storage = storage
        self._limits = limits

    def take(self, file: SentFile) -> Iterator[Taken]:
        shown = display_path(file.name)
        if file.size_bytes == 0:
            yield Taken(shown, _EMPTY)
        elif is_archive_name(file.name):
            yield from self._take_archive(file, shown)
            file.path.unlink()  # its room is needed for what was in it
        elif not is_audio_name(os.fsencode(file.name)):
            yield Taken(shown, _NO_AUDIO)
        else:
            path = self._storage.new_path(_suffix(file.name))
            file.path.rename(path)
            self._storage.take(path, name=file.name)
            yield Taken(shown)

    def _take_archive(self, file: SentFile, shown: str) -> Iterator[Taken]:
        unpacked = Unpacked(file.path, name=shown, limits=self._limits)
        is_bare = True
        try:
            for member in members_of(file.path, unpacked):
                is_bare = False
                name = member.name.encode(errors="replace").decode()
                yield Taken(display_path(f"{shown}/{name}")[:1000], self._refused(member, name))
        except ArchiveError as error:
            is_bare = False
            yield Taken(shown, str(error))
        if is_bare:
            yield Taken(shown, _NO_SOUND)
        self._limits = replace(
            self._limits,
            unpacked_bytes=self._limits.unpacked_bytes - unpacked.bytes,
            members=self._limits.members - unpacked.members,
        )

    def _refused(self, member: Member, name: str) -> str | None:
        """Take a file of an archive, or say why not."""
        if member.content is None:
            return member.problem
        if not is_audio_name(os.fsencode(name)):
            return _NO_AUDIO
        path = self._storage.new_path(_suffix(name))
        with room_or_error():
            size = _copy(member.content, path)
        if size == 0:
            return _EMPTY
        self._storage.take(path, name=name.replace("\\", "/").rsplit("/", 1)[-1])
        return None


def _copy(content: Content, path: Path) -> int:
    size = 0
    with create(path) as file:
        while data := content.read(_COPIED_AT_ONCE):
            file.write(data)
            size += len(data)
    return size


def _suffix(name: str) -> str:
    """One of those that are known; see ``is_audio_name``."""
    return os.path.splitext(name)[1].lower()
