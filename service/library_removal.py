"""Removes a library with all that only it had, for the API and the command line alike: clips, then uploaded files.

In this order, so that what is killed in between leaves files that nobody lists, and never clips without their files.
"""

from pathlib import Path

from indexer.catalog import Catalog
from service.upload_storage import forget_uploads


def remove_library(catalog: Catalog, name: str, *, store_dir: Path) -> int:
    """Forget a library of a catalogue that is open as the store's only writer; how many uploaded files were deleted.

    No other file is touched. Raises LibraryNotFoundError.
    """
    catalog.remove_library(name)
    return forget_uploads(store_dir, name)
