"""Short messages that look the same on every page."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.errors import StudyError
from core.study.records import Job, Study

NUMBERS = st.column_config.NumberColumn(format="%.3f")


def sample_badge(study: Study) -> None:
    """The badge that stands wherever sample data is shown."""
    if study.is_sample:
        st.badge(
            "Sample data",
            icon="🧪",
            color="orange",
            help="Texts written for this project and simulated raters: for learning the tool, not for conclusions.",
        )


@contextmanager
def problem() -> Iterator[None]:
    """Show a `StudyError` as its sentence; what was typed stays where it is."""
    try:
        yield
    except StudyError as error:
        st.error(str(error))


def done(message: str) -> None:
    """Say after the next rerun that something worked."""
    st.session_state["words.done"] = message


def told() -> None:
    """Show what `done` left, once."""
    message = st.session_state.pop("words.done", None)
    if message:
        st.toast(message)


def queued(jobs: list[Job]) -> None:
    """Say what was queued, or that nothing was left to do."""
    done(
        f"{len(jobs)} job{'s' if len(jobs) != 1 else ''} queued."
        if jobs
        else "Nothing to do: all of it has been done before."
    )


def numbers(*columns: str) -> dict[str, ColumnConfig]:
    """Column settings that show numbers with three digits."""
    return dict.fromkeys(columns, NUMBERS)
