"""Notices when the process ends that started this one, however it ends."""

import os
import threading
from collections.abc import Callable

_LOOK_S = 1.0


def when_parent_ends(parent: int, then: Callable[[], None]) -> None:
    """Call ``then``, in a thread of its own, when the process ``parent`` is not this one's parent any more."""
    threading.Thread(target=_watch, args=(parent, then), name="parent", daemon=True).start()


def _watch(parent: int, then: Callable[[], None]) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_S)
    then()
