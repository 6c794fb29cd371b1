"""Weights of training texts in the loss: those that came with an imported file, and those that make labels count alike."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.chunks import chunks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Sample, Study, Task
from core.training.settings import TrainingSettings
from core.training.targets import rated

PLAIN = 1.0  # the weight of a text that came without a weight


def targeted(session: Session, task: Task, samples: pd.DataFrame, settings: TrainingSettings) -> pd.DataFrame:
    """Samples with what the settings ask for: the column `shares` of `rated.with_shares`, the column `weight` of `with_weights`."""
    return with_weights(session, rated.with_shares(session, task, samples, settings), settings)


def with_weights(session: Session, samples: pd.DataFrame, settings: TrainingSettings) -> pd.DataFrame:
    """Samples with the column `weight` if the settings weigh texts by it, else unchanged; nan for a text without a weight."""
    if settings.sample_weights == "none":
        return samples
    known: dict[int, float] = {}
    for part in chunks([int(sample_id) for sample_id in samples["sample_id"]]):
        query = select(Sample.id, Sample.weight).where(Sample.id.in_(part), Sample.weight.is_not(None))
        known |= {sample_id: float(weight or 0) for sample_id, weight in session.execute(query)}
    found = [known.get(int(sample_id), math.nan) for sample_id in samples["sample_id"]]
    return samples.assign(weight=pd.Series(found, index=samples.index, dtype=float))


def texts_of_arms(session: Session, study: Study) -> dict[int, int]:
    """Arm id -> number of kept training texts with a weight; only arms with such texts."""
    query = (
        select(Sample.arm_id, func.count())
        .join(Arm, Arm.id == Sample.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .where(Task.study_id == study.id, Sample.weight.is_not(None))
        .where(Sample.split == Split.TRAIN, Sample.status == SampleStatus.KEPT)
        .group_by(Sample.arm_id)
    )
    return dict(session.execute(query).all())


def notes(arm: Arm, samples: pd.DataFrame) -> list[str]:
    """What a run's training texts count for, as sentences: soft targets as `rated.notes`, and how many texts have a weight."""
    said = rated.notes(arm, samples)
    if "weight" not in samples:
        return said
    known = samples["weight"].dropna()
    if known.empty:
        return [*said, f"No training text of arm {arm.name} has a weight, so all its texts count alike."]
    rest = f"; the others count {PLAIN:g}" if len(known) < len(samples) else ""
    return [
        *said,
        f"{len(known):,} of {len(samples):,} training texts of arm {arm.name} have a weight, from {known.min():g} to "
        f"{known.max():g}{rest}.",
    ]


def own(samples: pd.DataFrame) -> list[float]:
    """The weight of every sample; [] if the settings do not weigh texts."""
    return [] if "weight" not in samples else samples["weight"].fillna(PLAIN).tolist()


def in_the_loss(targets: Sequence[int], own: Sequence[float], *, classes: int, is_balanced: bool) -> list[float]:
    """The weight of every text in the loss, 1 in the mean; [] if all texts count alike.

    A weight of 2 counts like the text given twice, also for the weights of the classes: with `is_balanced`, a text is weighed by
    the inverse of the weight that its class has in all.
    """
    weights = np.asarray(own, dtype=float) if own else np.ones(len(targets))
    if is_balanced:
        of_class = np.bincount(targets, weights=weights, minlength=classes)
        weights = weights / of_class[np.asarray(targets, dtype=int)]
    if not len(weights) or np.allclose(weights, weights[0], rtol=1e-12, atol=0):
        return []
    return [float(weight) for weight in weights / weights.mean()]
