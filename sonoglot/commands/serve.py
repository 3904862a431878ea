"""``sonoglot serve``: the REST API and the web page."""

from typing import Annotated

import typer

from sonoglot.options import DEFAULT_STORE, DatabaseOption, ModelOption, StoreOption


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8000,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    database: DatabaseOption = None,
) -> None:
    """Serve the REST API, and the web page at /.

    On loopback it is open until there are keys; on any other address it needs one for everything.
    """
    import uvicorn

    from service.access import is_loopback
    from service.app import create_app

    app = create_app(
        store_dir=store.expanduser(), model_dir=model, is_local=is_loopback(host), database_url=database
    )
    uvicorn.run(app, host=host, port=port)
