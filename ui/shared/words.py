"""Notices, warnings and errors that look the same on every page, and text made safe for Markdown."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from core.errors import StudyError
from core.study.rows.study import Job

NOTICE, REFUSED = "words.notice", "words.refused"
WHAT_AN_ARM_IS = (
    "An arm is one source of training texts of a task: real (written by people), zero-shot or few-shot (written by an LLM), "
    "or another. Each arm trains a model of its own, and all are scored on the same real test texts."
)


STYLED = '<i class="litmus-style" hidden></i>'  # beside it, a style stays in the page's own elements: see `style`


def style(css: str) -> None:
    """Add a `<style>` element to the page without room of its own.

    Streamlit puts HTML of nothing but styles among the messages, where the next message of a fragment takes its place: the page
    would lose its looks when a job ends.
    """
    st.html(css.replace("</style>", ".stElementContainer:has(.litmus-style) { display: none; }\n</style>") + STYLED)


def sample_badge() -> None:
    """Draw the badge that marks sample data, on a page without a title too."""
    st.badge(
        "Sample data",
        icon="🧪",
        color="orange",
        help="Texts written for this project and simulated raters: for learning the tool, not for conclusions.",
    )


def two_lines(first: str, second: str) -> str:
    """A button's label in Markdown: `first` in bold and `second` on a line below. Markdown inside either is escaped."""
    return f"**{plain(first)}**" + (f"  \n{plain(second)}" if second else "")


def plain(text: str) -> str:
    """Text from files, models and people, escaped so that Markdown shows its characters as they are and makes no links."""
    without_links = text.replace("://", ":\u2060//").replace("www.", "www\u2060.")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>:$&])", r"\\\1", without_links)


def money(usd: float | None) -> str:
    """An amount of US dollars: two decimals from 10 dollars on and for 0, else four; "unknown" for None."""
    if usd is None:
        return "unknown"
    return f"${usd:,.2f}" if usd >= 10 or not usd else f"${usd:,.4f}"


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a `StudyError` raised inside the block as a sentence on the page; what the visitor typed stays."""
    try:
        yield
    except StudyError as error:
        st.error(plain(str(error)))


@contextmanager
def keep_refusal() -> Iterator[None]:
    """Keep the sentence of a `StudyError` raised inside the block for `show_notice`: for callbacks, which run before the page is drawn."""
    try:
        yield
    except StudyError as error:
        set_refusal(str(error))


def set_notice(message: str) -> None:
    """Keep a message for `show_notice` after the next rerun."""
    st.session_state[NOTICE] = message


def set_refusal(reason: str) -> None:
    """Keep the reason why a change was refused for `show_notice` after the next rerun."""
    st.session_state[REFUSED] = reason


def show_notice() -> None:
    """Show the message kept by `set_notice` as a toast, and the reason of a refusal as a warning; forget both.

    A refusal is a toast too, which is seen wherever the visitor has scrolled, but is cut and goes away.
    """
    if message := st.session_state.pop(NOTICE, None):
        st.toast(plain(message))
    if reason := st.session_state.pop(REFUSED, None):
        st.toast(plain(reason), icon="⚠️")
        st.warning(plain(reason))


def set_queued_notice(jobs: list[Job]) -> None:
    """Keep a notice of how many jobs were queued, or that all the work has been done before."""
    set_notice(
        f"{len(jobs)} job{'s' if len(jobs) != 1 else ''} queued."
        if jobs
        else "Nothing to do: all of this work was done before."
    )


def cautions(sentences: Sequence[str]) -> None:
    """Draw a fold-out list of cautions about the numbers above; nothing if there are no sentences."""
    if not sentences:
        return
    with st.expander(f"Mind when reading these numbers ({len(sentences)})", icon="⚠️", expanded=len(sentences) <= 3):
        for sentence in sentences:
            st.text(sentence)
