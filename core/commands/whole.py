"""Commands that do a whole study: run a STUDY.yaml, or the bundled sample study."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import catalogue
from core import settings as settings_module
from core.analysis import findings, regression, report
from core.commands import data, drafting, generating, output, queueing
from core.errors import StudyError
from core.jobs import progress, queue, runner
from core.study import importing, spec, tables, tasks
from core.study.records import Job, JobState, RaterKind, Study, Task
from core.study.store import Store
from core.subjectivity.exchange import formats, imported, pseudonyms
from core.training import plan

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Asked:
    """A study file with what was changed on the command line."""

    spec: spec.StudySpec
    training: plan.TrainingSettings
    seeds: list[int]


def register(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("demo")(demo)


def run(
    file: Annotated[Path, typer.Argument(metavar="STUDY.yaml")],
    seeds: Annotated[str | None, typer.Option(help="Seeds separated by commas, instead of the file's.")] = None,
    jobs: Annotated[str, typer.Option(help="Where training runs: local.")] = "local",
    as_json: output.Json = False,
) -> None:
    """Everything a STUDY.yaml asks for; finished parts are not done again."""
    with output.opened() as (settings, store):
        if jobs != "local":
            raise StudyError(f"Jobs run 'local' for now; {jobs!r} is not there yet.")
        _answer(run_study(settings, store, asked_of(spec.load(file), seeds=seeds)), as_json=as_json)


def demo(as_json: output.Json = False) -> None:
    """The bundled sample study through the same code: no key, no network, no GPU."""
    with output.opened() as (settings, store):
        _answer(run_study(settings, store, asked_of(spec.load(catalogue.SAMPLE_STUDY), seeds=None)), as_json=as_json)


def asked_of(study: spec.StudySpec, *, seeds: str | None) -> Asked:
    """A study file with its training settings checked and the seeds of the command line in place of its own."""
    try:
        chosen = [int(seed) for seed in seeds.split(",")] if seeds else study.seeds
    except ValueError as error:
        raise StudyError(f"--seeds takes whole numbers separated by commas; found {seeds!r}.") from error
    if not all(0 <= seed < plan.SEED_LIMIT for seed in chosen):
        raise StudyError(
            f"Seeds are whole numbers from 0 to {plan.SEED_LIMIT - 1}; found {', '.join(map(str, chosen))}."
        )
    chosen = list(dict.fromkeys(chosen))
    return Asked(spec=study, training=plan.training_settings(study.training), seeds=chosen)


def run_study(settings: settings_module.Settings, store: Store, asked: Asked) -> dict[str, Any]:
    """Data, generation, answers, training, findings and report of one study. Raises `StudyError`."""
    _check_providers(settings, asked.spec)
    with store.write() as session:
        study, imports = _bring_in(session, asked)
        _bring_answers(session, study, asked.spec, options=formats.Options(key=pseudonyms.key_in(settings.home)))
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
    return findings.as_json(found, report=str(path)) | {"imports": imports}


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


def _bring_in(session: Session, asked: Asked) -> tuple[Study, list[dict[str, Any]]]:
    """Study, tasks, labels and the files of all arms, in one transaction: a bad file leaves nothing half written."""
    study = tasks.study_named(session, asked.spec.study, is_sample=asked.spec.sample)
    study.config = {
        **study.config,
        "encoders": asked.spec.encoders,
        "seeds": asked.seeds,
        "training": asked.training.model_dump(),
    }
    imports: list[dict[str, Any]] = []
    for name, task_spec in asked.spec.tasks.items():
        task = tasks.make_task(
            session,
            study_id=study.id,
            name=name,
            question=task_spec.question,
            labels=task_spec.labels,
            train_size=task_spec.train_size,
        )
        imports.append(_bring_file(session, task, "real", task_spec.real))
        for arm, arm_spec in task_spec.arms.items():
            if arm_spec.file:
                imports.append(_bring_file(session, task, arm, arm_spec))
            elif arm_spec.generate:
                drafting.ready(session, task, generating.synthetic_arm(session, task, arm), arm_spec.generate)
    return study, imports


def _bring_file(session: Session, task: Task, arm: str, given: spec.FileSpec) -> dict[str, Any]:
    options = importing.Options(
        text=given.text, label=given.label, split=given.split, where=given.where, rename=given.rename
    )
    found = importing.bring_in(
        session,
        task=task,
        arm=tasks.make_arm(session, task_id=task.id, name=arm),
        table=tables.read(given.file),
        options=options,
    )
    counted = {"read": found.read, "kept": found.kept, "rejected": found.rejected}
    return {"task": task.name, "arm": arm, "file": given.file.name} | counted


def _check_providers(settings: settings_module.Settings, asked: spec.StudySpec) -> None:
    """Refuse a provider that cannot be opened before anything is stored or spent."""
    for task_spec in asked.tasks.values():
        for arm_spec in task_spec.arms.values():
            if arm_spec.generate is not None:
                generating.check(settings, _how(arm_spec.generate))


def _how(given: spec.GenerateSpec) -> generating.How:
    wanted = generating.connection_of(
        provider=given.provider,
        model=given.models or ([given.model] if given.model else None),
        base_url=given.base_url,
        recordings=given.recordings,
        temperature=given.temperature,
        concurrency=given.concurrency,
        rpm=given.rpm,
        timeout=given.timeout_s,
        structured=given.structured,
    )
    return generating.How(given.per_label, wanted, given.budget_usd)


def _generate(settings: settings_module.Settings, store: Store, study: Study, asked: spec.StudySpec) -> None:
    for name, task_spec in asked.tasks.items():
        for arm, arm_spec in task_spec.arms.items():
            if arm_spec.generate is None:
                continue
            with store() as session:
                arm_id = tasks.get_arm(session, tasks.get_task(session, study.id, name), arm).id
            how = _how(arm_spec.generate)
            generating.fill_arm(settings, store, arm_id=arm_id, title=f"{name} · {arm}", how=how)


def _bring_answers(session: Session, study: Study, asked: spec.StudySpec, *, options: formats.Options) -> None:
    for name, task_spec in asked.tasks.items():
        if task_spec.ratings:
            imported.import_ratings(
                session,
                task=tasks.get_task(session, study.id, name),
                table=formats.read(task_spec.ratings.file),
                kind=_kind(task_spec.ratings),
                options=options,
            )
    if asked.comparisons:
        imported.import_comparisons(
            session,
            study_id=study.id,
            table=formats.read(asked.comparisons.file),
            kind=_kind(asked.comparisons),
            options=options,
        )


def _kind(given: spec.RatingsSpec) -> RaterKind:
    return RaterKind.SIMULATED if given.simulated else RaterKind.IMPORTED


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
        rows = [[r["task"], r["arm"], r["read"], r["kept"], data.listed(r["rejected"])] for r in refused]
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
