"""One run beside a run of another arm: confusion of labels, and the mistakes that the run was surest of."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis.arms import classes, trained
from core.analysis.arms.classes import Confusion
from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Run
from core.training import runs

MISTAKE_COLUMNS = ["sample_id", "text", "label", "predicted", "probability", "other"]


@dataclass(frozen=True)
class Beside:
    """Two runs on the same test texts.

    `run`, `other`: their confusions; `other` is None if no run is comparable. `mistakes`: `MISTAKE_COLUMNS`, the wrong
    answers of the run, the surest first; `other` is the answer of the other run, "" without one. `n_test`: test texts.
    """

    run: Confusion
    other: Confusion | None
    mistakes: pd.DataFrame
    n_test: int


def counterparts(scores: pd.DataFrame, run_id: int) -> pd.DataFrame:
    """The runs beside which a run may stand: other arms of its task with its encoder and conditions, rows of `scores`.

    The real arm comes first, then runs of the same seed. `scores` is the table of `runs.scores`; a run that is not in it has
    no counterparts.
    """
    own = scores[scores["run_id"] == run_id]
    if own.empty:
        return scores.iloc[:0]
    row = own.iloc[0]
    alike = scores[
        (scores["task"] == row["task"])
        & (scores["encoder"] == row["encoder"])
        & (scores["conditions"] == row["conditions"])
        & (scores["arm"] != row["arm"])
    ]
    order = alike.assign(not_real=alike["arm_kind"] != ArmKind.REAL, not_seed=alike["seed"] != row["seed"])
    return pd.DataFrame(order.sort_values(["not_seed", "not_real", "run_id"])[list(scores.columns)])


def beside(session: Session, run_id: int, other_id: int | None) -> Beside:
    """A run beside another run of its task, or alone.

    Raises `StudyError` if there is no such run, or if the two were tested on other texts.
    """
    found = runs.predictions(session, run_id)
    wrong = found[~found["correct"]].sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    if other_id is None:
        return Beside(_confusion(session, run_id), None, wrong.assign(other="")[MISTAKE_COLUMNS], len(found))
    second = runs.predictions(session, other_id)
    if list(second["sample_id"]) != list(found["sample_id"]):
        raise StudyError(f"Runs {run_id} and {other_id} were tested on other texts, so they cannot stand side by side.")
    answers = second.set_index("sample_id")["predicted"]
    mistakes = wrong.assign(other=answers.reindex(wrong["sample_id"]).to_numpy())[MISTAKE_COLUMNS]
    return Beside(_confusion(session, run_id), _confusion(session, other_id), mistakes, len(found))


def sentence(found: Beside) -> str:
    """How many test texts the run mistakes, and how many of these the other run gets right."""
    wrong = len(found.mistakes)
    said = f"{found.run.arm} mistakes {wrong:,} of {found.n_test:,} test texts"
    if found.other is None or not wrong:
        return said + "."
    right = int((found.mistakes["other"] == found.mistakes["label"]).sum())
    return f"{said}; {right:,} of them {found.other.arm} gets right."


def _confusion(session: Session, run_id: int) -> Confusion:
    run = session.get_one(Run, run_id)
    arm = session.get_one(Arm, run.arm_id)
    labels = {label.id: label.name for label in tasks.labels_of(session, arm.task_id)}
    answers = runs.probabilities(session, [run_id])
    one = trained.TrainedArm(
        task="", arm=arm.name, kind=arm.kind, encoder=run.encoder, n_train=run.n_train, conditions="", seeds=(run.seed,),
        newest=run.id, texts=answers["sample_id"].to_numpy(), truth=answers["label_id"].to_numpy(),
        predicted=answers["predicted_id"].to_numpy()[None, :],
    )  # fmt: skip
    return classes.confusion(one, labels)
