"""What a server answers in place of what was asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one part of a request."""

    field: str
    message: str


class SonoglotError(Exception):
    """A problem, as the server told it. ``name`` is stable, such as ``unknown-clip``; ``request_id`` finds it in the
    server's log."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        name: str,
        title: str = "",
        errors: tuple[FieldError, ...] = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.name = name
        self.title = title
        self.errors = errors
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class UnreachableError(SonoglotError):
    """There is no answer: no server, no connection, or not in time. Its ``status`` is 0."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, status=0, name="unreachable", title="The server cannot be reached")
