"""Builds the web application: routes, problem documents, security headers, and the page at ``/``."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from indexer.nearest import search_alone
from service import problems
from service.access import Access, requires
from service.database import open_database
from service.embedder import Embedder, open_here
from service.endpoints import (
    clip_changes,
    clip_sounds,
    clips,
    health,
    jobs,
    libraries,
    library_changes,
    maps,
    search,
    session,
    uploads,
)
from service.endpoints import metrics as metrics_endpoint
from service.fetching import Fetcher
from service.headers import SecurityHeaders
from service.held_bytes import HeldBytes
from service.job_schemas import job_out
from service.job_sources import AllowedSources
from service.jobs import Jobs
from service.keys import Keys, Scope
from service.library_paths import LibraryPaths
from service.maps import Maps
from service.metrics import Metrics
from service.observing import Observation
from service.page_files import PageFiles
from service.playable import PlayableCopies
from service.runtime import Runtime
from service.small_bodies import SmallBodies
from service.threads import Threads
from service.tracing import start_tracing_if_asked

NO_SOURCES = AllowedSources()
PAGE_DIR = Path(__file__).parent / "page"

DESCRIPTION = (
    "Find sounds with words in any language, a picture, or another sound. "
    "Every error is a problem document (RFC 9457)."
)


def create_app(
    *,
    store_dir: Path,
    open_embedder: Callable[[], Embedder] = open_here,
    is_local: bool = True,
    database_url: str | None = None,
    allowed_sources: AllowedSources = NO_SOURCES,
    fetch_urls: bool = False,
) -> FastAPI:
    """Return the application over one store and one model.

    Both are opened when the application starts, the model by ``open_embedder``: the committed default in this process,
    if nothing else is given. Until then it answers 503, see ``/readyz``. ``is_local``:
    it will listen on loopback alone, where it is open until there are keys. ``database_url``: where keys and jobs
    are, if not in the store. ``allowed_sources``: what clients may have indexed; without keys on loopback, any folder.
    ``fetch_urls``: pictures and sounds may be given by their address.
    """
    metrics = Metrics(standing=lambda: runtime.standing())
    runtime = Runtime(store_dir=store_dir, open_embedder=open_embedder, on_batch=metrics.observe_batch)
    database = open_database(store_dir, database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.copies = PlayableCopies()
        search_alone()  # what the event loop itself searches; all else is in other threads
        runtime.start()
        try:
            yield
        finally:
            app.state.copies.close()
            database.close()
            await runtime.stop()
            end_tracing()

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
    app.state.held_bytes = HeldBytes()
    app.state.maps = Maps()
    app.state.jobs = Jobs(database)
    app.state.allowed_sources = allowed_sources
    app.state.stopping = (
        threading.Event()
    )  # Set when the server begins to stop: answers without end then end.
    app.state.access = Access(Keys(database), is_local=is_local)
    app.state.submit_job = partial(_submit_uploads, app.state.jobs)
    app.state.fetch = Fetcher().fetch if fetch_urls else None
    app.state.metrics = metrics
    app.state.on_stage = metrics.observe_stage
    app.add_middleware(SmallBodies)
    # Close to the routes: it reads from the scope which of them was taken and which key was used.
    app.add_middleware(Observation, on_answer=metrics.observe_request)
    app.add_middleware(LibraryPaths)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    # What is asked most comes first: routes are tried one by one.
    app.include_router(search.direct_router, responses=problems.responses(*problems.NOT_ADMITTED))
    for scope, routers in (
        (Scope.SEARCH, (search.router, clips.router, clip_sounds.router, libraries.router, maps.router)),
        (Scope.INDEX, (library_changes.router, clip_changes.router, uploads.router)),
        (Scope.ADMIN, (library_changes.admin_router,)),
    ):
        for router in routers:
            app.include_router(
                router,
                dependencies=[requires(scope)],
                responses=problems.responses(*problems.NOT_ADMITTED),
            )
    app.include_router(health.router)
    app.include_router(session.router)
    app.include_router(
        metrics_endpoint.router,
        responses=problems.responses(*problems.NOT_ADMITTED, problems.INVALID),
    )
    app.include_router(jobs.router)
    end_tracing = start_tracing_if_asked(app)
    app.mount("/", PageFiles(PAGE_DIR, openapi=app.openapi), name="page")
    return app


def _submit_uploads(jobs: Jobs, library: str) -> dict[str, Any]:
    """Have what was uploaded to a library indexed; the job, as the API shows it."""
    job = jobs.submit(library=library, source={"uploads": True}, retry_failed=False)
    return job_out(job).model_dump(mode="json")
