"""The server for assistants, as an assistant uses it: through the protocol, over the real app."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import httpx
import mcp
import pytest
from fastapi.testclient import TestClient
from mcp import StdioServerParameters
from typer.testing import CliRunner

from sonoglot.cli import app
from sonoglot.client import AsyncClient
from sonoglot.mcp_server import build_server
from tests.service.http_server import listening


def use(client: TestClient, tool: str, **arguments: Any) -> tuple[bool, Mapping[str, Any], str]:
    """Whether a tool failed, what it says as data, and as text."""

    async def ask() -> tuple[bool, Mapping[str, Any], str]:
        transport = httpx.ASGITransport(client.app)  # pyright: ignore[reportArgumentType]
        async with (
            AsyncClient("http://127.0.0.1:8000", transport=transport) as own,
            mcp.Client(build_server(own)) as assistant,
        ):
            result = await assistant.call_tool(tool, arguments)
            text = "".join(part.text for part in result.content if part.type == "text")
            return bool(result.is_error), result.structured_content or {}, text

    return asyncio.run(ask())


def test_tools_say_what_they_are_for(client: TestClient) -> None:
    async def ask() -> list[Any]:
        async with AsyncClient() as own, mcp.Client(build_server(own)) as assistant:
            return list((await assistant.list_tools()).tools)

    tools = {tool.name: tool for tool in asyncio.run(ask())}
    assert set(tools) == {"search_sounds", "similar_sounds", "list_libraries", "describe_clip"}
    for tool in tools.values():
        assert tool.description
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), (tool.name, name)
    assert tools["search_sounds"].input_schema["required"] == ["text"]


def test_an_assistant_finds_a_sound_and_what_is_like_it(client: TestClient) -> None:
    failed, found, _ = use(client, "search_sounds", text="雨の音", library="weather", k=2)
    assert not failed
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    first = found["hits"][0]
    assert first["library"] == "weather"
    assert None not in first.values()
    _, clip, _ = use(client, "describe_clip", clip_id=first["clip_id"])
    assert clip["path"] == first["path"]
    _, similar, _ = use(client, "similar_sounds", clip_id=first["clip_id"], library="foley", k=1)
    assert [hit["library"] for hit in similar["hits"]] == ["foley"]
    _, listed, _ = use(client, "list_libraries")
    assert [library["name"] for library in listed["libraries"]] == ["foley", "weather"]


def test_problems_reach_the_assistant_in_words(client: TestClient) -> None:
    failed, _, text = use(client, "describe_clip", clip_id="none")
    assert failed
    assert "There is no clip" in text
    failed, _, text = use(client, "search_sounds", text="rain", k=1000)
    assert failed
    assert "50" in text


def test_the_command_speaks_the_protocol(client: TestClient) -> None:
    async def ask(url: str) -> Any:
        command = StdioServerParameters(command=sys.executable, args=["-m", "sonoglot", "mcp", "--url", url])
        async with mcp.Client(command) as assistant:
            return await assistant.call_tool("list_libraries", {})

    with listening(client.app, lifespan="off") as url:
        result = asyncio.run(ask(url))
    assert [library["name"] for library in result.structured_content["libraries"]] == ["foley", "weather"]


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sonoglot.mcp_server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    done = CliRunner().invoke(app, ["mcp"])
    assert done.exit_code == 1
    assert "sonoglot[mcp]" in done.stderr
