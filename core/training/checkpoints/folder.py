"""The folder of checkpoints: a file for each unfinished run, removed when the run has finished or is gone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from core import files, files_room
from core.errors import StudyError
from core.study.rows.study import Run
from core.study.store import Store

ENDING = ".safetensors"


def _unsaid(_sentence: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Folder:
    """The folder in which trainings keep checkpoints, and how often they write one.

    `seconds` is the least time between two checkpoints of a run; with 0, a checkpoint is written after every step. `say`
    is called with one sentence whenever a checkpoint could not be used or written. `room` keeps copies for other nodes, so
    that a training goes on there; None on a machine by itself.
    """

    path: Path
    seconds: float
    say: Callable[[str], None] = field(default=_unsaid, compare=False)
    room: files_room.Room | None = field(default=None, compare=False)

    def file(self, run_id: int) -> Path:
        """The path of the checkpoint of a run, whether there is one or not."""
        return self.path / f"run-{run_id}{ENDING}"

    def fetch(self, run_id: int) -> None:
        """Bring the copy of a run's checkpoint from the room, in place of the file here, which may be older.

        If the room cannot be reached, that is said, and the file here counts.
        """
        if self.room is None:
            return
        try:
            copy = self.room.get(self.file(run_id).name)
            if copy is not None:
                files.replace(self.file(run_id), copy)
        except (StudyError, OSError) as error:
            self.say(f"The checkpoint of run {run_id} could not be fetched from the other nodes' files: {error}")

    def share(self, run_id: int) -> None:
        """Put a copy of a run's checkpoint into the room. Raises `StudyError` if the room refuses, `OSError` without a file."""
        if self.room is not None:
            self.room.put(self.file(run_id).name, self.file(run_id).read_bytes())

    def remove(self, run_id: int) -> None:
        """Remove the checkpoint of a run and its copy, if there are any. What cannot be removed stays."""
        with suppress(OSError):
            self.file(run_id).unlink(missing_ok=True)
        if self.room is not None:
            with suppress(StudyError):
                self.room.delete(self.file(run_id).name)

    def sweep(self, store: Store) -> None:
        """Remove the checkpoints of runs that have finished or are gone from the database."""
        numbers = [int(path.stem.removeprefix("run-")) for path in self.path.glob(f"run-*{ENDING}")]
        if not numbers:
            return
        with store() as session:
            query = select(Run.id).where(Run.id.in_(numbers), Run.finished_at.is_(None))
            unfinished = set(session.scalars(query))
        for number in set(numbers) - unfinished:
            self.remove(number)
