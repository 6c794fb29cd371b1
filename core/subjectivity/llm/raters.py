"""LLM raters of a campaign: enrol them, list the items left to rate, and store replies.

An LLM rater is one model with one persona at one temperature. The answers of LLM raters are stored in the same tables
as people's, under the rater kind `llm`, which no statistic about people reads. A reply is stored before it is read.
"""

import hashlib
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import text
from core.llm.received import Received
from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater, Rating, Reply
from core.study.store import Store
from core.subjectivity.llm import personas
from core.subjectivity.llm.personas import Persona
from core.subjectivity.sessions import assignment, campaigns, protocol, screens
from core.subjectivity.sessions.screens import Screen

LONGEST_NAME = 200


@dataclass(frozen=True)
class RaterProfile:
    """The model, persona and temperature of one LLM rater.

    `temperature` None is the model's own; `base_url` None is the address of the settings.
    """

    model: str
    persona: Persona
    temperature: float | None = None
    provider: str = "openai"
    base_url: str | None = None

    @property
    def pseudonym(self) -> str:
        """The name of the rater in a campaign: the same model, persona and temperature, at any endpoint, are one rater."""
        temperature = [] if self.temperature is None else [f"temperature {self.temperature:g}"]
        name = " · ".join([self.model, self.persona.name, *temperature])
        if len(name) <= LONGEST_NAME:
            return name
        return f"{name[: LONGEST_NAME - 17]} {hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"

    @property
    def facts(self) -> dict[str, Any]:
        """The facts stored with the rater."""
        return {
            "model": self.model,
            "persona": self.persona.name,
            "temperature": self.temperature,
            "provider": self.provider,
            "base_url": self.base_url,
        }


@dataclass(frozen=True)
class RatingCall:
    """One call: an item, the rater who is asked about the item, and the item's screen as the rater is shown it.

    `is_swapped` says that the screen shows a pair the other way round.
    """

    item: Item
    rater: Rater
    profile: RaterProfile
    screen: Screen
    is_swapped: bool


@dataclass(frozen=True)
class RatingPlan:
    """The items that some LLM raters rate in a campaign.

    `item_ids` are the items to rate over all attempts; `left` are the calls without a stored reply, ordered by item.
    """

    campaign: Campaign
    raters: list[Rater]
    item_ids: list[int]
    left: list[RatingCall]


@dataclass(frozen=True)
class ReplyCounts:
    """Counts of the replies of some LLM raters, over all attempts.

    `wanted` counts calls, `answered` replies with an answer; `by_rater` counts answers by pseudonym, `unclear` replies
    without an answer by reason. `cost_usd` is None if the price of a reply is unknown.
    """

    wanted: int
    answered: int
    by_rater: dict[str, int]
    unclear: dict[str, int]
    tokens_in: int
    tokens_out: int
    cost_usd: float | None


def plan(
    store: Store,
    *,
    campaign_id: int,
    profiles: Sequence[RaterProfile],
    n_items: int | None = None,
    room: int | None = 0,
) -> RatingPlan:
    """Enrol the raters and list the calls without a reply, for every item or for `n_items` drawn once per campaign.

    Attention checks are left out. Stored replies that were not understood are read again. An empty reply whose limit
    was below `room` (tokens, None for no limit) counts as no reply, so the rater is asked again. Raises `StudyError` if
    no item has a text to show.
    """
    with store.write() as session:
        campaign = session.get_one(Campaign, campaign_id)
        items = _items(session, campaign)[:n_items]
        raters = [_enrolled(session, campaign, profile) for profile in profiles]
        done = _read_again(session, campaign, [rater.id for rater in raters], room=room)
        screen_of = _Screens(session, campaign)
        left = [
            RatingCall(item, rater, profile, screen_of(item, swapped=swapped), swapped)
            for item in items
            for rater, profile in zip(raters, profiles, strict=True)
            if (item.id, rater.id) not in done
            for swapped in [is_swapped(campaign, item, rater.id)]
        ]
    return RatingPlan(campaign, raters, [item.id for item in items], left)


def messages_for(campaign: Campaign, call: RatingCall) -> list[dict[str, str]]:
    """Return the messages sent to a rater about an item; a repeated call sends the same messages."""
    seed = f"{call.item.id}/{call.rater.id}"
    return personas.messages_for(call.screen, call.profile.persona, seed=seed, instructions=_instructions(campaign))


def keep(store: Store, call: RatingCall, received: Received) -> None:
    """Store the reply to a call, then the answer in the reply.

    If another process stored a reply to the same call first, the first reply stays, unless the first reply is empty.
    """
    reply = Reply(
        item_id=call.item.id,
        rater_id=call.rater.id,
        request=received.request,
        content=received.content,
        finish_reason=received.finish_reason,
        tokens_in=received.tokens_in,
        tokens_out=received.tokens_out,
        cost_usd=received.cost_usd,
        latency_s=received.latency_s,
    )
    try:
        with store.write() as session:
            session.add(reply)
    except IntegrityError:
        if not _replace_empty(store, call, received):
            return
    of_call = select(Reply).where(Reply.item_id == call.item.id, Reply.rater_id == call.rater.id)
    with store.write() as session:
        _read(session, session.scalars(of_call).one(), call.item, call.screen, swapped=call.is_swapped)


def _replace_empty(store: Store, call: RatingCall, received: Received) -> bool:
    """Replace an empty stored reply to a call, adding up tokens and costs; return whether the stored reply was empty."""
    of_call = select(Reply).where(Reply.item_id == call.item.id, Reply.rater_id == call.rater.id)
    with store.write() as session:
        row = session.scalars(of_call.with_for_update()).one()
        if text.visible(row.content):
            return False
        row.request, row.content = received.request, received.content
        row.finish_reason, row.latency_s = received.finish_reason, received.latency_s
        row.tokens_in, row.tokens_out = row.tokens_in + received.tokens_in, row.tokens_out + received.tokens_out
        is_known = row.cost_usd is not None and received.cost_usd is not None
        row.cost_usd = (row.cost_usd or 0.0) + (received.cost_usd or 0.0) if is_known else None
    return True


def is_swapped(campaign: Campaign, item: Item, rater_id: int) -> bool:
    """Whether a rater is shown a pair the other way round: a fair coin, fixed for each pair and rater."""
    if campaign.kind not in campaigns.COMPARING:
        return False
    return bool(hashlib.blake2b(f"{item.id}/{rater_id}".encode(), digest_size=1).digest()[0] & 1)


def finish(session: Session, plan: RatingPlan, *, now: float) -> None:
    """Mark the raters of a plan who have replied about every item of the plan as done, the others as rating."""
    for rater_id in [rater.id for rater in plan.raters]:
        rater = session.get_one(Rater, rater_id)
        replied = set(session.scalars(select(Reply.item_id).where(Reply.rater_id == rater_id)))
        is_done = replied.issuperset(plan.item_ids)
        rater.state = RaterState.DONE if is_done else RaterState.RATING
        rater.finished_at = (rater.finished_at or now) if is_done else None


def count(session: Session, plan: RatingPlan) -> ReplyCounts:
    """Count the replies of a plan's raters about the plan's items, read from the database."""
    query = select(Reply).where(Reply.rater_id.in_([rater.id for rater in plan.raters]))
    chosen = set(plan.item_ids)
    replies = [reply for reply in session.scalars(query) if reply.item_id in chosen]
    unclear = Counter(reply.unclear for reply in replies if reply.unclear is not None)
    answers = Counter(reply.rater_id for reply in replies if reply.unclear is None)
    costs = [reply.cost_usd for reply in replies]
    return ReplyCounts(
        wanted=len(plan.raters) * len(plan.item_ids),
        answered=answers.total(),
        by_rater={rater.pseudonym: answers[rater.id] for rater in plan.raters},
        unclear=dict(unclear.most_common()),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def _instructions(campaign: Campaign) -> str:
    """Return the instructions and worked examples that people read before they begin."""
    examples = [
        f"Example:\n{example.text}\nAnswer: {example.answer}" + (f"\nWhy: {example.why}" if example.why else "")
        for example in protocol.of(campaign).examples
    ]
    return "\n\n".join([campaign.instructions.strip(), *examples]).strip()


def _items(session: Session, campaign: Campaign) -> list[Item]:
    """Return the items to rate, in an order drawn once per campaign.

    Items without a text are left out: an imported file of answers may hold ids alone. Raises `StudyError` if no item is
    left.
    """
    query = select(Item).where(Item.campaign_id == campaign.id, Item.role != ItemRole.ATTENTION).order_by(Item.id)
    items = [item for item in session.scalars(query) if item.text or _points_to_text(item)]
    if not items:
        raise StudyError(f"Campaign {campaign.name!r} has no item whose text is known here, so no LLM can rate it.")
    return random.Random(campaign.id).sample(items, len(items))


def _points_to_text(item: Item) -> bool:
    return any(part is not None for part in (item.sample_id, item.left_sample_id, item.left_task_id))


def _enrolled(session: Session, campaign: Campaign, profile: RaterProfile) -> Rater:
    """Get or create the rater of a profile. Raises `StudyError` if a person in the campaign has the same name."""
    query = select(Rater).where(Rater.campaign_id == campaign.id, Rater.pseudonym == profile.pseudonym)
    rater = session.scalar(query)
    if rater is None:
        rater = Rater(
            campaign_id=campaign.id,
            pseudonym=profile.pseudonym,
            kind=RaterKind.LLM,
            code=secrets.token_urlsafe(16),
            facts=profile.facts,
        )
        session.add(rater)
        session.flush()
    if rater.kind != RaterKind.LLM:
        raise StudyError(
            f"In this campaign a person is called {profile.pseudonym!r}, so no LLM rater can have that name."
        )
    return rater


class _Screens:
    """The screens of a campaign's items; each item, in each orientation, is read once from the database."""

    def __init__(self, session: Session, campaign: Campaign) -> None:
        self._session, self._campaign = session, campaign
        self._read: dict[tuple[int, bool], Screen] = {}

    def __call__(self, item: Item, *, swapped: bool) -> Screen:
        key = item.id, swapped
        if key not in self._read:
            self._read[key] = screens.of(self._session, self._campaign, item, swapped=swapped)
        return self._read[key]


def _read_again(
    session: Session, campaign: Campaign, rater_ids: Sequence[int], *, room: int | None
) -> set[tuple[int, int]]:
    """Return (item id, rater id) of every stored reply, after reading the replies without a stored answer again.

    A reply has no stored answer if the process died before reading the reply, or if the reply was not understood.
    """
    table = campaigns.answers_of(campaign)
    query = select(table.item_id, table.rater_id).where(table.rater_id.in_(rater_ids))
    answered = {(row.item_id, row.rater_id) for row in session.execute(query)}
    done, screen_of = set(), _Screens(session, campaign)
    for reply in session.scalars(select(Reply).where(Reply.rater_id.in_(rater_ids))):
        if text.had_no_room(reply.content, reply.request, room=room):
            continue
        done.add((reply.item_id, reply.rater_id))
        if (reply.item_id, reply.rater_id) not in answered:
            item = session.get_one(Item, reply.item_id)
            swapped = is_swapped(campaign, item, reply.rater_id)
            _read(session, reply, item, screen_of(item, swapped=swapped), swapped=swapped)
    return done


def _read(session: Session, reply: Reply, item: Item, screen: Screen, *, swapped: bool) -> None:
    """Store the answer in a reply as a rating or a comparison; without an answer, store the reason with the reply."""
    value, reply.unclear = personas.read(reply.content, screen.options, finish_reason=reply.finish_reason)
    if value is None:
        return
    if item.left_task_id is None and item.left_sample_id is None:
        session.add(Rating(item_id=item.id, rater_id=reply.rater_id, label=value))
        return
    session.add(assignment.comparison(item, rater_id=reply.rater_id, winner=value, swapped=swapped))
