"""Plan the runs of a study: how many training texts each arm gives, and a fingerprint so that no run is repeated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.encoders import is_path
from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose, Split
from core.study.rows.study import Arm, Run, Task
from core.training import fingerprints, selection
from core.training.selection import Choice
from core.training.settings import TrainingSettings
from core.training.targets import weights
from core.wording import percent

SEED_LIMIT = 2**32
UNEVEN = 1.3  # the commonest label's share over an equal share, from which balancing the real arm is said
FEW = 5  # training texts per label below which a note stands beside the score


@dataclass(frozen=True)
class Planned:
    """The runs that a plan has created (`new`) and those that existed before, finished or not (`existing`)."""

    new: list[Run]
    existing: list[Run]


def plan(
    session: Session,
    *,
    task: Task,
    arms: Sequence[Arm],
    encoders: Sequence[str],
    seeds: Sequence[int],
    settings: TrainingSettings,
    times: float = 1.0,
) -> Planned:
    """Create a run for every arm, encoder and seed, unless a run with the same data and settings exists already.

    With `times` other than 1 the runs have so many times the steps that the settings give, and are a check of the steps; else
    they are runs of the comparison, and so is a run that a check had made with the same data and settings.

    Every arm trains on the same number of texts: the task's `train_size`, or, if the task has none, the size of the
    smallest of these arms, at most `per_label` of the settings times the labels; and in the same number of steps
    (`TrainingSettings.for_texts`). Raises `StudyError` if an arm has fewer texts than that or lacks training texts for a
    label, if the real arm lacks test texts for a label, or if arms, encoders or seeds are empty.
    """
    check_asked(arms, encoders, seeds)
    lock(session, task)
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    test = selection.test_samples(session, task)
    pools = {arm.id: _pool(session, task, arm, labels, test=test, settings=settings) for arm in arms}
    n = _training_size(task, arms, pools, labels=len(labels), settings=settings)
    own = settings.for_texts(n).with_times(times)
    purpose = Purpose.COMPARISON if times == 1 else Purpose.STEPS_CHECK
    chosen = selection.choices(pools, labels, n=n, seeds=seeds, balance=settings.balance)
    known = {(run.arm_id, run.fingerprint): run for run in session.scalars(select(Run).where(Run.arm_id.in_(pools)))}
    planned = Planned(new=[], existing=[])
    wanted = product({arm.id: arm for arm in arms}.values(), dict.fromkeys(encoders), dict.fromkeys(seeds))
    shared = _shared_config(settings, own, test=test, has_rule=purpose == Purpose.COMPARISON)
    made = partial(Run, n_train=n, purpose=purpose)
    for arm, encoder, seed in wanted:
        choice = chosen[arm.id, seed]
        digest = fingerprints.fingerprint(encoder=encoder, seed=seed, settings=own, train=choice.samples, test=test)
        same = known.get((arm.id, digest))
        if same is not None:
            if purpose == Purpose.COMPARISON:
                adopt(same, purpose, shared.get("rule"))
            planned.existing.append(same)
            continue
        notes = _notes(task, arm, choice=choice, pools=pools, arms=arms, per_label=settings.per_label)
        notes += _balance_notes(arm, choice, pools[arm.id], labels, balance=settings.balance)
        config = shared | fingerprints.held_weights(encoder) | {"notes": notes}
        planned.new.append(made(arm_id=arm.id, encoder=encoder, seed=seed, config=config, fingerprint=digest))
    session.add_all(planned.new)
    session.flush()
    return planned


def _pool(
    session: Session, task: Task, arm: Arm, labels: Sequence[str], *, test: pd.DataFrame, settings: TrainingSettings
) -> pd.DataFrame:
    """The training texts of an arm, with the shares of raters and the weights that the settings ask for."""
    return weights.targeted(session, task, selection.training_pool(session, task, arm, labels, test), settings)


def _shared_config(
    asked: TrainingSettings, own: TrainingSettings, *, test: pd.DataFrame, has_rule: bool
) -> dict[str, Any]:
    """What the runs of a plan have in common: settings, and where the number of steps follows from a rule, this rule."""
    return fingerprints.recorded(own, test=test) | ({"rule": asked.rule} if asked.rule and has_rule else {})


def adopt(run: Run, purpose: Purpose, rule: Mapping[str, float] | None) -> None:
    """Let a run that exists serve a purpose, under the rule of its length that is asked for now, or under none."""
    run.purpose = purpose
    others = {name: value for name, value in run.config.items() if name != "rule"}
    run.config = others | ({"rule": dict(rule)} if rule else {})


def lock(session: Session, task: Task) -> None:
    """Wait until no other transaction plans runs of the task, so that two never plan the same run."""
    session.execute(select(Task.id).where(Task.id == task.id).with_for_update())


def obstacles(
    session: Session, *, task: Task, arms: Sequence[Arm], to_come: Mapping[int, int] | None = None
) -> list[tuple[str, str]]:
    """The reasons for which `plan` would refuse these arms: name of the arm ("" for all arms) and a sentence.

    `to_come` maps the id of an arm that will be generated to the least number of texts that each label will then have.
    """
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    found: list[tuple[str, str]] = []
    try:
        selection.test_samples(session, task)
    except StudyError as error:
        found.append((ArmKind.REAL, str(error)))
    test, sizes = selection.test_split(session, task), dict[int, int]()
    for arm in arms:
        if to_come and arm.id in to_come:
            counts = selection.kept_samples(session, arm.id, Split.TRAIN)["label"].value_counts()
            sizes[arm.id] = sum(max(to_come[arm.id], int(counts.get(label, 0))) for label in labels)
            continue
        try:
            sizes[arm.id] = len(selection.training_pool(session, task, arm, labels, test))
        except StudyError as error:
            found.append((arm.name, str(error)))
    counted = [arm for arm in arms if arm.id in sizes]
    found += [
        (arm.name, _below_train_size_error(task, arm, sizes[arm.id])) for arm in _below_train_size(task, counted, sizes)
    ]
    n = task.train_size or min(sizes.values(), default=len(labels))
    return found + ([("", _too_few_texts_error(task, len(labels), n))] if n < len(labels) else [])


def _training_size(
    task: Task, arms: Sequence[Arm], pools: Mapping[int, pd.DataFrame], *, labels: int, settings: TrainingSettings
) -> int:
    """The number of training texts of every arm, as `TrainingSettings.texts_of`.

    An arm below `train_size` is refused, as its runs could not be compared with runs planned at another time; so are
    fewer texts than labels.
    """
    sizes = {arm_id: len(pool) for arm_id, pool in pools.items()}
    for arm in _below_train_size(task, arms, sizes):
        raise StudyError(_below_train_size_error(task, arm, sizes[arm.id]))
    n = settings.texts_of(train_size=task.train_size, smallest=min(sizes.values()), labels=labels)
    if n < labels:
        raise StudyError(_too_few_texts_error(task, labels, n))
    return n


def _below_train_size(task: Task, arms: Sequence[Arm], sizes: Mapping[int, int]) -> list[Arm]:
    return [arm for arm in arms if sizes[arm.id] < (task.train_size or 0)]


def _below_train_size_error(task: Task, arm: Arm, size: int) -> str:
    return (
        f"Arm {arm.name!r} of task {task.name!r} has {size} training texts; the task's train_size asks for "
        f"{task.train_size}. Import or generate more, or lower train_size."
    )


def _too_few_texts_error(task: Task, labels: int, n: int) -> str:
    return f"Task {task.name!r} has {labels} labels and would train on {n} texts; give it more."


def check_asked(arms: Sequence[Arm], encoders: Sequence[str], seeds: Sequence[int]) -> None:
    """Raise `StudyError` if arms, encoders or seeds are empty, a seed is out of range, or an encoder is a path that is not absolute."""
    if not (len(arms) and len(encoders) and len(seeds)):
        raise StudyError("Choose at least one arm, one encoder and one seed to train.")
    for name in encoders:
        if is_path(name) and not Path(name).is_absolute():
            raise StudyError(
                f"The encoder {name!r} is a path from one folder, and trainings run in another one. Give its whole path, which "
                "begins with /."
            )
    if not all(0 <= seed < SEED_LIMIT for seed in seeds):
        raise StudyError(f"Seeds are whole numbers from 0 to {SEED_LIMIT - 1}; found {', '.join(map(str, seeds))}.")


def _notes(
    task: Task,
    arm: Arm,
    *,
    choice: Choice,
    pools: Mapping[int, pd.DataFrame],
    arms: Sequence[Arm],
    per_label: int | None,
) -> list[str]:
    """Sentences on a run's training texts that belong beside its score."""
    notes = []
    n, pool = len(choice.samples), len(pools[arm.id])
    smallest = min(arms, key=lambda other: len(pools[other.id]))
    if not task.train_size and per_label and n == len(pools[smallest.id]):
        notes.append(
            f"Every arm trains on {n:,} texts, the size of the smallest one, {smallest.name}; {per_label:,} a label were asked for."
        )
    elif not task.train_size and per_label and n < pool:
        notes.append(
            f"Arm {arm.name} trains on {n:,} of its {pool:,} texts: at most {per_label:,} a label were asked for."
        )
    elif not task.train_size and n < pool:
        notes.append(
            f"Arm {arm.name} trains on {n:,} of its {pool:,} texts: every arm of a task gets as many as the smallest "
            f"one, {smallest.name}."
        )
    if n < FEW * choice.samples["label"].nunique():
        notes.append(f"Arm {arm.name} trains on {n} texts in all: that is too few for its score to mean much.")
    if choice.short:
        counts = ", ".join(f"{label} {count}" for label, count in choice.samples["label"].value_counts().items())
        notes.append(f"Arm {arm.name} is {choice.short} texts short of balance; it trains on {counts}.")
    return notes + weights.notes(arm, choice.samples)


def _balance_notes(
    arm: Arm, choice: Choice, pool: pd.DataFrame, labels: Sequence[str], *, balance: Literal["equal", "natural"]
) -> list[str]:
    """Sentences on the shares of the labels in the training texts of an arm, where these shares matter to its score."""
    if balance == "natural":
        absent = selection.labels_without_samples(choice.samples, labels)
        return [f"Arm {arm.name} has no text labelled {absent} among those drawn for this seed."] if absent else []
    share = pool["label"].value_counts(normalize=True)
    if arm.kind != ArmKind.REAL or share.iloc[0] < UNEVEN / len(labels):
        return []
    return [
        f"Arm {arm.name} trains on equally many texts of each label, though {percent(share.iloc[0])} of its texts are "
        f"{share.index[0]}; with the class shares as they are (balance: natural) its accuracy is often higher, and gaps "
        "in accuracy larger."
    ]
