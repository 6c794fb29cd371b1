"""Commands that do a whole study: run a STUDY.yaml, or the bundled sample study."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select

from core import catalogue
from core import settings as settings_module
from core.analysis import findings, regression, report
from core.commands import generate, output, queueing, study_file, study_intake
from core.errors import StudyError
from core.jobs import progress, queue, runner
from core.study import checks, spec, tasks
from core.study.rows.kinds import JobState
from core.study.rows.study import Job, Study
from core.study.store import Store

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def register(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("demo")(demo)


def run(
    file: Annotated[Path, typer.Argument(metavar="STUDY.yaml")],
    seeds: Annotated[str | None, typer.Option(help="Seeds separated by commas, instead of the file's.")] = None,
    jobs: Annotated[str, typer.Option(help="Where training runs: local.")] = "local",
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say what is wrong with the file and its data; nothing is stored or paid."),
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Everything a STUDY.yaml asks for; finished parts are not done again."""
    with output.opened() as (settings, store), _listing(as_json=as_json, is_check=check):
        if jobs != "local":
            raise StudyError(f"Jobs run 'local' for now; {jobs!r} is not there yet.")
        asked = study_intake.asked_of(checks.read(file), seeds=seeds)
        if check:
            _say(check_study(settings, store, asked), as_json=as_json)
        else:
            _answer(run_study(settings, store, asked), as_json=as_json)


def demo(as_json: output.Json = False) -> None:
    """The bundled sample study through the same code: no key, no network, no GPU."""
    with output.opened() as (settings, store), _listing(as_json=as_json):
        asked = study_intake.asked_of(checks.read(catalogue.SAMPLE_STUDY), seeds=None)
        _answer(run_study(settings, store, asked), as_json=as_json)


def check_study(settings: settings_module.Settings, store: Store, asked: study_intake.Asked) -> list[checks.Problem]:
    """Cautions about a study and its data. Stores, asks and pays nothing. Raises `study_intake.Refused` for problems."""
    with store.write() as session:
        taken = study_file.bring_in(session, settings, asked)
        noted = [] if taken.study is None else study_file.cautions(session, taken, asked)
        session.rollback()
    if taken.study is None:
        raise study_intake.Refused(taken.problems)
    return taken.problems + noted


def run_study(settings: settings_module.Settings, store: Store, asked: study_intake.Asked) -> dict[str, Any]:
    """Data, generation, answers, training, findings and report of one study.

    Raises `StudyError`; as `study_intake.Refused` before anything is stored, asked or paid for.
    """
    with store.write() as session:
        taken = study_file.bring_in(session, settings, asked)
        if taken.study is None:
            session.rollback()
    if taken.study is None:
        raise study_intake.Refused(taken.problems)
    for problem in taken.problems:
        typer.echo(f"Mind: {problem}", err=True)
    study = taken.study
    _generate(settings, store, study, asked.spec)
    with store.write() as session:
        named = [tasks.get_task(session, study.id, name) for name in asked.spec.tasks]
        queued = queueing.queue_training(
            session,
            settings,
            study=study,
            tasks=named,
            arms=[
                arm
                for task in named
                for arm in tasks.arms(session, task.id)
                if arm.name == "real" or arm.name in asked.spec.tasks[task.name].arms
            ],
            encoders=asked.spec.encoders,
            seeds=asked.seeds,
            training=asked.training,
        )
    wait(settings, store, [job.id for job in queued.jobs])
    with store() as session:
        found = findings.collect(session, study, run_ids=queued.run_ids)
        path = report.write(session, found, settings.exports / _folder_name(study))
    return findings.as_json(found, report=str(path)) | {
        "imports": taken.imports,
        "problems": [asdict(problem) for problem in taken.problems],
    }


@contextmanager
def _listing(*, as_json: bool, is_check: bool = False) -> Iterator[None]:
    """The problems of a refused study on stdout too, where they are what was asked for."""
    try:
        yield
    except study_intake.Refused as error:
        if as_json:
            output.emit({"problems": [asdict(problem) for problem in error.problems]})
        elif is_check:
            typer.echo("\n".join(map(study_intake.lines_of, error.problems)))
            raise StudyError(str(error).splitlines()[0]) from error
        raise


def _say(problems: list[checks.Problem], *, as_json: bool) -> None:
    if as_json:
        output.emit({"problems": [asdict(problem) for problem in problems]})
        return
    typer.echo("no problem found")
    for problem in problems:
        typer.echo(study_intake.lines_of(problem))


def _folder_name(study: Study) -> str:
    """A study's name as a folder's, without anything that leads elsewhere."""
    return re.sub(r"[^\w.-]+", "-", study.name).strip(".-") or f"study-{study.id}"


def wait(settings: settings_module.Settings, store: Store, job_ids: Sequence[int]) -> None:
    """Wait until jobs have ended, with a bar on the terminal. Raises `StudyError` with a failed job's own sentence."""
    if not job_ids:
        return
    runner.ensure(settings)
    row = progress.reporter(store)
    with output.progress("Training") as bar:
        while True:
            with store() as session:
                jobs = list(session.scalars(select(Job).where(Job.id.in_(job_ids)).order_by(Job.id)))
            done, total = (sum(job.progress.get(name, 0) for job in jobs) for name in ("done", "total"))
            running = (job.progress.get("message", "") for job in jobs if job.state == JobState.RUNNING)
            bar(done, total or 1, next(running, ""), {})
            row(progress.Progress(done=done, total=total, message="Waiting for the trainings"))
            if all(job.state in ENDED for job in jobs):
                break
            runner.ensure(settings)
            time.sleep(0.5)
    for job in jobs:
        if job.state != JobState.DONE:
            raise StudyError(
                f"Job {job.id} ({job.title}) {job.state}: {job.error or 'no reason given'} "
                f"Its log: {queue.log_path(settings, job)}"
            )


def _generate(settings: settings_module.Settings, store: Store, study: Study, asked: spec.StudySpec) -> None:
    for name, task_spec in asked.tasks.items():
        for arm, arm_spec in task_spec.arms.items():
            if arm_spec.generate is None:
                continue
            with store() as session:
                arm_id = tasks.get_arm(session, tasks.get_task(session, study.id, name), arm).id
            how = study_file.how(arm_spec.generate)
            generate.fill_arm(settings, store, arm_id=arm_id, title=f"{name} · {arm}", how=how)


def _answer(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit(found)
        return
    gaps = {(row["task"], row["arm"], row["encoder"]): row for row in found["gaps"]}
    means: dict[tuple[str, str, str], list[float]] = {}
    for row in found["scores"]:
        means.setdefault((row["task"], row["arm"], row["encoder"]), []).append(row["macro_f1"])
    rows = []
    for key, values in means.items():
        gap = gaps.get(key, {})
        rows.append([*key, len(values), sum(values) / len(values), gap.get("gap"), gap.get("low"), gap.get("high")])
    output.table(
        f"{found['study']}: macro-F1 on real test data",
        ["task", "arm", "encoder", "runs", "macro-F1", "gap", "low", "high"],
        rows,
    )
    output.table(
        "Subjectivity, most objective first",
        ["task", "value", "low", "high", "n"],
        [[row[key] for key in ("task", "value", "low", "high", "n")] for row in found["subjectivity"]],
    )
    refused = [row for row in found["imports"] if row["rejected"]]
    if refused:
        rows = [[r["task"], r["arm"], r["read"], r["kept"], output.listed(r["rejected"])] for r in refused]
        output.table("Rows that were not kept", ["task", "arm", "read", "kept", "because"], rows)
    fit = found["regression"]
    if fit["slope"] is not None:
        typer.echo(
            f"Regression: gap = {fit['intercept']:.3f} + {fit['slope']:.3f} x subjectivity, slope "
            f"[{fit['low']:.3f}, {fit['high']:.3f}], R2 {fit['r2']:.2f}, {regression.p_words(fit['p'])}, n {fit['n']}; "
            f"Spearman {fit['spearman']:.2f}"
        )
    typer.echo(found["reading"])
    for sentence in found["cautions"]:
        typer.echo(f"Mind: {sentence}")
    if found["sample_data"]:
        typer.echo("This is sample data with simulated raters: for learning the tool, not for conclusions.")
    typer.echo(f"Report: {found['report']}")
