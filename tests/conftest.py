"""Fixtures for every test: settings in a folder of their own, a real store in it, and the command line."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.store import Store
from tests.command_line import CommandLine

os.environ["STREAMLIT_CLIENT_SHOW_ERROR_DETAILS"] = "full"


@pytest.fixture
def settings(tmp_path: Path) -> settings_module.Settings:
    return settings_module.load({"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"})


@pytest.fixture
def store(settings: settings_module.Settings) -> Iterator[Store]:
    opened = store_module.open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def call(tmp_path: Path) -> CommandLine:
    """Calls `python -m core ...` in a home of this test."""
    return CommandLine(tmp_path / "home")


@pytest.fixture
def real_data() -> Path:
    """The folder of real public data, when this machine has it."""
    folder = os.environ.get("LITMUS_REAL_DATA")
    if not folder:
        pytest.skip("LITMUS_REAL_DATA is not set: tests on real public data are left out")
    return Path(folder)
