"""Lists and tables of the page Compare: sentences as one list, p-values in words, and no columns without content."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from core.analysis.regression import p_words
from ui.shared.words import plain

P_COLUMNS = ("p", "p_adjusted", "mcnemar_p")


def listed(sentences: Iterable[str]) -> None:
    """Draw sentences as one list; nothing without a sentence."""
    lines = [f"- {plain(sentence)}" for sentence in sentences]
    if lines:
        st.markdown("\n".join(lines))


def compact(rows: pd.DataFrame) -> pd.DataFrame:
    """The table without columns that hold nothing in any row, and with p-values such as "< 0.001"; a nan p is ""."""
    held = rows[[name for name in rows if rows[name].notna().any() and not rows[name].eq("").all()]]
    return held.assign(**{name: _p_cells(held[name]) for name in P_COLUMNS if name in held})


def _p_cells(values: "pd.Series[float]") -> list[str]:
    return ["" if pd.isna(p) else p_words(p).removeprefix("p ").removeprefix("= ") for p in values]
