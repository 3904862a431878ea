"""Jobs as they go in and out of the REST API."""

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.job_records import Job, JobProgress, JobSource, JobState

LibraryName = Annotated[
    str,
    Field(min_length=1, max_length=100, description="The library to bring up to date; made if it is new."),
]


class Source(BaseModel):
    """Where the files are; exactly one of these."""

    model_config = ConfigDict(extra="forbid")

    folder: (
        Annotated[
            str,
            Field(
                min_length=1, max_length=4096, pattern=r"^[^\x00]*$", description="A folder of the server."
            ),
        ]
        | None
    ) = None
    uploads: Annotated[Literal[True], Field(description="What was uploaded into this library.")] | None = None
    url: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=2048,
                pattern=r"^[^\x00]*$",
                description="A prefix of an object store.",
            ),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _is_one(self) -> "Source":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give exactly one of folder, uploads and url")
        return self

    def plain(self) -> JobSource:
        """As jobs hold it."""
        return self.model_dump(exclude_none=True)


class JobIn(BaseModel):
    """A request to bring a library up to date."""

    model_config = ConfigDict(extra="forbid")

    library: LibraryName
    source: Source
    retry_failed: Annotated[
        bool, Field(description="Try files again that failed before, even if they have not changed.")
    ] = False


class ProgressOut(BaseModel):
    """Files: ``done`` of ``total`` are decided; ``skipped`` are no audio and not among ``total``."""

    done: int
    total: int
    indexed: int
    unchanged: int
    skipped: int
    failed: int


class JobOut(BaseModel):
    """A job as it stands. Times are UTC, ISO 8601."""

    job_id: str
    library: str
    source: Source
    retry_failed: bool
    state: JobState
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    attempt: Annotated[int, Field(description="How often it was started.")]
    progress: ProgressOut | None = None
    error: Annotated[str | None, Field(description="Why it failed.")] = None
    queue_position: Annotated[int | None, Field(description="While it is queued; 1 is next.")] = None


class JobsOut(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


def job_out(job: Job) -> JobOut:
    """A job as the API shows it."""
    progress: JobProgress | None = job.progress
    return JobOut(
        **asdict(job)
        | {
            "source": Source.model_validate(dict(job.source)),
            "progress": None if progress is None else ProgressOut(**asdict(progress)),
        }
    )
