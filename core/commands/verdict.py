"""Say whether synthetic training texts will do for a task: the command verdict"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core.analysis import findings
from core.analysis.points import Metric
from core.analysis.trust import checks
from core.analysis.verdicts import around, verdict_words
from core.analysis.verdicts import verdict as verdicts
from core.analysis.verdicts.around import Around
from core.analysis.verdicts.verdict import Verdict
from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.study import tasks
from core.subjectivity import levels
from core.subjectivity.levels import Measure
from core.wording import percent

OVER = 3  # the exit code if the expected gap lies above --fail-over


def register(app: typer.Typer) -> None:
    """Add the command verdict to the program."""
    app.command("verdict")(verdict)


def verdict(
    task: Annotated[str, typer.Option("--task")],
    margin: Annotated[
        float, typer.Option(help="The largest gap that can be borne: 0.05 for 5 points.")
    ] = verdicts.MARGIN,
    metric: Annotated[Metric, typer.Option(help="The score that the gap is of.")] = Metric.MACRO_F1,
    measure: Annotated[
        Measure | None, typer.Option(help="What measures subjectivity; by default the first there is.")
    ] = None,
    fail_over: Annotated[
        float | None, typer.Option("--fail-over", help="Exit with 3 if the expected gap is above.")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a comment for a pull request.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """The gap to expect from training on synthetic texts, with an 80 % prediction interval, and what to do."""
    with output.opened() as (_, store), store() as session:
        home = find.find_study(session, study, task)
        if fail_over is not None and not 0 < fail_over < 1:
            raise StudyError(f"--fail-over is a gap between 0 and 1, such as 0.05 for 5 points; it is {fail_over:g}.")
        levels.check_has(session, home, measure)
        found = findings.collect(session, home, metric=metric, measure=measure)
        home_task = tasks.get_task(session, home.id, task)
        said = findings.verdict_on(session, found, home_task.name, margin=margin)
        beside = around.of_verdict(session, found, said)
        plan, deviations = checks.of_plan(session, home, metric=metric, margin=margin)
        trust = [check.line for check in (*checks.of_task(session, home_task, metric=metric), plan)]
    if as_json:
        output.emit(_json(said, found.measure) | asdict(beside) | {"trust": trust, "deviations": deviations})
    elif as_markdown:
        typer.echo(verdict_words.markdown(said, found.measure, costs=beside.costs, changes=beside.changes))
    else:
        _show(said, found.measure)
        _show_around(beside)
        for line in (*trust, *deviations):
            typer.echo(f"- {line}")
    if fail_over is not None and not said.is_withheld and said.expected_gap > fail_over:
        raise SystemExit(OVER)


def _show(said: Verdict, measure: Measure | None) -> None:
    points, between = verdict_words.points, verdict_words.between
    rows = [[arm.arm, points(arm.gap), between(arm.low, arm.high), percent(arm.chance)] for arm in said.arms]
    columns = [
        "arm",
        "points lost",
        "80 % interval",
        f"chance to lose at most {verdict_words.margin_points(said.margin)}",
    ]
    typer.echo(verdict_words.headline(said, measure))
    if not said.is_withheld:
        output.table(said.task, columns, rows)
    for reason in verdict_words.reasons(said, measure):
        typer.echo(f"- {reason}")


def _show_around(beside: Around) -> None:
    for title, sentences in (("What it costs", beside.costs), ("What would change it", beside.changes)):
        if sentences:
            typer.echo(f"{title}:")
        for sentence in sentences:
            typer.echo(f"- {sentence}")


def _json(said: Verdict, measure: Measure | None) -> dict[str, Any]:
    """The verdict under the names that the command promises."""
    return {
        "task": said.task,
        "margin": said.margin,
        "measure": measure,
        "expected_gap": said.expected_gap,
        "low": said.low,
        "high": said.high,
        "chance_within_margin": said.chance_within_margin,
        "advice": said.advice,
        "arm": said.arm,
        "withheld": said.is_withheld,
        "headline": verdict_words.headline(said, measure),
        "reasons": verdict_words.reasons(said, measure),
        "arms": [
            {
                "arm": arm.arm,
                "kind": arm.kind,
                "gap": arm.gap,
                "low": arm.low,
                "high": arm.high,
                "chance_within_margin": arm.chance,
                "tasks": arm.n_tasks,
                "inside": arm.inside,
                "measured": asdict(arm.own[0].gap) if len(arm.own) == 1 else None,
                "measured_by_encoder": [{"encoder": one.encoder} | asdict(one.gap) for one in arm.own],
            }
            for arm in said.arms
        ],
    }
