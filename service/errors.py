"""Everything that can go wrong in the service itself; ``problems`` turns it into HTTP."""


class ServiceError(Exception):
    """Base of the service's errors; the message is meant for people and may be shown to clients."""


class StillLoadingError(ServiceError):
    """The model is still being loaded or the store opened; ask again shortly."""


class NotAvailableError(ServiceError):
    """The model or the store could not be opened; the message says why and what to do."""


class MalformedRequestError(ServiceError):
    """The body or a header is not what it claims to be: broken JSON, broken multipart, a bad Range."""


class InvalidRequestError(ServiceError):
    """The request is well formed, but what it asks for makes no sense; ``field`` names the part at fault."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnsupportedMediaTypeError(ServiceError):
    """The body's content type is none that the operation takes."""


class BodyTooLargeError(ServiceError):
    """The body, or the file inside it, exceeds its limit."""


class ClipFileGoneError(ServiceError):
    """The catalogue knows the clip, but its file cannot be read any more."""


class RangeNotSatisfiableError(ServiceError):
    """The Range header asks for bytes beyond the file's end; ``size`` is the file's size in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes; the range asked for starts beyond its end.")
        self.size = size


class NotAuthenticatedError(ServiceError):
    """The request has no key that stands, and needs one."""


class ForbiddenError(ServiceError):
    """The request's key, or the page that it comes from, may not do this."""


class TooManyRequestsError(ServiceError):
    """Ask again after ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OverloadedError(TooManyRequestsError):
    """The server has more to do than it can do soon."""


class UnknownKeyError(ServiceError):
    """There is no such key."""


class DatabaseUnavailableError(ServiceError):
    """The database of keys and jobs cannot be used."""


class UnknownJobError(ServiceError):
    """There is no such job."""


class JobStateError(ServiceError):
    """The job's state does not allow this."""


class SourceError(ServiceError):
    """What a job is to index cannot be read; the message says why."""
