"""Let LLMs rate the items of a campaign, as a group beside people: the command rate-by-llm, and its job."""

import contextlib
import functools
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import generate, output, queueing, studies
from core.errors import StudyError
from core.jobs import queue, runner
from core.llm import connection, gather
from core.llm.answers import Provider, SlotKey
from core.llm.connection import Connection
from core.llm.money import purse
from core.llm.money.committed import Account, Way
from core.reports import Report, silent
from core.study import claim
from core.study.rows.kinds import Slot
from core.study.rows.study import Campaign, Job, Study
from core.study.store import Store
from core.subjectivity.llm import beside_people, personas
from core.subjectivity.llm import raters as llm_raters
from core.subjectivity.llm.beside_people import SideBySide
from core.subjectivity.llm.raters import Call, Counts, Plan, Who
from core.subjectivity.sessions import campaigns
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


def register(app: typer.Typer) -> None:
    app.command("rate-by-llm")(rate_by_llm)


def rate_by_llm(
    campaign: Annotated[str, typer.Option("--campaign", help="Its name or number.")],
    model: Annotated[list[str], typer.Option("--model", help="May be repeated; NAME@URL asks another endpoint.")],
    persona: Annotated[
        list[str] | None, typer.Option("--persona", help="May be repeated. Default: none.", show_default=False)
    ] = None,
    n_personas: Annotated[
        int | None, typer.Option("--personas", min=1, max=len(personas.PERSONAS), help="The first so many of ours.")
    ] = None,
    temperature: Annotated[
        list[float] | None, typer.Option(min=0, max=2, help="May be repeated. Default: the model's own.")
    ] = None,
    items: Annotated[int | None, typer.Option(min=1, help="So many items, drawn at random. Default: all.")] = None,
    provider: Annotated[str, typer.Option(help="openai (any endpoint that speaks its protocol) or local.")] = "openai",
    base_url: generate.BaseUrl = None,
    max_tokens: generate.MaxTokens = None,
    concurrency: generate.Concurrency = 8,
    rpm: generate.Rpm = None,
    timeout: generate.Timeout = None,
    budget: generate.BudgetUsd = None,
    detach: Annotated[bool, typer.Option("--detach", help="Queue it as a job and return.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Let LLMs rate a campaign's items as a group of their own, never mixed with people. Resumes; never pays twice."""
    with output.opened() as (settings, store):
        first = [one.name for one in personas.PERSONAS[: n_personas or 0]]
        asked = connection.made(
            provider=provider, models=tuple(model), base_url=base_url, max_tokens=max_tokens, concurrency=concurrency,
            rpm=rpm, timeout=timeout,
        )  # fmt: skip
        how = How(asked, (*first, *(persona or ())), tuple(temperature or ()), items, budget)
        how.raters()
        connection.check(asked, settings)
        with store.write() as session:
            home = studies.study_called(session, study).id if study is not None else None
            found = campaigns.named(session, campaign, study_id=home)
            if detach:
                job = queue_rating(session, campaign=found, arguments=how.arguments())
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        with output.progress(f"Rate {found.name}") as bar:
            rated = rate(settings, store, campaign_id=found.id, how=how, report=output.telling(store, bar))
    return _show(found.name, rated, as_json=as_json)


def queue_rating(session: Session, *, campaign: Campaign, arguments: Sequence[str]) -> Job:
    """Queue the rating of a campaign by LLMs; `arguments` are those of `How`. A campaign has one such job at a time."""
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return queue.enqueue(
        session,
        title=f"LLM raters for {campaign.name}",
        command=["-m", "core", "rate-by-llm", "--campaign", str(campaign.id), *arguments],
        key=f"rate-by-llm:{campaign.id}",
        slot=queueing.worker_slot() if is_local else Slot.API,
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
                purse=purse.opened(
                    store, Account(Way.RATE, campaign_id), limit=how.budget, concurrency=calls_at_once
                ),
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


def _keep(store: Store, call: Call, received: gather.Received) -> None:
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
        "same_majority": asdict(found.same_majority),
        "spearman": asdict(found.correlation),
        "reading": found.reading,
        "caution": f"{found.caution} {personas.CAUTION}",
    }


def _show(name: str, rated: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit(rated)
        return
    columns = ["wanted", "answered", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(f"LLM raters for {name}", columns, [[rated[column] for column in columns]])
    output.table("Raters", ["rater", "answered"], [[one["rater"], one["answered"]] for one in rated["raters"]])
    if rated["unclear"]:
        output.table("Without an answer", ["reason", "replies"], [[why, n] for why, n in rated["unclear"].items()])
    parts = ["name", "alpha", "low", "high", "mean_agreement", "n_items", "n_raters", "n_ratings"]
    sides = [side for side in (rated["people"], rated["llm"], *rated["by_model"].values()) if side]
    output.table("Agreement on the items that both rated", parts, [[side[part] for part in parts] for side in sides])
    same = rated["same_majority"]
    if same["n"]:
        interval = f"{same['value']:.2f} [{same['low']:.2f}, {same['high']:.2f}]"
        typer.echo(f"Both majorities are the same on {same['k']} of {same['n']} items without a tie: {interval}.")
    typer.echo(f"{rated['reading']}\n{rated['caution']}")
