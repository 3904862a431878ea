"""``sonoglot mcp``: a server for assistants, over standard input and output."""

from typing import Annotated

import typer

from sonoglot.output import fail


def mcp(
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Sonoglot server to ask.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None, typer.Option("--key", envvar="SONOGLOT_KEY", help="Key of that server, if it needs one.")
    ] = None,
) -> None:
    """Let an assistant search the libraries of a Sonoglot server (Model Context Protocol, over standard input and
    output).

    Needs the extra mcp: pip install 'sonoglot[mcp]'.
    """
    from sonoglot.client import AsyncClient

    try:
        from sonoglot.mcp_server import build_server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        fail("The package mcp is not installed: pip install 'sonoglot[mcp]'.")
    build_server(AsyncClient(url, key=key)).run()
