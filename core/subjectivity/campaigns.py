"""Labelling sessions: what is rated, by whom, and every answer written before the next item is shown."""

import itertools
import random
import secrets
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.records import (
    ArmKind,
    Campaign,
    CampaignKind,
    Comparison,
    Item,
    Rater,
    RaterKind,
    Rating,
    Sample,
    SampleStatus,
    Split,
    Task,
)

IDLE_SECONDS = 600
SIDES = ("left", "right", "tie")


def make_label_campaign(
    session: Session,
    *,
    task: Task,
    name: str,
    per_class: int = 50,
    raters_per_item: int = 3,
    items_per_rater: int = 20,
    instructions: str = "",
    seed: int = 0,
) -> Campaign:
    """A session in which raters label real test samples of a task, `per_class` drawn at random from each label."""
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    chosen = _draw(session, real.id, per_class=per_class, seed=seed) if real else []
    if not chosen:
        raise StudyError(f"Task {task.name!r} has no real test samples to rate. Import them on Tasks and data.")
    campaign = _make(
        session,
        study_id=task.study_id,
        task_id=task.id,
        name=name,
        kind=CampaignKind.LABEL,
        raters_per_item=raters_per_item,
        items_per_rater=items_per_rater,
        instructions=instructions,
    )
    session.add_all(
        Item(campaign_id=campaign.id, external_id=f"sample-{chosen_id}", sample_id=chosen_id) for chosen_id in chosen
    )
    session.flush()
    return campaign


def make_compare_campaign(
    session: Session,
    *,
    study_id: int,
    name: str,
    raters_per_item: int = 12,
    items_per_rater: int = 10,
    instructions: str = "",
) -> Campaign:
    """A session in which raters say which of two tasks is the more subjective one, for every pair of tasks."""
    pairs = list(itertools.combinations(tasks.tasks(session, study_id), 2))
    if not pairs:
        raise StudyError("Comparing needs at least two tasks in the study. Add another on Tasks and data.")
    campaign = _make(
        session,
        study_id=study_id,
        task_id=None,
        name=name,
        kind=CampaignKind.COMPARE,
        raters_per_item=raters_per_item,
        items_per_rater=items_per_rater,
        instructions=instructions,
    )
    session.add_all(
        Item(
            campaign_id=campaign.id,
            external_id=f"{left.name}|{right.name}"[:200],
            left_task_id=left.id,
            right_task_id=right.id,
        )
        for left, right in pairs
    )
    session.flush()
    return campaign


def of_study(session: Session, study_id: int) -> list[Campaign]:
    """The campaigns of a study, the newest first."""
    return list(session.scalars(select(Campaign).where(Campaign.study_id == study_id).order_by(Campaign.id.desc())))


def by_token(session: Session, token: str) -> Campaign:
    """The campaign a link belongs to. Raises `StudyError` for a wrong link or a session that was closed."""
    campaign = session.scalar(select(Campaign).where(Campaign.token == token)) if token else None
    if campaign is None:
        raise StudyError(
            "This link does not belong to a labelling session. Please check it with whoever sent it to you."
        )
    if not campaign.is_open:
        raise StudyError("This labelling session has been closed. Thank you for coming by.")
    return campaign


def join(session: Session, campaign: Campaign, *, now: float, kind: RaterKind = RaterKind.PERSON) -> Rater:
    """A new rater under a pseudonym, with a personal code to come back with. Consent is given by joining."""
    code = secrets.token_urlsafe(9)
    rater = Rater(campaign_id=campaign.id, pseudonym=f"rater-{code[:6]}", kind=kind, code=code, consented_at=now)
    session.add(rater)
    session.flush()
    return rater


def come_back(session: Session, campaign: Campaign, code: str) -> Rater | None:
    """The rater of this campaign with this personal code, if there is one."""
    return session.scalar(select(Rater).where(Rater.campaign_id == campaign.id, Rater.code == code)) if code else None


def next_item(session: Session, *, rater_id: int, now: float, rng: random.Random) -> Item | None:
    """The item on the rater's screen, or a new one: never one the rater answered, the least rated first.

    Answers and items on other raters' screens count; an item someone left lying for ten minutes does not.
    None means that this rater is done: the personal quota is met or nothing is left to rate.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=True)
    if rater.assigned_item_id is not None:
        rater.assigned_at = now
        return session.get_one(Item, rater.assigned_item_id)
    campaign = session.get_one(Campaign, rater.campaign_id, with_for_update=True)
    if answered(session, rater_id) >= campaign.items_per_rater:
        return None
    load = _load(session, campaign, rater_id=rater_id, now=now)
    free = [(count, rng.random(), item_id) for item_id, count in load.items() if count < campaign.raters_per_item]
    if not free:
        return None
    item = session.get_one(Item, min(free)[2])
    rater.assigned_item_id, rater.assigned_at = item.id, now
    session.flush()
    return item


def record(session: Session, *, rater_id: int, item_id: int, answer: str, now: float) -> bool:
    """Store a rater's answer about the item on the screen; False when that item was already answered (a double click).

    `answer` is a label's name, or `left`, `right` or `tie` in a comparison. Raises `StudyError` for any other answer.
    """
    rater, item = session.get_one(Rater, rater_id), session.get_one(Item, item_id)
    assigned_at = rater.assigned_at
    _check_answer(session, item, answer)
    # The update is the lock: of two clicks on the same item only one finds it still assigned.
    taken = session.execute(
        update(Rater)
        .where(Rater.id == rater_id, Rater.assigned_item_id == item_id)
        .values(assigned_item_id=None)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        return False
    session.refresh(rater)
    duration = round((now - assigned_at) * 1000) if assigned_at else None
    session.add(_answer(item, rater_id=rater_id, answer=answer, duration_ms=duration, now=now))
    session.flush()
    return True


def undo(session: Session, *, rater_id: int, now: float) -> bool:
    """Take the rater's last answer back and put its item on the screen again; False when there is none."""
    rater = session.get_one(Rater, rater_id)
    table = answers_of(session.get_one(Campaign, rater.campaign_id))
    last = session.scalar(select(table).where(table.rater_id == rater_id).order_by(table.id.desc()).limit(1))
    if not isinstance(last, Comparison | Rating):
        return False
    rater.assigned_item_id, rater.assigned_at = last.item_id, now
    session.delete(last)
    session.flush()
    return True


def answered(session: Session, rater_id: int) -> int:
    """How many items a rater has answered."""
    ratings = select(func.count(func.distinct(Rating.item_id))).where(Rating.rater_id == rater_id)
    comparisons = select(func.count(Comparison.id)).where(Comparison.rater_id == rater_id)
    return (session.scalar(ratings) or 0) + (session.scalar(comparisons) or 0)


def set_open(session: Session, campaign_id: int, *, is_open: bool) -> None:
    session.get_one(Campaign, campaign_id).is_open = is_open


def answers_of(campaign: Campaign) -> type[Comparison] | type[Rating]:
    """The table in which a campaign's answers are kept."""
    return Comparison if campaign.kind == CampaignKind.COMPARE else Rating


def _make(
    session: Session,
    *,
    study_id: int,
    task_id: int | None,
    name: str,
    kind: CampaignKind,
    raters_per_item: int,
    items_per_rater: int,
    instructions: str,
) -> Campaign:
    if not name.strip():
        raise StudyError("A campaign needs a name; it is empty.")
    campaign = Campaign(
        study_id=study_id,
        task_id=task_id,
        name=name.strip()[:200],
        kind=kind,
        token=secrets.token_urlsafe(16),
        raters_per_item=raters_per_item,
        items_per_rater=items_per_rater,
        instructions=instructions,
    )
    session.add(campaign)
    session.flush()
    return campaign


def _draw(session: Session, arm_id: int, *, per_class: int, seed: int) -> list[int]:
    rows = session.execute(
        select(Sample.label_id, Sample.id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TEST)
        .order_by(Sample.id)
    ).all()
    rng = random.Random(seed)
    drawn: list[int] = []
    for label_id in sorted({row.label_id for row in rows}):
        of_label = [row.id for row in rows if row.label_id == label_id]
        drawn += rng.sample(of_label, min(per_class, len(of_label)))
    return drawn


def _load(session: Session, campaign: Campaign, *, rater_id: int, now: float) -> dict[int, int]:
    """Item id -> answers given plus items on screens now, without the items this rater has answered."""
    items = session.scalars(select(Item.id).where(Item.campaign_id == campaign.id)).all()
    table = answers_of(campaign)
    given = session.execute(
        select(table.item_id, table.rater_id)
        .join(Item, Item.id == table.item_id)
        .where(Item.campaign_id == campaign.id)
    ).all()
    on_screen: Sequence[int | None] = session.scalars(
        select(Rater.assigned_item_id).where(
            Rater.campaign_id == campaign.id,
            Rater.assigned_item_id.is_not(None),
            Rater.assigned_at > now - IDLE_SECONDS,
        )
    ).all()
    load = dict.fromkeys(items, 0)
    for item_id, _ in {(row.item_id, row.rater_id) for row in given}:
        load[item_id] += 1
    for assigned in on_screen:
        if assigned in load:
            load[assigned] += 1
    mine = {item_id for item_id, other in given if other == rater_id}
    return {item_id: count for item_id, count in load.items() if item_id not in mine}


def _check_answer(session: Session, item: Item, answer: str) -> None:
    campaign = session.get_one(Campaign, item.campaign_id)
    labels = tasks.labels_of(session, campaign.task_id) if campaign.task_id is not None else []
    allowed = [label.name for label in labels] or list(SIDES)
    if answer not in allowed:
        raise StudyError(f"{answer!r} is not an answer here. Possible answers: {', '.join(allowed)}.")


def _answer(item: Item, *, rater_id: int, answer: str, duration_ms: int | None, now: float) -> Rating | Comparison:
    if item.left_task_id is None or item.right_task_id is None:
        return Rating(item_id=item.id, rater_id=rater_id, label=answer, duration_ms=duration_ms, created_at=now)
    return Comparison(
        campaign_id=item.campaign_id,
        item_id=item.id,
        rater_id=rater_id,
        left_task_id=item.left_task_id,
        right_task_id=item.right_task_id,
        winner=answer,
        duration_ms=duration_ms,
        created_at=now,
    )
