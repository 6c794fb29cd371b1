"""Soft targets: the shares of raters who chose each label, for the training texts that people rated."""

import json
from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Arm, Label, Sample, Study, Task
from core.training.settings import TrainingSettings

PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)
UNRATED = ""


def with_shares(session: Session, task: Task, samples: pd.DataFrame, settings: TrainingSettings) -> pd.DataFrame:
    """Samples with the column `shares` if the targets are soft, else unchanged.

    `shares` is a JSON list: the share of the raters who chose each label, in the order of the labels' names; "" for a text
    without ratings. People count, in the sample study simulated raters too; not excluded raters, checks and gold items.
    """
    if settings.targets == "hard":
        return samples
    query = _counted(session.get_one(Study, task.study_id)).where(Campaign.task_id == task.id)
    counts: dict[int, dict[str, int]] = {}
    for sample_id, label, n in session.execute(query):
        counts.setdefault(int(sample_id or 0), {})[label] = n
    labels = sorted(label.name for label in tasks.labels_of(session, task.id))
    shares = [_shares(counts.get(int(sample_id), {}), labels) for sample_id in samples["sample_id"]]
    return samples.assign(shares=pd.Series(shares, index=samples.index, dtype=str))


def texts_of_arms(session: Session, study: Study) -> dict[int, int]:
    """Arm id -> number of kept training texts with ratings that count as in `with_shares`; only arms with such texts."""
    labelled = _counted(study).join(Label, (Label.task_id == Campaign.task_id) & (Label.name == Rating.label))
    rated = select(labelled.subquery().c.sample_id).distinct()
    query = (
        select(Sample.arm_id, func.count())
        .where(Sample.id.in_(rated), Sample.split == Split.TRAIN, Sample.status == SampleStatus.KEPT)
        .group_by(Sample.arm_id)
    )
    return dict(session.execute(query).all())


def notes(arm: Arm, samples: pd.DataFrame) -> list[str]:
    """How many of a run's training texts have ratings, as a sentence; nothing if the targets are not soft."""
    if "shares" not in samples:
        return []
    n = int((samples["shares"] != UNRATED).sum())
    if not n:
        return [f"No training text of arm {arm.name} has ratings of people, so its soft targets are its labels."]
    return [
        f"{n:,} of {len(samples):,} training texts of arm {arm.name} have ratings: their targets are the shares of the raters, those "
        "of other texts their label."
    ]


def targets(samples: pd.DataFrame, labels: Sequence[str]) -> list[list[float]]:
    """The share of each label for every sample, its label alone for one without ratings; [] if the targets are not soft."""
    if "shares" not in samples:
        return []
    return [
        json.loads(shares) if shares else [float(name == label) for name in labels]
        for shares, label in zip(samples["shares"], samples["label"], strict=True)
    ]


def _counted(study: Study) -> Select[int | None, str, int]:
    """The number of counted raters for each rated text and label: columns sample_id, label, count."""
    kinds = (*PEOPLE, RaterKind.SIMULATED) if study.is_sample else PEOPLE
    return (
        select(Item.sample_id, Rating.label, func.count().label("n"))
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(Campaign.study_id == study.id, Campaign.kind == CampaignKind.LABEL, Item.role == ItemRole.ITEM)
        .where(Rater.kind.in_(kinds), Rater.excluded_at.is_(None), Item.sample_id.is_not(None))
        .group_by(Item.sample_id, Rating.label)
    )


def _shares(counts: dict[str, int], labels: Sequence[str]) -> str:
    known = [counts.get(label, 0) for label in labels]
    return json.dumps([n / sum(known) for n in known]) if sum(known) else UNRATED
