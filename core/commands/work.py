"""Commands around background work: jobs, and the training step a job runs."""

from typing import Annotated

import typer

from core.commands import output
from core.errors import StudyError
from core.jobs import progress, queue, runner

COLUMNS = ["id", "title", "state", "attempt", "done", "total", "error"]


def register(app: typer.Typer) -> None:
    app.command("jobs")(jobs)
    app.command("train-runs", hidden=True)(train_runs)


def jobs(
    action: Annotated[str, typer.Argument(help="list, cancel, retry or logs")] = "list",
    job_id: Annotated[int | None, typer.Argument(metavar="ID", min=1, max=2**31 - 1)] = None,
    as_json: output.Json = False,
) -> None:
    """Background work: list it, cancel or retry a job, read its log."""
    with output.opened() as (settings, store):
        if action not in ("list", "cancel", "retry", "logs"):
            raise StudyError(f"'jobs {action}' is unknown; use list, cancel ID, retry ID or logs ID.")
        if action != "list" and job_id is None:
            raise StudyError(f"'jobs {action}' needs a job's number; 'jobs list' shows them.")
        if action in ("cancel", "retry") and job_id is not None:
            change = queue.request_cancel if action == "cancel" else queue.retry
            with store.write() as session:
                change(session, job_id)
            runner.ensure(settings)
        with store() as session:
            if action == "logs" and job_id is not None:
                text = queue.log_tail(settings, queue.get(session, job_id))
                output.emit({"id": job_id, "log": text}) if as_json else typer.echo(text)
                return
            rows = queue.rows(session)
    listed = [
        {
            "id": job.id,
            "title": job.title,
            "state": str(job.state),
            "attempt": job.attempt,
            "done": job.progress.get("done"),
            "total": job.progress.get("total"),
            "error": job.error,
        }
        for job in rows
    ]
    if as_json:
        output.emit({"jobs": listed})
        return
    output.table("Jobs", COLUMNS, [[row[name] for name in COLUMNS] for row in listed])


def train_runs(runs: Annotated[str, typer.Option(help="Run numbers, separated by commas.")]) -> None:
    """Train the given runs in this process; inside a job the progress goes to its row."""
    from core.training import fit  # torch takes seconds to import and is needed by this command alone

    with output.opened() as (_settings, store):
        report = progress.reporter(store)

        def tell(done: int, total: int, message: str, extra: dict[str, float]) -> None:
            report(progress.Progress(done=done, total=total, message=message, extra=extra))

        fit.execute(store, [int(run) for run in runs.split(",")], report=tell)
