"""The log: lines for a person or JSON objects, each with the id of the request or the attempt of a job that it belongs to.

Only messages of this program are written whole, and these never hold texts, names or keys of a study. Of a message of a
library, and of an exception, the log has where it arose and its kind, since their words may quote a user's text.
"""

import json
import logging
import secrets
import time
import traceback
from contextvars import ContextVar
from typing import Any, TextIO

OWN = ("core", "ui")
LIBRARIES = ("streamlit", "uvicorn", "websockets")
_request: ContextVar[str] = ContextVar("litmus_request", default="")
_job: ContextVar[str] = ContextVar("litmus_job", default="")


def use(kind: str, stream: TextIO) -> None:
    """Write the log to a stream, as the setting LITMUS_LOG says: "" warnings as lines, "lines" all as lines, "json" all as JSON.

    With "json" the messages of Streamlit and its server are taken over too.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Json() if kind == "json" else Lines())
    for name in OWN:
        _give(logging.getLogger(name), handler, logging.INFO if kind else logging.WARNING)
    if kind == "json":
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] in LIBRARIES:
                _give(logging.getLogger(name), handler, logging.WARNING)


def begin_request(given: str = "") -> str:
    """Begin a request or a run of a page in this context, and give its id: the given id, or a new one."""
    request = given or secrets.token_hex(8)
    _request.set(request)
    return request


def begin_attempt(job: int, attempt: int) -> str:
    """Begin an attempt of a job in this process, and give its id."""
    _job.set(f"{job}.{attempt}")
    return _job.get()


class Json(logging.Formatter):
    """A record as one JSON object on one line: time (UTC), level, request, job, text, and of an exception its kind and place."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({name: value for name, value in _fields(record).items() if value != ""})


class Lines(logging.Formatter):
    """A record as one line for a person, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        where = " ".join(f"{name} {fields[name]}" for name in ("request", "job") if fields[name])
        said = " ".join(str(fields[name]) for name in ("text", "error", "at") if fields[name])
        said = f"{said} {getattr(record, 'words', '')}".rstrip()
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{moment} {record.levelname.lower()} {f'[{where}] ' if where else ''}{said}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    is_own = record.name.partition(".")[0] in OWN
    error = record.exc_info[1] if record.exc_info else None
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return {
        "time": f"{whole}.{record.msecs:03.0f}Z",
        "level": record.levelname.lower(),
        "request": _request.get(),
        "job": getattr(record, "job", "") or _job.get(),
        "text": record.getMessage() if is_own else f"a message of {record.name}, {record.module} line {record.lineno}",
        "error": type(error).__name__ if error is not None else "",
        "at": "; ".join(f"{frame.filename.rpartition('/')[2]} line {frame.lineno}" for frame in frames[-5:]),
    }


def _give(logger: logging.Logger, handler: logging.Handler, level: int) -> None:
    for old in list(logger.handlers):
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
