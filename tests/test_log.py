"""The log: one JSON object a line with ids, and never the words of an exception or of a library's message."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from core import log
from core.errors import StudyError

PLANTED = "my cat\u2028 said sk-secret\nand left"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream to which the log is written as JSON; the loggers are as before afterwards."""
    names = ["core", "ui", "streamlit.planted"]
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate) for name in names}
    written = io.StringIO()
    yield written
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate


def test_a_record_is_one_json_object_with_the_ids_it_belongs_to(stream: io.StringIO) -> None:
    log.use("json", stream)
    request = log.begin_request()

    logging.getLogger("core.somewhere").info("runs %d", 3, extra={"job": "7.2"})

    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["level"], found["text"], found["request"], found["job"]) == ("info", "runs 3", request, "7.2")
    assert found["time"].endswith("Z")


def test_the_words_of_exceptions_and_of_libraries_are_left_out(stream: io.StringIO) -> None:
    library = logging.getLogger("streamlit.planted")
    log.use("json", stream)

    try:
        raise StudyError(PLANTED)
    except StudyError as error:
        logging.getLogger("ui.somewhere").warning("It failed.", exc_info=error)
        library.error("Uncaught: %s", PLANTED, exc_info=error)

    own, foreign = map(json.loads, stream.getvalue().splitlines())
    assert (own["text"], own["error"]) == ("It failed.", "StudyError")
    assert own["at"].startswith("test_log.py line ")
    assert foreign["text"].startswith("a message of streamlit.planted, test_log line ")
    assert "secret" not in stream.getvalue()
    assert "cat" not in stream.getvalue()


def test_lines_are_for_people_and_only_warnings_unless_asked(stream: io.StringIO) -> None:
    log.use("", stream)
    request = log.begin_request("abcdefgh")

    logging.getLogger("core.somewhere").info("not said")
    logging.getLogger("core.somewhere").warning("said")

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(f"warning [request {request}] said")
