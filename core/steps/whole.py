"""Run a whole study: import, generation, training, findings and report."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.analysis import findings
from core.analysis.arms import steps_check
from core.analysis.headline import headline
from core.analysis.points import Metric
from core.analysis.reports import report
from core.errors import StudyError
from core.jobs import queue, runner
from core.jobs.backends import choice
from core.reports import Teller
from core.steps import generate, share, study_file, study_intake, train
from core.study import checks, spec, tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState
from core.study.rows.study import Job, Study
from core.study.store import Store

LEAST_FREE = 1 << 17  # bytes: below that, a database cannot store the end of a job


def check_study(
    settings: settings_module.Settings, store: Store, request: study_intake.StudyRequest
) -> list[checks.Problem]:
    """Return the cautions about a study file and its data; nothing is stored, asked or paid for.

    Raises `study_intake.Refused` for fatal problems.
    """
    with store.write() as session:
        imported = study_file.import_study(session, settings, request)
        cautions = [] if imported.study is None else study_file.cautions(session, imported, request)
        session.rollback()
    if imported.study is None:
        raise study_intake.Refused(imported.problems)
    return imported.problems + cautions


def run_study(
    settings: settings_module.Settings,
    store: Store,
    request: study_intake.StudyRequest,
    teller: Teller,
    *,
    backend: str = choice.LOCAL,
    with_steps_check: bool = False,
) -> dict[str, Any]:
    """Import a study file, generate, train on a backend and write the report; return the findings as JSON.

    With `with_steps_check` every run is also trained with half and with twice the steps.

    Raises `study_intake.Refused` for fatal problems, before anything is stored, asked or paid for, and `StudyError` if
    a later step fails. That jobs can run on the backend is checked before anything is done.
    """
    choice.check(settings, backend)
    with store.write() as session:
        imported = study_file.import_study(session, settings, request)
        if imported.study is None:
            session.rollback()
    if imported.study is None:
        raise study_intake.Refused(imported.problems)
    for problem in imported.problems:
        teller.say(f"Mind: {problem}")
    study = imported.study
    _generate(settings, store, study, request.spec, teller)
    with store.write() as session:
        wanted = _wanted(session, study, request, backend)
        queue_all = train.queue_steps_check if with_steps_check else train.queue_training
        queued = queue_all(session, settings, study=study, request=wanted)
    wait(settings, store, [job.id for job in queued.jobs], teller)
    with store() as session:
        collected = findings.collect(session, study, run_ids=queued.run_ids)
        path = report.write(session, collected, share.folder(settings, study))
        checked = steps_check.read(session, study.id, Metric.MACRO_F1)
    return findings.as_json(collected, report=str(path)) | {
        "steps_check": steps_check.as_json(checked),
        "steps_check_reading": steps_check.sentence(checked),
        "headline": headline(collected),
        "imports": imported.imports,
        "problems": [asdict(problem) for problem in imported.problems],
    }


def _wanted(session: Session, study: Study, request: study_intake.StudyRequest, backend: str) -> train.TrainingRequest:
    """The runs that a study file asks for: the real arm and the named arms of each task."""
    named = [tasks.get_task(session, study.id, name) for name in request.spec.tasks]
    arms = [
        arm
        for task in named
        for arm in tasks.arms(session, task.id)
        if arm.name == "real" or arm.name in request.spec.tasks[task.name].arms
    ]
    return train.TrainingRequest(named, arms, request.spec.encoders, request.seeds, request.training, backend=backend)


def wait(settings: settings_module.Settings, store: Store, job_ids: Sequence[int], teller: Teller) -> None:
    """Wait until jobs have ended, and report their progress.

    Raises `StudyError` with the error of a failed job, or if the disk is full: then no job can store how it ended.
    """
    if not job_ids:
        return
    runner.ensure(settings)
    with teller.bar("Training") as report:
        while True:
            with store() as session:
                jobs = list(session.scalars(select(Job).where(Job.id.in_(job_ids)).order_by(Job.id)))
            done, total = (sum(job.progress.get(name, 0) for job in jobs) for name in ("done", "total"))
            running = (job.progress.get("message", "") for job in jobs if job.state == JobState.RUNNING)
            report(done, total or 1, next(running, "waiting for the trainings"), {})
            if all(job.state not in ACTIVE_JOB_STATES for job in jobs):
                break
            _check_disk(settings)
            runner.ensure(settings)
            time.sleep(0.5)
    for job in jobs:
        if job.state != JobState.DONE:
            raise StudyError(
                f"Job {job.id} ({job.title}) {job.state}: {job.error or 'no reason given'} "
                f"{_where_logged(settings, job)}"
            )


def _where_logged(settings: settings_module.Settings, job: Job) -> str:
    is_here = job.backend == choice.LOCAL
    return f"Its log: {queue.log_path(settings, job)}" if is_here else f"Read its log with: jobs logs {job.id}"


def _check_disk(settings: settings_module.Settings) -> None:
    """Raise `StudyError` if nothing more can be written to the home folder."""
    if shutil.disk_usage(settings.home).free < LEAST_FREE:
        raise StudyError(
            f"The disk of {settings.home} is full: the jobs can store nothing more. Free some disk space, then give the "
            "same command again; finished runs and checkpoints are kept."
        )


def _generate(
    settings: settings_module.Settings, store: Store, study: Study, study_spec: spec.StudySpec, teller: Teller
) -> None:
    for name, task_spec in study_spec.tasks.items():
        for arm, arm_spec in task_spec.arms.items():
            if arm_spec.generate is None:
                continue
            with store() as session:
                arm_id = tasks.get_arm(session, tasks.get_task(session, study.id, name), arm).id
            request = study_file.generation_request(arm_spec.generate)
            generate.fill_arm(settings, store, arm_id=arm_id, title=f"{name} · {arm}", request=request, teller=teller)
