"""How commands speak: results on standard output, everything else on standard error, errors as one readable
line."""

import functools
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, ParamSpec

import click
import typer

_P = ParamSpec("_P")


def typed_command() -> str:
    """Return the command line that this program was started with, to be kept beside what it made."""
    return shlex.join(["sonoglot", *sys.argv[1:]])


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document as UTF-8, whatever the terminal's encoding.

    File names that are not UTF-8 keep their bytes as escaped surrogates, which Python's ``os.fsencode`` turns
    back.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(text.encode("utf-8", errors="backslashreplace"))


def print_json_line(document: Mapping[str, Any]) -> None:
    """Print a JSON document on one line, for what goes on saying more."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    click.echo(text.encode("utf-8", errors="backslashreplace"))


def clip_progress(total: int) -> Callable[[int], None]:
    """Return what reports every hundredth clip on standard error."""

    def show(done: int) -> None:
        if done % 100 == 0 or done == total:
            click.echo(f"{done}/{total} clips", err=True)

    return show


def fail(message: str) -> NoReturn:
    """Say what went wrong on standard error and exit 1."""
    click.echo(f"Error: {message}", err=True)
    raise typer.Exit(1)


def readable_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turn every error that is meant for people into one line and exit code 1; defects keep their
    traceback."""

    @functools.wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("Interrupted. What was done so far is kept; run the command again to go on.", err=True)
            raise typer.Exit(130) from None
        except Exception as error:
            if not isinstance(error, _known_errors()):
                raise
            fail(str(error))

    return wrapped


def _known_errors() -> tuple[type[Exception], ...]:
    from indexer.errors import IndexerError
    from model.errors import ModelError
    from service.errors import ServiceError
    from training.errors import TrainingError

    return (ModelError, IndexerError, TrainingError, ServiceError)
