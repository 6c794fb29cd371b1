"""A click counts only for the visitor for whom the page was drawn: after the end of a sign-in, it draws the sign-in form and does nothing.

Streamlit calls the callback of a button, and runs a part of a page that is drawn by itself, before or without the page's guard.
A page that stands open after its sign-in has expired or ended in another tab would carry out one more click.

A click that counts is carried out whole: Streamlit ends a callback that reads the session state while the page is asked to draw
itself anew, and says nothing, so that the click would be lost.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state import session_state

from core.errors import StudyError
from ui.frame import access
from ui.frame.access import Visitor

DRAWN_FOR = "access.drawn_for"


def drawn_for(who: Visitor) -> Visitor:
    """Remember for whom this page is being drawn, and let every click on the page be checked before it counts."""
    st.session_state[DRAWN_FOR] = who
    _watch()
    return who


def _watch() -> None:
    call = session_state.SessionState._call_callbacks
    if not getattr(call, "is_checked", False):
        session_state.SessionState._call_callbacks = _checked(call)  # type: ignore[method-assign]


def _checked(call: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(call)
    def checked(state: session_state.SessionState, **replayed: Any) -> None:
        with _undisturbed():
            drawn, now = st.session_state.get(DRAWN_FOR), _visitor()
        has_ended = drawn in (Visitor.ORGANISER, Visitor.VIEWER) and now is not drawn
        if has_ended or (now is Visitor.STRANGER and _is_of_a_part()):
            st.rerun()
        if now is not Visitor.STRANGER:  # a stranger's page has a form and no callbacks
            with _undisturbed():
                call(state, **replayed)

    checked.is_checked = True  # type: ignore[attr-defined]
    return checked


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nothing end the block when it reads or writes the session state; what was asked for meanwhile happens after it."""
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    guarded = context.session_state
    interrupt = guarded._yield_callback
    object.__setattr__(guarded, "_yield_callback", lambda: None)  # its own __setattr__ would write to the session state
    try:
        yield
    finally:
        object.__setattr__(guarded, "_yield_callback", interrupt)


def _visitor() -> Visitor:
    """Who the visitor is now; a stranger if it cannot be found out."""
    try:
        return access.visitor()
    except StudyError:
        return Visitor.STRANGER


def _is_of_a_part() -> bool:
    """Whether only a part of the page is about to be drawn again."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)
