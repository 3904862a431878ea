"""Everything that can go wrong between a file on disk and a ranked answer.

Kept free of heavy imports: the command line and the service import it to recognise these errors.
"""

from enum import StrEnum


class IndexerError(Exception):
    """Base of the indexer package's errors; the message is meant for people."""


class DecodeReason(StrEnum):
    """Why audio cannot be used, for programs; the error's message says it for people."""

    EMPTY_FILE = "empty_file"
    NO_SAMPLES = "no_samples"
    ONLY_ZEROS = "only_zeros"
    NOT_AUDIO = "not_audio"
    PLAYLIST = "playlist"
    PLACEHOLDER = "placeholder"
    UNSUPPORTED = "unsupported"
    NO_AUDIO_STREAM = "no_audio_stream"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    BAD_HEADER = "bad_header"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NOT_A_FILE = "not_a_file"
    DANGLING_LINK = "dangling_link"
    LINK_CIRCLE = "link_circle"
    VANISHED = "vanished"
    NO_PERMISSION = "no_permission"
    UNREADABLE = "unreadable"
    CHANGED_WHILE_READING = "changed_while_reading"
    NOT_EMBEDDABLE = "not_embeddable"
    TOO_DEMANDING = "too_demanding"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_HUNG = "decoder_hung"


class DecodeError(IndexerError):
    """Audio cannot be decoded or must not be used; ``reason`` is machine-readable."""

    def __init__(self, reason: DecodeReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[DecodeReason, str]]:
        return type(self), (self.reason, str(self))  # they come from decoding processes


class UnreadableFileError(DecodeError):
    """The file could not be read at all, so nothing is known about its content."""


class InvalidLibraryNameError(IndexerError):
    """A library name is empty, too long, or holds control characters."""


class InvalidQueryError(IndexerError):
    """A query cannot be searched for: wrong shape, not finite, or k below one."""


class LibraryNotFoundError(IndexerError):
    """The store has no library of that name."""


class LibraryExistsError(IndexerError):
    """The store has a library of that name already."""


class ClipNotFoundError(IndexerError):
    """The store has no clip with that id."""


class WatchError(IndexerError):
    """Folders cannot be watched for changes."""


class StoreError(IndexerError):
    """A store directory cannot be used; the message says what to do."""


class StoreNotFoundError(StoreError):
    """There is no store at that directory."""


class StoreBusyError(StoreError):
    """Another process is writing to the store."""


class SpaceMismatchError(StoreError):
    """The store was built in another embedding space than the model's."""
