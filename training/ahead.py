"""Draws the next items of an iterator in a thread, while the last one is being used."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")
_END = object()
_CHECK_S = 0.1  # how often a thread that waits looks whether it is still wanted


def ahead(items: Iterator[Item], *, depth: int) -> Iterator[Item]:
    """Yield ``items`` in order, with up to ``depth`` drawn in advance; what drawing raises is raised here."""
    drawn: queue.Queue[object] = queue.Queue(maxsize=depth)
    unwanted = threading.Event()

    def put(item: object) -> bool:
        while not unwanted.is_set():
            try:
                drawn.put(item, timeout=_CHECK_S)
            except queue.Full:
                continue
            return True
        return False

    def draw() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=draw, name="batches", daemon=True)
    thread.start()
    try:
        while (item := drawn.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item  # pyright: ignore[reportReturnType]
    finally:
        unwanted.set()
        thread.join()
