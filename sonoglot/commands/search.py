"""``sonoglot search``: rank clips for a text, a picture or a sound."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, LibraryOption, ModelOption, StoreOption
from sonoglot.output import fail, print_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.search import RankedClip
    from model.retrieval_model import RetrievalModel


def search(
    text: Annotated[
        str | None, typer.Argument(help="What to look for, in any language.", show_default=False)
    ] = None,
    image: Annotated[Path | None, typer.Option("--image", metavar="FILE", help="Ask with a picture.")] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", metavar="FILE", help="Ask with another sound.")
    ] = None,
    library: LibraryOption = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many clips to show.")] = 10,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find clips by TEXT, by a picture, or by another sound: exactly one of the three."""
    if sum(given is not None for given in (text, image, audio)) != 1:
        fail("Give exactly one of TEXT, --image FILE and --audio FILE.")

    from indexer.records import SearchFilter
    from indexer.search import search as rank
    from indexer.store import open_store
    from model.directory import load_model, load_space
    from model.limits import check_query_text

    if text is not None:
        text = check_query_text(text)
    with open_store(store.expanduser(), space=load_space(model)) as opened:
        if library is not None:
            opened.catalog.library(library)
        loaded = load_model(model)
        vector = _query_vector(loaded, text=text, image=image, audio=audio)
        hits = rank(opened, vector, filter=SearchFilter(library=library), k=k)
    if not as_json:
        _print_table(hits)
        return
    asked = {"text": text, "image": image and str(image), "audio": audio and str(audio), "library": library}
    query: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    print_json(
        {"query": query | {"k": k}, "model": loaded.space.name, "hits": [_document(hit) for hit in hits]}
    )


def _query_vector(
    model: "RetrievalModel", *, text: str | None, image: Path | None, audio: Path | None
) -> "NDArray[np.float32]":
    from indexer.queries import audio_vector, image_vector, text_vector

    if image is not None:
        return image_vector(model, image)
    if audio is not None:
        return audio_vector(model, audio)
    return text_vector(model, text or "")


def _document(hit: "RankedClip") -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "clip_id": hit.clip_id,
        "path": str(hit.path),
        "library": hit.library,
        "score": hit.score,
        "start_s": hit.start_s,
        "end_s": hit.end_s,
        "duration_s": hit.duration_s,
    }


def _print_table(hits: list["RankedClip"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from indexer.paths import display_path

    if not hits:
        Console(stderr=True).print("No clips: the store, or the library, holds none that can be searched.")
        return
    table = Table()
    for name in ("#", "score", "from", "to", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("library", overflow="fold")
    table.add_column("file", overflow="fold")
    for hit in hits:
        times = (f"{seconds:.1f} s" for seconds in (hit.start_s, hit.end_s, hit.duration_s))
        # Text, not str: square brackets in a name are no markup.
        table.add_row(
            str(hit.rank), f"{hit.score:.3f}", *times, Text(hit.library), Text(display_path(hit.path))
        )
    Console().print(table)
