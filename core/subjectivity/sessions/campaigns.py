"""Create, find, open and close campaigns (labelling sessions)."""

import itertools
import random
import secrets
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks, trash
from core.study.rows.kinds import CampaignKind, ItemRole
from core.study.rows.sessions import Campaign, Comparison, Item, Rating
from core.study.rows.study import Study, Task
from core.subjectivity.sessions import protocol
from core.subjectivity.sessions.items import drawing
from core.subjectivity.sessions.protocol import Protocol

SIDES = ("left", "right", "tie")
SCALE = ("1", "2", "3", "4", "5")
COMPARING = (CampaignKind.COMPARE, CampaignKind.COMPARE_ITEMS)
UNKNOWN_LINK = "This link does not belong to a labelling session. Please check it with whoever sent it to you."
GOLD_POOL = 3  # gold items drawn for a campaign, as a multiple of those that a rater sees


@dataclass(frozen=True)
class Plan:
    """The settings of a new campaign.

    Texts: `per_class` of each label and arm are drawn with `seed`; `arm_ids` empty means real test texts. In comparisons
    of texts, each text is in about `pairs_per_item` pairs. Comparisons of tasks use every pair of tasks and no `task`.
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
    """Create an open campaign with its items, attention checks and gold items.

    Raises `StudyError` for an empty name, for a plan without items, and for gold items in a campaign of another kind than
    labels.
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
    n_items = sum(item.role != ItemRole.GOLD for item in items)
    for item in items + _attention(session, campaign, plan, n_items=n_items):
        item.campaign_id = campaign.id
        session.add(item)
    session.flush()
    return campaign


def items_of(session: Session, *, study_id: int, plan: Plan) -> list[Item]:
    """Build the items and gold items of a plan, without storing them. Raises `StudyError` if the plan has no items."""
    return _task_pairs(session, study_id) if plan.kind == CampaignKind.COMPARE else _texts(session, plan)


def of_study(session: Session, study_id: int) -> list[Campaign]:
    """The campaigns of a study, newest first."""
    return list(session.scalars(select(Campaign).where(Campaign.study_id == study_id).order_by(Campaign.id.desc())))


def named(session: Session, wanted: str, *, study_id: int | None = None) -> Campaign:
    """Find a campaign by its number or name, in a study or in all studies.

    Raises `StudyError`, with the numbers and names of campaigns, if no campaign or several campaigns match.
    """
    query = select(Campaign).order_by(Campaign.id)
    if study_id is not None:
        query = query.where(Campaign.study_id == study_id)
    known = list(session.scalars(query))
    by_number = [campaign for campaign in known if str(campaign.id) == wanted]
    found = by_number or [campaign for campaign in known if campaign.name == wanted]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{campaign.id} {campaign.name!r}" for campaign in found or known) or "none yet"
    if found:
        raise StudyError(f"{len(found)} campaigns are called {wanted!r}. Say the number: {listed}.")
    raise StudyError(f"There is no campaign {wanted!r}. There are: {listed}.")


def by_token(session: Session, token: str, *, even_closed: bool = False) -> Campaign:
    """Find the campaign of a rater's link by its token.

    Raises `StudyError` for an unknown token, for a campaign in the trash and, unless `even_closed`, for a closed campaign.
    """
    campaign = _of_token(session, token)
    if campaign is None:
        raise StudyError(UNKNOWN_LINK)
    home_of(session, campaign, even_closed=even_closed)
    return campaign


def home_of(session: Session, campaign: Campaign, *, even_closed: bool = False) -> Study:
    """The study of a campaign that raters may see. Raises `StudyError` for others, as `by_token` does."""
    home = session.get_one(Study, campaign.study_id)
    is_away = home.trashed_at is not None or home.is_trash
    if is_away or not (campaign.is_open or even_closed):
        raise StudyError("This labelling session has been closed. Thank you for coming by.")
    return home


def is_token(session: Session, token: str) -> bool:
    """Whether a token belongs to a campaign, be the campaign open, closed or in the trash."""
    return _of_token(session, token) is not None


def count_items(session: Session, campaign: Campaign) -> int:
    """The number of a campaign's items without attention checks."""
    query = select(func.count(Item.id)).where(Item.campaign_id == campaign.id, Item.role != ItemRole.ATTENTION)
    return session.scalar(query) or 0


def set_open(session: Session, campaign_id: int, *, is_open: bool) -> None:
    """Open or close a campaign. Raises `StudyError` if raters would be asked about a task that is in the trash."""
    if is_open and (name := _trashed_task(session, campaign_id)):
        raise StudyError(
            f"This campaign asks about the task {name!r}, which is in the trash, so it is not opened. Take the task out of the "
            "trash, or make a new campaign of the tasks that are there."
        )
    session.get_one(Campaign, campaign_id).is_open = is_open


def change(session: Session, campaign_id: int, new: Protocol) -> None:
    """Replace the protocol of a campaign. Attention checks and gold items are not added afterwards."""
    session.get_one(Campaign, campaign_id).settings = new.model_dump(mode="json")


def answers_of(campaign: Campaign) -> type[Comparison] | type[Rating]:
    """The table that stores a campaign's answers."""
    return Comparison if campaign.kind in COMPARING else Rating


def allowed(session: Session, campaign: Campaign) -> tuple[str, ...]:
    """The possible answers of a campaign, as stored: sides, numbers of the scale, or names of labels."""
    if campaign.kind in COMPARING:
        return SIDES
    if campaign.kind == CampaignKind.SCALE or campaign.task_id is None:
        return SCALE
    return tuple(label.name for label in tasks.labels_of(session, campaign.task_id))


def _trashed_task(session: Session, campaign_id: int) -> str:
    """The name of a task in the trash that items of a campaign compare with others; "" if there is none."""
    compared = or_(Item.left_task_id == Task.id, Item.right_task_id == Task.id)
    query = select(Task).join(Item, compared).where(Item.campaign_id == campaign_id, Task.trashed_at.is_not(None))
    task = session.scalar(query.limit(1))
    return "" if task is None else trash.name_of(session, task)


def _of_token(session: Session, token: str) -> Campaign | None:
    is_text = bool(token) and token.isprintable()
    return session.scalar(select(Campaign).where(Campaign.token == token)) if is_text else None


def _texts(session: Session, plan: Plan) -> list[Item]:
    """The items of a campaign about texts, or about pairs of texts. Raises `StudyError` without a task or texts."""
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
    """An item for every pair of tasks of a study. Raises `StudyError` with fewer than two tasks."""
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


def _attention(session: Session, campaign: Campaign, plan: Plan, *, n_items: int) -> list[Item]:
    """The attention checks of a campaign, as many as a rater can see; each asks for an answer drawn at random."""
    n = plan.protocol.attention_checks(min(plan.items_per_rater, n_items))
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
