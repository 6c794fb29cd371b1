"""From finished runs and answers to the points of the plots. Everything here is computed on read."""

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

SAME = ["task", "encoder", "seed", "n_train", "settings", "test_digest"]


class Metric(StrEnum):
    MACRO_F1 = "macro_f1"
    ACCURACY = "accuracy"


def gaps(scores: pd.DataFrame, *, metric: Metric) -> pd.DataFrame:
    """Real minus synthetic score per task, arm and encoder: columns task, arm, arm_kind, encoder, metric, score_real,
    score, gap, low, high, n_seeds, n_test.

    `scores` has one row per run (`core.training.runs.scores`). A run is compared with the real one of the same seed,
    training size, settings and test split; other runs are left out. Of several such settings the one with
    the most seeds counts, then the newest. low and high are nan under three seeds.
    """
    real = scores[scores["arm_kind"] == ArmKind.REAL]
    pairs = scores[scores["arm_kind"] != ArmKind.REAL].merge(real, on=SAME, suffixes=("", "_real"))
    rows = []
    for (task, arm, encoder), own in pairs.groupby(["task", "arm", "encoder"], sort=False):
        alike = own.groupby(["n_train", "settings", "test_digest"], sort=False)
        own = max((group for _, group in alike), key=lambda group: (len(group), group["run_id"].max()))
        by_seed = own.set_index("seed")
        found = score.gap(by_seed[f"{metric}_real"].to_dict(), by_seed[metric].to_dict())
        rows.append(
            {
                "task": task,
                "arm": arm,
                "arm_kind": own["arm_kind"].iloc[0],
                "encoder": encoder,
                "metric": str(metric),
                "score_real": own[f"{metric}_real"].mean(),
                "score": own[metric].mean(),
                "gap": found.value,
                "low": found.low,
                "high": found.high,
                "n_seeds": found.n,
                "n_test": own["n_test"].iloc[0],
            }
        )
    return pd.DataFrame(rows, columns=[*POINT_COLUMNS[:4], "metric", *POINT_COLUMNS[7:]])


def join(found: pd.DataFrame, subjectivity: pd.DataFrame) -> pd.DataFrame:
    """Gaps beside the subjectivity of their task, one point per task, synthetic arm and encoder: `POINT_COLUMNS`.

    Tasks whose subjectivity is not known are left out.
    """
    beside = subjectivity.rename(
        columns={"value": "subjectivity", "low": "subjectivity_low", "high": "subjectivity_high"}
    )[["task", *POINT_COLUMNS[4:7]]].dropna(subset=["subjectivity"])
    return found.merge(beside, on="task")[POINT_COLUMNS]


def by_instance(session: Session, study: Study, task_name: str) -> pd.DataFrame:
    """Every prediction on a test sample that at least two people rated.

    Columns arm, arm_kind, encoder, seed, sample_id, agreement, correct.

    `agreement` is the share of raters who chose the sample's majority label (Li et al. 2023, section 5), in (0, 1].
    """
    task = tasks.get_task(session, study.id, task_name)
    given = ratings.of_task(session, task.id, kinds=ratings.people(study)).dropna(subset=["sample_id"])
    columns = ["arm", "arm_kind", "encoder", "seed", "sample_id", "agreement", "correct"]
    if given.empty:
        return pd.DataFrame(columns=columns)
    by_item = agreement.by_item(given.assign(item_id=given["sample_id"].astype(int)))
    by_item = by_item[by_item["n_ratings"] >= 2]
    found = runs.task_predictions(session, task.id)
    return found.merge(by_item[["item_id", "agreement"]], left_on="sample_id", right_on="item_id")[columns]
