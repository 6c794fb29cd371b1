"""What a run is trained and tested on, read from the database and checked against its plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Run, Sample, Task
from core.training import convergence, fingerprints, runs, selection
from core.training.convergence import Guess
from core.training.settings import TrainingSettings, training_settings
from core.training.targets import rated, weights


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels; `targets` holds an index in `RunData.label_ids` for every text.

    `shares` holds the share of every label for every text where the targets are soft, `weights` what every text counts for where texts
    are weighed; else they are empty.
    """

    texts: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    shares: list[list[float]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class RunData:
    """A run with the data and settings of its training.

    `validation` texts are of the same arm as the training texts and are not trained on; they may be empty.
    """

    run: Run
    title: str
    settings: TrainingSettings
    train: Labelled
    validation: Labelled
    label_ids: list[int]
    test_ids: list[int]
    test_texts: list[str]
    train_digest: str

    @property
    def guess(self) -> Guess:
        """The best answer to the training texts that does not look at them, in the loss of the training."""
        classes, is_balanced = len(self.label_ids), self.settings.class_weights == "balanced"
        own = weights.in_the_loss(self.train.targets, self.train.weights, classes=classes, is_balanced=is_balanced)
        return convergence.guess_of(self.train.targets, classes=classes, shares=self.train.shares, weights=own)


def read(session: Session, run_id: int, *, again: bool = False) -> RunData | None:
    """The data of a run; None if the run has finished and is not to be trained `again`.

    Raises `StudyError` if the data has changed since the plan.
    """
    run = run_of(session, run_id)
    if run.finished_at is not None and not again:
        return None
    arm = session.get_one(Arm, run.arm_id)
    task = session.get_one(Task, arm.task_id)
    title, settings = runs.title(task.name, arm.name, run.seed), settings_of(run)
    test = selection.test_samples(session, task)
    if run.purpose == Purpose.SEED_STUDENT:
        texts = selection.pool_texts(session, arm, test=test, seed=run.seed, settings=settings)
    else:
        texts = selection.run_texts(
            session, arm, test=test, n=run.n_train, seed=run.seed, settings=settings, n_real=run.n_real
        )
    _check_unchanged(run, title, settings, train=texts.chosen, test=test)
    labels = sorted(tasks.labels_of(session, task.id), key=lambda label: label.name)
    places = {label.name: place for place, label in enumerate(labels)}
    real = next(other for other in tasks.arms(session, task.id) if other.kind == ArmKind.REAL)
    known = _texts(session, [arm.id, real.id])
    return RunData(
        run=run,
        title=title,
        settings=settings,
        train=_labelled(texts.train, known, places),
        validation=_labelled(texts.validation, known, places),
        label_ids=[label.id for label in labels],
        test_ids=[int(sample_id) for sample_id in test["sample_id"]],
        test_texts=[known[sample_id] for sample_id in test["sample_id"]],
        train_digest=fingerprints.data_digest(texts.chosen),
    )


def _check_unchanged(
    run: Run, title: str, settings: TrainingSettings, *, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    """Raise `StudyError` if the texts of a run have changed since it was planned, or the weights of an encoder in a folder of its
    own. A folder that is not there is for the loading to name."""
    held = {"weights": run.config["weights"]} if "weights" in run.config else {}
    now = fingerprints.fingerprint(
        encoder=run.encoder, seed=run.seed, settings=settings, train=train, test=test, held=held
    )
    if now != run.fingerprint:
        older = settings.stops_early and "stopping" not in run.config
        what = (
            "The rule of early stopping has changed since {} was planned"
            if older
            else "The texts of {} have changed since it was planned"
        )
        raise StudyError(f"{what.format(title)}. Queue the runs again on Train.")
    if held and fingerprints.held_weights(run.encoder) not in (held, {}):
        raise StudyError(
            f"The files in {run.encoder} have changed since {title} was planned. Queue the runs again on Train, or put the files back."
        )


def run_of(session: Session, run_id: int) -> Run:
    """The run with this id. Raises `StudyError` if there is no such run."""
    run = session.get(Run, run_id)
    if run is None:
        raise StudyError(f"There is no run {run_id}. Queue the runs again on Train.")
    return run


def settings_of(run: Run) -> TrainingSettings:
    """The settings that a run was planned with, its number of steps among them."""
    return training_settings(run.config["training"])


def _labelled(samples: pd.DataFrame, texts: dict[int, str], places: dict[str, int]) -> Labelled:
    return Labelled(
        [texts[sample_id] for sample_id in samples["sample_id"]],
        [places[label] for label in samples["label"]],
        rated.targets(samples, list(places)),
        weights.own(samples),
    )


def _texts(session: Session, arm_ids: Sequence[int]) -> dict[int, str]:
    query = select(Sample.id, Sample.text).where(Sample.arm_id.in_(arm_ids))
    return {row.id: row.text for row in session.execute(query)}
