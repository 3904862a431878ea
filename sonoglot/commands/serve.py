"""``sonoglot serve``: the REST API and the web page."""

from typing import Annotated

import typer

from sonoglot.options import DEFAULT_STORE, ModelOption, StoreOption


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8000,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
) -> None:
    """Serve the REST API, and the web page at /."""
    import uvicorn

    from service.app import create_app

    uvicorn.run(create_app(store_dir=store.expanduser(), model_dir=model), host=host, port=port)
