"""Runs the application in uvicorn, which on its end waits for every answer; those without an end are told to end."""

import signal
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.stopping.set()
        super().handle_exit(sig, frame)


def run(app: FastAPI, *, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM, and finish what was accepted. Raises SystemExit if it cannot start."""
    server = _Server(app, uvicorn.Config(app, host=host, port=port))
    # When it has ended, uvicorn sends itself the signal again, which must not end the process before its callers.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise SystemExit(1)
