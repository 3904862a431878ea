"""Jobs: what is to be indexed, how far that is, and what became of it."""

import threading
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from service import examples, problems
from service.access import requires
from service.endpoints.state import WorkerThreads
from service.job_events import job_events
from service.job_records import JobState
from service.job_schemas import JobIn, JobOut, JobsOut, Source, job_out
from service.job_sources import AllowedSources
from service.jobs import Jobs
from service.keys import Key, Scope
from service.limits import DEFAULT_JOBS, MAX_JOBS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(min_length=1, max_length=64, description="As a job's answer gave it.")]
Indexing = Annotated[Key | None, requires(Scope.INDEX)]
Searching = requires(Scope.SEARCH)


def _jobs(request: Request) -> Jobs:
    return cast(Jobs, request.app.state.jobs)


def _allowed(request: Request) -> AllowedSources:
    return cast(AllowedSources, request.app.state.allowed_sources)


JobsDependency = Annotated[Jobs, Depends(_jobs)]
_ADMISSION = problems.NOT_ADMITTED
_ONE = (problems.UNKNOWN_JOB, problems.INVALID, problems.NOT_AVAILABLE, *_ADMISSION)


@router.post(
    "",
    summary="Index a folder, uploads, or a prefix of an object store",
    status_code=status.HTTP_202_ACCEPTED,
    response_model_exclude_none=True,
    responses=examples.answer(examples.QUEUED_JOB, status=202)
    | problems.responses(
        problems.MALFORMED, problems.TOO_LARGE, problems.INVALID, problems.NOT_AVAILABLE, *_ADMISSION
    ),
)
async def submit_job(
    asked: JobIn,
    key: Indexing,
    request: Request,
    response: Response,
    jobs: JobsDependency,
    allowed: Annotated[AllowedSources, Depends(_allowed)],
    threads: WorkerThreads,
) -> JobOut:
    """Queue a job that brings a library up to date; a worker does one after the other. One that would do the same
    and still waits is returned instead."""
    source = await threads.look_up(lambda: _checked(asked.source, allowed, any_folder=key is None))
    job = await threads.look_up(
        lambda: jobs.submit(library=asked.library, source=source.plain(), retry_failed=asked.retry_failed)
    )
    response.headers["Location"] = f"/v1/jobs/{job.job_id}"
    return job_out(job)


def _checked(source: Source, allowed: AllowedSources, *, any_folder: bool) -> Source:
    """The source, if it is allowed. Without keys a server is for this machine's own user, who may index any folder."""
    if source.folder is not None:
        return Source(folder=allowed.check_folder(source.folder, any_folder=any_folder))
    if source.url is not None:
        return Source(url=allowed.check_url(source.url))
    return source


@router.get(
    "",
    summary="List jobs",
    dependencies=[Searching],
    response_model_exclude_none=True,
    responses=examples.answer(examples.JOBS)
    | problems.responses(problems.INVALID, problems.NOT_AVAILABLE, *_ADMISSION),
)
async def list_jobs(
    jobs: JobsDependency,
    threads: WorkerThreads,
    library: Annotated[str | None, Query(max_length=1000, description="Only jobs of this library.")] = None,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_JOBS, description="At most so many.")] = DEFAULT_JOBS,
) -> JobsOut:
    """Return the latest jobs, newest first."""
    found = await threads.look_up(lambda: jobs.list(library=library, state=state, limit=limit))
    return JobsOut(jobs=[job_out(job) for job in found])


@router.get(
    "/{job_id}",
    summary="A job as it stands",
    dependencies=[Searching],
    response_model_exclude_none=True,
    responses=examples.answer(examples.JOB) | problems.responses(*_ONE),
)
async def get_job(job_id: JobId, jobs: JobsDependency, threads: WorkerThreads) -> JobOut:
    """Return a job's state and progress."""
    return job_out(await threads.look_up(lambda: jobs.get(job_id)))


@router.get(
    "/{job_id}/events",
    summary="A job's progress, as it happens",
    dependencies=[Searching],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"example": examples.JOB_EVENTS}}}}
    | problems.responses(*_ONE, problems.OVERLOADED),
)
async def follow_job(
    job_id: JobId, request: Request, jobs: JobsDependency, threads: WorkerThreads
) -> StreamingResponse:
    """Send the job as server-sent events: `progress` at once and at each change, and `end` when it has ended."""
    first = await threads.look_up(lambda: jobs.get(job_id))
    stopping = cast(threading.Event, request.app.state.stopping)

    async def is_over() -> bool:
        return stopping.is_set() or await request.is_disconnected()

    events = job_events(first, lambda: threads.look_up(lambda: jobs.get(job_id)), is_over=is_over)
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    dependencies=[requires(Scope.INDEX)],
    response_model_exclude_none=True,
    responses=examples.answer(examples.JOB) | problems.responses(problems.JOB_STATE, *_ONE),
)
async def cancel_job(job_id: JobId, jobs: JobsDependency, threads: WorkerThreads) -> JobOut:
    """End a job: at once while it is queued, between two files while it runs. What was indexed is kept."""
    return job_out(await threads.look_up(lambda: jobs.cancel(job_id)))


@router.post(
    "/{job_id}/retry",
    summary="Try a job again",
    dependencies=[requires(Scope.INDEX)],
    response_model_exclude_none=True,
    responses=examples.answer(examples.QUEUED_JOB) | problems.responses(problems.JOB_STATE, *_ONE),
)
async def retry_job(job_id: JobId, jobs: JobsDependency, threads: WorkerThreads) -> JobOut:
    """Queue a job again that failed or was cancelled."""
    return job_out(await threads.look_up(lambda: jobs.retry(job_id)))
