"""Builds the web application: routes, problem documents, security headers, and the page at ``/``."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from service import problems
from service.access import Access, requires
from service.database import open_database
from service.endpoints import clips, health, jobs, libraries, maps, search, session
from service.headers import SecurityHeaders
from service.job_sources import AllowedSources
from service.jobs import Jobs
from service.keys import Keys, Scope
from service.maps import Maps
from service.playable import PlayableCopies
from service.runtime import Runtime
from service.threads import Threads

NO_SOURCES = AllowedSources()
PAGE_DIR = Path(__file__).parent / "page"

DESCRIPTION = (
    "Find sounds with words in any language, a picture, or another sound. "
    "Every error is a problem document (RFC 9457)."
)


def create_app(
    *,
    store_dir: Path,
    model_dir: Path | None = None,
    is_local: bool = True,
    database_url: str | None = None,
    allowed_sources: AllowedSources = NO_SOURCES,
) -> FastAPI:
    """Return the application over one store and one model (the committed default if none is given).

    Model and store are opened when the application starts; until then it answers 503, see ``/readyz``. ``is_local``:
    it will listen on loopback alone, where it is open until there are keys. ``database_url``: where keys and jobs
    are, if not in the store. ``allowed_sources``: what clients may have indexed; without keys on loopback, any folder.
    """
    runtime = Runtime(store_dir=store_dir, model_dir=model_dir)
    database = open_database(store_dir, database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.copies = PlayableCopies()
        runtime.start()
        try:
            yield
        finally:
            app.state.copies.close()
            database.close()
            runtime.stop()

    app = FastAPI(
        title="Sonoglot",
        summary="Find a sound in any language.",
        description=DESCRIPTION,
        version=version("sonoglot"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # FastAPI's own pages load their scripts from the internet
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.runtime = runtime
    app.state.threads = Threads()
    app.state.maps = Maps()
    app.state.fetch = None
    app.state.on_stage = lambda stage, seconds: None
    app.state.jobs = Jobs(database)
    app.state.allowed_sources = allowed_sources
    app.state.stopping = (
        threading.Event()
    )  # Set when the server begins to stop: answers without end then end.
    app.state.access = Access(Keys(database), is_local=is_local)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    app.include_router(health.router)
    app.include_router(session.router)
    app.include_router(jobs.router)
    for module in (search, clips, libraries, maps):
        app.include_router(
            module.router,
            dependencies=[requires(Scope.SEARCH)],
            responses=problems.responses(*problems.NOT_ADMITTED),
        )
    app.mount("/", StaticFiles(directory=PAGE_DIR, html=True), name="page")
    return app
