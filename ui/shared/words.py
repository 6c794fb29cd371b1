"""Short messages that look the same on every page."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.errors import StudyError
from core.study.rows.study import Job, Study

HEADINGS = {
    "task": "Task", "arm": "Arm", "encoder": "Encoder", "seed": "Seed", "train": "Train", "validation": "Validation",
    "test": "Test", "rejected": "Rejected", "text": "Text", "label": "Label", "split": "Split", "status": "Status",
    "reason": "Not kept because", "meaning": "Meaning", "n_train": "Training texts", "n_test": "Test samples",
    "n_seeds": "Seeds", "n": "n", "predicted": "Predicted", "correct": "Correct", "why": "Not kept because", "rows": "How many",
    "model": "Model", "version": "Prompt version", "judged": "Judged", "human": "Person's label", "group": "Group",
}  # fmt: skip
SHARES = {
    "macro_f1": "Macro-F1", "accuracy": "Accuracy", "gap": "Gap", "low": "Low", "high": "High", "subjectivity": "Subjectivity",
    "score_real": "Real", "score": "Synthetic", "precision": "Precision", "recall": "Recall", "f1": "F1",
    "probability": "Probability", "agreement": "Agreement", "within": "Macro-F1 within the arm", "cosine": "Cosine",
}  # fmt: skip
SHORT, LAZY = 25, 2000
HIDDEN = (
    "notes",
    "arm_kind",
    "conditions",
    "run_id",
    "id",
    "sample_id",
    "subjectivity_low",
    "subjectivity_high",
)


def title(text: str, study: Study) -> None:
    """A page's title, with the badge that stands wherever sample data is shown."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(text, width="content")
        if study.is_sample:
            sample_badge()


def sample_badge() -> None:
    """The badge itself, for pages that have no title."""
    st.badge(
        "Sample data",
        icon="🧪",
        color="orange",
        help="Texts written for this project and simulated raters: for learning the tool, not for conclusions.",
    )


def two_lines(first: str, second: str) -> str:
    """A button's label: one line in bold, and under it a second one. Markdown in either is shown, not obeyed."""
    return f"**{plain(first)}**" + (f"  \n{plain(second)}" if second else "")


def plain(text: str) -> str:
    """Text from files, models and people, written so that Markdown shows it as it is, addresses as words and no links."""
    without_links = text.replace("://", ":\u2060//").replace("www.", "www\u2060.")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>:$&])", r"\\\1", without_links)


def money(usd: float | None) -> str:
    """An amount of US dollars for people; an unknown one is called so."""
    if usd is None:
        return "unknown"
    return f"${usd:,.2f}" if usd >= 10 or not usd else f"${usd:,.4f}"


@contextmanager
def problem() -> Iterator[None]:
    """Show a `StudyError` as its sentence; what was typed stays where it is."""
    try:
        yield
    except StudyError as error:
        st.error(plain(str(error)))


def done(message: str) -> None:
    """Say after the next rerun that something worked."""
    st.session_state["words.done"] = message


def told() -> None:
    """Show what `done` left, once."""
    message = st.session_state.pop("words.done", None)
    if message:
        st.toast(message)


def cautions(sentences: Sequence[str]) -> None:
    """Sentences that belong beside the numbers above them; nothing when there is none."""
    if not sentences:
        return
    with st.expander(f"Mind when reading these numbers ({len(sentences)})", icon="⚠️", expanded=len(sentences) <= 3):
        for sentence in sentences:
            st.text(sentence)


def queued(jobs: list[Job]) -> None:
    """Say what was queued, or that nothing was left to do."""
    done(
        f"{len(jobs)} job{'s' if len(jobs) != 1 else ''} queued."
        if jobs
        else "Nothing to do: all of it has been done before."
    )


def table(frame: pd.DataFrame, *, key: str) -> None:
    """A table with readable headings, numbers of three digits, and without what only the program needs."""
    height: Literal["auto", "content"] = "content" if len(frame) <= SHORT else "auto"
    st.dataframe(frame, hide_index=True, key=key, height=height, column_config=_columns(), lazy=len(frame) > LAZY)


def choose_row(frame: pd.DataFrame, *, key: str, height: int | Literal["auto"] = "auto") -> int | None:
    """The same table with rows to choose from; the place of the chosen row, or None."""
    rows = _chosen(frame, key=key, height=height, mode="single-row")
    return rows[0] if rows else None


def choose_rows(frame: pd.DataFrame, *, key: str, height: int | Literal["auto"] = "auto") -> list[int]:
    """The same table with several rows to choose; the places of those chosen."""
    return _chosen(frame, key=key, height=height, mode="multi-row")


def _chosen(
    frame: pd.DataFrame, *, key: str, height: int | Literal["auto"], mode: Literal["single-row", "multi-row"]
) -> list[int]:
    shown = st.dataframe(
        frame,
        hide_index=True,
        key=key,
        height=height,
        on_select="rerun",
        selection_mode=mode,
        column_config=_columns(),
    )
    return [int(row) for row in shown["selection"]["rows"] if row < len(frame)]


def _columns() -> dict[str, ColumnConfig | None]:
    named: dict[str, ColumnConfig | None] = {name: st.column_config.Column(words) for name, words in HEADINGS.items()}
    shares = {name: st.column_config.NumberColumn(words, format="%.3f") for name, words in SHARES.items()}
    return named | shares | dict.fromkeys(HIDDEN)
