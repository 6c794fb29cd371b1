"""Plan the runs of seed students: an encoder trained on the real texts at hand before generating, those of the few-shot pool."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Run, Task
from core.training import fingerprints, selection
from core.training.plan import check_asked, lock
from core.training.settings import TrainingSettings


def plan(
    session: Session, *, task: Task, encoders: Sequence[str], seeds: Sequence[int], settings: TrainingSettings
) -> list[Run]:
    """Create a run on the few-shot pool of a task for every encoder and seed, unless there is one; return all of them.

    Every run trains on all texts of the pool that are not test texts, in as many steps as the settings give for so many.
    Raises `StudyError` if the pool has fewer than two labels, or the real arm lacks test texts of a label.
    """
    real = real_arm(session, task)
    check_asked([real], encoders, seeds)
    lock(session, task)
    test = selection.test_samples(session, task)
    own = settings.for_texts(max(1, len(selection.pool_samples(session, real, test))))
    known = {run.fingerprint: run for run in session.scalars(select(Run).where(Run.arm_id == real.id))}
    found = []
    for encoder in dict.fromkeys(encoders):
        for seed in dict.fromkeys(seeds):
            texts = selection.pool_texts(session, real, test=test, seed=seed, settings=own)
            digest = fingerprints.fingerprint(encoder=encoder, seed=seed, settings=own, train=texts.chosen, test=test)
            if digest not in known:
                known[digest] = Run(
                    arm_id=real.id, encoder=encoder, seed=seed, n_train=len(texts.chosen), fingerprint=digest,
                    purpose=Purpose.SEED_STUDENT,
                    config=fingerprints.recorded(own, test=test) | fingerprints.held_weights(encoder) | {"notes": []},
                )  # fmt: skip
                session.add(known[digest])
            found.append(known[digest])
    session.flush()
    return found


def real_arm(session: Session, task: Task) -> Arm:
    """The real arm of a task. Raises `StudyError` if it has none."""
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    if real is None:
        raise StudyError(f"Task {task.name!r} has no real data. Import real data with a test split on Tasks and data.")
    return real
