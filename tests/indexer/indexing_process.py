"""A process for the kill tests: indexes a folder with the model of a directory and tells each step on standard
output."""

import sys
from pathlib import Path

from indexer.build import IndexProgress, index_paths
from indexer.store import open_store_for_writing
from model.directory import load_model


def tell(progress: IndexProgress) -> None:
    step = "file" if progress.path else "commit"
    print(step, progress.done, progress.committed, progress.total, flush=True)


def main(store_directory: Path, folder: Path, model_directory: Path) -> None:
    model = load_model(model_directory)
    with open_store_for_writing(store_directory, space=model.space) as store:
        index_paths(store, model, library="test", paths=[folder], on_progress=tell)
    print("finished", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
