"""What is shown to whom, and every answer written before the next item is shown."""

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
    """`done` of `total` items, answered or skipped, checks included."""

    done: int
    total: int


def next_item(session: Session, *, rater_id: int, now: float, rng: random.Random) -> Item | None:
    """The item on the rater's screen, or a new one: never one the rater has seen, the least rated first.

    Answers of people who are not excluded and items on other raters' screens count; an item that someone left lying
    longer than the session's idle time does not. Checks and gold items come at places drawn for each rater. None means
    that this rater is done: the personal quota is met, nothing is left to rate, or the session ended otherwise. Someone
    who ran out of items goes on when others have given some back. A closed campaign gives out no new item.
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
    """Store a rater's answer about the item on the screen; False when that item was already answered (a double click).

    `answer` is a label's name, a number of the scale, or `left`, `right` or `tie` as shown. Raises `StudyError` for any
    other answer.
    """
    campaign = _campaign_of(session, rater_id)
    possible = campaigns.allowed(session, campaign)
    if answer not in possible:
        raise StudyError(f"{answer!r} is not an answer here. Possible answers: {', '.join(possible)}.")
    taken = _take(session, rater_id, item_id, now)
    if taken is None:
        return False
    rater, duration_ms, place = taken
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
    """Pass over the item on the screen; False when it was already answered. Raises `StudyError` where skipping is not
    allowed, or for another reason than those offered."""
    campaign = _campaign_of(session, rater_id)
    rules = protocol.of(campaign)
    if not rules.may_skip or session.get_one(Item, item_id).role == ItemRole.ATTENTION:
        raise StudyError("This item cannot be skipped.")
    if reason not in rules.skip_reasons:
        raise StudyError(f"{reason!r} is not a reason here. Possible reasons: {', '.join(rules.skip_reasons)}.")
    taken = _take(session, rater_id, item_id, now)
    if taken is None:
        return False
    rater, duration_ms, place = taken
    session.add(
        Skip(item_id=item_id, rater_id=rater_id, reason=reason, duration_ms=duration_ms, place=place, created_at=now)
    )
    session.flush()
    if place % RULES_EVERY == 0:
        conduct.apply(session, campaign, rater, now=now)
    return True


def undo(session: Session, *, rater_id: int, now: float) -> bool:
    """Take the rater's last answer or skip back and put its item on the screen again; False when there is none.

    Also after the last item, but not once a session has ended otherwise or the campaign is closed, and never an answer to
    a check.
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
    """Whether `undo` would take something back."""
    return _to_undo(session, session.get_one(Rater, rater_id)) is not None


def progress(session: Session, campaign: Campaign, rater_id: int) -> Progress:
    """How far a rater is."""
    return Progress(done=len(_seen(session, rater_id)), total=sum(_quota(campaign, _roles(session, campaign)).values()))


def items_per_rater(session: Session, campaign: Campaign) -> int:
    """How many items one rater sees, checks and gold items aside: no more than there are."""
    return _quota(campaign, _roles(session, campaign))[ItemRole.ITEM]


def has_room(session: Session, campaign: Campaign, *, now: float) -> bool:
    """Whether someone new would find an item to rate: one that fewer people than wanted have rated or have on the screen."""
    ids = session.scalars(select(Item.id).where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM)).all()
    return any(count < campaign.raters_per_item for count in _load(session, campaign, ids, now=now).values())


def comparison(item: Item, *, rater_id: int, winner: str, swapped: bool) -> Comparison:
    """A row for an answer about a pair, with its sides as they were shown."""
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
    """The role of the item at a place (from 0) of a rater's order: checks and gold are strewn among the items evenly,
    at places drawn by the rater's id, never first. Each has a stretch of places of its own, so that no two fall together."""
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
    """How many items of each role a session has."""
    counted = select(Item.role, func.count()).where(Item.campaign_id == campaign.id).group_by(Item.role)
    return Counter(dict(session.execute(counted).all()))


def _quota(campaign: Campaign, roles: Counter[str]) -> dict[str, int]:
    """How many items of each role one rater meets at most."""
    rules = protocol.of(campaign)
    return {
        ItemRole.ITEM: min(campaign.items_per_rater, roles[ItemRole.ITEM]),
        ItemRole.ATTENTION: roles[ItemRole.ATTENTION] if rules.attention_every else 0,
        ItemRole.GOLD: min(rules.gold_per_rater, roles[ItemRole.GOLD]),
    }


def _choose(session: Session, campaign: Campaign, *, rater_id: int, now: float, rng: random.Random) -> int | None:
    role_of = dict(session.execute(select(Item.id, Item.role).where(Item.campaign_id == campaign.id)).all())
    quota = _quota(campaign, Counter(role_of.values()))
    seen = _seen(session, rater_id)
    met = Counter(role_of[item_id] for item_id in seen)
    due = role_due(rater_id, quota, place=len(seen))
    unseen: dict[str, list[int]] = {role: [] for role in ItemRole}
    for item_id in role_of.keys() - seen:
        unseen[role_of[item_id]].append(item_id)
    left_over = (ItemRole.ATTENTION, ItemRole.GOLD) if met[ItemRole.ITEM] >= quota[ItemRole.ITEM] else ()
    for role in (due, ItemRole.ITEM, *left_over):
        if met[role] >= quota[role] or not unseen[role]:
            continue
        if role != ItemRole.ITEM:
            return rng.choice(sorted(unseen[role]))
        load = _load(session, campaign, unseen[role], now=now)
        free = [(count, rng.random(), item_id) for item_id, count in load.items() if count < campaign.raters_per_item]
        return min(free)[2] if free else None
    return None


def _load(session: Session, campaign: Campaign, item_ids: Sequence[int], *, now: float) -> dict[int, int]:
    """Item id -> people who have answered it and count, or have it on their screen now.

    One statement reads both: between two, an answer could be given and be found in neither.
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
    """Whether a pair is shown the other way round: the way that was shown less, or drawn when both were as often."""
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


def _take(session: Session, rater_id: int, item_id: int, now: float) -> tuple[Rater, int | None, int] | None:
    """The rater, how long the item was on the screen (ms), and its place from 1; None when it is no longer there.

    The update is the lock: of two clicks on the same item only one finds it still assigned.
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
    """Ids of the items a rater has answered or skipped."""
    found = union_all(
        *(select(table.item_id).where(table.rater_id == rater_id) for table in (Rating, Comparison, Skip))
    )
    return {item_id for item_id in session.scalars(found) if item_id is not None}


def _to_undo(session: Session, rater: Rater) -> tuple[Rating | Comparison | Skip, Item] | None:
    """The rater's last answer or skip and its item, if it may be taken back."""
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
    """What the rater did last. A rater has at most one answer or skip at a place."""
    found: list[Rating | Comparison | Skip] = []
    for table in (campaigns.answers_of(campaign), Skip):
        row = session.scalar(
            select(table).where(table.rater_id == rater_id).order_by(table.place.desc(), table.id.desc()).limit(1)
        )
        if isinstance(row, Rating | Comparison | Skip):
            found.append(row)
    return max(found, key=lambda row: (row.place or 0, row.created_at), default=None)
