"""Plan the runs of a study: how many training texts each arm gives, which texts, and a fingerprint so that no run is repeated."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import pandas as pd
import pydantic
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import spec, tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Label, Run, Sample, Task

CODE_VERSION = 2  # 2: the classification head's labels are sorted by name; digests of data are of exact texts
SEED_LIMIT = 2**32
UNEVEN = 1.3  # the commonest label's share over an equal share, from which balancing the real arm is said
FEW = 5  # training texts per label below which a note stands beside the score


class TrainingSettings(BaseModel):
    """How every run of a study is trained.

    The number of `steps` is the same for arms of all sizes. `max_length` is in tokens; `warmup_share`, in [0, 1), is the
    share of the steps in which the learning rate rises. `balance` says which texts of an arm are drawn: equally many of
    each label ("equal"), or texts at random, so that an arm keeps its own shares of the labels ("natural").
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: int = Field(default=100, ge=1, le=1_000_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=5e-5, gt=0, le=1)
    max_length: int = Field(default=128, ge=8, le=8192)
    warmup_share: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    balance: Literal["equal", "natural"] = "equal"

    @pydantic.model_serializer(mode="wrap")
    def _without_default_balance(self, serialise: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The settings without the balance "equal", so that runs from before there was a choice keep their fingerprint."""
        return {name: value for name, value in serialise(self).items() if (name, value) != ("balance", "equal")}


@dataclass(frozen=True)
class Planned:
    """The runs that a plan has created (`new`) and those that existed before, finished or not (`existing`)."""

    new: list[Run]
    existing: list[Run]


@dataclass(frozen=True)
class Choice:
    """The training samples of a run: columns sample_id, text_hash, label, exact (digest of the exact text).

    `short`: how many texts are missing, over all labels, for a balanced choice.
    """

    samples: pd.DataFrame
    short: int


def training_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings in a study file or a form. Raises `StudyError` for an unknown key or a value out of range."""
    try:
        return TrainingSettings.model_validate(dict(values))
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
    """Create a run for every arm, encoder and seed, unless a run with the same data and settings exists already.

    Every arm trains on the same number of texts: the task's `train_size`, or, if the task has none, the size of the
    smallest of these arms. Raises `StudyError` if an arm has fewer texts than that or lacks training texts for a label, if
    the real arm lacks test texts for a label, or if arms, encoders or seeds are empty.
    """
    _check_asked(arms, encoders, seeds)
    session.execute(select(Task.id).where(Task.id == task.id).with_for_update())
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    test = test_samples(session, task)
    pools = {arm.id: _training_pool(session, task, arm, labels, test) for arm in arms}
    n = _training_size(task, arms, pools)
    if n < len(labels):
        raise StudyError(_too_few_texts_error(task, labels, n))
    choices = _choices(pools, labels, n=n, seeds=seeds, balance=settings.balance)
    known = {(run.arm_id, run.fingerprint): run for run in session.scalars(select(Run).where(Run.arm_id.in_(pools)))}
    planned = Planned(new=[], existing=[])
    wanted = product({arm.id: arm for arm in arms}.values(), dict.fromkeys(encoders), dict.fromkeys(seeds))
    for arm, encoder, seed in wanted:
        choice = choices[arm.id, seed]
        digest = fingerprint(encoder=encoder, seed=seed, settings=settings, train=choice.samples, test=test)
        same = known.get((arm.id, digest))
        if same is not None:
            planned.existing.append(same)
            continue
        notes = _notes(task, arm, choice=choice, pools=pools, arms=arms)
        notes += _balance_notes(arm, choice, pools[arm.id], labels, balance=settings.balance)
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
    """The reasons for which `plan` would refuse these arms: name of the arm ("" for all arms) and a sentence.

    `to_come` maps the id of an arm that will be generated to the least number of texts that each label will then have.
    """
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    found: list[tuple[str, str]] = []
    try:
        test_samples(session, task)
    except StudyError as error:
        found.append((ArmKind.REAL, str(error)))
    test, sizes = _test_split(session, task), dict[int, int]()
    for arm in arms:
        if to_come and arm.id in to_come:
            counts = _kept_samples(session, arm.id, Split.TRAIN)["label"].value_counts()
            sizes[arm.id] = sum(max(to_come[arm.id], int(counts.get(label, 0))) for label in labels)
            continue
        try:
            sizes[arm.id] = len(_training_pool(session, task, arm, labels, test))
        except StudyError as error:
            found.append((arm.name, str(error)))
    counted = [arm for arm in arms if arm.id in sizes]
    found += [
        (arm.name, _below_train_size_error(task, arm, sizes[arm.id])) for arm in _below_train_size(task, counted, sizes)
    ]
    n = task.train_size or min(sizes.values(), default=len(labels))
    return found + ([("", _too_few_texts_error(task, labels, n))] if n < len(labels) else [])


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
    pool = _training_pool(session, task, arm, labels, test_samples(session, task))
    return _choose(pool, labels, n=n, seed=seed, balance=balance)


def test_samples(session: Session, task: Task) -> pd.DataFrame:
    """The kept test samples of the task's real arm: columns sample_id, text_hash, label, exact, sorted by text_hash.

    Raises `StudyError` if the task has no real test samples, or no test sample of a label.
    """
    found = _test_split(session, task)
    if found.empty:
        raise StudyError(f"Task {task.name!r} has no real test texts. Import real data with a test split on Data.")
    absent = _labels_without_samples(found, [label.name for label in tasks.labels_of(session, task.id)])
    if absent:
        raise StudyError(
            f"The real test split of task {task.name!r} has no text labelled {absent}; macro-F1 needs every label. "
            "Import test texts for it, or leave the label out of the task."
        )
    return found


def training_texts(session: Session, task: Task) -> dict[int, int]:
    """Arm id -> number of kept training texts, for every arm of a task with such texts.

    Training texts that also stand in the test split are counted.
    """
    counted = (
        select(Sample.arm_id, func.count())
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
        .group_by(Sample.arm_id)
    )
    return dict(session.execute(counted).all())


def fingerprint(*, encoder: str, seed: int, settings: TrainingSettings, train: pd.DataFrame, test: pd.DataFrame) -> str:
    """A digest of everything that determines a run's result; the order of samples does not count."""
    shared = _shared_parts(code=CODE_VERSION, settings=settings.model_dump(), test=data_digest(test))
    return _digest(shared | {"encoder": encoder, "seed": seed, "train": data_digest(train)})


def conditions(config: Mapping[str, Any], *, n_train: int, facts: Mapping[str, Any] | None = None) -> str:
    """A digest of what two runs must share to be compared, apart from task, encoder and seed.

    These are the parts of `fingerprint` that do not depend on the arm (code version, settings, test texts), the number of
    training texts, and the kind of device with its number format, where a run's facts have them. `config` is `Run.config`,
    `facts` is `Run.facts`.
    """
    shared = _shared_parts(code=config.get("code", 1), settings=config["training"], test=config.get("test", ""))
    device = device_words(facts or {})
    return _digest(shared | {"n_train": n_train} | ({"device": device} if device else {}))


def device_words(facts: Mapping[str, Any]) -> str:
    """The kind of device (CPU or GPU) and the number format of a run, as "CPU, float32"; "" if its facts lack either."""
    if not (facts.get("device") and facts.get("dtype")):
        return ""
    return f"{'CPU' if facts['device'] == 'cpu' else 'GPU'}, {facts['dtype']}"


def data_digest(samples: pd.DataFrame) -> str:
    """A digest of the exact texts and labels of samples, in any order."""
    lines = sorted(f"{digest} {label}" for digest, label in zip(samples["exact"], samples["label"], strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _shared_parts(*, code: int, settings: Mapping[str, Any], test: str) -> dict[str, Any]:
    """The parts of a fingerprint that runs of all arms share; `test` is the digest of the test data."""
    return {"code": code, "settings": dict(settings), "test": test}


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _training_size(task: Task, arms: Sequence[Arm], pools: Mapping[int, pd.DataFrame]) -> int:
    """The number of training texts of every arm: the task's `train_size`, or the size of the smallest arm.

    An arm below `train_size` is refused, as its runs could not be compared with runs planned at another time.
    """
    sizes = {arm_id: len(pool) for arm_id, pool in pools.items()}
    for arm in _below_train_size(task, arms, sizes):
        raise StudyError(_below_train_size_error(task, arm, sizes[arm.id]))
    return task.train_size or min(sizes.values())


def _below_train_size(task: Task, arms: Sequence[Arm], sizes: Mapping[int, int]) -> list[Arm]:
    return [arm for arm in arms if sizes[arm.id] < (task.train_size or 0)]


def _below_train_size_error(task: Task, arm: Arm, size: int) -> str:
    return (
        f"Arm {arm.name!r} of task {task.name!r} has {size} training texts; the task's train_size asks for "
        f"{task.train_size}. Import or generate more, or lower train_size."
    )


def _too_few_texts_error(task: Task, labels: Sequence[str], n: int) -> str:
    return f"Task {task.name!r} has {len(labels)} labels and would train on {n} texts; give it more."


def _check_asked(arms: Sequence[Arm], encoders: Sequence[str], seeds: Sequence[int]) -> None:
    if not (len(arms) and len(encoders) and len(seeds)):
        raise StudyError("Choose at least one arm, one encoder and one seed to train.")
    if not all(0 <= seed < SEED_LIMIT for seed in seeds):
        raise StudyError(f"Seeds are whole numbers from 0 to {SEED_LIMIT - 1}; found {', '.join(map(str, seeds))}.")


def _training_pool(session: Session, task: Task, arm: Arm, labels: Sequence[str], test: pd.DataFrame) -> pd.DataFrame:
    """The kept training samples of an arm, without texts that stand in the real test split: columns as `_kept_samples`."""
    pool = _kept_samples(session, arm.id, Split.TRAIN)
    pool = pool[~pool["text_hash"].isin(test["text_hash"])]
    if pool.empty:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training texts. Import or generate some first."
        )
    absent = _labels_without_samples(pool, labels)
    if absent:
        raise StudyError(
            f"Arm {arm.name!r} of task {task.name!r} has no training text labelled {absent}. Add some first, or leave the "
            "label out of the task."
        )
    return pool


def _test_split(session: Session, task: Task) -> pd.DataFrame:
    """The kept test samples of the task's real arm, possibly none: columns as `_kept_samples`."""
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    return _kept_samples(session, real.id if real else 0, Split.TEST)


def _kept_samples(session: Session, arm_id: int, split: Split) -> pd.DataFrame:
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


def _labels_without_samples(samples: pd.DataFrame, labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels if label not in set(samples["label"]))


def _choices(
    pools: Mapping[int, pd.DataFrame], labels: Sequence[str], *, n: int, seeds: Sequence[int], balance: str
) -> dict[tuple[int, int], Choice]:
    """The chosen samples by arm id and seed."""
    return {
        (arm, seed): _choose(pool, labels, n=n, seed=seed, balance=balance)
        for arm, pool in pools.items()
        for seed in seeds
    }


def _choose(pool: pd.DataFrame, labels: Sequence[str], *, n: int, seed: int, balance: str) -> Choice:
    """Choose `n` samples of a pool as `choose_training_samples` does."""
    rank = [hashlib.sha256(f"{seed}:{digest}".encode()).digest() for digest in pool["text_hash"]]
    ranked = pool.iloc[sorted(range(len(pool)), key=rank.__getitem__)]
    if balance == "natural":
        return Choice(samples=ranked.head(n).reset_index(drop=True), short=0)
    available = {label: int((pool["label"] == label).sum()) for label in labels}
    shares = _samples_per_label(available, n)
    place = ranked.groupby("label").cumcount()
    chosen = ranked[place < ranked["label"].map(shares)].reset_index(drop=True)
    short = sum(max(0, n // len(labels) - count) for count in available.values())
    return Choice(samples=chosen, short=short)


def _samples_per_label(available: Mapping[str, int], n: int) -> dict[str, int]:
    """Label -> number of samples to choose: equal numbers; other labels make up for a label with too few samples."""
    shares, left = {}, n
    for place, label in enumerate(sorted(available, key=lambda name: (available[name], name))):
        shares[label] = min(available[label], left // (len(available) - place))
        left -= shares[label]
    return shares


def _notes(
    task: Task, arm: Arm, *, choice: Choice, pools: Mapping[int, pd.DataFrame], arms: Sequence[Arm]
) -> list[str]:
    """Sentences on a run's training texts that belong beside its score."""
    notes = []
    n, pool = len(choice.samples), len(pools[arm.id])
    if not task.train_size and n < pool:
        smallest = min(arms, key=lambda other: len(pools[other.id]))
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


def _balance_notes(
    arm: Arm, choice: Choice, pool: pd.DataFrame, labels: Sequence[str], *, balance: Literal["equal", "natural"]
) -> list[str]:
    """Sentences on the shares of the labels in the training texts of an arm, where these shares matter to its score."""
    if balance == "natural":
        absent = _labels_without_samples(choice.samples, labels)
        return [f"Arm {arm.name} has no text labelled {absent} among those drawn for this seed."] if absent else []
    share = pool["label"].value_counts(normalize=True)
    if arm.kind != ArmKind.REAL or share.iloc[0] < UNEVEN / len(labels):
        return []
    return [
        f"Arm {arm.name} trains on equally many texts of each label, though {share.iloc[0]:.0%} of its texts are "
        f"{share.index[0]}; with the class shares as they are (balance: natural) its accuracy is often higher, and gaps "
        "in accuracy larger."
    ]
