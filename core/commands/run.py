"""The commands run and demo: a whole study from a STUDY.yaml, or the bundled sample study."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core import catalogue
from core.analysis import regression, score_rows
from core.commands import curve, kept, output
from core.errors import StudyError
from core.interval import Interval
from core.jobs.backends import choice
from core.steps import study_intake
from core.steps.guide import finished_sample
from core.steps.whole import check_study, run_study, told
from core.study import checks
from core.training.kept.folder import Keep


def register(app: typer.Typer) -> None:
    """Add the commands run and demo to the program."""
    app.command("run")(run)
    app.command("demo")(demo)


def run(
    file: Annotated[Path, typer.Argument(metavar="STUDY.yaml")],
    seeds: Annotated[str | None, typer.Option(help="Seeds separated by commas, instead of the file's.")] = None,
    jobs: Annotated[str, typer.Option(help="Where training runs: local, ray or slurm.")] = choice.LOCAL,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only list the problems of the file and its data; nothing is stored or paid for."),
    ] = False,
    with_steps_check: Annotated[
        bool,
        typer.Option("--steps-check", help="Also train every run with half and with twice the steps."),
    ] = False,
    keep_models: Annotated[
        Keep | None,
        typer.Option(help="Keep the models of the best seed of each task, arm and encoder, or of all runs."),
    ] = None,
    targets: Annotated[
        Literal["hard", "soft"] | None, typer.Option(help="Labels or raters' shares, instead of the file's.")
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"] | None,
        typer.Option(help="Weights of the classes in the loss, instead of the file's."),
    ] = None,
    sample_weights: Annotated[
        Literal["none", "column"] | None,
        typer.Option(help="Weigh texts by the column weight of their file, instead of what the study file says."),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Do everything that a STUDY.yaml asks for; finished parts are not done again."""
    with output.opened() as (settings, store), _listing(as_json=as_json, is_check=check):
        choice.check(settings, jobs)
        asked = {"targets": targets, "class_weights": class_weights, "sample_weights": sample_weights}
        training = {name: value for name, value in asked.items() if value is not None}
        request = study_intake.request_of(checks.read(file), seeds=seeds, training=training)
        if check:
            _say(check_study(settings, store, request), as_json=as_json)
        else:
            teller = output.teller(store)
            keep = keep_models or (Keep(request.spec.keep_models) if request.spec.keep_models else None)
            result = run_study(
                settings, store, request, teller, backend=jobs, with_steps_check=with_steps_check, keep=keep
            )
            _answer(result, as_json=as_json)


def demo(
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds separated by commas, instead of 0,1,2; one seed takes a third of the time."),
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Bring in a finished copy that was trained before: nothing is trained.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Train each model 80 steps in place of 20, until nearly every run has converged."),
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Run the bundled sample study: no key, no network, no GPU."""
    if finished and (full or seeds):
        raise typer.BadParameter("--finished trains nothing: leave --full and --seeds out")
    with output.opened() as (settings, store), _listing(as_json=as_json):
        if finished:
            return _answer(told(settings, store, finished_sample.bring_in(store)), as_json=as_json)
        length = {"steps": finished_sample.STEPS} if full else None
        request = study_intake.request_of(checks.read(catalogue.SAMPLE_STUDY), seeds=seeds, training=length)
        return _answer(run_study(settings, store, request, output.teller(store)), as_json=as_json)


@contextmanager
def _listing(*, as_json: bool, is_check: bool = False) -> Iterator[None]:
    """Print the problems of a refused study on stdout too, with `--json` or `--check`."""
    try:
        yield
    except study_intake.Refused as error:
        if as_json:
            output.emit({"problems": [asdict(problem) for problem in error.problems]})
        elif is_check:
            typer.echo("\n".join(map(study_intake.line_of, error.problems)))
            raise StudyError(str(error).splitlines()[0]) from error
        raise


def _say(problems: list[checks.Problem], *, as_json: bool) -> None:
    if as_json:
        output.emit({"problems": [asdict(problem) for problem in problems]})
        return
    typer.echo("no problem found")
    for problem in problems:
        typer.echo(study_intake.line_of(problem))


def _answer(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit(result)
        return
    _show_scores(result)
    columns = ["task", "arm", "name", "macro_f1", "low", "high", "accuracy", "n"]
    rows = [[row.get(name) for name in columns] for row in result["baselines"]]
    output.table("Baselines on real test data", columns, rows)
    output.table(
        "Subjectivity, most objective first",
        ["task", "value", "low", "high", "n"],
        [[row[key] for key in ("task", "value", "low", "high", "n")] for row in result["subjectivity"]],
    )
    if result["steps_check"]:
        columns = ["task", "arm", "encoder", "steps", "gap_half", "gap", "gap_twice", "change", "low", "high"]
        titles = ["task", "arm", "encoder", "steps", "gap at half", "gap", "gap at twice", "change", "low", "high"]
        output.table("Steps check: the gap with half, once and twice the steps", titles,
                     [[row[name] for name in columns] for row in result["steps_check"]])  # fmt: skip
        typer.echo(result["steps_check_reading"])
    for one in result["curves"]:
        curve.show(one["task"], one["curve"], one["reading"])
    if result["models"]:
        columns = kept.COLUMNS
        output.table("Kept models", columns, [[row[name] for name in columns] for row in result["models"]])
    refused = [row for row in result["imports"] if row["rejected"]]
    if refused:
        rows = [[r["task"], r["arm"], r["read"], r["kept"], output.listed(r["rejected"])] for r in refused]
        output.table("Rows that were not kept", ["task", "arm", "read", "kept", "because"], rows)
    fit = result["regression"]
    if fit["slope"] is not None:
        typer.echo(_regression_words(fit))
    typer.echo(result["reading"])
    for sentence in result["cautions"]:
        typer.echo(f"Mind: {sentence}")
    if result["sample_data"]:
        typer.echo("This is sample data with simulated raters: for learning the tool, not for conclusions.")
    typer.echo(f"Report: {result['report']}")


def _show_scores(result: dict[str, Any]) -> None:
    """Print the headline, and the mean score of every task, arm and encoder with the gap that is measured by the same runs."""
    names = ["task", "arm", "encoder", "seeds", "macro_f1", "gap", "low", "high"]
    titles = ["task", "arm", "encoder", "runs", "macro-F1", "gap", "low", "high"]
    keys = [(row["task"], row["arm"], row["encoder"]) for row in result["mean_scores"]]
    several = ["n_train", "device"] if len(set(keys)) < len(keys) else []
    if result["headline"]:
        typer.echo(result["headline"])
    rows = [[row[name] for name in (*names, *several)] for row in result["mean_scores"]]
    output.table(f"{result['study']}: macro-F1 on real test data", [*titles, *several], rows)
    if several:
        typer.echo(score_rows.SEVERAL)


def _regression_words(fit: dict[str, Any]) -> str:
    """Return the regression of the command's JSON as a line; a number that is undefined is a dash."""
    number = {name: math.nan if value is None else value for name, value in fit.items() if name != "note"}
    slope = Interval(number["slope"], number["low"], number["high"], int(fit["tasks"]))
    spearman = Interval(number["spearman"], math.nan, math.nan, int(fit["tasks"]))
    r2 = Interval(number["r2"], math.nan, math.nan, int(fit["tasks"]))
    return (
        f"Regression: gap = {number['intercept']:.3f} + subjectivity x {slope.text(digits=3)}, {regression.p_words(number['p'])}, "
        f"{fit['tasks']} tasks; R2 {r2.text()}, Spearman {spearman.text()}"
    )
