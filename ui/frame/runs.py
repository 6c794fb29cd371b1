"""The id of each run of a page, which stands in the log with the page and how long the run took."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core import log
from ui.door.metrics import Seconds

logger = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def seconds() -> Seconds:
    """How long requests and runs of pages took at this server."""
    return Seconds()


@contextmanager
def logged_run() -> Iterator[None]:
    """Give the run inside the block an id, log it, and count its seconds."""
    log.begin_request()
    began = time.perf_counter()
    try:
        yield
    finally:
        took = time.perf_counter() - began
        seconds().add("page", took)
        logger.info("page %s in %.0f ms", st.session_state.get("frame.page", "-"), 1000 * took)
