"""Read samples page by page through a filter, and find the origin of a sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import JudgementKind, SampleStatus
from core.study.rows.study import Arm, Batch, Completion, Import, Judgement, Label, Prompt, Sample

PAGE = 200
LONGEST_CELL = 300
NO_LABEL = "no label"


class Opinion(StrEnum):
    """How the label that a judge or a person gave a sample compares with the sample's own label."""

    JUDGE_DISAGREES = "judge disagrees"
    JUDGE_AGREES = "judge agrees"
    JUDGE_UNCLEAR = "judge names no label"
    NOT_JUDGED = "not judged"
    HUMAN_DISAGREES = "human disagrees"
    HUMAN = "labelled by a person"


@dataclass(frozen=True)
class Filter:
    """Conditions on samples of some arms; a condition that is None or "" is not applied.

    `reason` is the reject reason, `model` the model that wrote the text, `words` a part of the text in any case.
    """

    arm_ids: tuple[int, ...]
    label_id: int | None = None
    status: str | None = None
    split: str | None = None
    reason: str | None = None
    prompt_id: int | None = None
    model: str | None = None
    opinion: Opinion | None = None
    words: str = ""


@dataclass(frozen=True)
class Facets:
    """The values by which the samples of a task can be filtered.

    `arms` has the columns arm_id, arm, kind, kept, rejected; `prompts` has the columns prompt_id, arm_id, arm, version,
    answers. `models` maps a model to its number of completions, `reasons` a reject reason to its number of texts, the
    largest number first.
    """

    arms: pd.DataFrame
    prompts: pd.DataFrame
    models: dict[str, int]
    reasons: dict[str, int]


@dataclass(frozen=True)
class Origin:
    """A sample with its origin: the import of a file, or a completion with its prompt version.

    `examples` and `sources` are the real texts in the request. `siblings` holds all texts of the completion, the sample
    included: columns id, part, text, status, reason. `judgements` holds the judgements of the sample: columns kind,
    judge, label, answer, cost_usd, at (seconds since 1970).
    """

    sample: Sample
    arm: Arm
    label: str
    imported: Import | None
    completion: Completion | None
    prompt: Prompt | None
    batch: Batch | None
    examples: list[Sample]
    sources: list[Sample]
    siblings: pd.DataFrame
    judgements: pd.DataFrame


def count(session: Session, wanted: Filter) -> int:
    """The number of samples that meet all conditions."""
    return session.scalar(select(func.count(Sample.id)).where(*_conditions(session, wanted))) or 0


def page(session: Session, wanted: Filter, *, number: int = 1, size: int = PAGE) -> pd.DataFrame:
    """One page of the samples that meet all conditions, in the order of their ids; page numbers begin at 1.

    Columns id, text (its first 300 characters), label, arm, split, status, reason, judged, human, model, version.
    `judged` and `human` are the newest label by a judge and by a person: "no label" if the judge named no label of the
    task, "" if there is no judgement. A missing reason or model is ""; a missing version is <NA>.
    """
    ids = select(Sample.id).where(*_conditions(session, wanted)).order_by(Sample.id)
    ids = ids.offset((number - 1) * size).limit(size)
    found = list(session.scalars(ids))
    columns = ["id", "text", "label", "arm", "split", "status", "reason", "model", "version"]
    rows = pd.DataFrame(session.execute(_rows(found)).all(), columns=columns)
    rows = rows.astype({"version": "Int64"}).fillna({"reason": "", "model": ""})
    for place, (name, kind) in enumerate((("judged", JudgementKind.JUDGE), ("human", JudgementKind.HUMAN))):
        labels = newest_labels(session, found, kind)
        rows.insert(7 + place, name, [labels.get(sample_id, "") for sample_id in rows["id"]])
    return rows


def facets(session: Session, task_id: int) -> Facets:
    """The arms, prompt versions, models and reject reasons of a task, with the number of samples or completions of each."""
    return Facets(
        arms=_arms(session, task_id),
        prompts=_prompts(session, task_id),
        models=_counted(
            session,
            select(Completion.model, func.count(Completion.id))
            .where(Completion.arm_id.in_(_arm_ids(task_id)))
            .group_by(Completion.model),
        ),
        reasons=_counted(
            session,
            select(Sample.reject_reason, func.count(Sample.id))
            .where(Sample.arm_id.in_(_arm_ids(task_id)), Sample.status == SampleStatus.REJECTED)
            .group_by(Sample.reject_reason),
        ),
    )


def newest(session: Session, arm_id: int, *, limit: int) -> pd.DataFrame:
    """The newest generated samples of an arm: columns text, label, status, reason, recorded."""
    query = (
        select(Sample.text, Label.name, Sample.status, Sample.reject_reason, Completion.is_recorded)
        .join(Label, Label.id == Sample.label_id)
        .join(Completion, Completion.id == Sample.completion_id)
        .where(Sample.arm_id == arm_id)
        .order_by(Sample.id.desc())
        .limit(limit)
    )
    columns = ["text", "label", "status", "reason", "recorded"]
    return pd.DataFrame(session.execute(query).all(), columns=columns).fillna({"reason": ""})


def newest_answers(session: Session, arm_id: int, *, limit: int) -> pd.DataFrame:
    """The newest completions of an arm: columns label, reason, text (the whole answer).

    `reason` says why no text was found in the answer; "" if texts were found.
    """
    query = (
        select(Label.name, Completion.reject_reason, Completion.content)
        .join(Label, Label.id == Completion.label_id)
        .where(Completion.arm_id == arm_id)
        .order_by(Completion.id.desc())
        .limit(limit)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["label", "reason", "text"]).fillna({"reason": ""})


def origin(session: Session, sample_id: int) -> Origin:
    """The sample of this id with its origin."""
    sample = session.get_one(Sample, sample_id)
    completion = session.get(Completion, sample.completion_id) if sample.completion_id else None
    return Origin(
        sample=sample,
        arm=session.get_one(Arm, sample.arm_id),
        label=session.get_one(Label, sample.label_id).name,
        imported=session.get(Import, sample.import_id) if sample.import_id else None,
        completion=completion,
        prompt=session.get(Prompt, completion.prompt_id) if completion else None,
        batch=session.get(Batch, completion.batch_id) if completion and completion.batch_id else None,
        examples=_in_order(session, completion.example_ids if completion else []),
        sources=_in_order(session, completion.source_ids if completion else []),
        siblings=_siblings(session, sample),
        judgements=_judgements(session, sample_id),
    )


def newest_labels(session: Session, sample_ids: Sequence[int], kind: JudgementKind) -> dict[int, str]:
    """Sample id -> name of the newest label that a judgement of this kind gave; "no label" if the answer named no label.

    Samples without a judgement of this kind are left out.
    """
    query = (
        select(Judgement.sample_id, Label.name)
        .outerjoin(Label, Label.id == Judgement.label_id)
        .where(Judgement.sample_id.in_(sample_ids), Judgement.kind == kind)
        .order_by(Judgement.created_at, Judgement.id)
    )
    return {sample_id: name or NO_LABEL for sample_id, name in session.execute(query)}


def texts(session: Session, sample_ids: Sequence[int]) -> dict[int, str]:
    """Sample id -> text."""
    return {
        row.id: row.text for row in session.execute(select(Sample.id, Sample.text).where(Sample.id.in_(sample_ids)))
    }


def _conditions(session: Session, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Sample.arm_id.in_(wanted.arm_ids)]
    for column, value in (
        (Sample.label_id, wanted.label_id),
        (Sample.status, wanted.status),
        (Sample.split, wanted.split),
        (Sample.reject_reason, wanted.reason),
    ):
        if value not in (None, ""):
            conditions.append(column == value)
    if wanted.prompt_id is not None or wanted.model:
        conditions.append(Sample.completion_id.in_(_answers(wanted)))
    if wanted.opinion is not None:
        conditions.append(_has_opinion(wanted.opinion))
    if wanted.words:
        conditions.append(_contains(session, wanted.words))
    return conditions


def _answers(wanted: Filter) -> Select[int]:
    query = select(Completion.id).where(Completion.arm_id.in_(wanted.arm_ids))
    if wanted.prompt_id is not None:
        query = query.where(Completion.prompt_id == wanted.prompt_id)
    return query.where(Completion.model == wanted.model) if wanted.model else query


def _has_opinion(opinion: Opinion) -> ColumnElement[bool]:
    is_human = opinion in (Opinion.HUMAN, Opinion.HUMAN_DISAGREES)
    judged = exists().where(
        Judgement.sample_id == Sample.id,
        Judgement.kind == (JudgementKind.HUMAN if is_human else JudgementKind.JUDGE),
    )
    if opinion == Opinion.NOT_JUDGED:
        return ~judged
    if opinion == Opinion.JUDGE_AGREES:
        return judged.where(Judgement.label_id == Sample.label_id)
    if opinion == Opinion.JUDGE_UNCLEAR:
        return judged.where(Judgement.label_id.is_(None))
    return judged if opinion == Opinion.HUMAN else judged.where(Judgement.label_id != Sample.label_id)


def _contains(session: Session, words: str) -> ColumnElement[bool]:
    """Whether the text contains the words, in any case. LIKE of SQLite ignores the case of ASCII letters only."""
    if session.get_bind().dialect.name != "sqlite":
        return Sample.text.icontains(words, autoescape=True)
    forms = {words} if words.isascii() else {words, words.lower(), words.upper(), words.capitalize()}
    return or_(*(Sample.text.contains(form, autoescape=True) for form in sorted(forms)))


def _rows(ids: Sequence[int]) -> Select[Any]:
    return (
        select(
            Sample.id,
            func.substr(Sample.text, 1, LONGEST_CELL),
            Label.name,
            Arm.name,
            Sample.split,
            Sample.status,
            Sample.reject_reason,
            Completion.model,
            Prompt.version,
        )
        .join(Label, Label.id == Sample.label_id)
        .join(Arm, Arm.id == Sample.arm_id)
        .outerjoin(Completion, Completion.id == Sample.completion_id)
        .outerjoin(Prompt, Prompt.id == Completion.prompt_id)
        .where(Sample.id.in_(ids))
        .order_by(Sample.id)
    )


def _arm_ids(task_id: int) -> Select[int]:
    return select(Arm.id).where(Arm.task_id == task_id)


def _arms(session: Session, task_id: int) -> pd.DataFrame:
    status = (
        select(Sample.arm_id, Sample.status, func.count(Sample.id).label("n"))
        .where(Sample.arm_id.in_(_arm_ids(task_id)))
        .group_by(Sample.arm_id, Sample.status)
    )
    counted = {(arm_id, state): n for arm_id, state, n in session.execute(status)}
    arms = session.execute(select(Arm.id, Arm.name, Arm.kind).where(Arm.task_id == task_id).order_by(Arm.id))
    rows = [(*arm, *(counted.get((arm[0], state), 0) for state in SampleStatus)) for arm in arms]
    return pd.DataFrame(rows, columns=["arm_id", "arm", "kind", "kept", "rejected"])


def _prompts(session: Session, task_id: int) -> pd.DataFrame:
    query = (
        select(Prompt.id, Arm.id, Arm.name, Prompt.version, func.count(Completion.id))
        .join(Arm, Arm.id == Prompt.arm_id)
        .outerjoin(Completion, Completion.prompt_id == Prompt.id)
        .where(Arm.task_id == task_id)
        .group_by(Prompt.id, Arm.id, Arm.name, Prompt.version)
        .order_by(Arm.id, Prompt.version.desc())
    )
    columns = ["prompt_id", "arm_id", "arm", "version", "answers"]
    return pd.DataFrame(session.execute(query).all(), columns=columns)


def _counted(session: Session, query: Select[*tuple[Any, ...]]) -> dict[str, int]:
    found = {str(name): int(n) for name, n in session.execute(query)}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _in_order(session: Session, ids: Sequence[int]) -> list[Sample]:
    found = {sample.id: sample for sample in session.scalars(select(Sample).where(Sample.id.in_(ids)))}
    return [found[sample_id] for sample_id in ids if sample_id in found]


def _siblings(session: Session, sample: Sample) -> pd.DataFrame:
    columns = ["id", "part", "text", "status", "reason"]
    if sample.completion_id is None:
        return pd.DataFrame(columns=columns)
    query = select(Sample.id, Sample.part, Sample.text, Sample.status, Sample.reject_reason)
    query = query.where(Sample.completion_id == sample.completion_id).order_by(Sample.part)
    return pd.DataFrame(session.execute(query).all(), columns=columns).fillna({"reason": ""})


def _judgements(session: Session, sample_id: int) -> pd.DataFrame:
    query = (
        select(Judgement.kind, Judgement.judge, Label.name, Judgement.content, Judgement.cost_usd, Judgement.created_at)
        .outerjoin(Label, Label.id == Judgement.label_id)
        .where(Judgement.sample_id == sample_id)
        .order_by(Judgement.created_at, Judgement.id)
    )
    columns = ["kind", "judge", "label", "answer", "cost_usd", "at"]
    return pd.DataFrame(session.execute(query).all(), columns=columns).fillna({"label": NO_LABEL})
