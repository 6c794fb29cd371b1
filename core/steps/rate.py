"""Let LLMs rate the items of a campaign, as a group beside people."""

import contextlib
import functools
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue
from core.llm import connection, gather
from core.llm.answers import Provider, SlotKey
from core.llm.connection import Connection
from core.llm.money import purse
from core.llm.money.committed import Account, Way
from core.llm.received import Received
from core.reports import Report, silent
from core.steps import train
from core.study import claim
from core.study.rows.kinds import Slot, Work
from core.study.rows.sessions import Campaign
from core.study.rows.study import Job, Study
from core.study.store import Store
from core.subjectivity.llm import beside_people, personas
from core.subjectivity.llm import raters as llm_raters
from core.subjectivity.llm.beside_people import SideBySide
from core.subjectivity.llm.raters import Call, Counts, Plan, Who
from core.synthesis.generation import generation

NO_PERSONA = personas.PERSONAS[0].name


@dataclass(frozen=True)
class How:
    """Who rates and how much: every model of the connection with every persona at every temperature is one rater.

    No persona means none at all, no temperature the connection's, `items` None all. `budget` is in US dollars, over all
    LLM raters of the campaign and all attempts.
    """

    connection: Connection
    personas: tuple[str, ...] = ()
    temperatures: tuple[float, ...] = ()
    items: int | None = None
    budget: float | None = None

    def arguments(self) -> list[str]:
        """The same as options of the command rate-by-llm."""
        given = {"--items": self.items, "--budget": self.budget}
        return [
            *connection.arguments(self.connection.model_copy(update={"structured": False, "temperature": None})),
            *(part for name in self.personas for part in ("--persona", name)),
            *(part for value in self._warmths if value is not None for part in ("--temperature", f"{value}")),
            *(part for name, value in given.items() if value is not None for part in (name, f"{value}")),
        ]

    def raters(self) -> list[Who]:
        """The raters this asks for, each once. Raises `StudyError` for an unknown persona."""
        found = [personas.named(name) for name in self.personas or (NO_PERSONA,)]
        provider, base_url = self.connection.provider, self.connection.base_url
        asked = [
            Who(model, persona, warmth, provider, base_url)
            for model, persona, warmth in itertools.product(self.connection.models, found, self._warmths)
        ]
        return list({who.pseudonym: who for who in asked}.values())

    def opened(self, settings: settings_module.Settings) -> dict[tuple[str, float | None], Provider]:
        """A provider for each model and temperature. Raises `StudyError` for what cannot be asked."""
        warmths, rpm = self._warmths, self.connection.rpm
        if self.connection.provider == "local" and len(warmths) * len(self.connection.models) > 1:
            raise StudyError("One local model at one temperature fits into a command. Run it once for each of them.")
        shared = rpm / len(warmths) if rpm else None
        return {
            (model, warmth): provider
            for warmth in warmths
            for model, provider in zip(
                self.connection.models,
                connection.open_all(
                    self.connection.model_copy(update={"temperature": warmth, "rpm": shared}), settings
                ),
                strict=True,
            )
        }

    @property
    def _warmths(self) -> tuple[float | None, ...]:
        return tuple(dict.fromkeys(self.temperatures)) or (self.connection.temperature,)


def queue_rating(session: Session, *, campaign: Campaign, arguments: Sequence[str]) -> Job:
    """Queue the rating of a campaign by LLMs; `arguments` are those of `How`. A campaign has one such job at a time."""
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return queue.enqueue(
        session,
        title=f"LLM raters for {campaign.name}",
        command=["-m", "core", "rate-by-llm", "--campaign", str(campaign.id), *arguments],
        key=Work.RATE_BY_LLM.key(campaign.id),
        slot=train.worker_slot() if is_local else Slot.API,
        study_id=campaign.study_id,
    )


def rate(
    settings: settings_module.Settings,
    store: Store,
    *,
    campaign_id: int,
    how: How,
    report: Report = silent,
) -> dict[str, Any]:
    """Let every rater reply about every item that it has not replied about yet, and say what the group is like.

    Raises `StudyError` as `gather.ask` does; what came is stored.
    """
    started = time.monotonic()
    clients = how.opened(settings)
    generation.check_budget(list(clients.values()), how.budget)
    with _alone(store, campaign_id, report):
        room = how.connection.max_tokens or (None if how.budget is None else gather.ANSWER_TOKENS)
        plan = llm_raters.plan(store, campaign_id=campaign_id, who=how.raters(), n_items=how.items, room=room)
        with store() as session:
            study = session.get_one(Study, plan.campaign.study_id)
        total = len(plan.raters) * len(plan.item_ids)
        if plan.left:
            calls_at_once = how.connection.concurrency
            gather.ask(
                _questions(store, study, plan, clients),
                providers=list(clients.values()),
                done=total - len(plan.left),
                total=total,
                told=gather.Told(f"LLM raters for {plan.campaign.name}", "replies are in"),
                purse=purse.opened(store, Account(Way.RATE, campaign_id), limit=how.budget, concurrency=calls_at_once),
                concurrency=calls_at_once,
                report=report,
            )
        with store.write() as session:
            llm_raters.finish(session, plan, now=time.time())
        with store() as session:
            counts = llm_raters.count(session, plan)
            found = beside_people.side_by_side(session, plan.campaign, item_ids=plan.item_ids)
    return _told(plan, counts, found, is_priced=_is_priced(clients), seconds=time.monotonic() - started)


def _alone(store: Store, campaign_id: int, report: Report) -> contextlib.AbstractContextManager[None]:
    """Hold a campaign while its LLM raters are asked. The numbers of arms are above 0; campaigns take those below."""
    waiting = functools.partial(report, 0, 0, "Waiting for another process that rates this campaign", {})
    return claim.one_at_a_time(store, arm_id=-campaign_id, waiting=waiting)


def _questions(
    store: Store, study: Study, plan: Plan, clients: Mapping[tuple[str, float | None], Provider]
) -> Iterator[gather.Question]:
    for call in plan.left:
        name = f"campaign {plan.campaign.id}"
        yield gather.Question(
            key=SlotKey(study.name, name, plan.campaign.name, call.rater.pseudonym, index=call.item.id),
            messages=llm_raters.messages_for(plan.campaign, call),
            provider=clients[call.who.model, call.who.temperature],
            keep=functools.partial(_keep, store, call),
        )


def _keep(store: Store, call: Call, received: Received) -> None:
    llm_raters.keep(store, call, vars(received))


def _is_priced(clients: Mapping[Any, Provider]) -> bool:
    return all(client.price is not None for client in clients.values())


def _told(plan: Plan, counts: Counts, found: SideBySide, *, is_priced: bool, seconds: float) -> dict[str, Any]:
    """What the command says, as JSON."""
    facts = {rater.pseudonym: rater.facts for rater in plan.raters}
    raters = [
        {
            "rater": name,
            **{part: facts[name].get(part) for part in ("model", "persona", "temperature")},
            "answered": n,
        }
        for name, n in counts.by_rater.items()
    ]
    counted = {name: value for name, value in asdict(counts).items() if name != "by_rater"}
    return {
        "campaign": plan.campaign.name,
        "items": len(plan.item_ids),
        "raters": raters,
        **counted,
        "cost_usd": counts.cost_usd if is_priced else None,
        "seconds": seconds,
        "llm": asdict(found.llm) if found.llm else None,
        "people": asdict(found.people) if found.people else None,
        "by_model": {model: asdict(group) for model, group in found.by_model.items()},
        "same_majority": asdict(found.same_majority) | {"k": int(found.items["same_majority"].sum())},
        "spearman": asdict(found.correlation),
        "reading": found.reading,
        "caution": f"{found.caution} {personas.CAUTION}",
    }
