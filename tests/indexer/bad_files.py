"""Makes a corpus of all kinds of bad file, to index or to look at.

    python -m tests.indexer.bad_files DIRECTORY

Files whose kind is that something happens to them while they are read lie there as they are before it. The corpus
is small on disk, though some of its files say that they are large; the same is made every time.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from tests.indexer.bad_contents import all_contents
from tests.indexer.bad_file import BadFile
from tests.indexer.bad_places import all_places


def all_kinds() -> list[BadFile]:
    """Every kind of bad file there is."""
    return [*all_contents(), *all_places()]


def make_corpus(folder: Path, kinds: Iterable[BadFile]) -> dict[Path, BadFile]:
    """Make these kinds below a folder; where each was put."""
    made = {}
    for kind in kinds:
        path = folder / kind.path
        path.parent.mkdir(parents=True, exist_ok=True)
        kind.make(path)
        made[path] = kind
    return made


def main(folder: Path) -> None:
    made = make_corpus(folder, all_kinds())
    print(f"{len(made)} kinds of bad file lie in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
