"""Decide which item a rater sees next and when the rater has seen enough items; store each answer first."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, union_all, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.sessions import campaigns, conduct, protocol

RULES_EVERY = 5
GOING_ON = (RaterState.RATING, RaterState.DONE)


@dataclass(frozen=True)
class Progress:
    """A rater's progress: `done` items are answered or skipped, of `total`; both include attention checks."""

    done: int
    total: int


def next_item(session: Session, *, rater_id: int, now: float, rng: random.Random) -> Item | None:
    """Return the item on the rater's screen, or assign a new item: an unseen item with the fewest raters.

    An item's raters are the people who answered it and are not excluded, and those who have it on their screen for less
    than the idle time of the session. Attention checks and gold items come at random places of each rater's order.

    Returns None if the rater has met the personal quota, no item is left, the rater's session has ended, or the campaign
    is closed. A rater for whom no item was left continues when other raters return items.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.state not in GOING_ON or rater.excluded_at is not None:
        return None
    if rater.assigned_item_id is not None:
        rater.assigned_at = now
        return session.get_one(Item, rater.assigned_item_id)
    campaign = session.get_one(Campaign, rater.campaign_id, with_for_update=ONE_AT_A_TIME)
    chosen = _choose(session, campaign, rater_id=rater_id, now=now, rng=rng)
    if chosen is None:
        if rater.state != RaterState.DONE:
            rater.state, rater.finished_at = RaterState.DONE, now
            conduct.apply(session, campaign, rater, now=now)
            session.flush()
        return None
    if not campaign.is_open:
        return None
    item = session.get_one(Item, chosen)
    rater.state, rater.finished_at = RaterState.RATING, None
    rater.assigned_item_id, rater.assigned_at = item.id, now
    rater.is_swapped = _swapped(session, campaign, item, rng)
    session.flush()
    return item


def record(session: Session, *, rater_id: int, item_id: int, answer: str, now: float) -> bool:
    """Store a rater's answer about the item on the screen.

    `answer` is the name of a label, a number of the scale, or `left`, `right` or `tie` as shown. Returns False, without
    storing, if the item was answered already (a double click). Raises `StudyError` for any other answer.
    """
    campaign = _campaign_of(session, rater_id)
    possible = campaigns.allowed(session, campaign)
    if answer not in possible:
        raise StudyError(f"{answer!r} is not an answer here. Possible answers: {', '.join(possible)}.")
    released = _release(session, rater_id, item_id, now)
    if released is None:
        return False
    rater, duration_ms, place = released
    item = session.get_one(Item, item_id)
    if campaign.kind in campaigns.COMPARING:
        row = comparison(item, rater_id=rater_id, winner=answer, swapped=rater.is_swapped)
        row.duration_ms, row.place, row.created_at = duration_ms, place, now
        session.add(row)
    else:
        session.add(
            Rating(
                item_id=item_id, rater_id=rater_id, label=answer, duration_ms=duration_ms, place=place, created_at=now
            )
        )
    session.flush()
    if item.role != ItemRole.ITEM or place % RULES_EVERY == 0:
        conduct.apply(session, campaign, rater, now=now)
    return True


def skip(session: Session, *, rater_id: int, item_id: int, reason: str, now: float) -> bool:
    """Skip the item on the screen. Returns False, without storing, if the item was answered already.

    Raises `StudyError` if the item cannot be skipped or the reason is not one of the session's reasons.
    """
    campaign = _campaign_of(session, rater_id)
    rules = protocol.of(campaign)
    if not rules.may_skip or session.get_one(Item, item_id).role == ItemRole.ATTENTION:
        raise StudyError("This item cannot be skipped.")
    if reason not in rules.skip_reasons:
        raise StudyError(f"{reason!r} is not a reason here. Possible reasons: {', '.join(rules.skip_reasons)}.")
    released = _release(session, rater_id, item_id, now)
    if released is None:
        return False
    rater, duration_ms, place = released
    session.add(
        Skip(item_id=item_id, rater_id=rater_id, reason=reason, duration_ms=duration_ms, place=place, created_at=now)
    )
    session.flush()
    if place % RULES_EVERY == 0:
        conduct.apply(session, campaign, rater, now=now)
    return True


def undo(session: Session, *, rater_id: int, now: float) -> bool:
    """Delete the rater's last answer or skip and put the item on the screen again.

    Also possible after the rater's last item. Returns False, without a change, if there is no answer, the answer is to an
    attention check, the session ended in another way, the campaign is closed, or the protocol forbids undoing.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    found = _to_undo(session, rater)
    if found is None:
        return False
    last, item = found
    rater.assigned_item_id, rater.assigned_at = item.id, now
    rater.state, rater.finished_at = RaterState.RATING, None
    if isinstance(last, Comparison):
        rater.is_swapped = _was_swapped(last, item)
    session.delete(last)
    session.flush()
    return True


def may_undo(session: Session, *, rater_id: int) -> bool:
    """Whether `undo` would delete an answer or skip."""
    return _to_undo(session, session.get_one(Rater, rater_id)) is not None


def progress(session: Session, campaign: Campaign, rater_id: int) -> Progress:
    """Count the items that a rater has answered or skipped, and the items that the rater gets in all."""
    return Progress(done=len(_seen(session, rater_id)), total=sum(_quota(campaign, _roles(session, campaign)).values()))


def items_per_rater(session: Session, campaign: Campaign) -> int:
    """The number of items that a rater sees, without attention checks and gold items."""
    return _quota(campaign, _roles(session, campaign))[ItemRole.ITEM]


def has_room(session: Session, campaign: Campaign, *, now: float) -> bool:
    """Whether a new rater would get an item: some item has fewer raters than wanted (counted as in `next_item`)."""
    ids = session.scalars(select(Item.id).where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM)).all()
    return any(count < campaign.raters_per_item for count in _load(session, campaign, ids, now=now).values())


def comparison(item: Item, *, rater_id: int, winner: str, swapped: bool) -> Comparison:
    """Build the row of an answer about a pair, with the sides as shown."""
    tasks, samples = (item.left_task_id, item.right_task_id), (item.left_sample_id, item.right_sample_id)
    order = -1 if swapped else 1
    return Comparison(
        campaign_id=item.campaign_id,
        item_id=item.id,
        rater_id=rater_id,
        left_task_id=tasks[::order][0],
        right_task_id=tasks[::order][1],
        left_sample_id=samples[::order][0],
        right_sample_id=samples[::order][1],
        winner=winner,
    )


def role_due(rater_id: int, quota: dict[str, int], *, place: int) -> str:
    """The role of the item at a place (from 0) of a rater's order.

    Attention checks and gold items are spread evenly: the order is divided into as many stretches, and each stretch gets
    one at a place drawn by the rater's id. The first item is an ordinary item.
    """
    extras = [ItemRole.ATTENTION] * quota[ItemRole.ATTENTION] + [ItemRole.GOLD] * quota[ItemRole.GOLD]
    total = quota[ItemRole.ITEM] + len(extras)
    if not extras or place == 0:
        return ItemRole.ITEM
    rng = random.Random(rater_id)
    rng.shuffle(extras)
    edges = [1 + (total - 1) * number // len(extras) for number in range(len(extras) + 1)]
    places = {
        rng.randrange(low, max(high, low + 1)): role for low, high, role in zip(edges, edges[1:], extras, strict=False)
    }
    return places.get(place, ItemRole.ITEM)


def _campaign_of(session: Session, rater_id: int) -> Campaign:
    joined = select(Campaign).join(Rater, Rater.campaign_id == Campaign.id)
    return session.scalars(joined.where(Rater.id == rater_id)).one()


def _roles(session: Session, campaign: Campaign) -> Counter[str]:
    """The number of a campaign's items of each role."""
    counted = select(Item.role, func.count()).where(Item.campaign_id == campaign.id).group_by(Item.role)
    return Counter(dict(session.execute(counted).all()))


def _quota(campaign: Campaign, roles: Counter[str]) -> dict[str, int]:
    """The largest number of items of each role that a rater sees."""
    rules = protocol.of(campaign)
    return {
        ItemRole.ITEM: min(campaign.items_per_rater, roles[ItemRole.ITEM]),
        ItemRole.ATTENTION: roles[ItemRole.ATTENTION] if rules.attention_every else 0,
        ItemRole.GOLD: min(rules.gold_per_rater, roles[ItemRole.GOLD]),
    }


def _choose(session: Session, campaign: Campaign, *, rater_id: int, now: float, rng: random.Random) -> int | None:
    """The id of the next item for a rater; None if the quota is met or no item is left."""
    role_of = dict(session.execute(select(Item.id, Item.role).where(Item.campaign_id == campaign.id)).all())
    quota = _quota(campaign, Counter(role_of.values()))
    seen = _seen(session, rater_id)
    seen_of_role = Counter(role_of[item_id] for item_id in seen)
    due = role_due(rater_id, quota, place=len(seen))
    unseen: dict[str, list[int]] = {role: [] for role in ItemRole}
    for item_id in role_of.keys() - seen:
        unseen[role_of[item_id]].append(item_id)
    extras = (ItemRole.ATTENTION, ItemRole.GOLD) if seen_of_role[ItemRole.ITEM] >= quota[ItemRole.ITEM] else ()
    for role in (due, ItemRole.ITEM, *extras):
        if seen_of_role[role] >= quota[role] or not unseen[role]:
            continue
        if role != ItemRole.ITEM:
            return rng.choice(sorted(unseen[role]))
        load = _load(session, campaign, unseen[role], now=now)
        free = [(count, rng.random(), item_id) for item_id, count in load.items() if count < campaign.raters_per_item]
        return min(free)[2] if free else None
    return None


def _load(session: Session, campaign: Campaign, item_ids: Sequence[int], *, now: float) -> dict[int, int]:
    """Item id -> number of raters who answered the item and are not excluded, or have the item on their screen.

    A single statement reads both; between two statements an answer could be stored that neither of them sees.
    """
    table = campaigns.answers_of(campaign)
    people = (Rater.campaign_id == campaign.id, Rater.excluded_at.is_(None), Rater.kind != RaterKind.LLM)
    idle_since = now - 60 * protocol.of(campaign).idle_minutes
    answered = select(table.item_id, table.rater_id).join(Rater, Rater.id == table.rater_id).where(*people)
    on_screen = select(Rater.assigned_item_id.label("item_id"), Rater.id.label("rater_id")).where(
        *people, Rater.assigned_item_id.is_not(None), Rater.assigned_at > idle_since
    )
    taken = union_all(answered, on_screen).subquery()
    counted = select(taken.c.item_id, func.count(func.distinct(taken.c.rater_id))).group_by(taken.c.item_id)
    load = dict.fromkeys(item_ids, 0)
    return load | {item_id: count for item_id, count in session.execute(counted) if item_id in load}


def _swapped(session: Session, campaign: Campaign, item: Item, rng: random.Random) -> bool:
    """Whether to show a pair with its sides swapped: the order that was shown less often, at random if both are equal."""
    if campaign.kind not in campaigns.COMPARING or item.role != ItemRole.ITEM:
        return False
    by_people = select(Comparison).join(Rater, Rater.id == Comparison.rater_id).where(Rater.kind != RaterKind.LLM)
    shown = session.scalars(by_people.where(Comparison.item_id == item.id)).all()
    swapped = sum(_was_swapped(comparison, item) for comparison in shown)
    if 2 * swapped == len(shown):
        return rng.random() < 0.5
    return 2 * swapped < len(shown)


def _was_swapped(comparison: Comparison, item: Item) -> bool:
    if item.left_sample_id is not None:
        return comparison.left_sample_id != item.left_sample_id
    return item.left_task_id is not None and comparison.left_task_id != item.left_task_id


def _release(session: Session, rater_id: int, item_id: int, now: float) -> tuple[Rater, int | None, int] | None:
    """Take the item off the rater's screen; return the rater, the time on the screen (ms) and the place from 1.

    None if the item is not on the screen. The update works as a lock: of two clicks on the same item, only the first
    finds the item assigned.
    """
    rater = session.scalar(
        update(Rater)
        .where(Rater.id == rater_id, Rater.assigned_item_id == item_id)
        .values(assigned_item_id=None)
        .returning(Rater)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if rater is None:
        return None
    duration_ms = None if rater.assigned_at is None else max(0, round((now - rater.assigned_at) * 1000))
    return rater, duration_ms, len(_seen(session, rater_id)) + 1


def _seen(session: Session, rater_id: int) -> set[int]:
    """The ids of the items that a rater has answered or skipped."""
    found = union_all(
        *(select(table.item_id).where(table.rater_id == rater_id) for table in (Rating, Comparison, Skip))
    )
    return {item_id for item_id in session.scalars(found) if item_id is not None}


def _to_undo(session: Session, rater: Rater) -> tuple[Rating | Comparison | Skip, Item] | None:
    """The rater's last answer or skip with its item, if `undo` is possible, else None."""
    campaign = session.get_one(Campaign, rater.campaign_id)
    is_over = rater.state not in GOING_ON or rater.excluded_at is not None or not campaign.is_open
    if is_over or not protocol.of(campaign).may_undo:
        return None
    last = _last(session, campaign, rater.id)
    if last is None or last.item_id is None:
        return None
    item = session.get_one(Item, last.item_id)
    return None if item.role == ItemRole.ATTENTION else (last, item)


def _last(session: Session, campaign: Campaign, rater_id: int) -> Rating | Comparison | Skip | None:
    """The rater's last answer or skip; None without any. A rater has at most one answer or skip at a place."""
    found: list[Rating | Comparison | Skip] = []
    for table in (campaigns.answers_of(campaign), Skip):
        row = session.scalar(
            select(table).where(table.rater_id == rater_id).order_by(table.place.desc(), table.id.desc()).limit(1)
        )
        if isinstance(row, Rating | Comparison | Skip):
            found.append(row)
    return max(found, key=lambda row: (row.place or 0, row.created_at), default=None)
