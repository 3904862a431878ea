"""Runs the application in uvicorn, which on its end waits for every answer; those without an end are told to end."""

import gc
import signal
import socket
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.logs import logging_config


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What the application is made of stays: else all of it is looked through now and then, and for a tenth of a
        # second nobody is answered.
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.stopping.set()
        super().handle_exit(sig, frame)


def run(app: FastAPI, *, host: str, port: int, log_json: bool = False) -> None:
    """Serve until Ctrl-C or SIGTERM, and finish what was accepted. Raises SystemExit if it cannot start."""
    # The access log is our own: it knows the request's id, route and key.
    log = logging_config(as_json=log_json)
    server = _Server(app, uvicorn.Config(app, host=host, port=port, log_config=log, access_log=False))
    # When it has ended, uvicorn sends itself the signal again, which must not end the process before its callers.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise SystemExit(1)
