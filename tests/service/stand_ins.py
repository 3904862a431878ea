"""Routes of the contract that the service does not have yet, so that the page's use of them can be tested."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

STARTED = "2026-01-02T03:04:05Z"


class NewLibrary(BaseModel):
    name: str


class Desk:
    """Jobs that go on when a test says so."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploaded: list[tuple[str, str, int]] = []
        self.may_go_on = threading.Event()
        self.points: list[dict[str, Any]] = []

    def job(self, job_id: str, state: str, **more: Any) -> dict[str, Any]:
        self.jobs[job_id] = {
            "job_id": job_id,
            "library": "weather",
            "source": {"uploads": True},
            "state": state,
            "created_at": STARTED,
            "attempt": 1,
            **more,
        }
        return self.jobs[job_id]


def progress(done: int, total: int) -> dict[str, int]:
    return {"done": done, "total": total, "indexed": done, "unchanged": 0, "skipped": 0, "failed": 0}


def install(app: FastAPI, desk: Desk) -> None:
    """Put the routes before all others."""
    router = APIRouter(prefix="/v1")

    @router.get("/jobs")
    async def jobs(limit: int = 50) -> dict:
        return {"jobs": list(desk.jobs.values())[:limit]}

    @router.get("/jobs/{job_id}/events")
    async def events(job_id: str) -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            yield event("progress", desk.job(job_id, "running", progress=progress(1, 4)))
            await asyncio.to_thread(desk.may_go_on.wait)
            yield event("end", desk.job(job_id, "done", progress=progress(4, 4)))

        return StreamingResponse(told(), media_type="text/event-stream")

    @router.post("/jobs/{job_id}/{change}")
    async def change_job(job_id: str, change: str) -> dict:
        return desk.job(job_id, {"cancel": "cancelled", "retry": "queued"}[change])

    @router.post("/libraries", status_code=201)
    async def make(library: NewLibrary) -> dict:
        return {"name": library.name}

    @router.post("/libraries/{name}/uploads", status_code=202)
    async def upload(name: str, file: Annotated[list[UploadFile], ...]) -> dict:
        files = []
        for one in file:
            desk.uploaded.append((name, str(one.filename), len(await one.read())))
            is_sound = str(one.filename).endswith(".wav")
            refused = {"state": "refused", "reason": "It is no sound."}
            files.append({"filename": one.filename, **({"state": "accepted"} if is_sound else refused)})
        return {"files": files, "job": desk.job("j9", "running", library=name)}

    @router.get("/libraries/{name}/map")
    async def sound_map(name: str) -> dict:
        return {"points": desk.points, "generation": 1}

    @router.get("/libraries/{name}/facets")
    async def facets(name: str) -> dict:
        return {"tags": [{"value": "roof", "clips": 1}], "licences": [], "categories": []}

    app.include_router(router)
    app.router.routes.insert(0, app.router.routes.pop())


def event(name: str, job: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(job)}\n\n"
