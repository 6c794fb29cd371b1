"""The one table widget: column headings, decimals and heights; rows to choose; cells that hold an interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.interval import Interval
from core.quality.beside_real import order
from core.wording import shown

# Column -> heading. A column has one meaning on all pages: "n" counts the observations its row is computed from.
HEADINGS = {
    "accuracy": "Accuracy", "agreement": "Agreement", "alpha": "Alpha", "alpha_high": "Alpha, high",
    "alpha_low": "Alpha, low", "amount": "Value", "answers": "Answers", "arm": "Arm", "attention": "Attention right",
    "base": "Against", "bt_rank": "Rank", "chance": "Score of chance", "changed": "Changes with the seed",
    "changed_high": "Changes, high", "changed_low": "Changes, low", "coefficient": "Coefficient", "counts": "Real arm has learned",
    "commonest": "Share of the commonest label", "confidence": "Confidence", "converged": "Converged", "correct": "Correct",
    "cosine": "Cosine",
    "cost_usd": "US dollars", "cross_entropy": "Cross-entropy (nats)", "device": "Device", "df": "Degrees of freedom",
    "direction": "Direction", "encoder": "Encoder", "entropy": "Entropy (bits)", "excluded": "Excluded because",
    "change": "Change of the gap", "f1": "F1", "gap": "Gap", "gap_half": "Gap, half the steps", "gap_twice": "Gap, twice the steps",
    "gold": "Gold right", "group": "Group", "high": "High", "human": "Person's label",
    "in_real_texts": "Worth in real texts", "in_test": "In test", "intended": "Came with",
    "interval": "95 % interval", "judged": "Judged", "kappa": "Cohen's kappa", "kept": "Kept texts", "kind": "Kind", "label": "Label",
    "level": "Level", "llm_agreement": "LLM agreement", "llm_majority": "LLM majority", "longest_run": "Longest run",
    "losses": "Losses", "lost": "Lost", "low": "Low", "macro_f1": "Macro-F1", "majority": "Majority",
    "majority_agreement": "Majority agreement", "manhattan": "Manhattan distance", "mcnemar_p": "McNemar p (Holm)",
    "mean": "Mean", "mean_score": "Score", "measure": "Measure", "median_s": "Seconds (median)", "model": "Model",
    "more": "More often", "n": "n", "n_class": "Test texts of the label", "n_items": "Items", "n_llm": "LLM raters",
    "n_people": "People", "n_raters": "Raters", "n_ratings": "Answers", "n_seeds": "Seeds", "n_tasks": "Tasks",
    "n_test": "Test texts", "n_train": "Training texts", "name": "Name", "note": "Note", "number": "Number",
    "origin": "From", "other": "The other run's answer", "other_text": "Other text", "p": "p", "p_adjusted": "p after Holm",
    "paper_encoder": "Paper's encoder", "paper_gap": "Paper's gap", "paper_real": "Paper: real",
    "paper_score": "Paper: synthetic", "people_agreement": "People's agreement",
    "people_majority": "People's majority", "people_time": "People's time", "precision": "Precision",
    "predicted": "Predicted", "probability": "Probability", "rater": "Rater", "ratings": "Ratings",
    "reason": "Not kept because", "recall": "Recall", "rejected": "Rejected", "relative": "Share of real over chance",
    "rows": "Count", "same": "Majority = label it came with", "score": "Synthetic", "score_arm": "F1, arm",
    "score_base": "F1, against", "score_real": "Real", "sd": "Spread (SD)", "se": "Standard error", "seed": "Seed", "settings": "Settings",
    "share": "Share of answers", "share_arm": "Arm answers so", "share_base": "Against answers so",
    "similarity": "Similarity", "skips": "Skips", "spearman": "Spearman", "split": "Split", "state": "State",
    "status": "Status", "steps": "Steps", "strength": "Strength", "subjectivity": "Subjectivity", "task": "Task",
    "tau": "Spread over tasks (SD)", "test": "Test", "test_text": "Test text", "text": "Text", "ties": "Ties",
    "train": "Train", "training": "Training", "usd_per_1000": "Dollars per 1,000 kept",
    "usd_per_point": "Dollars per point", "validation": "Validation", "value": "Value", "version": "Prompt version",
    "warned": "Warned because", "wins": "Wins", "with_others": "With others", "within": "Macro-F1 within the arm",
    "words": "Which",
} | order.HEADINGS  # fmt: skip
SCORES = (
    "accuracy", "change", "cosine", "f1", "frechet_distance", "gap", "gap_half",
    "gap_twice", "high", "lost", "low", "macro_f1", "mcnemar_p",
    "mean_score", "mmd", "more", "p", "p_adjusted", "paper_gap", "paper_real", "paper_score", "precision",
    "probability", "recall", "score", "score_arm", "score_base", "score_real", "se", "share_arm", "share_base",
    "subjectivity", "tau", "within",
)  # fmt: skip
FORMATS = {
    **dict.fromkeys(SCORES, "%.3f"),
    **dict.fromkeys(("cost_usd", "usd_per_1000", "usd_per_point"), "$%.4f"),
    "bt_rank": "%g",
}
IN_WORDS = {"over quota": "more than were asked for"}  # stored reasons that are riddles on a screen
TWO_DECIMALS = "%.2f"
NAMES = ("task", "label")
HIDDEN = (
    "arm_kind", "id", "paper_task", "notes", "run_id", "sample_id", "conditions", "subjectivity_high", "subjectivity_low",
    "unconverged",
)  # fmt: skip
SHORT, LAZY = (
    12,
    2000,
)  # rows: up to SHORT all are shown without scrolling, above LAZY they are fetched as they are seen
TALL, ROOM = 380, 400  # pixels: height of a table that scrolls, width of a column that holds texts
NARROW = 330  # pixels: width of a column whose texts take several lines
LINE, PADDING = 20, 12  # pixels: of a line of text in a row, and around the lines of a row
NOTHING = "–"

Height = int | Literal["auto", "content"]


def table(frame: pd.DataFrame, *, key: str, wide: Sequence[str] = ("text",), in_points: Sequence[str] = ()) -> None:
    """Show a table that sorts by a click on a heading; the columns `wide` are drawn wider, and the columns in `HIDDEN` are left out.

    Columns `in_points` hold differences of scores and are shown in points, as sentences and figures show them.
    """
    points = [name for name in in_points if name in frame]
    frame = frame.assign(**{name: 100 * frame[name] for name in points})
    st.dataframe(
        _readable(frame), hide_index=True, key=key, height=_height(frame), column_config=_columns(frame, wide, in_points=points),
        lazy=len(frame) > LAZY, placeholder=NOTHING,
    )  # fmt: skip


def choose_row(frame: pd.DataFrame, *, key: str, height: Height | None = None) -> int | None:
    """Show a table in which one row can be chosen; return the position of this row (from 0), or None."""
    rows = _chosen(frame, key=key, height=height, mode="single-row")
    return rows[0] if rows else None


def choose_rows(frame: pd.DataFrame, *, key: str, height: Height | None = None, lines: int = 1) -> list[int]:
    """Show a table in which several rows can be chosen; return the positions of these rows (from 0).

    `lines`: lines of text that a row shows.
    """
    return _chosen(frame, key=key, height=height, mode="multi-row", lines=lines)


def intervals(frame: pd.DataFrame, *, low: str = "low", high: str = "high") -> list[str]:
    """The limits in the columns `low` and `high` of each row as "[0.40, 0.61]"; "" where a limit is nan."""
    return [Interval(math.nan, *ends, n=0).limits() for ends in zip(frame[low], frame[high], strict=True)]


def with_intervals(frame: pd.DataFrame, value: str, *, n: str) -> list[str]:
    """The columns `value`, `value`_low and `value`_high of each row as "0.51 [0.40, 0.61]"; an undefined value is a dash."""
    columns = [value, f"{value}_low", f"{value}_high", n]
    return [Interval(*row).text() for row in frame[columns].itertuples(index=False, name=None)]


def _chosen(
    frame: pd.DataFrame, *, key: str, height: Height | None, mode: Literal["single-row", "multi-row"], lines: int = 1
) -> list[int]:
    drawn = st.dataframe(
        _readable(frame), hide_index=True, key=key, height=height or _height(frame), on_select="rerun", selection_mode=mode,
        column_config=_columns(frame, ("text",) if lines > 1 else (), room=NARROW), placeholder=NOTHING,
        row_height=lines * LINE + PADDING if lines > 1 else None,
    )  # fmt: skip
    return [int(row) for row in drawn["selection"]["rows"] if row < len(frame)]


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with the names of tasks and labels as people read them."""
    if "reason" in frame:
        frame = frame.assign(reason=frame["reason"].replace(IN_WORDS))
    named = [name for name in NAMES if name in frame and pd.api.types.is_string_dtype(frame[name])]
    return frame.assign(
        **{name: [value if pd.isna(value) else shown(value) for value in frame[name]] for name in named}
    )


def _height(frame: pd.DataFrame) -> Height:
    return "content" if len(frame) <= SHORT else TALL


def _columns(
    frame: pd.DataFrame, wide: Sequence[str], *, room: int = ROOM, in_points: Sequence[str] = ()
) -> Mapping[str, ColumnConfig | None]:
    """Heading, decimals and width of every column of a table; None hides a column."""
    found: dict[str, ColumnConfig | None] = {}
    for name in frame.columns:
        heading = HEADINGS.get(name, name)
        if name in in_points:
            found[name] = st.column_config.NumberColumn(f"{heading}, points", format="%.1f")
        elif pd.api.types.is_float_dtype(frame[name]):
            found[name] = st.column_config.NumberColumn(heading, format=FORMATS.get(name, TWO_DECIMALS))
        else:
            found[name] = st.column_config.Column(heading, width=room if name in wide else None)
    return found | {name: None for name in HIDDEN if name in found}
