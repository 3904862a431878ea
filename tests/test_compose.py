"""docker-compose.yml says nothing that our command line, our environment and our images do not understand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url
from typer.main import get_command

from sonoglot.cli import app

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
OURS = ("api", "worker")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """As compose sees them, with SOUNDS set and nothing else."""

    def value(match: re.Match[str]) -> str:
        return match[3] if match[2] == "-" else {"SOUNDS": "/home/ada/sounds"}[match[1]]

    text = VARIABLE.sub(value, (ROOT / "docker-compose.yml").read_text("utf-8"))
    return yaml.safe_load(text)["services"]


def parsed(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The command that is called, and its parameters; raises where the command line would refuse."""
    group: Any = get_command(app)
    with group.make_context("sonoglot", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, arguments)
        return name, command.make_context(name, rest, parent=context).params


def envvars() -> set[str]:
    group: Any = get_command(app)
    return {p.envvar for command in group.commands.values() for p in command.params if p.envvar}


def test_the_commands_are_ours(services: dict[str, Any]) -> None:
    name, options = parsed(services["api"]["command"])
    assert (name, options["with_worker"], options["host"]) == ("serve", False, "0.0.0.0")
    targets = {volume.split(":")[1] for volume in services["api"]["volumes"]}
    assert {str(folder) for folder in options["allow_folder"]} < targets
    assert [f"127.0.0.1:8000:{options['port']}"] == services["api"]["ports"]
    assert parsed(services["worker"]["command"])[0] == "worker"
    assert services["worker"]["volumes"] == services["api"]["volumes"], "they see the same files"


def test_the_environment_is_ours(services: dict[str, Any]) -> None:
    for name in OURS:
        environment = services[name]["environment"]
        assert set(environment) <= envvars()
        url = make_url(environment["SONOGLOT_DATABASE"])
        database = services[url.host or ""]["environment"]
        assert (url.drivername, url.username, url.password, url.database) == (
            "postgresql+psycopg",
            database["POSTGRES_USER"],
            database["POSTGRES_PASSWORD"],
            database["POSTGRES_DB"],
        )


def test_what_starts_after_another_waits_for_its_health(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["read_only"]
        for other, how in services[name]["depends_on"].items():
            assert how == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"]


@pytest.mark.parametrize("file", ["Dockerfile", "Dockerfile.gpu"])
def test_the_images_start_with_a_command_of_ours(file: str) -> None:
    text = (ROOT / "docker" / file).read_text("utf-8")
    commands = re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", text, re.MULTILINE)
    entry, arguments = (json.loads(command) for command in commands)
    assert entry == ["sonoglot"]
    assert parsed(arguments)[0] == "serve"
