"""Which runs a study needs: the training samples of every arm, and a fingerprint so that no run is done twice."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import pydantic
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import spec, tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Label, Run, Sample, Task

CODE_VERSION = 2  # 2: the head's labels are in the order of their names; the data's digest is of texts to the letter
SEED_LIMIT = 2**32
FEW = 5  # training texts a label under which a score is marked


class TrainingSettings(BaseModel):
    """How every run of a study is trained. `steps` is fixed, so that arms of all sizes are trained equally long.

    `max_length` is in tokens, `warmup_share` in [0, 1) of the steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: int = Field(default=100, ge=1, le=1_000_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=5e-5, gt=0, le=1)
    max_length: int = Field(default=128, ge=8, le=8192)
    warmup_share: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)


@dataclass(frozen=True)
class Planned:
    """Runs made by this plan, and those that were there already, finished or not."""

    new: list[Run]
    existing: list[Run]


@dataclass(frozen=True)
class Choice:
    """Training samples: columns sample_id, text_hash, label, exact. `short` counts texts that a balanced choice needed and
    their label did not have."""

    samples: pd.DataFrame
    short: int

    @property
    def ids(self) -> list[int]:
        return [int(number) for number in self.samples["sample_id"]]


def training_settings(given: Mapping[str, Any]) -> TrainingSettings:
    """Settings from a study file or a form. Raises `StudyError` for an unknown key or a value out of range."""
    try:
        return TrainingSettings.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise StudyError(f"Training settings: {spec.explain(error, TrainingSettings)}") from error


def plan(
    session: Session,
    *,
    task: Task,
    arms: Sequence[Arm],
    encoders: Sequence[str],
    seeds: Sequence[int],
    settings: TrainingSettings,
) -> Planned:
    """A run for every arm, encoder and seed; those with the same data and settings as before are not made again.

    Every arm gives the same number of training texts: the task's `train_size`, or without one what the smallest of these
    arms has. Raises `StudyError` when an arm has fewer or a label none, when the real arm has no test text for a label,
    or when nothing is asked.
    """
    _check_asked(arms, encoders, seeds)
    session.execute(select(Task.id).where(Task.id == task.id).with_for_update())
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    test = test_samples(session, task)
    pools = {arm.id: _training_pool(session, task, arm, labels, test) for arm in arms}
    n = _size(task, arms, pools)
    if n < len(labels):
        raise StudyError(_too_few(task, labels, n))
    choices = {(arm, seed): _choose(pool, labels, n=n, seed=seed) for arm, pool in pools.items() for seed in seeds}
    known = {(run.arm_id, run.fingerprint): run for run in session.scalars(select(Run).where(Run.arm_id.in_(pools)))}
    planned = Planned(new=[], existing=[])
    wanted = product({arm.id: arm for arm in arms}.values(), dict.fromkeys(encoders), dict.fromkeys(seeds))
    for arm, encoder, seed in wanted:
        choice = choices[arm.id, seed]
        digest = fingerprint(encoder=encoder, seed=seed, settings=settings, train=choice.samples, test=test)
        found = known.get((arm.id, digest))
        if found is not None:
            planned.existing.append(found)
            continue
        notes = _notes(task, arm, choice=choice, pools=pools, arms=arms)
        run = Run(
            arm_id=arm.id,
            encoder=encoder,
            seed=seed,
            n_train=n,
            config={"training": settings.model_dump(), "code": CODE_VERSION, "test": data_digest(test), "notes": notes},
            fingerprint=digest,
        )
        planned.new.append(run)
    session.add_all(planned.new)
    session.flush()
    return planned


def obstacles(
    session: Session, *, task: Task, arms: Sequence[Arm], to_come: Mapping[int, int] | None = None
) -> list[tuple[str, str]]:
    """Name of an arm and a sentence, for everything that would keep `plan` from planning these arms.

    `to_come` maps the id of an arm that will be generated to the texts that each label will then have at least.
    """
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    found: list[tuple[str, str]] = []
    try:
        test_samples(session, task)
    except StudyError as error:
        found.append((ArmKind.REAL, str(error)))
    test, sizes = _tested(session, task), dict[int, int]()
    for arm in arms:
        if to_come and arm.id in to_come:
            counts = _kept(session, arm.id, Split.TRAIN)["label"].value_counts()
            sizes[arm.id] = sum(max(to_come[arm.id], int(counts.get(label, 0))) for label in labels)
            continue
        try:
            sizes[arm.id] = len(_training_pool(session, task, arm, labels, test))
        except StudyError as error:
            found.append((arm.name, str(error)))
    counted = [arm for arm in arms if arm.id in sizes]
    found += [(arm.name, _too_short(task, arm, sizes[arm.id])) for arm in _short(task, counted, sizes)]
    n = task.train_size or min(sizes.values(), default=len(labels))
    return found + ([("", _too_few(task, labels, n))] if n < len(labels) else [])


def choose_training_samples(session: Session, arm: Arm, *, n: int, seed: int) -> Choice:
    """`n` kept training samples of an arm, or all it has when that is less, spread evenly over the labels.

    A label with too few gives all it has and the others make up for it. Samples are ranked by a digest of seed and
    text, so a choice depends on neither the order of import nor the numbers of rows.
    """
    labels = [label.name for label in tasks.labels_of(session, arm.task_id)]
    task = session.get_one(Task, arm.task_id)
    pool = _training_pool(session, task, arm, labels, test_samples(session, task))
    return _choose(pool, labels, n=n, seed=seed)


def test_samples(session: Session, task: Task) -> pd.DataFrame:
    """The kept test split of the task's real arm: columns as `_kept`, ordered by text_hash.

    Raises `StudyError` when there is none, or a label has no sample in it.
    """
    found = _tested(session, task)
    if found.empty:
        raise StudyError(f"Task {task.name!r} has no real test texts. Import real data with a test split on Data.")
    absent = _absent(found, [label.name for label in tasks.labels_of(session, task.id)])
    if absent:
        raise StudyError(
            f"The real test split of task {task.name!r} has no text labelled {absent}; macro-F1 needs every label. "
            "Import test texts for it, or leave the label out of the task."
        )
    return found


def training_texts(session: Session, task: Task) -> dict[int, int]:
    """Arm id -> kept training texts, for every arm of a task; texts that stand in the test split are counted too."""
    counted = (
        select(Sample.arm_id, func.count())
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
        .group_by(Sample.arm_id)
    )
    return dict(session.execute(counted).all())


def fingerprint(*, encoder: str, seed: int, settings: TrainingSettings, train: pd.DataFrame, test: pd.DataFrame) -> str:
    """A digest of all that decides a run's result. The order of samples does not count."""
    parts = {
        "code": CODE_VERSION,
        "encoder": encoder,
        "seed": seed,
        "settings": settings.model_dump(),
        "train": data_digest(train),
        "test": data_digest(test),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def data_digest(samples: pd.DataFrame) -> str:
    """A digest of texts to the letter, and labels, whatever their order."""
    lines = sorted(f"{digest} {label}" for digest, label in zip(samples["exact"], samples["label"], strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _size(task: Task, arms: Sequence[Arm], pools: Mapping[int, pd.DataFrame]) -> int:
    """Training texts of every arm. A stated `train_size` is kept or refused: arms queued apart must stay comparable."""
    sizes = {arm_id: len(pool) for arm_id, pool in pools.items()}
    for arm in _short(task, arms, sizes):
        raise StudyError(_too_short(task, arm, sizes[arm.id]))
    return task.train_size or min(sizes.values())


def _short(task: Task, arms: Sequence[Arm], sizes: Mapping[int, int]) -> list[Arm]:
    return [arm for arm in arms if sizes[arm.id] < (task.train_size or 0)]


def _too_short(task: Task, arm: Arm, size: int) -> str:
    return (
        f"Arm {arm.name!r} of task {task.name!r} has {size} training texts; the task's train_size asks for "
        f"{task.train_size}. Import or generate more, or lower train_size."
    )


def _too_few(task: Task, labels: Sequence[str], n: int) -> str:
    return f"Task {task.name!r} has {len(labels)} labels and would train on {n} texts; give it more."


def _check_asked(arms: Sequence[Arm], encoders: Sequence[str], seeds: Sequence[int]) -> None:
    if not (len(arms) and len(encoders) and len(seeds)):
        raise StudyError("Choose at least one arm, one encoder and one seed to train.")
    if not all(0 <= seed < SEED_LIMIT for seed in seeds):
        raise StudyError(f"Seeds are whole numbers from 0 to {SEED_LIMIT - 1}; found {', '.join(map(str, seeds))}.")


def _training_pool(session: Session, task: Task, arm: Arm, labels: Sequence[str], test: pd.DataFrame) -> pd.DataFrame:
    """What an arm may train on: its kept training texts without any that stands in the real test split."""
    pool = _kept(session, arm.id, Split.TRAIN)
    pool = pool[~pool["text_hash"].isin(test["text_hash"])]
    if pool.empty:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training texts. Import or generate some first."
        )
    absent = _absent(pool, labels)
    if absent:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training text labelled {absent}. Add some first, or leave the "
            "label out of the task."
        )
    return pool


def _tested(session: Session, task: Task) -> pd.DataFrame:
    """The kept test split of the task's real arm, which may be empty: columns as `_kept`."""
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    return _kept(session, real.id if real else 0, Split.TEST)


def _kept(session: Session, arm_id: int, split: Split) -> pd.DataFrame:
    """Columns sample_id, text_hash (the same for texts that differ in case or blanks), label, exact (another digest)."""
    query = (
        select(Sample.id, Sample.text_hash, Label.name, Sample.text)
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Sample.split == split)
        .order_by(Sample.text_hash)
    )
    rows = [(*row[:3], hashlib.sha256(row[3].encode()).hexdigest()) for row in session.execute(query)]
    return pd.DataFrame(rows, columns=["sample_id", "text_hash", "label", "exact"])


def _absent(samples: pd.DataFrame, labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels if label not in set(samples["label"]))


def _choose(pool: pd.DataFrame, labels: Sequence[str], *, n: int, seed: int) -> Choice:
    rank = [hashlib.sha256(f"{seed}:{digest}".encode()).digest() for digest in pool["text_hash"]]
    ranked = pool.iloc[sorted(range(len(pool)), key=rank.__getitem__)]
    available = {label: int((pool["label"] == label).sum()) for label in labels}
    shares = _shares(available, n)
    place = ranked.groupby("label").cumcount()
    chosen = ranked[place < ranked["label"].map(shares)].reset_index(drop=True)
    short = sum(max(0, n // len(labels) - count) for count in available.values())
    return Choice(samples=chosen, short=short)


def _shares(available: Mapping[str, int], n: int) -> dict[str, int]:
    """How many of each label: even, except that a scarce label's lack is spread over those that have more."""
    shares, left = {}, n
    for place, label in enumerate(sorted(available, key=lambda name: (available[name], name))):
        shares[label] = min(available[label], left // (len(available) - place))
        left -= shares[label]
    return shares


def _notes(
    task: Task, arm: Arm, *, choice: Choice, pools: Mapping[int, pd.DataFrame], arms: Sequence[Arm]
) -> list[str]:
    """What the reader of a run's score must know of its training texts, in sentences."""
    notes = []
    n, pool = len(choice.samples), len(pools[arm.id])
    if not task.train_size and n < pool:
        smallest = min(arms, key=lambda one: len(pools[one.id]))
        notes.append(
            f"Arm {arm.name} trains on {n:,} of its {pool:,} texts: every arm of a task gets as many as the smallest "
            f"one, {smallest.name}."
        )
    if n < FEW * choice.samples["label"].nunique():
        notes.append(f"Arm {arm.name} trains on {n} texts in all: that is too few for its score to mean much.")
    if choice.short:
        counts = ", ".join(f"{label} {count}" for label, count in choice.samples["label"].value_counts().items())
        notes.append(f"Arm {arm.name} is {choice.short} texts short of balance; it trains on {counts}.")
    return notes
