"""Label fidelity: the label a prompt asked for against what a judge, a person or raters say. The three stay apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.quality import leakage
from core.study.rows.kinds import CampaignKind, ItemRole, JudgementKind, RaterKind, SampleStatus
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Judgement, Label, Sample

PAIR_COLUMNS = ["sample_id", "intended", "other", "reason"]
CLASS_COLUMNS = ["label", "n", "agreement", "low", "high"]
NO_LABEL, TIE = "names no label of the task", "the raters are tied"
PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)


class By(StrEnum):
    """Whose label is compared with the intended one."""

    JUDGE = "judge"
    HUMAN = "human"
    RATERS = "raters"


@dataclass(frozen=True)
class Fidelity:
    """Agreement between intended and other labels of `n` samples, with Wilson's 95 % interval and Cohen's kappa.

    `per_class`: columns label (intended), n, agreement, low, high. `confusion`: counts, index intended, columns other.
    `n_unusable` samples have an answer that names no label, or tied raters: they are in no number here. nan where
    there is nothing to compute from; `note` says why.
    """

    n: int
    agreement: float
    low: float
    high: float
    kappa: float
    per_class: pd.DataFrame
    confusion: pd.DataFrame
    n_unusable: int
    note: str


def judges(session: Session, *, arm_id: int, kind: JudgementKind) -> dict[str, int]:
    """Who judged samples that the arm keeps, and how many: the most first."""
    query = (
        select(Judgement.judge, func.count(Judgement.id).label("n"))
        .join(Sample, Sample.id == Judgement.sample_id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Judgement.kind == kind)
        .group_by(Judgement.judge)
        .order_by(func.count(Judgement.id).desc(), Judgement.judge)
    )
    return {row.judge: row.n for row in session.execute(query)}


def pairs(
    session: Session,
    *,
    arm_id: int,
    by: By,
    judge: str | None = None,
    raters: Sequence[RaterKind] = PEOPLE,
) -> pd.DataFrame:
    """Samples that the arm keeps and that have another label: columns sample_id, intended, other, reason.

    By a judge or a human: the judgement of `judge`, or each sample's newest when none is named. By raters: the label
    most of the answers of such `raters` chose, over all campaigns of labels; excluded raters, checks and gold items are
    left out. `other` is empty where it cannot be used, and `reason` says why.
    """
    if by == By.RATERS:
        return _by_raters(session, arm_id=arm_id, raters=raters)
    given = aliased(Label)
    query = (
        select(Sample.id, Label.name, given.name)
        .join(Label, Label.id == Sample.label_id)
        .join(Judgement, Judgement.sample_id == Sample.id)
        .outerjoin(given, given.id == Judgement.label_id)
        .where(
            Sample.arm_id == arm_id,
            Sample.status == SampleStatus.KEPT,
            Judgement.kind == (JudgementKind.JUDGE if by == By.JUDGE else JudgementKind.HUMAN),
        )
        .order_by(Judgement.created_at, Judgement.id)
    )
    if judge is not None:
        query = query.where(Judgement.judge == judge)
    newest = {sample_id: (intended, other or "") for sample_id, intended, other in session.execute(query)}
    rows = [(sample_id, *newest[sample_id], "" if newest[sample_id][1] else NO_LABEL) for sample_id in sorted(newest)]
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def table(found: pd.DataFrame, labels: Sequence[str]) -> Fidelity:
    """What `pairs` found, counted over the task's `labels`. Raises nothing for an empty table: its numbers are nan."""
    used = found[found["other"].isin(list(labels))]
    n, n_unusable = len(used), len(found) - len(used)
    rows = pd.Categorical(used["intended"], categories=list(labels))
    columns = pd.Categorical(used["other"], categories=list(labels))
    confusion = pd.crosstab(rows, columns, rownames=["intended"], colnames=["other"], dropna=False)
    cells = confusion.to_numpy(dtype=float)
    hits = np.diagonal(cells)
    kappa = cohen_kappa(confusion)
    low, high = leakage.wilson(int(hits.sum()), n)
    return Fidelity(
        n=n,
        agreement=float(hits.sum() / n) if n else math.nan,
        low=low,
        high=high,
        kappa=kappa,
        per_class=_per_class(labels, hits.astype(int).tolist(), cells.sum(axis=1).astype(int).tolist()),
        confusion=confusion,
        n_unusable=n_unusable,
        note=_note(found, n=n, kappa=kappa),
    )


def cohen_kappa(confusion: pd.DataFrame) -> float:
    """Cohen's (1960) kappa of a square table of counts: 1 = perfect agreement, 0 = as by chance.

    nan when the table is empty or both sides use one and the same label only: nothing tells agreement from a lack of
    choice then.
    """
    n_ij = confusion.to_numpy(dtype=float)
    n = n_ij.sum()
    if not n:
        return math.nan
    p_o = np.trace(n_ij) / n
    p_e = float(n_ij.sum(axis=1) @ n_ij.sum(axis=0)) / n**2
    return math.nan if p_e >= 1 - 1e-12 else float((p_o - p_e) / (1 - p_e))


def _by_raters(session: Session, *, arm_id: int, raters: Sequence[RaterKind]) -> pd.DataFrame:
    query = (
        select(Sample.id, Label.name, Rating.label)
        .join(Label, Label.id == Sample.label_id)
        .join(Item, Item.sample_id == Sample.id)
        .join(Rating, Rating.item_id == Item.id)
        .join(Rater, Rater.id == Rating.rater_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT)
        .where(Campaign.kind == CampaignKind.LABEL, Item.role == ItemRole.ITEM)
        .where(Rater.kind.in_(raters), Rater.excluded_at.is_(None))
    )
    answers = pd.DataFrame(session.execute(query).all(), columns=["sample_id", "intended", "label"])
    if answers.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    votes = answers.value_counts().rename("votes").reset_index()
    best = votes[votes["votes"] == votes.groupby("sample_id")["votes"].transform("max")]
    tied = best.duplicated("sample_id", keep=False)
    known = set(_task_labels(session, arm_id))
    first = best.assign(tied=tied).drop_duplicates("sample_id").sort_values("sample_id")
    reason = np.where(first["tied"], TIE, np.where(first["label"].isin(known), "", NO_LABEL))
    other = first["label"].where(reason == "", "")
    return first.assign(other=other, reason=reason)[PAIR_COLUMNS].reset_index(drop=True)


def _task_labels(session: Session, arm_id: int) -> list[str]:
    from_arm = select(Label.task_id).join(Sample, Sample.label_id == Label.id).where(Sample.arm_id == arm_id).limit(1)
    return list(session.scalars(select(Label.name).where(Label.task_id == from_arm.scalar_subquery())))


def _per_class(labels: Sequence[str], hits: Sequence[int], sizes: Sequence[int]) -> pd.DataFrame:
    rows = [
        (label, n, k / n if n else math.nan, *leakage.wilson(k, n))
        for label, k, n in zip(labels, hits, sizes, strict=True)
    ]
    return pd.DataFrame(rows, columns=CLASS_COLUMNS)


def _note(found: pd.DataFrame, *, n: int, kappa: float) -> str:
    sentences = []
    if not n:
        sentences.append("No sample has another label yet that can be compared with the intended one.")
    elif math.isnan(kappa):
        sentences.append("Kappa is undefined: both sides use one and the same label only.")
    for reason, count in found.loc[found["reason"] != "", "reason"].value_counts().items():
        sentences.append(f"{count} left out: {reason}.")
    return " ".join(sentences)
