"""A whole study: data, generation, answers, training, findings and report."""

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from core import settings as settings_module
from core.analysis import findings, report
from core.errors import StudyError
from core.jobs import queue, runner
from core.reports import Teller
from core.steps import generate, study_file, study_intake, train
from core.study import checks, spec, tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState
from core.study.rows.study import Job, Study
from core.study.store import Store


def check_study(settings: settings_module.Settings, store: Store, asked: study_intake.Asked) -> list[checks.Problem]:
    """Cautions about a study and its data. Stores, asks and pays nothing. Raises `study_intake.Refused` for problems."""
    with store.write() as session:
        taken = study_file.bring_in(session, settings, asked)
        noted = [] if taken.study is None else study_file.cautions(session, taken, asked)
        session.rollback()
    if taken.study is None:
        raise study_intake.Refused(taken.problems)
    return taken.problems + noted


def run_study(
    settings: settings_module.Settings, store: Store, asked: study_intake.Asked, teller: Teller
) -> dict[str, Any]:
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
        teller.say(f"Mind: {problem}")
    study = taken.study
    _generate(settings, store, study, asked.spec, teller)
    with store.write() as session:
        named = [tasks.get_task(session, study.id, name) for name in asked.spec.tasks]
        queued = train.queue_training(
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
    wait(settings, store, [job.id for job in queued.jobs], teller)
    with store() as session:
        found = findings.collect(session, study, run_ids=queued.run_ids)
        path = report.write(session, found, settings.exports / _folder_name(study))
    return findings.as_json(found, report=str(path)) | {
        "imports": taken.imports,
        "problems": [asdict(problem) for problem in taken.problems],
    }


def _folder_name(study: Study) -> str:
    """A study's name as a folder's, without anything that leads elsewhere."""
    return re.sub(r"[^\w.-]+", "-", study.name).strip(".-") or f"study-{study.id}"


def wait(settings: settings_module.Settings, store: Store, job_ids: Sequence[int], teller: Teller) -> None:
    """Wait until jobs have ended, and tell how far they are. Raises `StudyError` with a failed job's own sentence."""
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
            runner.ensure(settings)
            time.sleep(0.5)
    for job in jobs:
        if job.state != JobState.DONE:
            raise StudyError(
                f"Job {job.id} ({job.title}) {job.state}: {job.error or 'no reason given'} "
                f"Its log: {queue.log_path(settings, job)}"
            )


def _generate(
    settings: settings_module.Settings, store: Store, study: Study, asked: spec.StudySpec, teller: Teller
) -> None:
    for name, task_spec in asked.tasks.items():
        for arm, arm_spec in task_spec.arms.items():
            if arm_spec.generate is None:
                continue
            with store() as session:
                arm_id = tasks.get_arm(session, tasks.get_task(session, study.id, name), arm).id
            how = study_file.how(arm_spec.generate)
            generate.fill_arm(settings, store, arm_id=arm_id, title=f"{name} · {arm}", how=how, teller=teller)
