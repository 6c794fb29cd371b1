"""Tables of answers: readable headings, numbers of two digits, and intervals in one cell."""

import math
from collections.abc import Mapping
from typing import Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

SHORT, LAZY, TALL, ROOM = 8, 2000, 380, 300
RANKS = ("bt_rank",)
WORDS = {
    "text": "Text", "name": "Name", "task": "Task", "arm": "Arm", "intended": "Came with", "majority": "Majority", "label": "Label",
    "agreement": "Agreement", "entropy": "Entropy (bits)", "n_ratings": "Answers", "answers": "Answers", "n": "Answers",
    "mean": "Mean", "sd": "Spread (SD)", "strength": "Strength", "interval": "95 % interval", "bt_rank": "Rank", "level": "Level",
    "wins": "Wins", "losses": "Losses", "ties": "Ties", "rater": "Rater", "kind": "Kind", "state": "State", "skips": "Skips",
    "median_s": "Seconds (median)", "attention": "Attention right", "gold": "Gold right", "longest_run": "Longest run",
    "with_others": "With others", "warned": "Warned because", "excluded": "Excluded because", "n_items": "Items",
    "n_raters": "Raters", "alpha": "Alpha", "same": "Majority = label it came with", "group": "Group",
    "coefficient": "Coefficient", "value": "Value", "share": "Share of answers", "people_majority": "People's majority",
    "people_agreement": "People's agreement", "llm_majority": "LLM majority", "llm_agreement": "LLM agreement",
    "n_people": "People", "n_llm": "LLM raters", "confidence": "Confidence",
}  # fmt: skip


def show(
    frame: pd.DataFrame,
    *,
    key: str,
    wide: tuple[str, ...] = ("text",),
    height: int | Literal["auto", "content"] | None = None,
) -> None:
    """A table that sorts by clicking a heading; `wide` columns get the room."""
    st.dataframe(
        frame, hide_index=True, key=key, column_config=columns(frame, wide), lazy=len(frame) > LAZY,
        height=height or ("content" if len(frame) <= SHORT else TALL), placeholder="–",
    )  # fmt: skip


def columns(frame: pd.DataFrame, wide: tuple[str, ...] = ("text",)) -> Mapping[str, ColumnConfig | None]:
    """How the columns of a table look."""
    found: dict[str, ColumnConfig | None] = {}
    for name in frame.columns:
        words = WORDS.get(name, name)
        if pd.api.types.is_float_dtype(frame[name]):
            found[name] = st.column_config.NumberColumn(words, format="%g" if name in RANKS else "%.2f")
        else:
            found[name] = st.column_config.Column(words, width=ROOM if name in wide else None)
    return found


def interval(low: float, high: float, *, digits: int = 2) -> str:
    """An interval in words, empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def number(value: float, *, digits: int = 2) -> str:
    """A number for people; a dash where it is undefined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def with_interval(value: float, low: float, high: float) -> str:
    """A value and its interval in one cell."""
    return f"{number(value)} {interval(low, high)}".strip()
