"""Join gaps or predictions with the subjectivity that raters found."""

import math
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.inference import on_agreement
from core.analysis.inference.on_agreement import Effect
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Run, Study
from core.subjectivity import ratings
from core.subjectivity.statistics import agreement
from core.training import fingerprints, runs

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
    "se",
    "df",
    "chance",
    "relative",
    "n_seeds",
    "n_test",
    "unconverged",
    "note",
]


class Metric(StrEnum):
    """The score of a run: macro-F1 or accuracy, both in [0, 1]."""

    MACRO_F1 = "macro_f1"
    ACCURACY = "accuracy"


NOT_PAIRED = "No real arm that is shown to have learned was trained under the same conditions."

METRIC_NAMES: dict[str, str] = {Metric.MACRO_F1: "Macro-F1", Metric.ACCURACY: "Accuracy"}


def join(found: pd.DataFrame, subjectivity: pd.DataFrame, *, unplaced: bool = False) -> pd.DataFrame:
    """Join the table of `gaps` with the subjectivity of tasks: a row per task, synthetic arm and encoder, `POINT_COLUMNS`.

    `subjectivity` has columns task, value, low, high. Tasks of unknown subjectivity are left out, unless `unplaced`: then they
    come last, with nan as their subjectivity.
    """
    beside = subjectivity.rename(
        columns={"value": "subjectivity", "low": "subjectivity_low", "high": "subjectivity_high"}
    )[["task", *POINT_COLUMNS[4:7]]].dropna(subset=["subjectivity"])
    joined = found.merge(beside, on="task", how="left" if unplaced else "inner")[POINT_COLUMNS]
    return joined.sort_values("subjectivity", kind="stable", ignore_index=True) if unplaced else joined


def by_instance(
    session: Session, study: Study, task_name: str, *, run_ids: Sequence[int] | None = None
) -> pd.DataFrame:
    """The predictions of all runs on the test samples of a task that at least two people rated.

    Columns run_id, arm, arm_kind, encoder, conditions (as in `runs.scores`), seed, sample_id, label, predicted, probability,
    agreement, correct. `agreement` is the share of raters who chose the sample's majority label, in (0, 1] (Li et al. 2023, section
    5). `run_ids` restricts the table to these runs.
    """
    task = tasks.get_task(session, study.id, task_name)
    labels = ratings.of_task(session, task.id, kinds=ratings.people(study)).dropna(subset=["sample_id"])
    columns = [
        "run_id", "arm", "arm_kind", "encoder", "conditions", "seed", "sample_id", "label", "predicted", "probability", "agreement",
        "correct",
    ]  # fmt: skip
    if labels.empty:
        return pd.DataFrame(columns=columns)
    by_item = agreement.by_item(labels.assign(item_id=labels["sample_id"].astype(int)))
    by_item = by_item[by_item["n_ratings"] >= 2]
    found = runs.task_predictions(session, task.id, run_ids=run_ids)
    found["conditions"] = found["run_id"].map(_conditions(session, found["run_id"].unique()))
    return found.merge(by_item[["item_id", "agreement"]], left_on="sample_id", right_on="item_id")[columns]


def over_agreement(instances: pd.DataFrame, *, unlearned: Collection[str] = ()) -> dict[str, Effect]:
    """Whether the gap of each synthetic arm changes with the agreement of raters, from a table of `by_instance`.

    An arm is compared with the real arm of the same encoder and conditions, text by text, and of several the mean counts. `unlearned`:
    encoders with which the real arm is not shown to have learned, so that a gap to it means nothing.
    """
    texts, alike = ["sample_id", "label", "agreement"], ["encoder", "conditions"]
    shares = instances.groupby([*texts, *alike, "arm", "arm_kind"], sort=False)["correct"].mean().reset_index()
    is_real = shares["arm_kind"] == ArmKind.REAL
    real = shares[is_real & ~shares["encoder"].isin(list(unlearned))]
    found = {}
    for arm, own in shares[~is_real].groupby("arm", sort=False):
        pairs = own.merge(real, on=[*texts, *alike], suffixes=("", "_real"))
        if pairs.empty:
            found[str(arm)] = Effect(math.nan, math.nan, math.nan, math.nan, 0, NOT_PAIRED)
            continue
        both = pairs.groupby(texts, sort=False)[["correct_real", "correct"]].mean().reset_index()
        found[str(arm)] = on_agreement.gap_over_agreement(
            both["correct_real"], both["correct"], agreement=both["agreement"], classes=both["label"]
        )
    return found


def _conditions(session: Session, run_ids: Iterable[int]) -> dict[int, str]:
    """The conditions of runs, by id."""
    query = select(Run.id, Run.config, Run.n_train, Run.facts).where(Run.id.in_([int(number) for number in run_ids]))
    return {
        number: fingerprints.conditions(config, n_train=n, facts=facts)
        for number, config, n, facts in session.execute(query)
    }
