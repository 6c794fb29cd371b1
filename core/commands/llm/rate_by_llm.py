"""The command rate-by-llm: let LLMs rate the items of a campaign, as a group beside people."""

from typing import Annotated, Any

import typer

from core.commands import output
from core.commands.llm import model_options
from core.jobs import runner
from core.llm import connection
from core.steps import find
from core.steps.rate import RatingRequest, queue_rating, rate
from core.subjectivity.llm import personas
from core.subjectivity.sessions import campaigns


def register(app: typer.Typer) -> None:
    """Add the command rate-by-llm to the program."""
    app.command("rate-by-llm")(rate_by_llm)


def rate_by_llm(
    campaign: Annotated[str, typer.Option("--campaign", help="Its name or number.")],
    model: Annotated[list[str], typer.Option("--model", help="May be repeated; NAME@URL asks another endpoint.")],
    persona: Annotated[
        list[str] | None, typer.Option("--persona", help="May be repeated. Default: none.", show_default=False)
    ] = None,
    n_personas: Annotated[
        int | None,
        typer.Option(
            "--personas", min=1, max=len(personas.PERSONAS), help="Use the first N personas that come with Litmus."
        ),
    ] = None,
    temperature: Annotated[
        list[float] | None, typer.Option(min=0, max=2, help="May be repeated. Default: the model's own.")
    ] = None,
    items: Annotated[
        int | None, typer.Option(min=1, help="The number of items, drawn at random. Default: all.")
    ] = None,
    provider: model_options.AskedProvider = "openai",
    base_url: model_options.BaseUrl = None,
    max_tokens: model_options.MaxTokens = None,
    concurrency: model_options.Concurrency = 8,
    rpm: model_options.Rpm = None,
    timeout: model_options.Timeout = None,
    budget: model_options.BudgetUsd = None,
    detach: model_options.Detach = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Let LLMs rate a campaign's items as a group of their own, never mixed with people. Resumes; never pays twice."""
    with output.opened() as (settings, store):
        first = [named.name for named in personas.PERSONAS[: n_personas or 0]]
        raters = connection.made(
            provider=provider, models=tuple(model), base_url=base_url, max_tokens=max_tokens, concurrency=concurrency,
            rpm=rpm, timeout=timeout,
        )  # fmt: skip
        request = RatingRequest(raters, (*first, *(persona or ())), tuple(temperature or ()), items, budget)
        request.profiles()
        connection.check(raters, settings)
        with store.write() as session:
            home = find.study_called(session, study).id if study is not None else None
            found_campaign = campaigns.named(session, campaign, study_id=home)
            if detach:
                job = queue_rating(session, campaign=found_campaign, arguments=request.arguments())
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        with output.teller(store).bar(f"Rate {found_campaign.name}") as report:
            rated = rate(settings, store, campaign_id=found_campaign.id, request=request, report=report)
    return _show(found_campaign.name, rated, as_json=as_json)


def _show(name: str, rated: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit(rated)
        return
    columns = ["wanted", "answered", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(f"LLM raters for {name}", columns, [[rated[column] for column in columns]])
    output.table("Raters", ["rater", "answered"], [[rater["rater"], rater["answered"]] for rater in rated["raters"]])
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
