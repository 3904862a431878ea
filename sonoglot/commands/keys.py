"""``sonoglot keys``: make, list and revoke the keys that the REST API asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoglot.options import DEFAULT_STORE, DatabaseOption, JsonOption, KeyScope, StoreOption
from sonoglot.output import print_json

if TYPE_CHECKING:
    from service.keys import Keys


def add_commands(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> typer.Typer:
    """The group of commands, each wrapped."""
    group = typer.Typer(help="Make, list and revoke the keys of the REST API.", no_args_is_help=True)
    group.command("create")(wrap(create))
    group.command("list")(wrap(list_keys))
    group.command("revoke")(wrap(revoke))
    return group


def create(
    scope: Annotated[
        KeyScope, typer.Option("--scope", help="search; index: and to index; admin: and to delete.")
    ],
    name: Annotated[str, typer.Option("--name", help="Whose key it is, for the list of keys.")] = "",
    per_minute: Annotated[
        int, typer.Option("--per-minute", min=1, help="How many requests a minute it may make.")
    ] = 600,
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, once: only its hash is kept. From the first key on, every request needs one."""
    from service.keys import Scope

    with _keys(store, database) as keys:
        key, text = keys.create(name=name, scope=Scope(scope.value), requests_per_minute=per_minute)
    if as_json:
        print_json(asdict(key) | {"key": text})
        return
    typer.echo(text)
    typer.echo(f"Key {key.key_id} may {key.scope}. It is not shown again.", err=True)


def list_keys(
    store: StoreOption = DEFAULT_STORE, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """List all keys, without what opens them."""
    with _keys(store, database) as keys:
        found = keys.all()
    if as_json:
        print_json({"keys": [asdict(key) for key in found]})
        return
    for key in found:
        state = f"revoked {key.revoked_at}" if key.revoked_at else f"{key.requests_per_minute} a minute"
        typer.echo(f"{key.key_id}  {key.scope:6}  made {key.created_at}  {state}  {key.name}")
    if not found:
        typer.echo("There are no keys.")


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `sonoglot keys list` shows it.")],
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
) -> None:
    """End a key, from the next request on."""
    with _keys(store, database) as keys:
        keys.revoke(key_id)
        is_last = all(key.revoked_at for key in keys.all())
    typer.echo(f"Key {key_id} opens nothing any more.")
    if is_last:
        typer.echo(
            "It was the last: every request goes on needing a key. Make one with: sonoglot keys create"
        )


@contextmanager
def _keys(store: Path, database: str | None) -> "Iterator[Keys]":
    from service.database import open_database
    from service.keys import Keys

    opened = open_database(store.expanduser(), database)
    try:
        yield Keys(opened)
    finally:
        opened.close()
