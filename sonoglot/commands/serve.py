"""``sonoglot serve``: the REST API and the web page."""

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sonoglot.options import DEFAULT_STORE, DatabaseOption, LogJsonOption, ModelOption, StoreOption


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8000,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    database: DatabaseOption = None,
    fetch_urls: Annotated[
        bool, typer.Option("--fetch-urls", help="Fetch pictures and sounds that are given by their address.")
    ] = False,
    log_json: LogJsonOption = False,
    with_worker: Annotated[
        bool,
        typer.Option(
            "--worker/--no-worker", help="Do submitted jobs, too; or leave them to `sonoglot worker`."
        ),
    ] = True,
    allow_folder: Annotated[
        list[Path] | None,
        typer.Option(
            "--allow-folder",
            metavar="DIR",
            help="Clients may have folders below this one indexed; may be repeated. Without keys on loopback, any.",
        ),
    ] = None,
    allow_url: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-url",
            metavar="PREFIX",
            help="Clients may have what lies below this prefix of an object store indexed (s3://...); may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve the REST API, and the web page at /.

    On loopback it is open until the first key is made; on any other address it needs one for everything.
    """
    # Before torch is loaded: threads that wait for each other by turning round and round would hold the cores that
    # requests need (docs/benchmarks.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from service.access import is_loopback
    from service.app import create_app
    from service.embedding_process import EmbeddingProcess
    from service.job_sources import AllowedSources
    from service.server import run
    from service.worker_process import worker_process

    store_dir = store.expanduser()
    app = create_app(
        store_dir=store_dir,
        open_embedder=partial(EmbeddingProcess, model),
        is_local=is_loopback(host),
        database_url=database,
        fetch_urls=fetch_urls,
        allowed_sources=AllowedSources(folders=allow_folder or [], urls=allow_url or []),
    )
    with ExitStack() as stack:
        if with_worker:
            stack.enter_context(
                worker_process(store_dir=store_dir, model_dir=model, database_url=database, log_json=log_json)
            )
        run(app, host=host, port=port, log_json=log_json)
