"""Fixtures for pages: each page runs through AppTest on a store of its test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.study import store as store_module
from core.study.store import Store
from tests import apps
from tests.jobs.bench import end_all

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that the pages open, in a folder of this test."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LITMUS_HOME", str(home_folder))
    monkeypatch.setenv("LITMUS_SLOTS", "2")
    monkeypatch.setenv("LITMUS_GPUS", "0")
    monkeypatch.setenv("LITMUS_LOCAL_SERVERS", "none")
    for name in (
        "LITMUS_DATABASE",
        "LITMUS_PASSWORD",
        "LITMUS_PASSWORD_HASH",
        "LITMUS_VIEWER_PASSWORD",
        "LITMUS_VIEWER_PASSWORD_HASH",
        "LITMUS_HOSTS",
        "LITMUS_OIDC_ISSUER",
        "LITMUS_OIDC_CLIENT_ID",
        "LITMUS_OIDC_CLIENT_SECRET",
        "LITMUS_OIDC_ORGANISERS",
        "LITMUS_OIDC_VIEWERS",
        "LITMUS_LOG",
        "LITMUS_METRICS",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    _forget()
    opened = store_module.open_store(settings_module.load())
    yield opened
    end_all(home_folder)
    opened.close()
    _forget()


@pytest.fixture
def app(home: Store, tmp_path: Path) -> AppTest:
    """The app on a server that has run before, as a browser sees it.

    AppTest takes a folder `pages` beside the app for the old way of making pages at every run; a server does so at its
    first run only. So the app file is run from a folder of its own; the pages are the real ones.
    """
    alone = tmp_path / "app.py"
    shutil.copy(ROOT / "app.py", alone)
    return apps.of_file(alone)


def _forget() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
