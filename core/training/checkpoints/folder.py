"""The folder of checkpoints: a file for each unfinished run, removed when the run has finished or is gone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from core.study.rows.study import Run
from core.study.store import Store

ENDING = ".safetensors"


def _unsaid(_sentence: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Folder:
    """The folder in which trainings keep checkpoints, and how often they write one.

    `seconds` is the least time between two checkpoints of a run; with 0, a checkpoint is written after every step. `say`
    is called with one sentence whenever a checkpoint could not be used or written.
    """

    path: Path
    seconds: float
    say: Callable[[str], None] = field(default=_unsaid, compare=False)

    def file(self, run_id: int) -> Path:
        """The path of the checkpoint of a run, whether there is one or not."""
        return self.path / f"run-{run_id}{ENDING}"

    def remove(self, run_id: int) -> None:
        """Remove the checkpoint of a run, if there is one. A file that cannot be removed stays."""
        with suppress(OSError):
            self.file(run_id).unlink(missing_ok=True)

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
