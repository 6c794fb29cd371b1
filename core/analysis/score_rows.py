"""Mean scores of a study, one row for each arm, encoder and conditions, with its gap beside the runs that the gap is measured by."""

import pandas as pd

from core.analysis import gap_table
from core.analysis.findings import Findings

KEYS = ["task", "arm", "arm_kind", "encoder", "conditions"]
COLUMNS = [
    "task", "arm", "arm_kind", "encoder", "n_train", "n_test", "device", "seeds", "macro_f1", "macro_f1_sd", "accuracy", "accuracy_sd",
    "gap", "low", "high",
]  # fmt: skip
SEVERAL = (
    "A row holds runs under the same conditions (number of training texts, test texts, kind of device); only such runs are compared, and "
    "a gap stands beside the runs it is measured by."
)


def of_study(found: Findings) -> pd.DataFrame:
    """The mean score of the runs of each task, arm, encoder and conditions, in the order of the runs: `COLUMNS`.

    `seeds`: the number of runs with a score; `macro_f1_sd` and `accuracy_sd`: standard deviations over them, nan for one seed. `device`: ""
    where it is not known. `gap`, `low`, `high`: nan for the real arm and for conditions that no gap is measured under.
    """
    if found.scores.empty:
        return pd.DataFrame(columns=COLUMNS)
    means = (
        found.scores.groupby(KEYS, sort=False)
        .agg(
            n_train=("n_train", "first"), n_test=("n_test", "max"), device=("device", "first"), seeds=("macro_f1", "count"),
            macro_f1=("macro_f1", "mean"), macro_f1_sd=("macro_f1", "std"),
            accuracy=("accuracy", "mean"), accuracy_sd=("accuracy", "std"),
        )
        .reset_index()
    )  # fmt: skip
    keys = ["task", "arm", "encoder", "conditions"]
    used = gap_table.conditions_of_gaps(found.scores)
    of_gaps = pd.DataFrame([(*key, conditions) for key, conditions in used.items()], columns=keys)
    gaps = found.gaps[[*keys[:3], "gap", "low", "high"]].merge(of_gaps, on=keys[:3])
    return means.merge(gaps, on=keys, how="left")[COLUMNS]


def has_several_conditions(rows: pd.DataFrame) -> bool:
    """Whether an arm of a task stands in more than one row with an encoder; `rows` as of `of_study`."""
    return bool(rows.duplicated(["task", "arm", "encoder"]).any())
