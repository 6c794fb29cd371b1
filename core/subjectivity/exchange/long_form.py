"""Write ratings and comparisons as tables in long form, with crowd-kit's column names or our own."""

from enum import StrEnum

import pandas as pd

OTHERS = ["text", "arm", "intended", "left_text", "right_text", "kind", "role", "expected", "excluded",
          "excluded_because", "place", "duration_ms", "created_at"]  # fmt: skip


class Names(StrEnum):
    """The column names of an export: those of crowd-kit, or our own."""

    CROWD_KIT = "crowd-kit"
    LITMUS = "litmus"


def labels(frame: pd.DataFrame, *, names: Names = Names.CROWD_KIT) -> pd.DataFrame:
    """Ratings (as `core.subjectivity.sessions.answers` returns them) in long form.

    Columns task (the item), worker, label, or item_id, rater_id, label; then those of `OTHERS` that the table has.
    """
    ours = {"item_id": "task", "rater_id": "worker", "label": "label"}
    return _renamed(frame, ours, names)


def comparisons(frame: pd.DataFrame, *, names: Names = Names.CROWD_KIT) -> pd.DataFrame:
    """Comparisons in long form: columns worker, left, right, label, or rater_id, left, right, winner; then `OTHERS`.

    crowd-kit's label is the winning name. A tie is written `tie`, because an empty cell would look like a missing answer.
    crowd-kit does not know ties: its Bradley-Terry returns nan until rows with ties are dropped.
    """
    if names == Names.CROWD_KIT:
        won = frame["left"].where(frame["winner"] == "left", frame["right"]).where(frame["winner"] != "tie", "tie")
        frame = frame.assign(winner=won)
    return _renamed(frame, {"rater_id": "worker", "left": "left", "right": "right", "winner": "label"}, names)


def _renamed(frame: pd.DataFrame, ours: dict[str, str], names: Names) -> pd.DataFrame:
    """The columns of an export in order, under the wanted names."""
    kept = frame[[*ours, *(name for name in OTHERS if name in frame.columns)]]
    return kept.rename(columns=ours) if names == Names.CROWD_KIT else kept
