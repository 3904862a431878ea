"""Help comes at once: nothing heavy is imported by what only parses arguments."""

import subprocess
import sys
from typing import Any

import pytest

HEAVY = (
    "torch",
    "faiss",
    "sqlalchemy",
    "transformers",
    "open_clip",
    "fastapi",
    "uvicorn",
    "numpy",
    "av",
    "PIL",
    "matplotlib",
)
PROGRAM = f"""
import sys
from typer.testing import CliRunner
from sonoglot.cli import app
result = CliRunner().invoke(app, sys.argv[1:])
print(result.exit_code, *[name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["index", "--help"],
        ["search", "--help"],
        ["serve", "--help"],
        ["queries", "--help"],
        ["queries", "cldr", "--help"],
        ["experiment", "--help"],
        ["experiment", "languages", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "0"


def test_every_command_and_every_option_is_explained() -> None:
    from typer.main import get_command

    from sonoglot.cli import app

    group: Any = get_command(app)
    commands = group.commands
    assert {"index", "search", "serve", "libraries", "remove", "models"} <= set(commands)
    for name, command in commands.items():
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert getattr(parameter, "help", None), f"{name} {parameter.name}"
