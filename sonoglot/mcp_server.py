"""A server for assistants (Model Context Protocol): they search a library of sounds through a Sonoglot server.

It speaks over standard input and output, as assistants start it (``sonoglot mcp``), and asks the REST API through our
own client, so it may run on another machine than the sounds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from sonoglot.client import AsyncClient, Clip, Hit, Library, SearchAnswer, SearchOptions, SonoglotError

INSTRUCTIONS = (
    "Finds sounds in libraries of recordings by what they sound like. Describe a sound in any language, or name a "
    "clip to find others like it. Scores are cosines; a good_match of false says that nothing really fits."
)
MAX_RESULTS = 50

ResultCount = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="How many sounds at most.")]
LibraryName = Annotated[str | None, Field(description="Only in this library; in all of them without it.")]
ClipId = Annotated[str, Field(description="As a search gave it.")]


def build_server(client: AsyncClient) -> MCPServer:
    """A server of four tools, which asks through a client. Errors of the client are told to the assistant."""
    server = MCPServer("sonoglot", instructions=INSTRUCTIONS)

    @server.tool()
    async def search_sounds(
        text: Annotated[str, Field(description="What the sound is, in any language.")],
        without: Annotated[list[str] | None, Field(description="What it shall not sound like.")] = None,
        library: LibraryName = None,
        tags: Annotated[list[str] | None, Field(description="Only sounds with all of these tags.")] = None,
        max_duration_s: Annotated[float | None, Field(description="Only sounds at most so long.")] = None,
        k: ResultCount = 10,
    ) -> dict[str, Any]:
        """Find sounds by a description."""
        options = SearchOptions(k=k)
        if without:
            options["without"] = without
        if library is not None:
            options["library"] = library
        if tags:
            options["tags"] = tags
        if max_duration_s is not None:
            options["max_duration_s"] = max_duration_s
        with _told_errors():
            return _told(await client.search(text, **options))

    @server.tool()
    async def similar_sounds(
        clip_id: ClipId, library: LibraryName = None, k: ResultCount = 10
    ) -> dict[str, Any]:
        """Find sounds like one that was found."""
        options = SearchOptions(clip_id=clip_id, k=k)
        if library is not None:
            options["library"] = library
        with _told_errors():
            return _told(await client.search(**options))

    @server.tool()
    async def list_libraries() -> dict[str, Any]:
        """List the libraries, and how much is in each."""
        with _told_errors():
            return {"libraries": [_without_gaps(library) for library in await client.libraries()]}

    @server.tool()
    async def describe_clip(clip_id: ClipId) -> dict[str, Any]:
        """Say what is known of a sound: title, description, tags, licence, length, where it lies."""
        with _told_errors():
            return _without_gaps(await client.clip(clip_id))

    return server


@contextmanager
def _told_errors() -> Iterator[None]:
    """Let the assistant read what went wrong; of other errors it hears only that there was one."""
    try:
        yield
    except SonoglotError as error:
        raise ToolError(error.detail) from error


def _told(answer: SearchAnswer) -> dict[str, Any]:
    told: dict[str, Any] = {"hits": [_without_gaps(hit) for hit in answer.hits]}
    return told if answer.good_match is None else {"good_match": answer.good_match, **told}


def _without_gaps(described: Hit | Clip | Library) -> dict[str, Any]:
    """Without what is unknown, for an assistant pays for every word that it reads."""
    return {name: value for name, value in asdict(described).items() if value is not None and value != ()}
