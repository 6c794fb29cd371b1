"""Compute gaps from finished runs, and join gaps or predictions with the subjectivity that raters found."""

from enum import StrEnum

import pandas as pd
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Study
from core.subjectivity import ratings
from core.subjectivity.statistics import agreement
from core.training import runs, score

POINT_COLUMNS = [
    "task",
    "arm",
    "arm_kind",
    "encoder",
    "subjectivity",
    "subjectivity_low",
    "subjectivity_high",
    "score_real",
    "score",
    "gap",
    "low",
    "high",
    "n_seeds",
    "n_test",
]


class Metric(StrEnum):
    """The score of a run: macro-F1 or accuracy, both in [0, 1]."""

    MACRO_F1 = "macro_f1"
    ACCURACY = "accuracy"


METRIC_NAMES: dict[str, str] = {Metric.MACRO_F1: "Macro-F1", Metric.ACCURACY: "Accuracy"}


def gaps(scores: pd.DataFrame, *, metric: Metric) -> pd.DataFrame:
    """The gap, real minus synthetic score, of every task, synthetic arm and encoder.

    Columns task, arm, arm_kind, encoder, metric, score_real, score, gap, low, high (95 % limits), n_seeds, n_test.
    `scores` has a row per run, as `core.training.runs.scores` returns it. A run is compared with the real arm's run of the
    same task, encoder, seed and `conditions`; runs without such a real run are left out. If an arm's runs have several
    `conditions`, those with the most seeds count, or of equally many the newest. low and high are nan below three seeds.
    """
    real = scores[scores["arm_kind"] == ArmKind.REAL]
    pairs = scores[scores["arm_kind"] != ArmKind.REAL].merge(
        real, on=["task", "encoder", "seed", "conditions"], suffixes=("", "_real")
    )
    rows = []
    for (task, arm, encoder), arm_runs in pairs.groupby(["task", "arm", "encoder"], sort=False):
        by_conditions = (group for _, group in arm_runs.groupby("conditions", sort=False))
        arm_runs = max(by_conditions, key=lambda group: (len(group), group["run_id"].max()))
        by_seed = arm_runs.set_index("seed")
        found = score.gap(by_seed[f"{metric}_real"].to_dict(), by_seed[metric].to_dict())
        rows.append(
            {
                "task": task,
                "arm": arm,
                "arm_kind": arm_runs["arm_kind"].iloc[0],
                "encoder": encoder,
                "metric": str(metric),
                "score_real": arm_runs[f"{metric}_real"].mean(),
                "score": arm_runs[metric].mean(),
                "gap": found.value,
                "low": found.low,
                "high": found.high,
                "n_seeds": found.n,
                "n_test": arm_runs["n_test"].iloc[0],
            }
        )
    return pd.DataFrame(rows, columns=[*POINT_COLUMNS[:4], "metric", *POINT_COLUMNS[7:]])


def join(found: pd.DataFrame, subjectivity: pd.DataFrame) -> pd.DataFrame:
    """Join the table of `gaps` with the subjectivity of tasks: a row per task, synthetic arm and encoder, `POINT_COLUMNS`.

    `subjectivity` has columns task, value, low, high. Tasks of unknown subjectivity are left out.
    """
    beside = subjectivity.rename(
        columns={"value": "subjectivity", "low": "subjectivity_low", "high": "subjectivity_high"}
    )[["task", *POINT_COLUMNS[4:7]]].dropna(subset=["subjectivity"])
    return found.merge(beside, on="task")[POINT_COLUMNS]


def by_instance(session: Session, study: Study, task_name: str) -> pd.DataFrame:
    """The predictions of all runs on the test samples of a task that at least two people rated.

    Columns arm, arm_kind, encoder, seed, sample_id, agreement, correct. `agreement` is the share of raters who chose the
    sample's majority label, in (0, 1] (Li et al. 2023, section 5).
    """
    task = tasks.get_task(session, study.id, task_name)
    labels = ratings.of_task(session, task.id, kinds=ratings.people(study)).dropna(subset=["sample_id"])
    columns = ["arm", "arm_kind", "encoder", "seed", "sample_id", "agreement", "correct"]
    if labels.empty:
        return pd.DataFrame(columns=columns)
    by_item = agreement.by_item(labels.assign(item_id=labels["sample_id"].astype(int)))
    by_item = by_item[by_item["n_ratings"] >= 2]
    found = runs.task_predictions(session, task.id)
    return found.merge(by_item[["item_id", "agreement"]], left_on="sample_id", right_on="item_id")[columns]
