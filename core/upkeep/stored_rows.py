"""The rows of a database under the doctor's eyes: jobs, checkpoints, encoders, connections, and times in the future."""

import shlex
from collections.abc import Iterator

from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select

from core import encoders
from core.errors import StudyError
from core.llm import connection as connections
from core.settings import Settings
from core.study.rows.kinds import JobState
from core.study.rows.sessions import Comparison, Rating
from core.study.rows.study import Arm, Completion, Job, Run, Sample, Study, Task
from core.upkeep.findings import Finding, counted

SILENT_SECONDS = 120.0
AHEAD_SECONDS = 300.0
CHECKPOINT, MODEL = ".safetensors", "run-"
DATED = (Study, Sample, Completion, Run, Job, Rating, Comparison)
WAITING = (JobState.QUEUED, JobState.STARTING, JobState.RUNNING)


def findings(connection: Connection, settings: Settings, *, now: float) -> Iterator[Finding]:
    """What is wrong with the rows of a database of the newest schema."""
    yield from _jobs(connection, settings, now)
    yield from _checkpoints(connection, settings)
    yield from _models(connection, settings)
    yield from _encoders(connection)
    yield from _keys(connection, settings)
    yield from _clock(connection, now)


def _jobs(connection: Connection, settings: Settings, now: float) -> Iterator[Finding]:
    started = (JobState.STARTING, JobState.RUNNING)
    beat = func.coalesce(Job.beat_at, Job.started_at, Job.created_at)
    silent = [str(number) for number in connection.scalars(
        select(Job.id).where(Job.state.in_(started), beat < now - SILENT_SECONDS).order_by(Job.id)
    )]  # fmt: skip
    if silent:
        yield Finding(
            f"{counted(silent, 'job')} says that it runs, but has given no sign for {SILENT_SECONDS:.0f} seconds.",
            "Open the dashboard, whose runner takes such jobs up again, or end a job with `litmus jobs cancel NUMBER`.",
        )
    waiting = [
        str(number) for number in connection.scalars(select(Job.id).where(Job.state.in_(WAITING)).order_by(Job.id))
    ]
    if waiting and not _has_runner(settings):
        yield Finding(
            f"{counted(waiting, 'job')} waits or runs, but no runner works in this home.",
            "Open the dashboard, which starts the runner, or run: python -m core.jobs.runner",
        )


def _has_runner(settings: Settings) -> bool:
    """Whether a runner holds its lock. A runner on PostgreSQL may be on another machine, which is not seen from here."""
    if not settings.database_url.startswith("sqlite"):
        return True
    path = settings.home / "runner.lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _checkpoints(connection: Connection, settings: Settings) -> Iterator[Finding]:
    names = {
        int(path.stem.removeprefix("run-")): path.name
        for path in settings.checkpoints.glob(f"run-*{CHECKPOINT}")
        if path.stem.removeprefix("run-").isdecimal()
    }
    unfinished = set(connection.scalars(select(Run.id).where(Run.finished_at.is_(None))))
    orphans = [name for number, name in sorted(names.items()) if number not in unfinished]
    if orphans:
        yield Finding(
            f"{counted(orphans, 'checkpoint')} belongs to a run that has finished or is gone.",
            f"Delete: {shlex.join(str(settings.checkpoints / name) for name in orphans[:5])}; the next training does so too.",
        )


def _models(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Kept models whose run is gone from the database."""
    folders = {
        int(path.name.removeprefix(MODEL)): path.name
        for path in settings.models.glob(f"{MODEL}*")
        if path.name.removeprefix(MODEL).isdecimal()
    }
    known = set(connection.scalars(select(Run.id))) if folders else set()
    orphans = [name for number, name in sorted(folders.items()) if number not in known]
    if orphans:
        yield Finding(
            f"{counted(orphans, 'kept model')} belongs to a run that is gone.",
            f"Delete: {shlex.join(str(settings.models / name) for name in orphans[:5])}",
        )


def _encoders(connection: Connection) -> Iterator[Finding]:
    """Encoders of unfinished runs outside the trash that are not on this machine, as far as that is known without a hub."""
    unfinished = select(Run.encoder).join(Arm, Arm.id == Run.arm_id).join(Task, Task.id == Arm.task_id)
    unfinished = unfinished.join(Study, Study.id == Task.study_id).where(Run.finished_at.is_(None))
    outside = unfinished.where(Task.trashed_at.is_(None), Study.trashed_at.is_(None))
    for name in connection.scalars(outside.distinct()):
        try:
            folder = encoders.resolve(name)
        except StudyError as error:
            yield Finding(f"The encoder {name} of unfinished runs is missing: {error}", "Install the package again.")
            continue
        if folder.startswith(("/", ".", "~")) and not encoders.offline(folder):
            yield Finding(
                f"The encoder {name} of unfinished runs is missing: there is no folder of this name.",
                "Put the folder back, or queue the runs again on Train with another encoder.",
            )


def _keys(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Studies outside the trash whose connection cannot be opened, as when the API key is missing."""
    for row in connection.execute(select(Study.name, Study.config).where(Study.trashed_at.is_(None))):
        try:
            kept = connections.Connection.model_validate(row.config.get(connections.KEPT_AS, {}))
            if kept.models and kept.provider != "local":
                connections.open_all(kept, settings)
        except (StudyError, ValueError) as error:
            reason = str(error) if isinstance(error, StudyError) else "its stored settings are not valid"
            yield Finding(
                f"The connection of study {row.name!r} to its language models cannot be opened: {reason}",
                "Set OPENAI_API_KEY (or OPENAI_BASE_URL), or choose another model on the page Generate.",
            )


def _clock(connection: Connection, now: float) -> Iterator[Finding]:
    ahead = []
    for table in DATED:
        n = connection.scalar(select(func.count()).where(table.created_at > now + AHEAD_SECONDS)) or 0
        if n:
            ahead.append(f"{n} of {table.__tablename__}")
    if ahead:
        yield Finding(
            f"Some rows were written in the future, by the clock of this machine: {', '.join(ahead)}.",
            "Set the clock of this machine right; times in tables and on pages of these rows stay wrong.",
        )
