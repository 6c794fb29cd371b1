"""The command freeze: write a study's plan down with a hash and a date, or show the plan and the departures from it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core.analysis.points import Metric
from core.analysis.trust import frozen
from core.analysis.trust.frozen import Decision, Headline
from core.analysis.verdicts.verdict import MARGIN
from core.commands import output
from core.encoders import absolute
from core.errors import StudyError
from core.steps import find
from core.study import tasks
from core.study.rows.study import FrozenPlan, Study
from core.training.settings import first_seeds, with_length


def register(app: typer.Typer) -> None:
    """Add the command freeze to the program."""
    app.command("freeze")(freeze)


def freeze(
    question: Annotated[
        str | None, typer.Option(help="The question, in a sentence. Without it, the newest plan is shown.")
    ] = None,
    headline: Annotated[Headline, typer.Option(help="The test that decides the question.")] = Headline.SLOPE,
    metric: Annotated[Metric, typer.Option(help="The score that the gap is of.")] = Metric.MACRO_F1,
    margin: Annotated[float, typer.Option(help="The largest gap that can be borne: 0.05 for 5 points.")] = MARGIN,
    encoder: Annotated[list[str] | None, typer.Option(help="May be repeated. Default: those of the study.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds: the first of the study's. Default: all of them.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps. Default: those of the study.")] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Freeze a study's plan with its hash and date, before the results. A plan never changes: a new one is a new version."""
    with output.opened() as (_settings, store):
        if question is not None:
            with store.write() as session:
                home = find.only_study(session, study)
                decision = Decision(question, headline, metric, margin)
                frozen.freeze(
                    session, home, decision, now=time.time(), config=_config(home, encoder or [], seeds, steps)
                )
        with store() as session:
            home = find.only_study(session, study)
            plan = frozen.latest(session, home.id)
            if plan is None:
                raise StudyError(f"Study {home.name!r} has no frozen plan. Freeze one with freeze --question '...'.")
            _show(session, plan, as_json=as_json)


def _config(study: Study, encoders: list[str], seeds: int | None, steps: int | None) -> dict[str, Any]:
    """The keys of the study's config that the options change."""
    known = tasks.DEFAULT_CONFIG | study.config
    return {
        **({"encoders": [absolute(name, Path.cwd()) for name in encoders]} if encoders else {}),
        **({"seeds": first_seeds(known["seeds"], seeds)} if seeds else {}),
        **({"training": with_length(known["training"], {"steps": steps})} if steps else {}),
    }


def _show(session: Session, plan: FrozenPlan, *, as_json: bool) -> None:
    deviations = frozen.deviations(session, plan)
    if as_json:
        output.emit({"version": plan.version, "sha256": plan.sha256, "plan": plan.content, "deviations": deviations})
        return
    typer.echo(frozen.words(plan))
    for deviation in deviations or ["The study keeps to it."]:
        typer.echo(f"- {deviation}")
