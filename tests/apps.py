"""Pages run without a browser, in Streamlit's own test of apps."""

import functools
from collections.abc import Callable
from pathlib import Path

from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from ui import serve


def of_file(path: Path) -> AppTest:
    """A session of its own on a page's file."""
    return _ready(AppTest.from_file(str(path), default_timeout=60))


def of_function(page: Callable[[], None]) -> AppTest:
    """A session of its own on a page that a test writes itself."""
    return _ready(AppTest.from_function(page, default_timeout=60))


def _ready(app: AppTest) -> AppTest:
    app._bidi_component_manager = _components()
    _collect_less()
    return app


@functools.cache
def _collect_less() -> None:
    # As on the server: Streamlit's full collection after every run takes longer than most runs beside what tests import.
    serve.collect_less()


@functools.cache
def _components() -> BidiComponentManager:
    # A server looks for components among all installed packages once; AppTest would in every session, for 0.2 s each.
    found = BidiComponentManager()
    found.discover_and_register_components(start_file_watching=False)
    return found
