"""Choose the texts that a run trains on and is tested on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Label, Sample, Task
from core.training.settings import TrainingSettings
from core.training.targets import weights

VALIDATION = 128  # most validation texts of a run
HELD_OUT = 10  # with early stopping, one in so many chosen texts is not trained on


@dataclass(frozen=True)
class Choice:
    """The training samples of a run: columns sample_id, text_hash, label, exact (digest of the exact text).

    `short`: how many texts are missing, over all labels, for a balanced choice.
    """

    samples: pd.DataFrame
    short: int


@dataclass(frozen=True)
class RunTexts:
    """The texts of a run, each a table with the columns of `Choice.samples`.

    `chosen`: the texts that the arm gives; `train`: those that the run trains on; `validation`: texts of the same arm that
    it does not train on.
    """

    chosen: pd.DataFrame
    train: pd.DataFrame
    validation: pd.DataFrame


@dataclass(frozen=True)
class Available:
    """The kept training texts of a task: `counts` by arm id and label, for every arm with such texts, and the names of its labels.

    Training texts that also stand in the test split are counted.
    """

    task: Task
    counts: Mapping[int, Mapping[str, int]]
    labels: tuple[str, ...]

    def by_arm(self, arms: Sequence[Arm]) -> dict[str, int]:
        """Name -> number of training texts, for those of the arms that are of this task."""
        return {arm.name: sum(self.counts.get(arm.id, {}).values()) for arm in arms if arm.task_id == self.task.id}

    def size(self, arms: Sequence[Arm], settings: TrainingSettings) -> int:
        """On how many texts each of these arms would train; 0 if no arm is of this task."""
        counts = self.by_arm(arms).values()
        if not counts:
            return 0
        return settings.texts_of(train_size=self.task.train_size, smallest=min(counts), labels=len(self.labels))

    def unbalanced(self, arms: Sequence[Arm], n: int) -> dict[str, dict[str, int]]:
        """Name -> label -> number of texts of a balanced choice of `n`, for those of the arms with too few texts of a label."""
        own = {arm.name: self.counts.get(arm.id, {}) for arm in arms if arm.task_id == self.task.id}
        complete = {name: {label: counts.get(label, 0) for label in self.labels} for name, counts in own.items()}
        return {name: _samples_per_label(counts, n) for name, counts in complete.items() if _short(counts, n)}


def run_texts(
    session: Session,
    arm: Arm,
    *,
    test: pd.DataFrame,
    n: int,
    seed: int,
    settings: TrainingSettings,
    n_real: int | None = None,
) -> RunTexts:
    """The texts of a run on `n` chosen texts of an arm; with `n_real` so many of the `n` are real training texts of the task.

    With early stopping, a tenth of the chosen texts of each label (at least one, if the label has two) are the validation
    texts, in every arm alike; in a mix a tenth of the real and a tenth of the synthetic ones. Else the arm trains on all
    chosen texts, and its validation texts are, as far as there are any, those of its own split `validation`, or its kept
    training texts that were not chosen: equally many of each label as far as possible, at most `VALIDATION` in all. Raises
    `StudyError` as `choose_training_samples` does.
    """
    labels = [label.name for label in tasks.labels_of(session, arm.task_id)]
    task = session.get_one(Task, arm.task_id)
    pool = weights.targeted(session, task, training_pool(session, task, arm, labels, test), settings)
    chosen = [choose(pool, labels, n=n - (n_real or 0), seed=seed, balance=settings.balance).samples]
    if n_real:
        real_pool = training_pool(session, task, tasks.get_arm(session, task, ArmKind.REAL), labels, test)
        real_pool = weights.targeted(session, task, real_pool, settings)
        pool = pd.concat([real_pool, pool])
        chosen.insert(0, choose(real_pool, labels, n=n_real, seed=seed, balance=settings.balance).samples)
    return _parted(session, arm, chosen, pool, test=test, seed=seed, settings=settings)


def pool_texts(session: Session, real: Arm, *, test: pd.DataFrame, seed: int, settings: TrainingSettings) -> RunTexts:
    """The texts of a seed student: all of the real arm's few-shot pool that are not test texts, in an order drawn by the seed.

    Validation texts are as in `run_texts`, of the real arm's training texts where nothing is kept out. Raises `StudyError` if
    the pool has texts of fewer than two labels.
    """
    pool = pool_samples(session, real, test)
    pool = weights.targeted(session, session.get_one(Task, real.task_id), pool, settings)
    if pool["label"].nunique() < 2:
        raise StudyError(
            "A seed student learns from the few-shot pool, which needs texts of two labels. Import some on Tasks and data."
        )
    labels = sorted(set(pool["label"]))
    chosen = choose(pool, labels, n=len(pool), seed=seed, balance="natural").samples
    spare = kept_samples(session, real.id, Split.TRAIN)
    return _parted(session, real, [chosen], spare, test=test, seed=seed, settings=settings)


def pool_samples(session: Session, real: Arm, test: pd.DataFrame) -> pd.DataFrame:
    """The kept texts of the real arm's few-shot pool that are not test texts: columns as `kept_samples`."""
    pool = kept_samples(session, real.id, Split.POOL)
    return pool[~pool["text_hash"].isin(set(test["text_hash"]))].reset_index(drop=True)


def _parted(
    session: Session, arm: Arm, sources: Sequence[pd.DataFrame], pool: pd.DataFrame, *, test: pd.DataFrame, seed: int,
    settings: TrainingSettings,
) -> RunTexts:  # fmt: skip
    """The texts chosen from each source (of a mix the real and the synthetic ones) with the texts that are kept out of them, or else
    with validation texts from the pool."""
    chosen = pd.concat(sources, ignore_index=True)
    if settings.stops_early:
        is_kept_out = np.concatenate([_is_kept_out(source) for source in sources])
        return RunTexts(chosen, chosen[~is_kept_out].reset_index(drop=True), chosen[is_kept_out].reset_index(drop=True))
    spare = kept_samples(session, arm.id, Split.VALIDATION)
    if spare.empty:
        spare = pool
    taken = {*chosen["text_hash"], *test["text_hash"]}
    spare = spare[~spare["text_hash"].isin(taken)]
    if spare.empty:
        return RunTexts(chosen, chosen, spare)
    labels = [label.name for label in tasks.labels_of(session, arm.task_id)]
    validation = choose(spare, labels, n=min(VALIDATION, len(spare)), seed=seed, balance=settings.balance).samples
    return RunTexts(chosen, chosen, validation)


def _is_kept_out(chosen: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether early stopping keeps each chosen text out of training: the last tenth of each label."""
    by_label = chosen.groupby("label")["label"]
    place, size = by_label.cumcount(), by_label.transform("size")
    return ((place >= size - np.maximum(1, size // HELD_OUT)) & (size > 1)).to_numpy(dtype=bool)


def choose_training_samples(
    session: Session, arm: Arm, *, n: int, seed: int, balance: Literal["equal", "natural"] = "equal"
) -> Choice:
    """Choose `n` kept training samples of an arm, or all samples if the arm has fewer: see `TrainingSettings` for `balance`.

    With the balance "equal", a label with too few samples gives all of its samples and other labels fill up. Samples are
    ranked by a digest of seed and text, so the choice does not depend on the order of import or on row ids. Raises
    `StudyError` as `plan` does.
    """
    labels = [label.name for label in tasks.labels_of(session, arm.task_id)]
    task = session.get_one(Task, arm.task_id)
    pool = training_pool(session, task, arm, labels, test_samples(session, task))
    return choose(pool, labels, n=n, seed=seed, balance=balance)


def test_samples(session: Session, task: Task) -> pd.DataFrame:
    """The kept test samples of the task's real arm: columns sample_id, text_hash, label, exact, sorted by text_hash.

    Raises `StudyError` if the task has no real test samples, or no test sample of a label.
    """
    found = test_split(session, task)
    if found.empty:
        raise StudyError(no_test_texts(task))
    absent = labels_without_samples(found, [label.name for label in tasks.labels_of(session, task.id)])
    if absent:
        raise StudyError(
            f"The real test split of task {task.name!r} has no text labelled {absent}; macro-F1 needs every label. "
            "Import test texts for it, or leave the label out of the task."
        )
    return found


def no_test_texts(task: Task) -> str:
    """What is said of a task that has no real test texts."""
    return f"Task {task.name!r} has no real test texts. Import real data with a test split on Tasks and data."


def available(session: Session, task: Task) -> Available:
    """The training texts of a task."""
    counted = (
        select(Sample.arm_id, Label.name, func.count())
        .join(Arm, Arm.id == Sample.arm_id)
        .join(Label, Label.id == Sample.label_id)
        .where(Arm.task_id == task.id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
        .group_by(Sample.arm_id, Label.name)
    )
    counts: dict[int, dict[str, int]] = {}
    for arm_id, label, n in session.execute(counted):
        counts.setdefault(arm_id, {})[label] = n
    return Available(task, counts, tuple(label.name for label in tasks.labels_of(session, task.id)))


def training_pool(session: Session, task: Task, arm: Arm, labels: Sequence[str], test: pd.DataFrame) -> pd.DataFrame:
    """The kept training samples of an arm, without texts that stand in the real test split: columns as `kept_samples`."""
    pool = kept_samples(session, arm.id, Split.TRAIN)
    pool = pool[~pool["text_hash"].isin(test["text_hash"])]
    if pool.empty:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training texts. Import or generate some first."
        )
    absent = labels_without_samples(pool, labels)
    if absent:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training text labelled {absent}. Add some first, or leave the "
            "label out of the task."
        )
    return pool


def test_split(session: Session, task: Task) -> pd.DataFrame:
    """The kept test samples of the task's real arm, possibly none: columns as `kept_samples`."""
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    return kept_samples(session, real.id if real else 0, Split.TEST)


def kept_samples(session: Session, arm_id: int, split: Split) -> pd.DataFrame:
    """The kept samples of an arm in a split, sorted by text_hash: columns sample_id, text_hash, label, exact.

    text_hash is equal for texts that differ only in case or blanks; exact is a digest of the exact text.
    """
    query = (
        select(Sample.id, Sample.text_hash, Label.name, Sample.text)
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Sample.split == split)
        .order_by(Sample.text_hash)
    )
    rows = [(*row[:3], hashlib.sha256(row[3].encode()).hexdigest()) for row in session.execute(query)]
    return pd.DataFrame(rows, columns=["sample_id", "text_hash", "label", "exact"])


def labels_without_samples(samples: pd.DataFrame, labels: Sequence[str]) -> str:
    """The labels that no sample of a table has, quoted and joined by commas; "" if each has one."""
    return ", ".join(repr(label) for label in labels if label not in set(samples["label"]))


def choices(
    pools: Mapping[int, pd.DataFrame], labels: Sequence[str], *, n: int, seeds: Sequence[int], balance: str
) -> dict[tuple[int, int], Choice]:
    """The chosen samples by arm id and seed."""
    return {
        (arm, seed): choose(pool, labels, n=n, seed=seed, balance=balance)
        for arm, pool in pools.items()
        for seed in seeds
    }


def choose(pool: pd.DataFrame, labels: Sequence[str], *, n: int, seed: int, balance: str) -> Choice:
    """Choose `n` samples of a pool as `choose_training_samples` does."""
    rank = [hashlib.sha256(f"{seed}:{digest}".encode()).digest() for digest in pool["text_hash"]]
    ranked = pool.iloc[sorted(range(len(pool)), key=rank.__getitem__)]
    if balance == "natural":
        return Choice(samples=ranked.head(n).reset_index(drop=True), short=0)
    available = {label: int((pool["label"] == label).sum()) for label in labels}
    shares = _samples_per_label(available, n)
    place = ranked.groupby("label").cumcount()
    chosen = ranked[place < ranked["label"].map(shares)].reset_index(drop=True)
    return Choice(samples=chosen, short=_short(available, n))


def _short(available: Mapping[str, int], n: int) -> int:
    """How many texts are missing, over all labels, for equally many of each among `n`."""
    return sum(max(0, n // len(available) - count) for count in available.values())


def _samples_per_label(available: Mapping[str, int], n: int) -> dict[str, int]:
    """Label -> number of samples to choose: equal numbers; other labels make up for a label with too few samples."""
    shares, left = {}, n
    for place, label in enumerate(sorted(available, key=lambda name: (available[name], name))):
        shares[label] = min(available[label], left // (len(available) - place))
        left -= shares[label]
    return shares
