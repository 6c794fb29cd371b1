"""Compare the arms of a task, for the page and the command Compare: everything that follows from finished runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import data_notes
from core.analysis.arms import differences, sizes, stability, trained
from core.analysis.arms.differences import Difference, OverTasks
from core.analysis.arms.sizes import Worth
from core.analysis.arms.stability import Stability
from core.analysis.arms.trained import StudyArms, TaskArms, TrainedArm
from core.analysis.inference import gaps
from core.analysis.inference.gaps import SeedSpread
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Task

SCORE_COLUMNS = ["arm", "value", "low", "high", "n_seeds", "n_test", "n_train", "learned"]


@dataclass(frozen=True)
class Asked:
    """What is to be compared. `encoder`, `size` (number of training texts): None for those with the most arms.

    `margin`: score units, the largest difference that does not matter. `names`: only these arms; empty for all. `base`: the arm
    that all others are compared with; "" for every pair.
    """

    metric: Metric = Metric.MACRO_F1
    margin: float = differences.MARGIN
    encoder: str | None = None
    size: int | None = None
    names: tuple[str, ...] = ()
    base: str = ""


@dataclass(frozen=True)
class Compared:
    """The arms of a task compared.

    `labels`: label id -> name, in the task's order. `spread`: over seeds, of the metric.
    `scores`: `SCORE_COLUMNS`, a row per arm. `at_sizes`: the arms, and the real arm in any
    case, at every number of training texts, with the mixes of learning curves; `curve_note` says which runs these leave out. `notes`:
    on runs that were scored on other test texts than the task has now.
    """

    asked: Asked
    chosen: TaskArms
    labels: dict[int, str]
    spread: SeedSpread
    scores: pd.DataFrame
    differences: list[Difference]
    over_tasks: list[OverTasks]
    at_sizes: list[TrainedArm]
    curve_note: str
    worth: list[Worth]
    stability: list[Stability]
    notes: tuple[str, ...] = ()


def collect(session: Session, study: StudyArms, task: Task, asked: Asked) -> Compared:
    """Compare the arms of a task. Raises as `trained.comparable` and `differences.between` do."""
    chosen = trained.comparable(study, task.name, encoder=asked.encoder, size=asked.size, names=asked.names)
    spread = trained.shared_spread(study, asked.metric)
    at_sizes, curve_note = _at_sizes(session, study, task, asked, chosen.encoder)
    return Compared(
        asked=asked,
        chosen=chosen,
        labels={label.id: label.name for label in tasks.labels_of(session, task.id)},
        spread=spread,
        scores=_scores(chosen.arms, asked.metric, spread),
        differences=differences.between(
            chosen, metric=asked.metric, margin=asked.margin, spread=spread, base=asked.base
        ),
        over_tasks=differences.over_tasks(
            study, encoder=chosen.encoder, metric=asked.metric, margin=asked.margin, names=asked.names, base=asked.base
        ),
        at_sizes=at_sizes,
        curve_note=curve_note,
        worth=sizes.worth(at_sizes, metric=asked.metric, spread=spread),
        stability=[stability.of_arm(arm) for arm in chosen.arms],
        notes=tuple(data_notes.of_test_texts(session, task.study_id, task=task.name)),
    )


def cautions(found: Compared) -> list[str]:
    """Sentences on what is missing from a comparison, or stands in the way of reading it."""
    arms, said = found.chosen.arms, [*found.notes, *found.chosen.left_out]
    names = found.asked.names
    if len(arms) == 1:
        name = arms[0].arm
        said.append(
            f"Only {name} is chosen. Choose a second arm to compare it with."
            if len(names) == 1
            else f"Only {name} has finished runs here. Train a second arm to compare it with."
        )
    elif found.chosen.real is None:
        is_left_out = bool(names) and ArmKind.REAL not in map(tasks.kind_of, names)
        why = "is not among the chosen ones" if is_left_out else "has no finished run here"
        said.append(f"The real arm {why}, so arms are compared with one another only.")
    dull = [arm.arm for arm in arms if not arm.has_learned]
    said += [f"No better than chance: {', '.join(dull)}."] if dull else []
    cut = [f"{arm.unconverged} of {len(arm.seeds)} of {arm.arm}" for arm in arms if arm.unconverged]
    said += (
        [f"Runs that had not converged: {', '.join(cut)}. Differences may change with longer training."] if cut else []
    )
    known = {int(code) for code in arms[0].truth}
    said += [f"No test text has the label {name!r}." for own, name in found.labels.items() if own not in known]
    single = [arm.arm for arm in arms if len(arm.seeds) == 1]
    if len(found.differences) > 1:
        said.append(
            f"{len(found.differences)} differences are shown. Their p-values are adjusted for that (Holm); each statement on the margin "
            "is a single test at 5 %."
        )
    said += [f"One seed only: {', '.join(single)}. An interval needs {gaps.FEWEST_SEEDS}."] if single else []
    return said


def _at_sizes(
    session: Session, study: StudyArms, task: Task, asked: Asked, encoder: str
) -> tuple[list[TrainedArm], str]:
    """The asked arms, the real arm and the mixes at every size, and a sentence on runs that the curve leaves out."""
    always = (ArmKind.REAL, ArmKind.MIXED)
    kept: list[TrainedArm] = []
    for own in (trained.read_curves(session, study, task.study_id), study):
        found = sizes.of_task(own, task.name, encoder=encoder)
        kept = [arm for arm in found if not asked.names or arm.arm in asked.names or arm.kind in always]
        if any(arm.kind == ArmKind.REAL for arm in kept):
            return kept, "" if own is study else " ".join(own.left_out)
    return kept, ""


def _scores(arms: Sequence[TrainedArm], metric: Metric, spread: SeedSpread) -> pd.DataFrame:
    rows = []
    for arm in arms:
        score = gaps.mean_score(arm.scored(metric), spread=spread)
        rows.append(
            (arm.arm, score.value, score.low, score.high, len(arm.seeds), score.n, arm.n_train, arm.has_learned)
        )
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)
