"""Serves an app over HTTP on a free port of this machine, for tests that need a real connection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn


@contextmanager
def listening(app: Any, *, lifespan: Literal["on", "off"] = "on") -> Iterator[str]:
    """Gives the server's address. ``lifespan`` off: of an app that somebody else has started."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # now, so that nobody is turned away before the server runs
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan=lifespan))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
