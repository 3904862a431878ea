"""Bounds what questions with files hold in memory together: they wait for their turn to be embedded with all that was
sent, and nobody else counts how many of them there are."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import OverloadedError

MOST_BYTES = 512 * 1024 * 1024
_RETRY_AFTER_S = 5


class HeldBytes:
    """A server's budget; used in the event loop alone."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold so many bytes in a ``with`` block. Raises OverloadedError where others leave too little."""
        if self._held and self._held + size > self._most:
            raise OverloadedError(
                "More pictures and sounds wait already than can be answered soon.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._held += size
        try:
            yield
        finally:
            self._held -= size
