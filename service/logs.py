"""How the server logs: one line a record, as text for people or as JSON for programs, each with the request it is of.

Standard logging does it all; this only says how a record is written, and which request is being answered.
"""

import json
import logging
import time
from contextvars import ContextVar
from typing import Any

NO_REQUEST = "-"
request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
"""Id of the request that is being answered, in its own task and in the threads that work for it."""


class _OneLine(logging.Formatter):
    """Writes times in UTC, to the millisecond."""

    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class TextFormatter(_OneLine):
    """For people: time, level, request, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a traceback follows on lines of its own."""
        record.request_id = request_id.get()
        return super().format(record)


class JsonFormatter(_OneLine):
    """For programs: an object a line, with what a record carries in ``extra={"fields": {...}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, its traceback in ``exception``."""
        told: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get() != NO_REQUEST:
            told["request_id"] = request_id.get()
        told |= getattr(record, "fields", {})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def logging_config(*, as_json: bool) -> dict[str, Any]:
    """What ``logging.config.dictConfig`` and uvicorn take: everything to standard error, in one of the two forms."""
    form = JsonFormatter if as_json else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
    }
