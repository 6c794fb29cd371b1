"""LLM raters of a campaign: who they are, which items they have still to answer, and every reply they gave.

An LLM rater is one model with one persona at one temperature. Its answers stand in the same tables as people's, under
the kind `llm`, which no statistic about people reads. A reply is stored before it is read.
"""

import hashlib
import random
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import text
from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater, Rating, Reply
from core.study.store import Store
from core.subjectivity.llm import personas
from core.subjectivity.llm.personas import Persona
from core.subjectivity.sessions import assignment, campaigns, protocol, screens
from core.subjectivity.sessions.screens import Screen

LONGEST_NAME = 200


@dataclass(frozen=True)
class Who:
    """One LLM rater. `temperature` None is the model's own; `base_url` None is the usual address."""

    model: str
    persona: Persona
    temperature: float | None = None
    provider: str = "openai"
    base_url: str | None = None

    @property
    def pseudonym(self) -> str:
        """The name of this rater: the same model, persona and temperature are the same rater, wherever it is asked."""
        warmth = [] if self.temperature is None else [f"temperature {self.temperature:g}"]
        name = " · ".join([self.model, self.persona.name, *warmth])
        if len(name) <= LONGEST_NAME:
            return name
        return f"{name[: LONGEST_NAME - 17]} {hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept about this rater."""
        return {
            "model": self.model,
            "persona": self.persona.name,
            "temperature": self.temperature,
            "provider": self.provider,
            "base_url": self.base_url,
        }


@dataclass(frozen=True)
class Call:
    """One item for one rater, with its screen as this rater is shown it."""

    item: Item
    rater: Rater
    who: Who
    screen: Screen
    is_swapped: bool


@dataclass(frozen=True)
class Plan:
    """`item_ids` are rated in all, `left` are the calls among them without a reply, all raters of an item together."""

    campaign: Campaign
    raters: list[Rater]
    item_ids: list[int]
    left: list[Call]


@dataclass(frozen=True)
class Counts:
    """What some LLM raters have replied, over all attempts. `unclear` counts replies without an answer by reason.

    `by_rater` counts answers by pseudonym; `cost_usd` is None when the price of a reply is unknown.
    """

    wanted: int
    answered: int
    by_rater: dict[str, int]
    unclear: dict[str, int]
    tokens_in: int
    tokens_out: int
    cost_usd: float | None


def plan(
    store: Store, *, campaign_id: int, who: Sequence[Who], n_items: int | None = None, room: int | None = 0
) -> Plan:
    """Enrol the raters and list what each has still to answer: every item, or `n_items` drawn once for the campaign.

    Attention checks are left out, as they are for people. Replies that hold no answer yet are read again; one that ended
    before it said anything, within a limit below `room` (tokens, None no limit), is asked for again. Raises
    `StudyError` when no item has anything to show.
    """
    with store.write() as session:
        campaign = session.get_one(Campaign, campaign_id)
        items = _items(session, campaign)[:n_items]
        raters = [_enrolled(session, campaign, one) for one in who]
        done = _read_again(session, campaign, [rater.id for rater in raters], room=room)
        named = dict(zip((rater.id for rater in raters), who, strict=True))
        shown = _Screens(session, campaign)
        left = [
            Call(item, rater, named[rater.id], shown(item, swapped=swapped), swapped)
            for item in items
            for rater in raters
            if (item.id, rater.id) not in done
            for swapped in [is_swapped(campaign, item, rater.id)]
        ]
    return Plan(campaign, raters, [item.id for item in items], left)


def messages_for(campaign: Campaign, call: Call) -> list[dict[str, str]]:
    """What a rater is sent about an item: the same whenever it is asked again."""
    seed = f"{call.item.id}/{call.rater.id}"
    return personas.messages_for(call.screen, call.who.persona, seed=seed, instructions=_instructions(campaign))


def keep(store: Store, call: Call, stored: Mapping[str, Any]) -> None:
    """Store a reply, given the values of its columns, then the answer in it. Of two replies the first stays, unless empty."""
    reply = Reply(item_id=call.item.id, rater_id=call.rater.id, **stored)
    try:
        with store.write() as session:
            session.add(reply)
    except IntegrityError:
        if not _replaced(store, call, stored):
            return
    mine = select(Reply).where(Reply.item_id == call.item.id, Reply.rater_id == call.rater.id)
    with store.write() as session:
        _read(session, session.scalars(mine).one(), call.item, call.screen, swapped=call.is_swapped)


def _replaced(store: Store, call: Call, stored: Mapping[str, Any]) -> bool:
    """Put a reply in the place of an empty one, beside whose cost it stands; False when there is none."""
    mine = select(Reply).where(Reply.item_id == call.item.id, Reply.rater_id == call.rater.id)
    with store.write() as session:
        row = session.scalars(mine.with_for_update()).one()
        if text.visible(row.content):
            return False
        paid = {name: getattr(row, name) for name in ("tokens_in", "tokens_out", "cost_usd")}
        for name, value in stored.items():
            is_sum = name in paid and value is not None and paid[name] is not None
            setattr(row, name, paid[name] + value if is_sum else None if name in paid else value)
    return True


def is_swapped(campaign: Campaign, item: Item, rater_id: int) -> bool:
    """Whether a rater is shown a pair the other way round: a coin thrown once for each pair and rater."""
    if campaign.kind not in campaigns.COMPARING:
        return False
    return bool(hashlib.blake2b(f"{item.id}/{rater_id}".encode(), digest_size=1).digest()[0] & 1)


def finish(session: Session, plan: Plan, *, now: float) -> None:
    """Note which raters have replied about every item they were asked about."""
    for rater_id in [rater.id for rater in plan.raters]:
        rater = session.get_one(Rater, rater_id)
        replied = set(session.scalars(select(Reply.item_id).where(Reply.rater_id == rater_id)))
        is_done = replied.issuperset(plan.item_ids)
        rater.state = RaterState.DONE if is_done else RaterState.RATING
        rater.finished_at = (rater.finished_at or now) if is_done else None


def count(session: Session, plan: Plan) -> Counts:
    """What the raters of a plan have replied about its items, read from the database."""
    query = select(Reply).where(Reply.rater_id.in_([rater.id for rater in plan.raters]))
    chosen = set(plan.item_ids)
    replies = [reply for reply in session.scalars(query) if reply.item_id in chosen]
    unclear = Counter(reply.unclear for reply in replies if reply.unclear is not None)
    answers = Counter(reply.rater_id for reply in replies if reply.unclear is None)
    costs = [reply.cost_usd for reply in replies]
    return Counts(
        wanted=len(plan.raters) * len(plan.item_ids),
        answered=answers.total(),
        by_rater={rater.pseudonym: answers[rater.id] for rater in plan.raters},
        unclear=dict(unclear.most_common()),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def _instructions(campaign: Campaign) -> str:
    """The instructions and worked examples that people read before they begin."""
    shown = [
        f"Example:\n{example.text}\nAnswer: {example.answer}" + (f"\nWhy: {example.why}" if example.why else "")
        for example in protocol.of(campaign).examples
    ]
    return "\n\n".join([campaign.instructions.strip(), *shown]).strip()


def _items(session: Session, campaign: Campaign) -> list[Item]:
    """The items to be rated, in an order drawn once for the campaign; those of an imported file may have no text."""
    query = select(Item).where(Item.campaign_id == campaign.id, Item.role != ItemRole.ATTENTION).order_by(Item.id)
    found = [item for item in session.scalars(query) if item.text or _points_to_text(item)]
    if not found:
        raise StudyError(f"Campaign {campaign.name!r} has no item whose text is known here, so no LLM can rate it.")
    return random.Random(campaign.id).sample(found, len(found))


def _points_to_text(item: Item) -> bool:
    return any(part is not None for part in (item.sample_id, item.left_sample_id, item.left_task_id))


def _enrolled(session: Session, campaign: Campaign, who: Who) -> Rater:
    query = select(Rater).where(Rater.campaign_id == campaign.id, Rater.pseudonym == who.pseudonym)
    rater = session.scalar(query)
    if rater is None:
        rater = Rater(
            campaign_id=campaign.id,
            pseudonym=who.pseudonym,
            kind=RaterKind.LLM,
            code=secrets.token_urlsafe(16),
            facts=who.facts,
        )
        session.add(rater)
        session.flush()
    if rater.kind != RaterKind.LLM:
        raise StudyError(f"In this campaign a person is called {who.pseudonym!r}, so no LLM rater can have that name.")
    return rater


class _Screens:
    """The screens of a campaign's items, each read once for each way round it is shown."""

    def __init__(self, session: Session, campaign: Campaign) -> None:
        self._session, self._campaign = session, campaign
        self._known: dict[tuple[int, bool], Screen] = {}

    def __call__(self, item: Item, *, swapped: bool) -> Screen:
        key = item.id, swapped
        if key not in self._known:
            self._known[key] = screens.of(self._session, self._campaign, item, swapped=swapped)
        return self._known[key]


def _read_again(
    session: Session, campaign: Campaign, rater_ids: Sequence[int], *, room: int | None
) -> set[tuple[int, int]]:
    """(item id, rater id) of every reply; those stored just before a crash, or not understood then, are read now."""
    table = campaigns.answers_of(campaign)
    query = select(table.item_id, table.rater_id).where(table.rater_id.in_(rater_ids))
    answered = {(row.item_id, row.rater_id) for row in session.execute(query)}
    done, shown = set(), _Screens(session, campaign)
    for reply in session.scalars(select(Reply).where(Reply.rater_id.in_(rater_ids))):
        if text.had_no_room(reply.content, reply.request, room=room):
            continue
        done.add((reply.item_id, reply.rater_id))
        if (reply.item_id, reply.rater_id) not in answered:
            item = session.get_one(Item, reply.item_id)
            swapped = is_swapped(campaign, item, reply.rater_id)
            _read(session, reply, item, shown(item, swapped=swapped), swapped=swapped)
    return done


def _read(session: Session, reply: Reply, item: Item, screen: Screen, *, swapped: bool) -> None:
    """Store the answer that a reply holds, or why it holds none."""
    value, reply.unclear = personas.read(reply.content, screen.options, finish_reason=reply.finish_reason)
    if value is None:
        return
    if item.left_task_id is None and item.left_sample_id is None:
        session.add(Rating(item_id=item.id, rater_id=reply.rater_id, label=value))
        return
    session.add(assignment.comparison(item, rater_id=reply.rater_id, winner=value, swapped=swapped))
