"""What single test texts of a task show: accuracy over agreement, the label ceiling, soft-label scores, and texts from both ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis import points, thresholds
from core.analysis.inference.on_agreement import CAVEAT, Effect, effect_words
from core.analysis.instances import ceiling, soft_labels
from core.analysis.instances.ceiling import Doubted
from core.analysis.instances.soft_labels import SoftScores
from core.analysis.points import Metric
from core.interval import Interval
from core.study import browse, tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Label, Sample, Study, Task
from core.subjectivity import ratings
from core.training import runs

CEILING = "One rater against the majority of the others"
PER_END = 5


@dataclass(frozen=True)
class Rated:
    """The people's ratings of a task's test texts.

    `ratings`: columns item_id (id of the sample), rater_id, label, a row per rating. `truth`: id of the sample -> label of the text.
    `shares` (texts x labels of the task): the share of the raters who chose a label, over ratings whose label the task has; `n_foreign`
    ratings have another label. Texts with one rating are left out of `shares`.
    """

    ratings: pd.DataFrame
    truth: "pd.Series[str]"
    shares: pd.DataFrame
    n_foreign: int


@dataclass(frozen=True)
class Evidence:
    """The evidence of single texts of one task.

    `curves`: arm -> threshold curve over all its encoders and seeds; `ceiling_curve`: that of single raters. Left out are thresholds
    with fewer than 20 texts, and those with a label without texts. `effects`: arm -> effect of agreement on its gap. `ceiling`:
    accuracy of one rater against the majority of the others. `doubted`: labels that differ from the majority. `soft`: None without
    predictions on rated texts. `ends`: the texts with the most and with the least agreement, columns text, label, agreement, ratings
    and a column for each arm. `n_foreign`: ratings whose label the task does not have.
    """

    n_texts: int
    curves: dict[str, pd.DataFrame]
    ceiling_curve: pd.DataFrame
    effects: dict[str, Effect]
    ceiling: Interval
    doubted: Doubted
    soft: SoftScores | None
    ends: tuple[pd.DataFrame, pd.DataFrame]
    n_foreign: int

    @property
    def reading(self) -> str:
        """The effects in words, with the caveat that belongs to them."""
        said = "; ".join(f"{arm}: {effect_words(effect)}" for arm, effect in self.effects.items())
        return f"{said.removesuffix('.')}. {CAVEAT}" if said else ""

    @property
    def curve_table(self) -> pd.DataFrame:
        """The threshold curves as one table with a column arm; single raters are the arm `CEILING`."""
        named = {**self.curves, CEILING: self.ceiling_curve}
        return pd.concat([curve.assign(arm=arm) for arm, curve in named.items()], ignore_index=True)


def rated(session: Session, study: Study, task: Task) -> Rated:
    """The ratings that people gave to the kept test texts of a task."""
    given = ratings.of_task(session, task.id, kinds=ratings.people(study)).dropna(subset=["sample_id"])
    query = select(Sample.id, Label.name).join(Label, Label.id == Sample.label_id)
    tested = query.where(Sample.split == Split.TEST, Sample.status == SampleStatus.KEPT, Label.task_id == task.id)
    truth = pd.Series(dict(session.execute(tested).all()), dtype=object)
    given = given.assign(item_id=given["sample_id"].astype(int))[["item_id", "rater_id", "label"]]
    given = given[given["item_id"].isin(truth.index)].reset_index(drop=True)
    names = [label.name for label in tasks.labels_of(session, task.id)]
    is_known = given["label"].isin(names)
    counted = pd.crosstab(given["item_id"][is_known], given["label"][is_known]).reindex(columns=names, fill_value=0)
    counted = counted[counted.sum(axis=1) >= 2]
    return Rated(given, truth, counted.div(counted.sum(axis=1), axis=0), int((~is_known).sum()))


def ceilings(session: Session, study: Study, *, metric: Metric) -> dict[str, Interval]:
    """Task -> its label ceiling; tasks without two ratings of a test text are left out."""
    found = {
        task.name: ceiling.label_ceiling(own.ratings, metric=metric)
        for task in tasks.tasks(session, study.id)
        if len((own := rated(session, study, task)).ratings)
    }
    return {task: value for task, value in found.items() if np.isfinite(value.value)}


def of_task(
    session: Session,
    study: Study,
    task_name: str,
    *,
    run_ids: Sequence[int] | None = None,
    unlearned: Collection[str] = (),
) -> Evidence | None:
    """The evidence of a task's texts from all runs or from these; None if no test text has two ratings by people. `unlearned`: encoders
    with which the real arm is not shown to have learned, so that no arm is compared with it."""
    people = rated(session, study, tasks.get_task(session, study.id, task_name))
    if people.ratings.empty or people.ratings["item_id"].value_counts().max() < 2:
        return None
    instances = points.by_instance(session, study, task_name, run_ids=run_ids)
    return Evidence(
        n_texts=int((people.ratings["item_id"].value_counts() >= 2).sum()),
        curves=_curves(instances),
        ceiling_curve=_ceiling_curve(instances, people),
        effects=points.over_agreement(instances, unlearned=unlearned),
        ceiling=ceiling.label_ceiling(people.ratings, metric=Metric.ACCURACY),
        doubted=ceiling.doubted_labels(people.ratings, people.truth),
        soft=None if instances.empty else _soft(session, instances, people, unlearned),
        ends=_ends(session, instances, people),
        n_foreign=people.n_foreign,
    )


def _soft(session: Session, instances: pd.DataFrame, people: Rated, unlearned: Collection[str]) -> SoftScores:
    if people.shares.shape[1] > 2:
        stored = runs.probabilities(session, [int(number) for number in instances["run_id"].unique()])
        keys = ["run_id", "sample_id"]
        instances = instances.merge(stored[[*keys, "probabilities"]], on=keys, how="left")
    return soft_labels.soft_scores(people.shares, instances, people.truth, real=str(ArmKind.REAL), unlearned=unlearned)


def _curves(instances: pd.DataFrame) -> dict[str, pd.DataFrame]:
    shown = {str(arm): _drawn(group) for arm, group in instances.groupby("arm", sort=False)}
    return {arm: curve for arm, curve in shown.items() if len(curve)}


def _ceiling_curve(instances: pd.DataFrame, people: Rated) -> pd.DataFrame:
    texts = instances.drop_duplicates("sample_id")[["sample_id", "label", "agreement"]]
    if texts.empty:
        return pd.DataFrame()
    return _drawn(texts.assign(correct=texts["sample_id"].map(ceiling.by_text(people.ratings))))


def _drawn(answers: pd.DataFrame) -> pd.DataFrame:
    curve = thresholds.curve(answers)
    return curve[curve["n"] >= thresholds.FEWEST_SAMPLES].dropna()


def _ends(session: Session, instances: pd.DataFrame, people: Rated) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts with the most and the least agreement; of equally agreed texts those with the most ratings, then the oldest."""
    counted = pd.crosstab(people.ratings["item_id"], people.ratings["label"])
    counted = counted[counted.sum(axis=1) >= 2]
    table = pd.DataFrame(
        {
            "sample_id": counted.index,
            "label": people.truth.loc[counted.index].to_numpy(),
            "agreement": (counted.max(axis=1) / counted.sum(axis=1)).to_numpy(),
            "n_ratings": counted.sum(axis=1).to_numpy(),
        }
    )
    ends = [
        table.sort_values(["agreement", "n_ratings", "sample_id"], ascending=[rising, False, True]).head(PER_END)
        for rising in (False, True)
    ]
    shown = [int(number) for end in ends for number in end["sample_id"]]
    texts = browse.texts(session, shown)
    answers = _answers(instances[instances["sample_id"].isin(shown)])
    agreed, disagreed = (
        end.assign(
            text=[texts[number] for number in end["sample_id"]],
            ratings=[_listed(counted.loc[number]) for number in end["sample_id"]],
        )[["sample_id", "text", "label", "agreement", "ratings"]]
        .merge(answers, left_on="sample_id", right_index=True, how="left")
        .fillna(dict.fromkeys(answers.columns, ""))
        .drop(columns="sample_id")
        for end in ends
    )
    return agreed, disagreed


def _answers(instances: pd.DataFrame) -> pd.DataFrame:
    """What the runs of each arm answered to each text, such as "yes 2, no 1": index sample_id, a column for each arm."""
    if instances.empty:
        return pd.DataFrame()
    counted = instances.groupby(["sample_id", "arm"], sort=False)["predicted"].agg(
        lambda given: _listed(given.value_counts())
    )
    return counted.unstack("arm").reindex(columns=list(dict.fromkeys(instances["arm"]))).add_suffix(" answered")


def _listed(numbers: "pd.Series[int]") -> str:
    """Labels with their numbers, the largest number first, then by name, such as "yes 2, no 1"; labels without any are left out."""
    ordered = numbers[numbers > 0].sort_index().sort_values(ascending=False, kind="stable")
    return ", ".join(f"{label} {n}" for label, n in ordered.items())
