"""``sonoglot search``: rank clips for a text, a picture or a sound."""

import os
from dataclasses import asdict
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
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="TEXT", help="And not this; repeat it for several."),
    ] = None,
    library: LibraryOption = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Look only at files below this folder.")
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option("--min-duration", metavar="S", help="Only clips of at least S seconds.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option("--max-duration", metavar="S", help="Only clips of at most S seconds.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only clips with this tag; repeat it to ask for several."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="NAME", help="Only clips under this licence.")
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="Only clips of this category.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many clips to show.")] = 10,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find clips by TEXT, by a picture, by another sound, or by what these have in common; --without leads away.

    Tags, licences and categories are what files and tables beside them say; sonoglot status lists them.
    """
    if text is None and image is None and audio is None:
        fail("Give TEXT, --image FILE or --audio FILE, or several of them.")

    from indexer.records import SearchFilter
    from indexer.search import search as rank
    from indexer.store import open_store
    from model.directory import load_model, load_space
    from model.limits import check_query_text

    if text is not None:
        text = check_query_text(text)
    others = [check_query_text(other) for other in without or ()]
    asked_of = SearchFilter(
        library=library,
        folder=None if folder is None else Path(os.path.abspath(folder.expanduser())),
        min_duration_s=min_duration,
        max_duration_s=max_duration,
        tags=tuple(tag or ()),
        licence=licence,
        category=category,
    )
    with open_store(store.expanduser(), space=load_space(model)) as opened:
        if library is not None:
            opened.catalog.library(library)
        loaded = load_model(model)
        vector = _query_vector(loaded, text=text, image=image, audio=audio, without=others)
        hits = rank(opened, vector, filter=asked_of, k=k)
    if not as_json:
        _print_table(hits)
        return
    asked = {"text": text, "image": image and str(image), "audio": audio and str(audio), **asdict(asked_of)}
    asked["without"] = others or None
    asked |= {"folder": asked_of.folder and str(asked_of.folder), "tags": list(asked_of.tags) or None}
    query: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    print_json(
        {"query": query | {"k": k}, "model": loaded.space.name, "hits": [_document(hit) for hit in hits]}
    )


def _query_vector(
    model: "RetrievalModel",
    *,
    text: str | None,
    image: Path | None,
    audio: Path | None,
    without: list[str],
) -> "NDArray[np.float32]":
    from indexer.queries import LEADS_AWAY, audio_vector, image_vector, mixed_vector, text_vector

    parts = []
    if text is not None:
        parts.append((text_vector(model, text), 1.0))
    if image is not None:
        parts.append((image_vector(model, image), 1.0))
    if audio is not None:
        parts.append((audio_vector(model, audio), 1.0))
    parts += [(text_vector(model, other), LEADS_AWAY) for other in without]
    return parts[0][0] if len(parts) == 1 else mixed_vector(parts)


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
        **{name: value for name, value in asdict(hit.description).items() if value},
    }


def _print_table(hits: list["RankedClip"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from indexer.description import NOTHING
    from indexer.paths import display_path

    if not hits:
        Console(stderr=True).print(
            "No clips: the store holds none that can be searched and pass the filters."
        )
        return
    table = Table()
    for name in ("#", "score", "from", "to", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("library", overflow="fold")
    table.add_column("file", overflow="fold")
    described = any(hit.description != NOTHING for hit in hits)
    if described:
        table.add_column("title and tags", overflow="fold")
    for hit in hits:
        times = (f"{seconds:.1f} s" for seconds in (hit.start_s, hit.end_s, hit.duration_s))
        # Text, not str: square brackets in a name are no markup.
        texts = [hit.library, display_path(hit.path)]
        if described:
            texts.append("\n".join(filter(None, (hit.description.title, ", ".join(hit.description.tags)))))
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *times, *map(Text, texts))
    Console().print(table)
