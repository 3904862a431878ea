"""Removes a library with all that only it had, for the API and the command line alike: jobs, clips, uploaded files.

In this order, so that what is killed in between leaves files that nobody lists, and never clips without their files;
and so that no job makes the library again: one that runs without the writer's lock, for it fetches or waits for that,
looks once more whether it is to end when it has the lock.
"""

from pathlib import Path

from indexer.catalog import Catalog
from service.jobs import Jobs
from service.upload_storage import forget_uploads


def remove_library(catalog: Catalog, name: str, *, store_dir: Path, jobs: Jobs) -> int:
    """Forget a library of a catalogue that is open as the store's only writer; how many uploaded files were deleted.

    No other file is touched. Raises LibraryNotFoundError or DatabaseUnavailableError.
    """
    catalog.library(name)
    jobs.cancel_all_of(name)
    catalog.remove_library(name)
    return forget_uploads(store_dir, name)
