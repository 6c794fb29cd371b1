"""Run a whole study: import, generation, training, findings and report."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.analysis import findings, score_rows
from core.analysis.arms import steps_check, trained
from core.analysis.baselines import results
from core.analysis.headline import headline
from core.analysis.points import Metric
from core.analysis.reports import report
from core.errors import StudyError
from core.jobs.backends import choice
from core.reports import Teller
from core.steps import generate, measure, share, study_file, study_intake, train
from core.steps.trained import curve, models, wait
from core.study import checks, spec, tasks
from core.study.rows.study import Study, Task
from core.study.store import Store
from core.training import runs
from core.training.kept.folder import Keep


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
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Import a study file, generate, train on a backend and write the report; return the findings as JSON.

    With `with_steps_check` every run is also trained with half and with twice the steps; `keep` says whose models are kept.

    Raises `study_intake.Refused` for fatal problems, before anything is stored, asked or paid for, and `StudyError` if
    a later step fails. That jobs can run on the backend is checked before anything is done.
    """
    choice.check(settings, backend)
    models.check_backend(keep, backend)
    imported, study = _imported(settings, store, request, teller)
    _generate(settings, store, study, request.spec, teller)
    named, queued = _queue(
        settings, store, study, request, backend=backend, with_steps_check=with_steps_check, keep=keep
    )
    wait.wait(settings, store, [job.id for job in queued.jobs], teller)
    for task in named:
        _compute_baselines(settings, store, task, teller)
    kept = models.keep_after(settings, store, study, queued.run_ids, keep, teller) if keep else []
    curves = _curves(settings, store, study, request, teller, backend=backend)
    return told(settings, store, study, run_ids=queued.run_ids) | {
        "curves": curves,
        "models": kept,
        "imports": imported.imports,
        "problems": [asdict(problem) for problem in imported.problems],
    }


def told(
    settings: settings_module.Settings, store: Store, study: Study, *, run_ids: Sequence[int] | None = None
) -> dict[str, Any]:
    """Write the report of a study from its finished runs, or from those given, and return its findings as the JSON of `run`."""
    with store() as session:
        collected = findings.collect(session, study, run_ids=run_ids)
        path = report.write(session, collected, share.marked_folder(settings, study), settings=settings)
        beside = _baselines(session, collected)
        checked = steps_check.read(session, study.id, Metric.MACRO_F1)
    means = score_rows.of_study(collected)
    return findings.as_json(collected, report=str(path), baselines=beside) | {
        "mean_scores": findings.records(means, score_rows.COLUMNS),
        "steps_check": steps_check.as_json(checked),
        "steps_check_reading": steps_check.sentence(checked),
        "curves": [],
        "models": [],
        "headline": headline(collected),
        "imports": [],
        "problems": [],
    }


def _imported(
    settings: settings_module.Settings, store: Store, request: study_intake.StudyRequest, teller: Teller
) -> tuple[study_intake.ImportedStudy, Study]:
    """Import a study file and say its problems; raise `study_intake.Refused`, with nothing stored, if one is fatal."""
    with store.write() as session:
        imported = study_file.import_study(session, settings, request)
        if imported.study is None:
            session.rollback()
    if imported.study is None:
        raise study_intake.Refused(imported.problems)
    for problem in imported.problems:
        teller.say(f"Mind: {problem}")
    return imported, imported.study


def _queue(
    settings: settings_module.Settings,
    store: Store,
    study: Study,
    request: study_intake.StudyRequest,
    *,
    backend: str,
    with_steps_check: bool,
    keep: Keep | None,
) -> tuple[list[Task], train.Queued]:
    """Queue the trainings that a study file asks for; its tasks, and the jobs and runs."""
    with store.write() as session:
        named = [tasks.get_task(session, study.id, name) for name in request.spec.tasks]
        arms = [
            arm
            for task in named
            for arm in tasks.arms(session, task.id)
            if arm.name == "real" or arm.name in request.spec.tasks[task.name].arms
        ]
        wanted = train.TrainingRequest(
            named, arms, request.spec.encoders, request.seeds, request.training, backend=backend
        )
        queue_all = train.queue_steps_check if with_steps_check else train.queue_training
        queued = queue_all(session, settings, study=study, request=wanted)
        if keep:
            models.mark(session, queued.run_ids, keep)
    return named, queued


def _curves(
    settings: settings_module.Settings,
    store: Store,
    study: Study,
    request: study_intake.StudyRequest,
    teller: Teller,
    *,
    backend: str,
) -> list[dict[str, Any]]:
    """Train the learning curves that a study file asks for, and return them as the JSON of the command curve, with their task."""
    found = []
    for name, task_spec in request.spec.tasks.items():
        asked = curve.of_file(task_spec.curve or request.spec.curve, request)
        if asked is not None:
            found.append(curve.as_json(curve.train_curve(settings, store, study, name, asked, teller, backend=backend)))
    return found


def _baselines(session: Session, found: findings.Findings) -> list[dict[str, Any]]:
    """The baselines of the study's tasks, on the test texts of the runs of the findings."""
    arms = trained.of_runs(found.scores, runs.answers(session, found.study.id))
    return results.records(results.of_study(session, found.study, arms))


def _compute_baselines(settings: settings_module.Settings, store: Store, task: Task, teller: Teller) -> None:
    """Compute the baselines of a task; what cannot be computed is said and stops nothing."""
    try:
        _, without = measure.compute_baselines(settings, store, task_id=task.id, title=task.name, teller=teller)
    except StudyError as error:
        without = (str(error),)
    for sentence in without:
        teller.say(f"Mind: no baselines of {task.name} for this reason: {sentence}")


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
