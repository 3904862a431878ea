"""Maps of libraries, made once for each state of the index: laying one out takes seconds."""

import threading
from collections import OrderedDict

from indexer.layout import LaidOutClip, lay_out
from indexer.store import Store

_HELD = 20


class Maps:
    """The maps that were asked for last. Safe to use from several threads; each map is made once."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[int, list[LaidOutClip]]] = OrderedDict()
        self._making = threading.Lock()

    def of(self, store: Store, library: str) -> tuple[int, list[LaidOutClip]]:
        """The generation of the index and the clips of a library with their places. Raises LibraryNotFoundError."""
        with self._making:
            snapshot = store.snapshot()
            held = self._held.get(library)
            if held is None or held[0] != snapshot.generation:
                held = snapshot.generation, lay_out(store, snapshot, library)
                self._held[library] = held
            self._held.move_to_end(library)
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
            return held
