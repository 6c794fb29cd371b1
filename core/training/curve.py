"""Plan the runs of a learning curve: an arm on growing numbers of real texts, alone and together with synthetic texts.

At every size m the curve has a run on m real texts, and for each synthetic arm a run on m real texts and S synthetic
ones (S alone for m = 0). Texts are chosen by rank for each seed, so that the texts of a size contain those of all smaller sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Run, Task
from core.training import fingerprints, selection
from core.training.plan import Planned, adopt, check_asked, lock
from core.training.settings import TrainingSettings
from core.training.targets import weights

USUAL = ("0", "50", "100", "200", "400", "all")  # sizes in words, as `size_of` reads them


@dataclass(frozen=True)
class CurveRequest:
    """Which runs a learning curve has.

    `sizes`: numbers of real texts, None for all; 0 stands for synthetic texts alone. `arms`: the names of synthetic arms that
    are added. `synthetic`: how many texts of each of these arms are added, None for all.
    """

    sizes: Sequence[int | None]
    arms: Sequence[str] = ()
    synthetic: int | None = None


@dataclass(frozen=True)
class _Point:
    """A point of the curve: an arm with the number of its texts, and the number of real texts among them in a mix."""

    arm: Arm
    n: int
    n_real: int | None


def plan_curve(
    session: Session,
    *,
    task: Task,
    request: CurveRequest,
    encoders: Sequence[str],
    seeds: Sequence[int],
    settings: TrainingSettings,
) -> Planned:
    """Create the runs of a learning curve, unless a run with the same data and settings exists already; the curve takes over
    such a run from a check of the steps, which goes on to count it.

    A run is as long as the settings say for its number of texts. Raises `StudyError` if an arm is unknown or real, if a size
    is not 0 and below the number of labels or above the number of real training texts, or as `plan` does.
    """
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    test = selection.test_samples(session, task)
    real = tasks.get_arm(session, task, ArmKind.REAL)
    check_asked([real], encoders, seeds)
    lock(session, task)
    arms = [_synthetic(session, task, name) for name in dict.fromkeys(request.arms)]
    pools = {arm.id: selection.training_pool(session, task, arm, labels, test) for arm in (real, *arms)}
    points = _points(request, real, arms, pools, labels=len(labels))
    of_task = select(Run).join(Arm, Arm.id == Run.arm_id).where(Arm.task_id == task.id)
    known = {(run.arm_id, run.fingerprint): run for run in session.scalars(of_task)}
    planned = Planned(new=[], existing=[])
    for point in points:
        own = settings.for_texts(point.n)
        for encoder in dict.fromkeys(encoders):
            for seed in dict.fromkeys(seeds):
                chosen = selection.run_texts(
                    session, point.arm, test=test, n=point.n, seed=seed, settings=own, n_real=point.n_real
                ).chosen
                digest = fingerprints.fingerprint(encoder=encoder, seed=seed, settings=own, train=chosen, test=test)
                same = known.get((point.arm.id, digest))
                if same is not None:
                    if same.purpose == Purpose.STEPS_CHECK:
                        adopt(same, Purpose.LEARNING_CURVE, settings.rule)
                    planned.existing.append(same)
                    continue
                config = fingerprints.held_weights(encoder) | _config(point.arm, settings, own, test, chosen)
                planned.new.append(_run(point, encoder, seed, digest, config))
    session.add_all(planned.new)
    session.flush()
    return planned


def size_of(text: str) -> int | None:
    """A size in words: a whole number, or None for "all". Raises `StudyError` for anything else."""
    word = text.strip().replace(",", "").casefold()
    if word == "all":
        return None
    if not word.isdecimal():
        raise StudyError(f"A size is a whole number of real texts or 'all'; found {text.strip()!r}.")
    return int(word)


def check_sizes(sizes: Sequence[int], *, labels: int, most: int) -> None:
    """Raise `StudyError` for a size that is neither 0 nor from the number of labels to `most`, all real training texts."""
    for size in sizes:
        if size > most or 0 < size < labels:
            raise StudyError(
                f"A curve of this task has 0, or {labels} to {most:,} real texts (its labels, and its real training texts); "
                f"found {size:,}. Ask for other sizes."
            )


def _points(
    request: CurveRequest, real: Arm, arms: Sequence[Arm], pools: dict[int, pd.DataFrame], *, labels: int
) -> list[_Point]:
    """The points of the curve, the real arm alone first."""
    most = len(pools[real.id])
    sizes = sorted({most if size is None else size for size in request.sizes})
    check_sizes(sizes, labels=labels, most=most)
    found = [_Point(real, size, None) for size in sizes if size]
    for arm in arms:
        n = min(request.synthetic or len(pools[arm.id]), len(pools[arm.id]))
        if n < labels:
            raise StudyError(f"Arm {arm.name!r} would add {n} texts; it needs at least {labels}, one for each label.")
        found += [_Point(arm, n + size, size) if size else _Point(arm, n, None) for size in sizes]
    if not found:
        raise StudyError("A curve needs a size above 0, or a synthetic arm whose texts stand alone.")
    return found


def _synthetic(session: Session, task: Task, name: str) -> Arm:
    arm = tasks.get_arm(session, task, name)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm is the curve itself; name synthetic arms to add to it.")
    return arm


def _config(
    arm: Arm, asked: TrainingSettings, own: TrainingSettings, test: pd.DataFrame, chosen: pd.DataFrame
) -> dict[str, object]:
    counts = chosen["label"].value_counts()
    uneven = bool(counts.max() - counts.min() > 1)
    words = ", ".join(f"{label} {count}" for label, count in counts.items())
    return {
        **fingerprints.recorded(own, test=test),
        "notes": [f"A run of the learning curve on {len(chosen):,} texts trains on {words}."] * uneven
        + weights.notes(arm, chosen),
        **({"rule": asked.rule} if asked.rule else {}),
    }


def _run(point: _Point, encoder: str, seed: int, digest: str, config: dict[str, object]) -> Run:
    return Run(
        arm_id=point.arm.id, encoder=encoder, seed=seed, n_train=point.n, config=config, fingerprint=digest,
        purpose=Purpose.LEARNING_CURVE, n_real=point.n_real,
    )  # fmt: skip
