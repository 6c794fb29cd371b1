"""The id of each run of a page, which stands in the log with the page and how long the run took."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from core import log
from ui.door.metrics import Seconds

logger = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def seconds() -> Seconds:
    """How long requests and runs of pages took at this server."""
    return Seconds()


@dataclass
class Run:
    """A run of the app. `page`: the address of its page, as soon as the page is known."""

    page: str = "-"


@contextmanager
def logged_run() -> Iterator[Run]:
    """Give the run inside the block an id, log it, and count its seconds.

    At the end nothing of Streamlit is used: after `st.stop` it would end the block before the run is logged.
    """
    log.begin_request()
    run, counted, began = Run(), seconds(), time.perf_counter()
    try:
        yield run
    finally:
        took = time.perf_counter() - began
        counted.add("page", took)
        logger.info("page %s in %.0f ms", run.page, 1000 * took)
