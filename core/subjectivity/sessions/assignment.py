"""Decide which item a rater sees next and when the rater has seen enough items; store each answer first."""

import random
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ItemRole, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.sessions import campaigns, conduct, protocol
from core.subjectivity.sessions.items import choice
from core.subjectivity.sessions.items.choice import Items

RULES_EVERY = 5
GOING_ON = (RaterState.RATING, RaterState.DONE)
TRIES = 8


@dataclass(frozen=True)
class Progress:
    """A rater's progress: `done` items are answered or skipped, of `total`; both include attention checks."""

    done: int
    total: int


@dataclass(frozen=True)
class Turn:
    """What an answer led to. `answered`: the item it is about. `item`: the next item on the screen, None without any."""

    campaign: Campaign
    rater: Rater
    answered: Item
    item: Item | None
    progress: Progress


@dataclass(frozen=True)
class _Released:
    """An item taken off a rater's screen. `duration_ms`: the time on the screen. `seen`: the items answered before it."""

    campaign: Campaign
    rater: Rater
    duration_ms: int | None
    seen: set[int]

    @property
    def place(self) -> int:
        """The answer's place in this rater's order, from 1."""
        return len(self.seen) + 1


def next_item(session: Session, *, rater_id: int, now: float, rng: random.Random) -> Item | None:
    """Return the item on the rater's screen, or assign a new item: an unseen item with the fewest raters.

    An item's raters are the people who answered it and are not excluded, and those who have it on their screen for less
    than the idle time of the session. Attention checks and gold items come at random places of each rater's order.

    Returns None if the rater has met the personal quota, no item is left, the rater's session has ended, or the campaign
    is closed. A rater for whom no item was left continues when other raters return items.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if not _goes_on(rater):
        return None
    if rater.assigned_item_id is not None:
        rater.assigned_at = now
        return session.get_one(Item, rater.assigned_item_id)
    campaign = session.get_one(Campaign, rater.campaign_id)
    items, seen = choice.items_of(session, campaign), choice.seen_by(session, rater_id)
    return _assign(session, campaign, rater, items, seen, now, rng)


def answer_and_go_on(
    session: Session, *, rater_id: int, item_id: int, answer: str, now: float, rng: random.Random
) -> Turn | None:
    """Store a rater's answer about the item on the screen and assign the next item, as `record` and `next_item` do.

    Both together read every row once. None, without a change, if the item was answered already (a double click).
    """
    released = _release(session, rater_id, item_id, now)
    if released is None:
        return None
    campaign, rater = released.campaign, released.rater
    answered = _store_answer(session, released, item_id=item_id, answer=answer, now=now)
    items, seen = choice.items_of(session, campaign), released.seen | {item_id}
    item = _assign(session, campaign, rater, items, seen, now, rng) if _goes_on(rater) else None
    total = sum(choice.quota_of(campaign, items.counts).values())
    return Turn(campaign, rater, answered, item, Progress(len(seen), total))


def record(session: Session, *, rater_id: int, item_id: int, answer: str, now: float) -> bool:
    """Store a rater's answer about the item on the screen.

    `answer` is the name of a label, a number of the scale, or `left`, `right` or `tie` as shown. Returns False, without
    storing, if the item was answered already (a double click). Raises `StudyError` for any other answer.
    """
    released = _release(session, rater_id, item_id, now)
    if released is None:
        return False
    _store_answer(session, released, item_id=item_id, answer=answer, now=now)
    return True


def skip(session: Session, *, rater_id: int, item_id: int, reason: str, now: float) -> bool:
    """Skip the item on the screen. Returns False, without storing, if the item was answered already.

    Raises `StudyError` if the item cannot be skipped or the reason is not one of the session's reasons.
    """
    rater = session.get_one(Rater, rater_id)
    campaign = session.get_one(Campaign, rater.campaign_id)
    rules = protocol.of(campaign)
    if not rules.may_skip or session.get_one(Item, item_id).role == ItemRole.ATTENTION:
        raise StudyError("This item cannot be skipped.")
    if reason not in rules.skip_reasons:
        raise StudyError(f"{reason!r} is not a reason here. Possible reasons: {', '.join(rules.skip_reasons)}.")
    released = _release(session, rater_id, item_id, now)
    if released is None:
        return False
    skipped = Skip(item_id=item_id, rater_id=rater_id, reason=reason, place=released.place)
    skipped.duration_ms, skipped.created_at = released.duration_ms, now
    session.add(skipped)
    session.flush()
    if released.place % RULES_EVERY == 0:
        conduct.apply(session, released.campaign, released.rater, now=now)
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
        rater.is_swapped = choice.was_swapped(last, item)
    session.delete(last)
    session.flush()
    return True


def may_undo(session: Session, *, rater_id: int) -> bool:
    """Whether `undo` would delete an answer or skip."""
    return _to_undo(session, session.get_one(Rater, rater_id)) is not None


def progress(session: Session, campaign: Campaign, rater_id: int) -> Progress:
    """Count the items that a rater has answered or skipped, and the items that the rater gets in all."""
    quota = choice.quota_of(campaign, choice.items_of(session, campaign).counts)
    return Progress(done=len(choice.seen_by(session, rater_id)), total=sum(quota.values()))


def items_per_rater(session: Session, campaign: Campaign) -> int:
    """The number of items that a rater sees, without attention checks and gold items."""
    return choice.quota_of(campaign, choice.items_of(session, campaign).counts)[ItemRole.ITEM]


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


def _goes_on(rater: Rater) -> bool:
    return rater.state in GOING_ON and rater.excluded_at is None


def _store_answer(session: Session, released: _Released, *, item_id: int, answer: str, now: float) -> Item:
    """Store the answer to an item that has been taken off the screen, and return the item."""
    campaign, rater = released.campaign, released.rater
    possible = campaigns.allowed(session, campaign)
    if answer not in possible:
        raise StudyError(f"{answer!r} is not an answer here. Possible answers: {', '.join(possible)}.")
    item = session.get_one(Item, item_id)
    row: Comparison | Rating
    if campaign.kind in campaigns.COMPARING:
        row = comparison(item, rater_id=rater.id, winner=answer, swapped=rater.is_swapped)
    else:
        row = Rating(item_id=item_id, rater_id=rater.id, label=answer)
    row.duration_ms, row.place, row.created_at = released.duration_ms, released.place, now
    session.add(row)
    session.flush()
    if item.role != ItemRole.ITEM or released.place % RULES_EVERY == 0:
        conduct.apply(session, campaign, rater, now=now)
    return item


def _assign(
    session: Session, campaign: Campaign, rater: Rater, items: Items, seen: set[int], now: float, rng: random.Random
) -> Item | None:
    """Put the next item on the screen of a rater who has none and is locked. None as in `next_item`."""
    item = choice.choose(session, campaign, rater.id, items, seen, now, rng)
    if item is None:
        if rater.state != RaterState.DONE:
            rater.state, rater.finished_at = RaterState.DONE, now
            conduct.apply(session, campaign, rater, now=now)
            session.flush()
        return None
    if not campaign.is_open:
        return None
    rater.state, rater.finished_at = RaterState.RATING, None
    rater.assigned_item_id, rater.assigned_at = item.id, now
    rater.is_swapped = choice.is_swapped(session, campaign, item, rng)
    session.flush()
    return item


def _release(session: Session, rater_id: int, item_id: int, now: float) -> _Released | None:
    """Take the item off the rater's screen, and lock the rater.

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
    campaign = session.get_one(Campaign, rater.campaign_id)
    duration_ms = None if rater.assigned_at is None else max(0, round((now - rater.assigned_at) * 1000))
    return _Released(campaign, rater, duration_ms, choice.seen_by(session, rater_id))


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
