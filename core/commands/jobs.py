"""The commands jobs and train-runs: background jobs, and the training that a job runs."""

import os
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from core import files_room
from core.commands import output
from core.errors import StudyError
from core.jobs import progress, queue, runner
from core.jobs.backends import choice
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from core.study.store import Store
from core.training.checkpoints import folder

COLUMNS = ["id", "title", "state", "attempt", "done", "total", "error"]


class Action(StrEnum):
    """What `litmus jobs` does with a job."""

    LIST = "list"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    CLONE = "clone"
    RETRY_FAILED = "retry-failed"
    LOGS = "logs"


CHANGES = {
    Action.PAUSE: queue.request_pause,
    Action.RESUME: queue.resume,
    Action.CANCEL: queue.request_cancel,
    Action.RETRY: queue.retry,
    Action.CLONE: queue.clone,
}


def register(app: typer.Typer) -> None:
    """Add the commands jobs and train-runs to the program."""
    app.command("jobs")(jobs)
    app.command("train-runs", hidden=True)(train_runs)


def jobs(
    action: Annotated[
        Action, typer.Argument(help="What to do; all but list and retry-failed need a job's number.")
    ] = Action.LIST,
    job_id: Annotated[int | None, typer.Argument(metavar="ID", min=1, max=2**31 - 1)] = None,
    as_json: output.Json = False,
) -> None:
    """List background jobs; pause, resume, cancel, retry or clone a job, or retry all failed jobs; read a job's log."""
    with output.opened() as (settings, store):
        if action not in (Action.LIST, Action.RETRY_FAILED) and job_id is None:
            raise StudyError(f"'jobs {action}' needs a job's number; 'jobs list' shows them.")
        if action in CHANGES and job_id is not None:
            with store.write() as session:
                CHANGES[action](session, job_id)
            runner.ensure(settings)
        if action == Action.RETRY_FAILED:
            with store.write() as session:
                retried = queue.retry_failed(session)
            typer.echo(f"{len(retried)} failed jobs are queued again." if retried else "No job failed.", err=True)
            runner.ensure(settings)
        with store() as session:
            if action == Action.LOGS and job_id is not None:
                text = choice.log_tail(settings, queue.get(session, job_id))
                output.emit({"id": job_id, "log": text}) if as_json else typer.echo(text)
                return
            rows = queue.rows(session)
    listed = [_row(job) for job in rows]
    if as_json:
        output.emit({"jobs": listed})
        return
    output.table("Jobs", COLUMNS, [[row[name] for name in COLUMNS] for row in map(_for_people, listed)])


def train_runs(runs: Annotated[str, typer.Option(help="Run numbers, separated by commas.")]) -> None:
    """Train the given runs in this process; inside a job, the progress is written to the row of the job."""
    from core.steps.trained import model_card, models
    from core.training import fit  # torch takes seconds to import and is needed by this command alone
    from core.training.kept import save

    with output.opened() as (settings, store):
        _check_gpu(settings, store)
        room = files_room.open_room(settings.files) if settings.files else None
        kept = folder.Folder(
            settings.checkpoints, settings.checkpoint_seconds, lambda said: typer.echo(said, err=True), room
        )
        report = progress.reporter(store)

        def tell(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
            report(progress.Progress(done=done, total=total, message=message, extra=extra))

        keeper = save.Keeper(models.models_in(settings), model_card.text)
        fit.execute(store, [int(run) for run in runs.split(",")], report=tell, checkpoints=kept, keeper=keeper)


def _check_gpu(settings: Settings, store: Store) -> None:
    """Raise `StudyError` if this training has a slot of a GPU and PyTorch finds none."""
    import torch  # takes seconds

    own = progress.job_in(os.environ)
    with store() as session:
        slot = queue.get(session, own[0]).slot if own else (Slot.GPU if settings.gpus else Slot.CPU)
    if slot == Slot.GPU and not torch.cuda.is_available():
        raise StudyError(
            f"LITMUS_GPUS offers {settings.gpus} for training, but this machine has no GPU that PyTorch could use. Set "
            "LITMUS_GPUS=0 to train on the CPU, or install the driver of the GPU."
        )


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "attempt": job.attempt,
        "done": job.progress.get("done"),
        "total": job.progress.get("total"),
        "error": job.error,
        "resume_at": job.resume_at,
        "resumed_at_step": job.progress.get("resumed_at"),
    }


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    if row["state"] == JobState.RUNNING and row["resumed_at_step"] is not None:
        return row | {"state": f"running, resumed at step {row['resumed_at_step']:,.0f}"}
    if row["resume_at"] is None:
        return row
    return row | {"state": time.strftime("paused until %d %b %H:%M", time.localtime(row["resume_at"]))}
