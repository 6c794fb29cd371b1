"""Measure label fidelity: agreement of the intended label with the label of a judge, of a person, or of raters."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from core.interval import Interval, wilson
from core.study.rows.kinds import CampaignKind, ItemRole, JudgementKind, RaterKind, SampleStatus
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Judgement, Label, Sample
from core.wording import counted

PAIR_COLUMNS = ["sample_id", "intended", "other", "reason"]
CLASS_COLUMNS = ["label", "n", "agreement", "low", "high"]
NO_LABEL, TIE = "names no label of the task", "the raters are tied"
PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)


class By(StrEnum):
    """Whose label is compared with the intended label: a judge's, one person's, or the raters' most frequent one."""

    JUDGE = "judge"
    HUMAN = "human"
    RATERS = "raters"


@dataclass(frozen=True)
class Fidelity:
    """Agreement between the intended and the other labels of samples.

    `agreement`: the share of samples whose two labels are equal, in [0, 1], with Wilson's 95 % interval. `kappa`: Cohen's
    kappa. Both are nan if no sample has two labels; kappa is nan too if both sides use a single label; `note` says why.
    `per_class`: columns label (intended), n, agreement, low, high. `confusion`: counts, index intended, columns other.
    `n_unusable`: samples that no number here counts, because the answer names no label or the raters are tied.
    """

    agreement: Interval
    kappa: float
    per_class: pd.DataFrame
    confusion: pd.DataFrame
    n_unusable: int
    note: str

    @property
    def n(self) -> int:
        """The number of samples with two labels."""
        return self.agreement.n


def answered(session: Session, *, arm_ids: Sequence[int], raters: Sequence[RaterKind] = PEOPLE) -> list[By]:
    """Whose labels there are of kept samples of the arms: a judge's, raters', a person's, in this order."""
    judged = (
        select(Judgement.kind)
        .join(Sample, Sample.id == Judgement.sample_id)
        .where(Sample.arm_id.in_(arm_ids), Sample.status == SampleStatus.KEPT)
        .distinct()
    )
    kinds = set(session.scalars(judged))
    rated = select(Rating.id).where(*_counts(raters)).join(Item, Item.id == Rating.item_id)
    rated = rated.join(Sample, Sample.id == Item.sample_id).join(Rater, Rater.id == Rating.rater_id)
    rated = rated.join(Campaign, Campaign.id == Item.campaign_id).where(
        Sample.arm_id.in_(arm_ids), Sample.status == SampleStatus.KEPT
    )
    there = {
        By.JUDGE: JudgementKind.JUDGE in kinds,
        By.RATERS: session.scalar(rated.limit(1)) is not None,
        By.HUMAN: JudgementKind.HUMAN in kinds,
    }
    return [by for by, is_there in there.items() if is_there]


def beside(
    session: Session, arms: Mapping[int, str], labels: Sequence[str], *, by: By, raters: Sequence[RaterKind] = PEOPLE
) -> pd.DataFrame:
    """The agreement of every arm that has labels by `by`, each sample with its newest label.

    `arms`: id -> name. Columns arm, n, agreement, low, high, kappa.
    """
    found = {name: table(pairs(session, arm_id=arm_id, by=by, raters=raters), labels) for arm_id, name in arms.items()}
    rows = [
        (name, each.n, each.agreement.value, each.agreement.low, each.agreement.high, each.kappa)
        for name, each in found.items()
        if each.n
    ]
    return pd.DataFrame(rows, columns=["arm", "n", "agreement", "low", "high", "kappa"])


def judges(session: Session, *, arm_id: int, kind: JudgementKind) -> dict[str, int]:
    """Judge -> the number of kept samples of the arm that the judge has judged, largest number first."""
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
    """The intended and the other label of the arm's kept samples: columns sample_id, intended, other, reason.

    `By.JUDGE` and `By.HUMAN` take the judgement by `judge`, or each sample's newest judgement if `judge` is None.
    `By.RATERS` takes the label of most ratings by raters of the kinds `raters`, over all label campaigns; ratings by
    excluded raters, of checks and of gold items do not count. Samples without another label are left out. `other` is ""
    if the answer cannot be used, and `reason` says why.
    """
    if by == By.RATERS:
        return _by_raters(session, arm_id=arm_id, raters=raters)
    judged = aliased(Label)
    query = (
        select(Sample.id, Label.name, judged.name)
        .join(Label, Label.id == Sample.label_id)
        .join(Judgement, Judgement.sample_id == Sample.id)
        .outerjoin(judged, judged.id == Judgement.label_id)
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


def table(label_pairs: pd.DataFrame, labels: Sequence[str]) -> Fidelity:
    """The agreement in a table that `pairs` returned, over the task's `labels`. An empty table has agreement nan."""
    used = label_pairs[label_pairs["other"].isin(list(labels))]
    n, n_unusable = len(used), len(label_pairs) - len(used)
    rows = pd.Categorical(used["intended"], categories=list(labels))
    columns = pd.Categorical(used["other"], categories=list(labels))
    confusion = pd.crosstab(rows, columns, rownames=["intended"], colnames=["other"], dropna=False)
    cells = confusion.to_numpy(dtype=float)
    hits = np.diagonal(cells)
    kappa = cohen_kappa(confusion)
    return Fidelity(
        agreement=wilson(int(hits.sum()), n),
        kappa=kappa,
        per_class=_per_class(labels, hits.astype(int).tolist(), cells.sum(axis=1).astype(int).tolist()),
        confusion=confusion,
        n_unusable=n_unusable,
        note=_note(label_pairs, n=n, kappa=kappa),
    )


def cohen_kappa(confusion: pd.DataFrame) -> float:
    """Cohen's (1960) kappa of a square table of counts: 1 = perfect agreement, 0 = agreement by chance.

    nan if the table is empty, or if both sides use the same single label.
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
        .where(*_counts(raters))
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


def _counts(raters: Sequence[RaterKind]) -> tuple[ColumnElement[bool], ...]:
    """The conditions on campaign, item and rater under which a rating counts as a label."""
    return (
        Campaign.kind == CampaignKind.LABEL,
        Item.role == ItemRole.ITEM,
        Rater.kind.in_(raters),
        Rater.excluded_at.is_(None),
    )


def _task_labels(session: Session, arm_id: int) -> list[str]:
    from_arm = select(Label.task_id).join(Sample, Sample.label_id == Label.id).where(Sample.arm_id == arm_id).limit(1)
    return list(session.scalars(select(Label.name).where(Label.task_id == from_arm.scalar_subquery())))


def _per_class(labels: Sequence[str], hits: Sequence[int], sizes: Sequence[int]) -> pd.DataFrame:
    shares = [wilson(k, n) for k, n in zip(hits, sizes, strict=True)]
    rows = [(label, share.n, share.value, share.low, share.high) for label, share in zip(labels, shares, strict=True)]
    return pd.DataFrame(rows, columns=CLASS_COLUMNS)


def _note(label_pairs: pd.DataFrame, *, n: int, kappa: float) -> str:
    sentences = []
    if not n:
        sentences.append("No sample has another label yet to compare with the intended label.")
    elif math.isnan(kappa):
        sentences.append("Kappa is undefined: both sides use the same single label.")
    for reason, count in label_pairs.loc[label_pairs["reason"] != "", "reason"].value_counts().items():
        sentences.append(f"{counted(count, 'answer')} left out: {reason}.")
    return " ".join(sentences)
