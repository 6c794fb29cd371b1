"""Labelling sessions: made from a plan, found by their link, opened and closed."""

import itertools
import math
import random
import secrets
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import CampaignKind, ItemRole
from core.study.rows.study import Campaign, Comparison, Item, Rating, Study, Task
from core.subjectivity.sessions import drawing, protocol
from core.subjectivity.sessions.protocol import Protocol

SIDES = ("left", "right", "tie")
SCALE = ("1", "2", "3", "4", "5")
COMPARING = (CampaignKind.COMPARE, CampaignKind.COMPARE_ITEMS)
GOLD_POOL = 3  # gold items in all for each one that a rater sees


@dataclass(frozen=True)
class Plan:
    """What a campaign is to be.

    Of each label and chosen arm (`arm_ids`; none: real test data) `per_class` texts are drawn by `seed`. A comparison
    of texts shows each in about `pairs_per_item` pairs. Comparisons of tasks take every pair of tasks and no `task`.
    """

    name: str
    kind: CampaignKind = CampaignKind.LABEL
    task: Task | None = None
    arm_ids: tuple[int, ...] = ()
    per_class: int = 50
    pairs_per_item: int = 4
    raters_per_item: int = 3
    items_per_rater: int = 20
    instructions: str = ""
    protocol: Protocol = field(default_factory=Protocol)
    seed: int = 0


def make(session: Session, *, study_id: int, plan: Plan) -> Campaign:
    """A new open campaign with its items, attention checks and gold items.

    Raises `StudyError` for an empty name, nothing to rate, or gold items in a campaign that asks for no label.
    """
    if not plan.name.strip():
        raise StudyError("A campaign needs a name; it is empty.")
    if plan.protocol.gold_per_rater and plan.kind != CampaignKind.LABEL:
        raise StudyError("Gold items need a known label, so only a campaign of labels can have them.")
    codes = plan.protocol.codes if plan.protocol.codes.complete else protocol.new_codes()
    campaign = Campaign(
        study_id=study_id,
        task_id=plan.task.id if plan.task else None,
        name=plan.name.replace("\0", "").strip()[:200],
        kind=plan.kind,
        token=secrets.token_urlsafe(16),
        raters_per_item=plan.raters_per_item,
        items_per_rater=plan.items_per_rater,
        instructions=plan.instructions.replace("\0", ""),
        settings=plan.protocol.model_copy(update={"codes": codes}).model_dump(mode="json"),
    )
    items = items_of(session, study_id=study_id, plan=plan)
    session.add(campaign)
    session.flush()
    for item in items + _attention(session, campaign, plan):
        item.campaign_id = campaign.id
        session.add(item)
    session.flush()
    return campaign


def items_of(session: Session, *, study_id: int, plan: Plan) -> list[Item]:
    """The items and gold items that a plan asks for, of no campaign yet. Raises `StudyError` when there is nothing."""
    return _task_pairs(session, study_id) if plan.kind == CampaignKind.COMPARE else _texts(session, plan)


def of_study(session: Session, study_id: int) -> list[Campaign]:
    """The campaigns of a study, the newest first."""
    return list(session.scalars(select(Campaign).where(Campaign.study_id == study_id).order_by(Campaign.id.desc())))


def named(session: Session, wanted: str, *, study_id: int | None = None) -> Campaign:
    """The campaign of this number or name, of one study or of any.

    Raises `StudyError`, which lists the numbers and names there are, for none or for several of the name.
    """
    query = select(Campaign).order_by(Campaign.id)
    if study_id is not None:
        query = query.where(Campaign.study_id == study_id)
    known = list(session.scalars(query))
    found = [one for one in known if str(one.id) == wanted] or [one for one in known if one.name == wanted]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{one.id} {one.name!r}" for one in found or known) or "none yet"
    if found:
        raise StudyError(f"{len(found)} campaigns are called {wanted!r}. Say the number: {listed}.")
    raise StudyError(f"There is no campaign {wanted!r}. There are: {listed}.")


def by_token(session: Session, token: str, *, even_closed: bool = False) -> Campaign:
    """The campaign a link belongs to. Raises `StudyError` for a wrong link or, unless asked for, a closed session."""
    is_token = bool(token) and token.isprintable()
    campaign = session.scalar(select(Campaign).where(Campaign.token == token)) if is_token else None
    if campaign is None:
        raise StudyError(
            "This link does not belong to a labelling session. Please check it with whoever sent it to you."
        )
    home = session.get_one(Study, campaign.study_id)
    is_away = home.trashed_at is not None or home.is_trash
    if is_away or not (campaign.is_open or even_closed):
        raise StudyError("This labelling session has been closed. Thank you for coming by.")
    return campaign


def count_items(session: Session, campaign: Campaign) -> int:
    """The number of a campaign's items without attention checks."""
    query = select(func.count(Item.id)).where(Item.campaign_id == campaign.id, Item.role != ItemRole.ATTENTION)
    return session.scalar(query) or 0


def set_open(session: Session, campaign_id: int, *, is_open: bool) -> None:
    session.get_one(Campaign, campaign_id).is_open = is_open


def change(session: Session, campaign_id: int, new: Protocol) -> None:
    """Run a session by other rules from now on. Attention checks that its items do not have yet are not added."""
    session.get_one(Campaign, campaign_id).settings = new.model_dump(mode="json")


def answers_of(campaign: Campaign) -> type[Comparison] | type[Rating]:
    """The table in which a campaign's answers are kept."""
    return Comparison if campaign.kind in COMPARING else Rating


def allowed(session: Session, campaign: Campaign) -> tuple[str, ...]:
    """The answers that a campaign takes, as they are stored."""
    if campaign.kind in COMPARING:
        return SIDES
    if campaign.kind == CampaignKind.SCALE or campaign.task_id is None:
        return SCALE
    return tuple(label.name for label in tasks.labels_of(session, campaign.task_id))


def _texts(session: Session, plan: Plan) -> list[Item]:
    if plan.task is None:
        raise StudyError("Choose the task whose texts are to be rated.")
    drawn = drawing.samples(session, task=plan.task, arm_ids=plan.arm_ids, per_class=plan.per_class, seed=plan.seed)
    if plan.kind == CampaignKind.COMPARE_ITEMS:
        return [
            Item(campaign_id=0, external_id=f"samples-{left}-{right}", left_sample_id=left, right_sample_id=right)
            for left, right in drawing.pairs(drawn, per_item=plan.pairs_per_item, seed=plan.seed)
        ]
    items = [Item(campaign_id=0, external_id=f"sample-{chosen}", sample_id=chosen) for chosen in drawn]
    if plan.protocol.gold_per_rater:
        pool = drawing.gold(session, task=plan.task, n=GOLD_POOL * plan.protocol.gold_per_rater, seed=plan.seed)
        items += [
            Item(campaign_id=0, external_id=f"gold-{chosen}", sample_id=chosen, expected=label, role=ItemRole.GOLD)
            for chosen, label in pool
        ]
    return items


def _task_pairs(session: Session, study_id: int) -> list[Item]:
    known = tasks.tasks(session, study_id)
    if len(known) < 2:
        raise StudyError("Comparing needs at least two tasks in the study. Add another on Tasks and data.")
    return [
        Item(
            campaign_id=0,
            external_id=f"tasks-{left.id}-{right.id}",
            left_task_id=left.id,
            right_task_id=right.id,
        )
        for left, right in itertools.combinations(known, 2)
    ]


def _attention(session: Session, campaign: Campaign, plan: Plan) -> list[Item]:
    """As many checks as one rater can meet, each asking for an answer drawn at random."""
    every = plan.protocol.attention_every
    n = math.ceil(plan.items_per_rater / every) if every else 0
    rng, answers = random.Random(f"{plan.seed}/{campaign.token}"), allowed(session, campaign)
    return [
        Item(
            campaign_id=0,
            external_id=f"attention-{place}",
            role=ItemRole.ATTENTION,
            expected=rng.choice(answers),
        )
        for place in range(n)
    ]
