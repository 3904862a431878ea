"""``sonoglot libraries``: what a store holds."""

import dataclasses

from sonoglot.options import DEFAULT_STORE, JsonOption, StoreOption
from sonoglot.output import print_json


def libraries(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the libraries of a store."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from indexer.store import open_store

    with open_store(store.expanduser()) as opened:
        found = opened.catalog.libraries()
        space = opened.space
    if as_json:
        print_json({"model": space.name, "libraries": [dataclasses.asdict(summary) for summary in found]})
        return
    table = Table("library", title=f"Indexed with {space}", title_justify="left")
    for name in ("clips", "segments", "failed", "missing", "hours"):
        table.add_column(name, justify="right")
    for item in found:
        counts = (str(count) for count in (item.clips, item.segments, item.failed, item.missing))
        table.add_row(Text(item.name), *counts, f"{item.duration_s / 3600:.2f}")
    Console().print(table)
