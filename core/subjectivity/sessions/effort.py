"""Estimate the number of raters that a planned session needs, and the minutes that each rater needs."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.chunks import chunks
from core.study.rows.kinds import CampaignKind, ItemRole
from core.study.rows.sessions import Campaign, Item
from core.study.rows.study import Sample
from core.subjectivity.sessions import campaigns, screens
from core.subjectivity.sessions.campaigns import Plan

WORDS_PER_MINUTE = 238  # silent reading of non-fiction in English: Brysbaert (2019), Journal of Memory and Language 109
SECONDS_TO_ANSWER = 4.0
SECONDS_TO_BEGIN = 60.0
LETTERS_PER_WORD = 6.0
SPARE = 0.1  # share of invited raters who may not finish
LOOKED_AT = 10  # items whose length is measured


@dataclass(frozen=True)
class Effort:
    """The effort of a planned session.

    `answers`: wanted answers about `items` items. `raters`: the least number who can give them. `invited`: raters and a
    tenth more, because some will not finish. `per_rater`: items that each rater sees, and `checks` attention checks and
    gold items besides. `minutes`: estimated time of a rater, a rule of thumb.
    """

    items: int
    answers: int
    raters: int
    invited: int
    per_rater: int
    checks: int
    minutes: float


def of_plan(session: Session, *, study_id: int, plan: Plan) -> Effort:
    """Estimate the effort of the campaign that `campaigns.make` would create. Raises `StudyError` as `campaigns.make`."""
    drawn = campaigns.items_of(session, study_id=study_id, plan=plan)
    roles = Counter(item.role or ItemRole.ITEM for item in drawn)
    items = roles[ItemRole.ITEM]
    per_rater = min(plan.items_per_rater, items)
    checks = plan.protocol.attention_checks(per_rater)
    checks += min(plan.protocol.gold_per_rater, roles[ItemRole.GOLD])
    answers = items * plan.raters_per_item
    raters = max(plan.raters_per_item, math.ceil(answers / per_rater))
    minutes = _minutes(session, study_id, plan.kind, drawn, n=per_rater + checks)
    return Effort(items, answers, raters, math.ceil(raters * (1 + SPARE)), per_rater, checks, minutes)


def minutes(session: Session, campaign: Campaign, *, n: int) -> float:
    """Estimate the minutes that a rater needs for `n` items, from the length of the first items; a rule of thumb."""
    items = select(Item).where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM).order_by(Item.id)
    drawn = session.scalars(items.limit(LOOKED_AT)).all()
    return _minutes(session, campaign.study_id, campaign.kind, drawn, n=n)


def _minutes(session: Session, study_id: int, kind: str, drawn: Sequence[Item], *, n: int) -> float:
    """Minutes for `n` items of the mean length of the items `drawn`."""
    count = _pair_letters if kind == CampaignKind.COMPARE else _text_letters
    letters = count(session, study_id, drawn) / len(drawn) if drawn else 0
    return (SECONDS_TO_BEGIN + n * (SECONDS_TO_ANSWER + letters / LETTERS_PER_WORD / WORDS_PER_MINUTE * 60)) / 60


def _pair_letters(session: Session, study_id: int, drawn: Sequence[Item]) -> int:
    """The number of characters of the task descriptions that the items show."""
    campaign = Campaign(study_id=study_id, name="", kind=CampaignKind.COMPARE, token="")
    return sum(len(text) for item in drawn for _, text in screens.of(session, campaign, item).parts)


def _text_letters(session: Session, study_id: int, drawn: Sequence[Item]) -> int:
    """The number of characters of the texts that the items show; same parameters as `_pair_letters`."""
    del study_id
    ids = [
        sample_id
        for item in drawn
        for sample_id in (item.sample_id, item.left_sample_id, item.right_sample_id)
        if sample_id is not None
    ]
    known: dict[int, int] = {}
    for chunk in chunks(ids):
        query = select(Sample.id, func.length(Sample.text)).where(Sample.id.in_(chunk))
        known |= dict(session.execute(query).all())
    return sum(known[sample_id] for sample_id in ids)
