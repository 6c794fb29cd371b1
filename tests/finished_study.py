"""A study with finished runs and ratings, stored without training: predictions are drawn, right with a given share."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Label, Prediction, Run, Sample, Study, Task
from core.study.splits import equal_texts
from core.training import fingerprints, selection
from tests.texts import keep_new

LABELS = ("yes", "no")


def make_task(session: Session, study: Study, name: str, *, test_texts: int = 120, arms: Sequence[str] = ()) -> Task:
    """A task with test texts of both labels in equal numbers, and arms without texts."""
    made = tasks.make_task(session, study_id=study.id, name=name, question="?", labels=dict.fromkeys(LABELS, ""))
    real = tasks.make_arm(session, task_id=made.id, name="real")
    for arm in arms:
        tasks.make_arm(session, task_id=made.id, name=arm)
    ids = {label.name: label.id for label in tasks.labels_of(session, made.id)}
    texts = [(f"{name} text {number}", LABELS[number % 2]) for number in range(test_texts)]
    keep_new(
        session,
        [
            Sample(
                arm_id=real.id, label_id=ids[label], split=Split.TEST, text=text, text_hash=equal_texts.text_hash(text)
            )
            for text, label in texts
        ],
    )
    return made


def add_runs(
    session: Session,
    task: Task,
    right: Mapping[str, float],
    *,
    seeds: int = 3,
    steps: int = 100,
    encoder: str = "minilm",
) -> None:
    """Finished runs of each arm named in `right`, whose predictions are right with this share."""
    ids = [label.id for label in tasks.labels_of(session, task.id)]
    real = tasks.get_arm(session, task, "real")
    tested = session.execute(
        select(Sample.id, Label.id).join(Label, Label.id == Sample.label_id).where(Sample.arm_id == real.id)
    ).all()
    test = fingerprints.data_digest(selection.test_split(session, task))
    scored_on = {"code": fingerprints.CODE_VERSION, "test": test}
    for arm, share in right.items():
        for seed in range(seeds):
            run = Run(
                arm_id=tasks.get_arm(session, task, arm).id, encoder=encoder, seed=seed, n_train=100,
                config={"training": {"steps": steps}, **scored_on}, fingerprint=f"{seed} {steps} {encoder}", finished_at=1.0,
            )  # fmt: skip
            session.add(run)
            session.flush()
            hit = (
                np.random.default_rng([task.id, seed + 100 * abs(len(encoder) - 6), steps, len(arm)]).random(
                    len(tested)
                )
                < share
            )
            for (sample_id, truth), is_right in zip(tested, hit, strict=True):
                answer = truth if is_right else next(other for other in ids if other != truth)
                session.add(Prediction(run_id=run.id, sample_id=sample_id, label_id=answer, probability=0.9))
    session.flush()
