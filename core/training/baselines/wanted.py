"""Which baselines a task should have: a classifier for each choice of training texts that its runs made, and for its few-shot pool."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import ArmKind, Purpose, Split
from core.study.rows.study import Arm, Run, Study, Task
from core.training import fingerprints, selection
from core.training.settings import TrainingSettings, training_settings

NAMES = ("tfidf", "embeddings")
CODE_VERSION = 1
MATTERING = ("balance", "class_weights", "stop")  # the training settings that a baseline depends on


@dataclass(frozen=True)
class Fit:
    """The texts on which the baselines of an arm are fitted once.

    `chosen`, `train`: as in `selection.RunTexts`, columns sample_id, text_hash, label, exact. `config`: the training settings
    in `MATTERING`. `test_digest`: of the real test texts.
    """

    arm: Arm
    split: Split
    seed: int
    config: dict[str, str]
    chosen: pd.DataFrame
    train: pd.DataFrame
    test_digest: str

    def fingerprint(self, name: str) -> str:
        """A digest of everything that determines the answers of the classifier `name` fitted on these texts."""
        parts = {
            "code": CODE_VERSION, "name": name, "class_weights": self.config["class_weights"], "test": self.test_digest,
            "train": fingerprints.data_digest(self.train), "chosen": fingerprints.data_digest(self.chosen),
        }  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """The fits that a task should have, the real test texts, and sentences on arms that get none."""

    fits: list[Fit]
    test: pd.DataFrame
    left_out: tuple[str, ...]

    @property
    def keys(self) -> set[tuple[int, int, str]]:
        """The id of the arm, the seed and the fingerprint of each fit with each classifier."""
        return {(fit.arm.id, fit.seed, fit.fingerprint(name)) for fit in self.fits for name in NAMES}

    def missing(self, session: Session) -> list[tuple[Fit, str]]:
        """Each fit with a classifier whose answers are not stored for it."""
        arms = {fit.arm.id for fit in self.fits}
        query = select(Baseline.arm_id, Baseline.name, Baseline.seed, Baseline.fingerprint)
        known = {tuple(row) for row in session.execute(query.where(Baseline.arm_id.in_(arms)))}
        return [
            (fit, name)
            for fit in self.fits
            for name in NAMES
            if (fit.arm.id, name, fit.seed, fit.fingerprint(name)) not in known
        ]


def of_task(session: Session, task: Task) -> Wanted:
    """The fits that a task should have now: for every arm on the training texts of each of its runs, and on the few-shot pool.

    An arm without runs is fitted on as many texts, with the same seeds and settings, as most runs of the task; without any run,
    as the study would train now. A choice of runs that can no longer be made, since texts have left the arm, is passed over. A task
    without usable test texts, or an arm with which no choice can be made, gets no fit, and a sentence says so.
    """
    try:
        test = selection.test_samples(session, task)
    except StudyError as error:
        return Wanted([], selection.test_split(session, task), (str(error),))
    arms, left_out = tasks.arms(session, task.id), list[str]()
    asked = _asked(session, task, arms, test)
    fits = []
    for arm in arms:
        try:
            fits += _of_arm(session, arm, test, asked.get(arm.id, []))
        except StudyError as error:
            left_out.append(str(error))
    return Wanted([*fits, *of_pool(session, task).fits], test, tuple(left_out))


def of_pool(session: Session, task: Task) -> Wanted:
    """The fit on the few-shot pool of a task: all of its texts that are not test texts; no fit if these have fewer than two labels."""
    test, fits = selection.test_split(session, task), list[Fit]()
    for arm in tasks.arms(session, task.id):
        pool = selection.pool_samples(session, arm, test)
        if arm.kind == ArmKind.REAL and pool["label"].nunique() > 1:
            config = config_of({}) | {"balance": "natural"}
            fits.append(Fit(arm, Split.POOL, 0, config, pool, pool, fingerprints.data_digest(test)))
    return Wanted(fits, test, ())


def config_of(training: Mapping[str, Any]) -> dict[str, str]:
    """The training settings that a baseline depends on, with those that are not said at their first values."""
    settings = training_settings(training)
    return {name: str(getattr(settings, name)) for name in MATTERING}


@dataclass(frozen=True)
class _Choice:
    n: int
    seed: int
    balance: str
    class_weights: str
    stop: str

    @property
    def config(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in MATTERING}


def _asked(session: Session, task: Task, arms: Sequence[Arm], test: pd.DataFrame) -> dict[int, list[_Choice]]:
    """Arm id -> how its runs chose their texts; arms without runs as most runs of the task."""
    query = select(Run.arm_id, Run.n_train, Run.seed, Run.config).where(Run.arm_id.in_([arm.id for arm in arms]))
    query = query.where(Run.purpose == Purpose.COMPARISON)
    found: dict[int, list[_Choice]] = {}
    for arm_id, n, seed, config in session.execute(query.order_by(Run.id)):
        found.setdefault(arm_id, []).append(_Choice(n, seed, **config_of(config["training"])))
    usual = _usual(found) or _to_come(session, task, arms, test)
    return {arm.id: list(dict.fromkeys(found.get(arm.id, usual))) for arm in arms}


def _usual(found: Mapping[int, Sequence[_Choice]]) -> list[_Choice]:
    """The choices that the most runs share in all but the seed."""
    every = [choice for choices in found.values() for choice in choices]
    if not every:
        return []
    [(most, _)] = Counter((choice.n, *choice.config.values()) for choice in every).most_common(1)
    return [choice for choice in dict.fromkeys(every) if (choice.n, *choice.config.values()) == most]


def _to_come(session: Session, task: Task, arms: Sequence[Arm], test: pd.DataFrame) -> list[_Choice]:
    """The choices of runs that the study would plan now: `train_size` texts, or as many as its smallest arm has."""
    stored = tasks.DEFAULT_CONFIG | session.get_one(Study, task.study_id).config
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    sizes = []
    for arm in arms:
        try:
            sizes.append(len(selection.training_pool(session, task, arm, labels, test)))
        except StudyError:
            continue
    asked = training_settings(stored["training"])
    n = asked.texts_of(train_size=task.train_size, smallest=min(sizes, default=0), labels=len(labels))
    config = config_of(stored["training"])
    return [_Choice(n, int(seed), **config) for seed in stored["seeds"]] if n else []


def _of_arm(session: Session, arm: Arm, test: pd.DataFrame, choices: Sequence[_Choice]) -> list[Fit]:
    """The fits of an arm on its training texts, without choices for which it has too few texts now.

    Raises `StudyError` if that is every choice; the sentence speaks of the choice with the fewest texts.
    """
    fits, digest, too_many = [], fingerprints.data_digest(test), dict[int, int]()
    for choice in choices:
        settings = TrainingSettings.model_validate(choice.config)
        texts = selection.run_texts(session, arm, test=test, n=choice.n, seed=choice.seed, settings=settings)
        if len(texts.chosen) < choice.n:
            too_many[choice.n] = len(texts.chosen)
            continue
        fits.append(Fit(arm, Split.TRAIN, choice.seed, choice.config, texts.chosen, texts.train, digest))
    if too_many and not fits:
        n = min(too_many)
        raise StudyError(
            f"Arm {arm.name} has {too_many[n]:,} training texts where its baselines need {n:,}; add some, or lower the training size."
        )
    return fits
