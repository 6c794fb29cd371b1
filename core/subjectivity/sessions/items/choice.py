"""Choose the item that a rater sees next: the order of roles, the personal quota, and the raters an item has already."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from core.study.rows.kinds import ItemRole, RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.sessions import campaigns, protocol

TRIES, DRAWN, KEPT = 8, 250, 8


class _AllLocked(Exception):
    """The least rated items are all being given to others at this moment."""


@dataclass(frozen=True)
class Items:
    """The items of a campaign. `role_of`: id -> role. `of_role`: role -> ids, in rising order."""

    role_of: Mapping[int, str]
    of_role: Mapping[str, list[int]]

    @property
    def counts(self) -> Counter[str]:
        """The number of items of each role."""
        return Counter({role: len(ids) for role, ids in self.of_role.items()})


_known: dict[str, tuple[tuple[int, ...], Items]] = {}  # token of a campaign -> stamp of its items, and the items


def items_of(session: Session, campaign: Campaign) -> Items:
    """The items of a campaign, kept in this process: a click reads only whether some have come or gone."""
    stamped = select(func.count(), func.max(Item.id), func.sum(Item.id)).where(Item.campaign_id == campaign.id)
    stamp = tuple(int(number or 0) for number in session.execute(stamped).one())
    known, items = _known.get(campaign.token, ((), None))
    if items is None or known != stamp:
        listed = select(Item.id, Item.role).where(Item.campaign_id == campaign.id).order_by(Item.id)
        role_of = dict(session.execute(listed).all())
        items = Items(role_of, {role: [id_ for id_ in role_of if role_of[id_] == role] for role in ItemRole})
        while len(_known) >= KEPT:
            _known.pop(next(iter(_known)), None)
        _known[campaign.token] = (stamp, items)
    return items


def quota_of(campaign: Campaign, roles: Counter[str]) -> dict[str, int]:
    """The largest number of items of each role that a rater sees."""
    rules = protocol.of(campaign)
    items = min(campaign.items_per_rater, roles[ItemRole.ITEM])
    return {
        ItemRole.ITEM: items,
        ItemRole.ATTENTION: min(rules.attention_checks(items), roles[ItemRole.ATTENTION]),
        ItemRole.GOLD: min(rules.gold_per_rater, roles[ItemRole.GOLD]),
    }


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


def seen_by(session: Session, rater_id: int) -> set[int]:
    """The ids of the items that a rater has answered or skipped."""
    found = union_all(
        *(select(table.item_id).where(table.rater_id == rater_id) for table in (Rating, Comparison, Skip))
    )
    return {item_id for item_id in session.scalars(found) if item_id is not None}


def choose(
    session: Session, campaign: Campaign, rater_id: int, items: Items, seen: set[int], now: float, rng: random.Random
) -> Item | None:
    """The next item for a rater who has `seen` these items; None if the quota is met or no item is left."""
    quota = quota_of(campaign, items.counts)
    seen_of_role = Counter(items.role_of[item_id] for item_id in seen)
    due = role_due(rater_id, quota, place=len(seen))
    extras = (ItemRole.ATTENTION, ItemRole.GOLD) if seen_of_role[ItemRole.ITEM] >= quota[ItemRole.ITEM] else ()
    for role in (due, ItemRole.ITEM, *extras):
        if seen_of_role[role] >= min(quota[role], len(items.of_role[role])):
            continue
        if role == ItemRole.ITEM:
            return _take(session, campaign, items.of_role[role], seen, now, rng)
        return session.get_one(Item, rng.choice([item_id for item_id in items.of_role[role] if item_id not in seen]))
    return None


def has_more(session: Session, campaign: Campaign, rater_id: int) -> bool:
    """Whether a rater has seen fewer items of some role than the personal quota."""
    items = items_of(session, campaign)
    seen = Counter(items.role_of[item_id] for item_id in seen_by(session, rater_id))
    return any(seen[role] < n for role, n in quota_of(campaign, items.counts).items())


def has_room(session: Session, campaign: Campaign, *, now: float) -> bool:
    """Whether a new rater would get an item: some item has fewer raters than wanted (counted as in `next_item`)."""
    counts = (
        raters_on(session, campaign, some, now=now)
        for some in _looked_at(items_of(session, campaign).of_role[ItemRole.ITEM], set(), random.Random())
    )
    return any(n < campaign.raters_per_item for count in counts for n in count.values())


def _take(
    session: Session, campaign: Campaign, item_ids: Sequence[int], seen: set[int], now: float, rng: random.Random
) -> Item | None:
    """The unseen item with the fewest raters, locked; None if all have as many as wanted.

    Raters who come at the same time lock different items and do not wait for one another. Only who finds the least rated
    items all locked waits: at the campaign's row, without an item, so that two never wait for each other.
    """
    with suppress(_AllLocked), session.begin_nested():
        looked_at = _looked_at(item_ids, seen, rng)
        found = (_free_item(session, campaign, some, now, rng, may_wait=False) for some in looked_at)
        return next((item for item in found if item is not None), None)
    session.get_one(Campaign, campaign.id, with_for_update=ONE_AT_A_TIME)
    *_, unseen = _looked_at(item_ids, seen, rng)
    return _free_item(session, campaign, unseen, now, rng, may_wait=True)


def _looked_at(item_ids: Sequence[int], seen: set[int], rng: random.Random) -> Iterator[list[int]]:
    """The unseen items, at last all of them; of very many first `DRAWN` at random, so that most clicks read no more."""
    if len(item_ids) > DRAWN + len(seen):
        drawn = rng.sample(item_ids, DRAWN + len(seen))
        yield [item_id for item_id in drawn if item_id not in seen][:DRAWN]
    yield [item_id for item_id in item_ids if item_id not in seen]


def _free_item(
    session: Session, campaign: Campaign, item_ids: Sequence[int], now: float, rng: random.Random, *, may_wait: bool
) -> Item | None:
    """The item of these with the fewest raters, locked; None if there is none. Raises `_AllLocked` if it may not wait."""
    count, wanted = raters_on(session, campaign, item_ids, now=now), campaign.raters_per_item
    free = sorted((n, rng.random(), item_id) for item_id, n in count.items() if n < wanted)
    for _, _, item_id in free if may_wait else free[:TRIES]:
        locking = select(Item).where(Item.id == item_id).with_for_update(key_share=True, skip_locked=not may_wait)
        item = session.scalar(locking)
        # Counted again: until the lock was there, others could take the last place.
        if item is not None and raters_on(session, campaign, [item_id], now=now)[item_id] < wanted:
            return item
    if free and not may_wait:
        raise _AllLocked
    return None


def raters_on(session: Session, campaign: Campaign, item_ids: Sequence[int], *, now: float) -> dict[int, int]:
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
    if len(item_ids) <= DRAWN:
        answered = answered.where(table.item_id.in_(item_ids))
        on_screen = on_screen.where(Rater.assigned_item_id.in_(item_ids))
    taken = union_all(answered, on_screen).subquery()
    counted = select(taken.c.item_id, func.count(func.distinct(taken.c.rater_id))).group_by(taken.c.item_id)
    count = dict.fromkeys(item_ids, 0)
    return count | {item_id: n for item_id, n in session.execute(counted) if item_id in count}


def is_swapped(session: Session, campaign: Campaign, item: Item, rng: random.Random) -> bool:
    """Whether to show a pair with its sides swapped: the order that was shown less often, at random if both are equal."""
    if campaign.kind not in campaigns.COMPARING or item.role != ItemRole.ITEM:
        return False
    by_people = select(Comparison).join(Rater, Rater.id == Comparison.rater_id).where(Rater.kind != RaterKind.LLM)
    shown = session.scalars(by_people.where(Comparison.item_id == item.id)).all()
    swapped = sum(was_swapped(comparison, item) for comparison in shown)
    if 2 * swapped == len(shown):
        return rng.random() < 0.5
    return 2 * swapped < len(shown)


def was_swapped(comparison: Comparison, item: Item) -> bool:
    """Whether the rater saw the sides of the item the other way round; False for an item without sides."""
    if item.left_sample_id is not None:
        return comparison.left_sample_id != item.left_sample_id
    return item.left_task_id is not None and comparison.left_task_id != item.left_task_id
