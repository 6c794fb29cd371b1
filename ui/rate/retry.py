"""Clicks of a rater that could not be stored: they are kept and tried again until the database can be used.

The item and its buttons stay on the screen meanwhile; a further click takes the place of the click that waits.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import streamlit as st

from core.database_faults import StoreFault
from core.errors import StudyError
from ui.shared import words

WAITING, TRIED_AT = "rate.waiting", "rate.tried_at"
TURN = "rate.turn"  # (time, rows) that the last click read: any further click makes them out of date
SECONDS = 3.0
UNSAVED = "Your answer could not be saved; it is tried again. Please leave this page open."
UNREACHED = "This page cannot reach its data at the moment; it is tried again. Answers that were counted are stored."
P = ParamSpec("P")
CLICKS: dict[str, Callable[..., None]] = {}


def kept(does: Callable[P, None]) -> Callable[P, None]:
    """Keep a click that meets a fault of the database, so that the click is tried again; args are numbers and texts."""

    @functools.wraps(does)
    def tried(*args: P.args, **kwargs: P.kwargs) -> None:
        st.session_state.pop(TURN, None)
        try:
            does(*args, **kwargs)
        except StoreFault:
            st.session_state[WAITING] = (does.__name__, args)
            st.session_state[TRIED_AT] = time.monotonic()
        else:
            st.session_state.pop(WAITING, None)

    CLICKS[does.__name__] = tried
    return tried


@contextmanager
def show_refusals() -> Iterator[None]:
    """Show a refusal of the click as a sentence on the page; a fault of the database goes on to `kept`."""
    try:
        yield
    except StoreFault:
        raise
    except StudyError as error:
        st.error(words.plain(str(error)))


def notice(*, is_reached: bool) -> None:
    """Draw that a click waits or that the data cannot be read, and try again every few seconds; nothing if all is well."""
    if WAITING in st.session_state or not is_reached:
        st.session_state.setdefault(TRIED_AT, time.monotonic())
        _again()
    else:
        st.session_state.pop(TRIED_AT, None)


@st.fragment(run_every=SECONDS)
def _again() -> None:
    waiting: tuple[str, tuple[Any, ...]] | None = st.session_state.get(WAITING)
    st.warning(UNSAVED if waiting else UNREACHED)
    if time.monotonic() - st.session_state.get(TRIED_AT, -SECONDS) < SECONDS - 1:
        return
    st.session_state[TRIED_AT] = time.monotonic()
    if waiting is not None:
        name, args = waiting
        CLICKS[name](*args)
    if WAITING not in st.session_state:
        st.rerun()
