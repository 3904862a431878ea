"""One kind of bad file, and the short ways to declare it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.errors import DecodeReason

Outcome = DecodeReason | Literal["indexed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """A kind of bad file: where it lies below the corpus, how it is made, and what must become of it.

    An indexed one lasts ``seconds``. ``says`` is a part of the message that people get. ``when_hashed`` and
    ``when_decoding`` are done to the file by somebody else when its hash is known, and when the first part of its
    sound is. ``slow`` kinds take more than a second to refuse.
    """

    path: str
    make: Callable[[Path], object]
    outcome: Outcome
    says: str = ""
    seconds: float | None = None
    when_hashed: Callable[[Path], object] | None = None
    when_decoding: Callable[[Path], object] | None = None
    slow: bool = False


def failed(path: str, content: bytes, reason: DecodeReason, says: str, *, slow: bool = False) -> BadFile:
    """A file with such a content cannot be indexed, and the message says why."""
    return BadFile(
        path=path, make=lambda target: target.write_bytes(content), outcome=reason, says=says, slow=slow
    )


def fine(path: str, content: bytes, seconds: float) -> BadFile:
    """A file that looks bad and can be indexed as so many seconds of sound."""
    return BadFile(
        path=path, make=lambda target: target.write_bytes(content), outcome="indexed", seconds=seconds
    )
