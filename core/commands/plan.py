"""Plan a study before it is paid for: the command plan"""

from dataclasses import replace
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.planning import measured, plan_words, plans
from core.analysis.planning.inputs import Inputs
from core.analysis.planning.plans import Asked, Plan, Question, Sizes
from core.analysis.points import Metric
from core.analysis.verdicts import verdict
from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.study import tasks


def register(app: typer.Typer) -> None:
    """Add the command plan to the program."""
    app.command("plan")(plan)


def plan(
    question: Annotated[Question, typer.Argument(help="What the study is to find out.")],
    effect: Annotated[
        float | None,
        typer.Option(
            help="The true size: rise of the gap per standard deviation of subjectivity (slope), gap, difference (arms), 0.05 for 5 "
            "points; for equivalence the gap of an arm that is as good."
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="As good as real within this margin (equivalence); by default 0.05.")
    ] = None,
    over_tasks: Annotated[bool, typer.Option("--over-tasks", help="Compare arms in the mean over tasks.")] = False,
    wanted: Annotated[float, typer.Option("--power", help="The power to reach.")] = plans.WANTED,
    fixed_tasks: Annotated[int | None, typer.Option("--tasks", help="Fix the number of tasks.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Fix the seeds of each arm.")] = None,
    test_texts: Annotated[int | None, typer.Option(help="Fix the test texts of each task.")] = None,
    ratings: Annotated[int | None, typer.Option(help="Fix the answers about each task's subjectivity.")] = None,
    task: Annotated[str | None, typer.Option(help="The task that the question is about.")] = None,
    metric: Annotated[Metric, typer.Option(help="The score that gaps are of.")] = Metric.MACRO_F1,
    seed_sd: Annotated[float | None, typer.Option(help="Spread of one arm's score over seeds.")] = None,
    text_variance: Annotated[float | None, typer.Option(help="Variance of the gap over test texts.")] = None,
    tau: Annotated[float | None, typer.Option(help="Spread of tasks beyond subjectivity.")] = None,
    seconds_per_run: Annotated[float | None, typer.Option(help="Seconds of one training.")] = None,
    usd_per_text: Annotated[float | None, typer.Option(help="US dollars of one kept text.")] = None,
    study: Annotated[str | None, typer.Option("--study", help="The study whose runs the numbers come from.")] = None,
    as_json: output.Json = False,
) -> None:
    """Plan the cheapest mix of tasks, seeds, test texts and ratings that answers a question, with its minutes and dollars."""
    with output.opened() as (_, store), store() as session:
        fixed = Sizes(fixed_tasks, seeds, test_texts, ratings)
        asked = replace(_asked(question, effect, margin, over_tasks=over_tasks), fixed=fixed, wanted=wanted)
        inputs, whose = _inputs(session, study, task, metric)
        given = inputs.given(
            seed_sd=seed_sd,
            text_variance=text_variance,
            tau=tau,
            seconds_per_run=seconds_per_run,
            usd_per_text=usd_per_text,
        )
        made = plans.plan(asked, given)
    if as_json:
        output.emit(_json(made, whose))
    else:
        _show(made, whose)


def _asked(question: Question, effect: float | None, margin: float | None, *, over_tasks: bool) -> Asked:
    """The question; raises `StudyError` for an option that belongs to another question."""
    if over_tasks and question is not Question.ARMS:
        raise StudyError("--over-tasks belongs to the question arms.")
    if margin is not None and question is not Question.EQUIVALENCE:
        raise StudyError("--margin belongs to the question equivalence.")
    return Asked(
        question,
        plans.EFFECTS[question] if effect is None else effect,
        verdict.MARGIN if margin is None else margin,
        over_tasks,
    )


def _inputs(session: Session, study: str | None, task: str | None, metric: Metric) -> tuple[Inputs, str]:
    """The numbers of the study that is named, or of the only one, or the assumptions; and a sentence that says which."""
    if study is None and task is not None:
        home = find.find_study(session, None, task)
    elif study is None and len(known := tasks.studies(session)) != 1:
        many = "Several studies are here; --study takes the numbers from one." if known else ""
        return Inputs(), f"No study: every number is assumed or given. {many}".strip()
    else:
        home = find.only_study(session, study)
    if task is not None:
        tasks.get_task(session, home.id, task)
    found = findings.collect(session, home, metric=metric)
    return measured.inputs_of(session, found, task=task), f"Numbers from the study {home.name}, where it has them."


def _json(made: Plan, whose: str) -> dict[str, Any]:
    """The plan under the names that the command promises; sizes are null where the wanted power is out of reach."""
    needed, largest = _sizes(made, made.sizes), {"largest": _sizes(made, made.sizes) | {"power": made.power}}
    return {
        "question": made.asked.question,
        "effect": made.asked.effect,
        "margin": made.asked.margin if made.asked.question is Question.EQUIVALENCE else None,
        "reached": made.is_reached,
        **(needed if made.is_reached else dict.fromkeys(needed)),
        "minutes": made.minutes if made.is_reached else None,
        "people_minutes": made.people_minutes if made.is_reached else None,
        "cost_usd": made.cost_usd if made.is_reached else None,
        "power": made.power,
        **({} if made.is_reached else largest),
        "headline": plan_words.headline(made),
        "basis": f"{plan_words.basis(made)} {whose}",
        "assumptions": plan_words.assumptions(made.inputs),
        "others": [_sizes(made, sizes) for sizes in made.others],
    }


def _sizes(made: Plan, sizes: Sizes) -> dict[str, int]:
    tasks_, seeds, texts, _ = sizes.whole
    return {"tasks": tasks_, "seeds": seeds, "test_texts": texts, "ratings": plans.answers(sizes, made.inputs)}


def _show(made: Plan, whose: str) -> None:
    typer.echo(plan_words.headline(made))
    typer.echo(plan_words.effort(made))
    typer.echo(plan_words.meaning(made))
    typer.echo(f"{plan_words.basis(made)} {whose}")
    rows = [
        [plan_words.NAMES[str(row["name"])], row["value"], row["from"], row["words"]]
        for row in plan_words.assumptions(made.inputs)
    ]
    output.table("What the plan rests on", ["number", "value", "from", "which"], rows)
