"""Fixtures for every test: settings in a folder of their own, a real store in it, and the command line."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.store import Store
from tests import postgresql
from tests.command_line import CommandLine
from tests.jobs.bench import end_all

os.environ["STREAMLIT_CLIENT_SHOW_ERROR_DETAILS"] = "full"


@pytest.fixture
def settings(tmp_path: Path) -> settings_module.Settings:
    return settings_module.load({"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"})


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of the newest schema with nothing in it, to be copied: migrating takes longer than most tests."""
    home = tmp_path_factory.mktemp("empty")
    store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)})).close()
    return home / "litmus.db"


@pytest.fixture
def store(settings: settings_module.Settings, empty_database: Path) -> Iterator[Store]:
    settings.home.mkdir()
    shutil.copy(empty_database, settings.home)
    opened = store_module.open_store(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One PostgreSQL server for all tests that name one."""
    with postgresql.serve(tmp_path_factory.mktemp("postgresql") / "data") as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: Any) -> str:
    """An empty PostgreSQL database of this test's own."""
    return postgresql.new_database(postgresql_server)


@pytest.fixture
def call(tmp_path: Path) -> Iterator[CommandLine]:
    """Calls `python -m core ...` in a home of this test."""
    yield CommandLine(tmp_path / "home")
    end_all(tmp_path / "home")


@pytest.fixture
def real_data() -> Path:
    """The folder of real public data, when this machine has it."""
    folder = os.environ.get("LITMUS_REAL_DATA")
    if not folder:
        pytest.skip("LITMUS_REAL_DATA is not set: tests on real public data are left out")
    return Path(folder)
