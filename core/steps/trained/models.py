"""Keep models of runs: mark runs whose models are kept, train finished runs again for their weights, list and describe models."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import carried, queue
from core.jobs.backends import choice
from core.reports import Teller
from core.steps import train
from core.steps.trained import model_card, wait
from core.study import trash
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Purpose, Work
from core.study.rows.study import Arm, Job, Run, Study, Task
from core.study.store import Store
from core.training import grid, runs
from core.training.kept.folder import NO_MODEL, Keep, KeptModel, Models


def models_in(settings: settings_module.Settings) -> Models:
    """The folder of kept models of this home."""
    return Models(settings.models)


def check_backend(keep: Keep | None, backend: str) -> None:
    """Raise `StudyError` if models should be kept by trainings on a cluster, whose nodes have folders of their own."""
    if keep and backend != choice.LOCAL:
        raise StudyError(
            f"Models are kept by trainings on this machine only. Leave out --keep-models, or --jobs {backend}."
        )


def mark(session: Session, run_ids: Sequence[int], keep: Keep) -> None:
    """Let the trainings of those runs of the comparison that are unfinished keep their models."""
    unfinished = select(Run).where(Run.purpose == Purpose.COMPARISON, Run.finished_at.is_(None))
    for run in session.scalars(unfinished.where(Run.id.in_(list(run_ids)))):
        run.config = {**run.config, "keep": str(keep)}


def queue_model(session: Session, settings: settings_module.Settings, run_id: int, *, is_best: bool = False) -> Job:
    """Queue the training of a run with its model kept; a finished run is trained again for its weights, with the same scores.

    `is_best`: the run was chosen for its score among seeds, which its model card then says. If an active job is to train the run
    anyway, that job keeps the model and is returned. Raises `StudyError` if there is no such run, if its model is kept already,
    or if that job has begun the run or is one of a cluster.
    """
    study, run = model_card.run_of_study(session, run_id)
    if models_in(settings).find(run_id, run.fingerprint):
        raise StudyError(f"The model of run {run_id} is kept already, in {models_in(settings).of(run_id)}.")
    carrier = _carrier(session, run)
    run.config = {**run.config, "keep": str(Keep.ALL), "best_of_seeds": is_best}
    if carrier is not None:
        return queue.resume(session, carrier.id) if carrier.state == JobState.PAUSED else carrier
    job = queue.enqueue(
        session,
        title=f"Keep the model of run {run_id}",
        key=Work.TRAIN.key(f"keep-{run_id}"),
        command=carried.command([run_id]),
        slot=train.worker_slot(),
        study_id=study.id,
    )
    if run.finished_at is None:
        run.job_id = job.id
    return job


def _carrier(session: Session, run: Run) -> Job | None:
    """The active job that is to train an unfinished run; None without one. Raises `StudyError` if the job can no longer keep its
    model."""
    job = session.get(Job, run.job_id, populate_existing=True) if run.job_id and run.finished_at is None else None
    if job is None or job.state not in ACTIVE_JOB_STATES:
        return None
    is_too_late = not run.config.get("keep") and grid.has_begun(session, job, run)
    if is_too_late or job.backend != choice.LOCAL:
        raise StudyError(
            f"Job {job.id} trains run {run.id} without keeping its model. Wait until the job has ended, then write: models keep "
            f"{run.id}."
        )
    return job


def find(session: Session, settings: settings_module.Settings, run_id: int) -> KeptModel | None:
    """The kept model of a run; None if it has none, or if the folder of its id holds the model of a deleted run."""
    run = session.get(Run, run_id)
    return None if run is None else models_in(settings).find(run_id, run.fingerprint)


def get(session: Session, settings: settings_module.Settings, run_id: int) -> KeptModel:
    """The kept model of a run. Raises `StudyError` if the run has no kept model."""
    found = find(session, settings, run_id)
    if found is None:
        raise StudyError(NO_MODEL.format(run_id))
    return found


def empty_trash(store: Store, settings: settings_module.Settings, *, now: float, days: int = trash.KEPT_DAYS) -> int:
    """Delete for good what has been in the trash for `days` days, with the kept models of its runs.

    Return the number of studies and tasks. A model that the disk does not let go stays, and the doctor names it. The files
    that were exported of a study stay too; the mark of their folder keeps it from every later study.
    """
    ids = select(Run.id)
    with store.write() as session:
        before = set(session.scalars(ids))
        n = trash.empty(session, now=now, days=days)
        gone = before - set(session.scalars(ids)) if n else set()
    kept = models_in(settings)
    for model in kept.listed() if gone else []:
        if model.run_id in gone:
            with suppress(OSError):
                kept.remove(model.run_id)
    return n


def remove(session: Session, settings: settings_module.Settings, run_id: int) -> KeptModel:
    """Remove the kept model of a run from the disk. Raises `StudyError` if the run has no kept model."""
    gone = models_in(settings).remove(run_id)
    run = session.get(Run, run_id)
    if run is not None:
        run.config = {name: value for name, value in run.config.items() if name != "keep"}
    return gone


def keep_after(
    settings: settings_module.Settings, store: Store, study: Study, run_ids: Sequence[int], keep: Keep, teller: Teller
) -> list[dict[str, Any]]:
    """Keep the models of the finished runs of a comparison that have none yet, each trained again, and return the kept ones.

    With `Keep.BEST`, that with the highest macro-F1 of each task, arm and encoder. The rows are as those of `rows`.
    """
    with store.write() as session:
        scores = runs.scores(session, study.id, run_ids=run_ids)
        wanted = runs.best(session, study.id, run_ids) if keep == Keep.BEST else sorted(map(int, scores["run_id"]))
        missing = [run_id for run_id in wanted if find(session, settings, run_id) is None]
        jobs = [queue_model(session, settings, run_id, is_best=keep == Keep.BEST).id for run_id in missing]
    if missing:
        teller.say(f"{len(missing)} finished runs have no kept model; each is trained once more for its weights.")
    wait.wait(settings, store, jobs, teller)
    with store() as session:
        return [row for row in rows(session, settings) if row["run_id"] in wanted]


def rows(session: Session, settings: settings_module.Settings) -> list[dict[str, Any]]:
    """The kept models, each with its run: run_id, study, task, arm, encoder, seed, macro_f1, megabytes, path.

    For the model of a run that is gone from the database, task, arm, encoder and seed are None.
    """
    return [_row(session, model) for model in models_in(settings).listed()]


def disk_words(settings: settings_module.Settings) -> str:
    """How many models are kept and how much disk they take; "" without a model."""
    found = models_in(settings).listed()
    if not found:
        return ""
    size = sum(model.size for model in found)
    return f"{len(found)} kept model{'s' if len(found) > 1 else ''}, {megabytes(size)} in {settings.models}."


def megabytes(size: int) -> str:
    """A number of bytes as "91 MB", or "under 1 MB"."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else "under 1 MB"


def refresh_card(session: Session, model: KeptModel) -> None:
    """Write the model card of a kept model anew, from what the study knows now."""
    path = model.path / "README.md"
    repeated = next((line for line in _lines(path) if "The training was repeated" in line), "")
    sentence = repeated[repeated.index("The training was repeated") :] if repeated else ""
    path.write_text(model_card.text(session, model.run_id, sentence), encoding="utf-8")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _row(session: Session, model: KeptModel) -> dict[str, Any]:
    sizes = {"megabytes": model.size / 1e6, "path": str(model.path)}
    query = (
        select(Run.fingerprint, Study.name, Task.name, Arm.name, Run.encoder, Run.seed)
        .select_from(Run)
        .join(Arm, Arm.id == Run.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .join(Study, Study.id == Task.study_id)
        .where(Run.id == model.run_id)
    )
    names = ("study", "task", "arm", "encoder", "seed")
    found = session.execute(query).one_or_none()
    is_known = found is not None and model.is_of(found[0])
    known = dict(zip(names, found[1:] if found is not None and is_known else [None] * len(names), strict=True))
    score = runs.macro_f1(session, model.run_id) if is_known else None
    return {"run_id": model.run_id, **known, "macro_f1": score, **sizes}
