"""Let LLMs rate the items of a campaign, as a group beside people; queue that as a job."""

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
from core.llm.money.committed import Account, Way
from core.llm.money.spending import open_spending
from core.llm.side_by_side import CallRunner, Progress
from core.reports import Report, silent
from core.steps import model_jobs
from core.study import claim
from core.study.rows.kinds import Work
from core.study.rows.sessions import Campaign
from core.study.rows.study import Job, Study
from core.study.store import Store
from core.subjectivity.llm import beside_people, personas
from core.subjectivity.llm import raters as llm_raters
from core.subjectivity.llm.beside_people import SideBySide
from core.subjectivity.llm.raters import RaterProfile, RatingPlan, ReplyCounts
from core.synthesis.generation import generation

NO_PERSONA = personas.PERSONAS[0].name


@dataclass(frozen=True)
class RatingRequest:
    """The LLM raters and the number of items to rate: each model, with each persona, at each temperature, is one rater.

    Empty `personas` means raters without a persona; empty `temperatures` means the connection's temperature; `items`
    None means all items. `budget` is in US dollars, over all LLM raters of the campaign and all attempts; None is no limit.
    """

    connection: Connection
    personas: tuple[str, ...] = ()
    temperatures: tuple[float, ...] = ()
    items: int | None = None
    budget: float | None = None

    def arguments(self) -> list[str]:
        """Return the request as options of the command rate-by-llm."""
        temperatures = [value for value in self._each_temperature if value is not None]
        return model_jobs.options(
            self.connection.model_copy(update={"temperature": None}),
            {"--persona": self.personas, "--temperature": temperatures, "--items": self.items, "--budget": self.budget},
        )

    def profiles(self) -> list[RaterProfile]:
        """Return the profile of each rater, without duplicates. Raises `StudyError` for an unknown persona."""
        chosen = [personas.named(name) for name in self.personas or (NO_PERSONA,)]
        provider, base_url = self.connection.provider, self.connection.base_url
        profiles = [
            RaterProfile(model, persona, temperature, provider, base_url)
            for model, persona, temperature in itertools.product(self.connection.models, chosen, self._each_temperature)
        ]
        return list({profile.pseudonym: profile for profile in profiles}.values())

    def open_providers(self, settings: settings_module.Settings) -> dict[tuple[str, float | None], Provider]:
        """Return a provider for each model and temperature; the providers share the connection's requests a minute.

        Raises `StudyError` if a provider cannot be opened, and for more than one local model or temperature.
        """
        temperatures, rpm = self._each_temperature, self.connection.rpm
        if self.connection.provider == "local" and len(temperatures) * len(self.connection.models) > 1:
            raise StudyError("One local model at one temperature fits into a command. Run it once for each of them.")
        share = rpm / len(temperatures) if rpm else None
        providers: dict[tuple[str, float | None], Provider] = {}
        for temperature in temperatures:
            same = self.connection.model_copy(update={"temperature": temperature, "rpm": share})
            opened = connection.open_all(same, settings)
            providers |= {(model, temperature): one for model, one in zip(same.models, opened, strict=True)}
        return providers

    @property
    def _each_temperature(self) -> tuple[float | None, ...]:
        return tuple(dict.fromkeys(self.temperatures)) or (self.connection.temperature,)


def queue_rating(session: Session, *, campaign: Campaign, arguments: Sequence[str]) -> Job:
    """Queue the rating of a campaign by LLMs; a campaign has one such job at a time.

    `arguments` are the options of the command rate-by-llm; see `RatingRequest.arguments`.
    """
    return queue.enqueue(
        session,
        title=f"LLM raters for {campaign.name}",
        command=["-m", "core", "rate-by-llm", "--campaign", str(campaign.id), *arguments],
        key=Work.RATE_BY_LLM.key(campaign.id),
        slot=model_jobs.slot_of(arguments),
        study_id=campaign.study_id,
    )


def rate(
    settings: settings_module.Settings,
    store: Store,
    *,
    campaign_id: int,
    request: RatingRequest,
    report: Report = silent,
) -> dict[str, Any]:
    """Ask each LLM rater about each item without a reply from that rater; return counts and agreement as JSON.

    Raises `StudyError` like `gather.ask`; replies that came before the error are stored.
    """
    started = time.monotonic()
    providers = request.open_providers(settings)
    generation.check_budget(list(providers.values()), request.budget)
    with _claimed(store, campaign_id, report):
        room = request.connection.max_tokens or (None if request.budget is None else gather.ANSWER_TOKENS)
        plan = llm_raters.plan(
            store, campaign_id=campaign_id, profiles=request.profiles(), n_items=request.items, room=room
        )
        if plan.left:
            account, concurrency = Account(Way.RATE, campaign_id), request.connection.concurrency
            spending = open_spending(store, account, limit=request.budget, concurrency=concurrency)
            runner = CallRunner(list(providers.values()), spending=spending, concurrency=concurrency, report=report)
            n_calls = len(plan.raters) * len(plan.item_ids)
            progress = Progress(
                n_calls - len(plan.left), n_calls, f"LLM raters for {plan.campaign.name}", "replies are in"
            )
            gather.ask(_questions(store, plan, providers), runner, progress=progress)
        with store.write() as session:
            llm_raters.finish(session, plan, now=time.time())
        with store() as session:
            counts = llm_raters.count(session, plan)
            groups = beside_people.side_by_side(session, plan.campaign, item_ids=plan.item_ids)
    is_priced = all(provider.price is not None for provider in providers.values())
    seconds = {"seconds": time.monotonic() - started}
    return _counts_as_json(plan, counts, is_priced=is_priced) | seconds | _groups_as_json(groups)


def _claimed(store: Store, campaign_id: int, report: Report) -> contextlib.AbstractContextManager[None]:
    """Return a context that holds the claim on a campaign while its LLM raters are asked."""
    waiting = functools.partial(report, 0, 0, "Waiting for another process that rates this campaign", {})
    return claim.one_at_a_time(store, claim.Claim(claim.Kind.RATE, campaign_id), waiting=waiting)


def _questions(
    store: Store, plan: RatingPlan, providers: Mapping[tuple[str, float | None], Provider]
) -> Iterator[gather.Question]:
    """Yield the question of every call left in the plan; an item's id is the index of its slot."""
    with store() as session:
        study = session.get_one(Study, plan.campaign.study_id)
    for call in plan.left:
        name = f"campaign {plan.campaign.id}"
        yield gather.Question(
            key=SlotKey(study.name, name, plan.campaign.name, call.rater.pseudonym, index=call.item.id),
            messages=llm_raters.messages_for(plan.campaign, call),
            provider=providers[call.profile.model, call.profile.temperature],
            keep=functools.partial(llm_raters.keep, store, call),
        )


def _counts_as_json(plan: RatingPlan, counts: ReplyCounts, *, is_priced: bool) -> dict[str, Any]:
    facts = {rater.pseudonym: rater.facts for rater in plan.raters}
    raters = [
        {
            "rater": name,
            **{part: facts[name].get(part) for part in ("model", "persona", "temperature")},
            "answered": n,
        }
        for name, n in counts.by_rater.items()
    ]
    totals = {name: value for name, value in asdict(counts).items() if name != "by_rater"}
    return {
        "campaign": plan.campaign.name,
        "items": len(plan.item_ids),
        "raters": raters,
        **totals,
        "cost_usd": counts.cost_usd if is_priced else None,
    }


def _groups_as_json(groups: SideBySide) -> dict[str, Any]:
    return {
        "llm": asdict(groups.llm) if groups.llm else None,
        "people": asdict(groups.people) if groups.people else None,
        "by_model": {model: asdict(group) for model, group in groups.by_model.items()},
        "same_majority": asdict(groups.same_majority) | {"k": int(groups.items["same_majority"].sum())},
        "spearman": asdict(groups.correlation),
        "reading": groups.reading,
        "caution": f"{groups.caution} {personas.CAUTION}",
    }
