"""The list of what was checked before a result is believed, and what was not: one line for each check"""

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.analysis import data_notes
from core.analysis.arms import trained
from core.analysis.arms.trained import StudyArms
from core.analysis.baselines import results, sentences
from core.analysis.instances import ceiling, evidence
from core.analysis.points import Metric
from core.analysis.trust import calibration, frozen
from core.interval import Interval
from core.study import tasks
from core.study.rows.study import Study, Task
from core.study.splits import across
from core.synthesis import judging
from core.synthesis.contamination import asking, completed
from core.wording import shown

NOT_TESTED = "not tested"
RECORDED = "recorded"  # the model of recorded answers, which no endpoint can be asked again


@dataclass(frozen=True)
class Check:
    """One line of the list: its name, what was found or that it was not tested, and whether it was tested."""

    name: str
    said: str
    is_tested: bool = True

    @property
    def line(self) -> str:
        """The check in one line, such as "Contamination: not tested"."""
        return f"{self.name}: {self.said}"


def of_task(
    session: Session, task: Task, *, metric: Metric = Metric.MACRO_F1, arms: StudyArms | None = None
) -> list[Check]:
    """The checks of a task: baselines in this metric, contamination of the models, near-duplicates across splits, calibration,
    doubt about its labels. `arms`: the trained arms of its study, from a caller who has read them already."""
    arms = trained.read(session, task.study_id) if arms is None else arms
    stale = data_notes.of_test_texts(session, task.study_id, task=task.name)
    return [
        *(Check("Test texts", sentence.removeprefix(f"{shown(task.name)}: ")) for sentence in stale),
        beside_baselines(session, task, arms, metric=metric),
        contamination(session, task),
        near_duplicates(session, task),
        calibrated(session, task),
        labels(session, task),
    ]


def of_plan(
    session: Session, study: Study, *, metric: Metric | None = None, margin: float | None = None
) -> tuple[Check, list[str]]:
    """The line on the study's frozen plan, and its deviations in sentences; see `frozen.deviations`."""
    plan = frozen.latest(session, study.id)
    if plan is None:
        return Check(
            "Frozen plan", "no plan was frozen, so nothing says what was decided before the results.", False
        ), []
    found = frozen.deviations(session, plan, metric=metric, margin=margin)
    n = len(found)
    departs = "the study keeps to it" if not n else f"{n} deviation{'s' if n != 1 else ''}"
    when = f"version {plan.version} of {plan.content['frozen_at'][:10]}, SHA-256 {plan.sha256[:12]}"
    return Check("Frozen plan", f"{when}; {departs}."), found


def beside_baselines(session: Session, task: Task, arms: StudyArms, *, metric: Metric) -> Check:
    """The scores of the baselines of a task, and those that its real arm is not shown to beat."""
    chosen = trained.comparable(arms, task.name) if arms.encoders(task.name) else None
    found = results.of_task(session, task, chosen)
    spread = trained.shared_spread(arms, metric)
    said = [
        sentences.beside_gap(found, metric=metric),
        *sentences.not_beaten(found, chosen, metric=metric, spread=spread),
    ]
    is_fitted = any(one.n_train for one in found.results)
    if not is_fitted:
        said.append(f"Plain classifiers: {NOT_TESTED}; compute them on Compare or with the command baselines.")
    return Check("Baselines", " ".join(filter(None, [*said, *found.left_out])), is_fitted)


def contamination(session: Session, task: Task) -> Check:
    """Whether the models that wrote texts of the task were tested for knowing its real test texts by heart."""
    writers = judging.writers(session, [arm.id for arm in tasks.arms(session, task.id)])
    tested = asking.models(session, task.id)
    untested = [model for model in writers if model not in (*tested, RECORDED)]
    said = [completed.reading(asking.of_task(session, task.id, model)) for model in tested]
    if untested:
        said.append(f"{NOT_TESTED} for {', '.join(untested)}, which wrote texts of this task.")
    elif not tested:
        said.append(f"{NOT_TESTED}: whether an LLM knows the real test texts by heart is not known.")
    return Check("Contamination", " ".join(said), bool(tested))


def near_duplicates(session: Session, task: Task) -> Check:
    """The near-duplicates of real test texts in the other real splits."""
    found = across.across(session, task.id)
    return Check("Near-duplicates", across.reading(found), bool(found.n_test and found.n_others))


def calibrated(session: Session, task: Task) -> Check:
    """The expected calibration error of every arm of the task."""
    found = calibration.of_task(session, task)
    if not found:
        return Check("Calibration", f"{NOT_TESTED}: no run has finished.", False)
    several = len({encoder for _, encoder in found}) > 1
    said = [
        f"{arm}{f' with {encoder}' if several else ''} {_points(own.ece)}"
        for (arm, encoder), own in found.items()
        if math.isfinite(own.ece.value)
    ]
    if not said:
        return Check("Calibration", next(iter(found.values())).note, False)
    n = max(own.ece.n for own in found.values())
    without = dict.fromkeys(arm for (arm, _), own in found.items() if own.note)
    left_out = f" Too few wrong or right answers: {', '.join(without)}." if without else ""
    return Check(
        "Calibration", f"probabilities are off by {', '.join(said)} points (95 % interval, {n:,} test texts).{left_out}"
    )


def labels(session: Session, task: Task) -> Check:
    """The label ceiling of the task, and the share of test labels that are not the majority of their raters."""
    rated = evidence.rated(session, session.get_one(Study, task.study_id), task)
    if rated.ratings["item_id"].duplicated().sum() == 0:
        return Check("Labels", f"{NOT_TESTED}: no test text has two ratings by people.", False)
    found = ceiling.label_ceiling(rated.ratings, metric=Metric.ACCURACY)
    doubted = ceiling.doubted_labels(rated.ratings, rated.truth).share
    return Check(
        "Labels",
        f"one rater agrees with the majority of the others on {found.text()} of {found.n:,} test texts; {doubted.text()} of "
        f"{doubted.n:,} labels differ from the majority of their raters.",
    )


def _points(error: Interval) -> str:
    return f"{100 * error.value:.1f} [{100 * error.low:.1f}, {100 * error.high:.1f}]"
