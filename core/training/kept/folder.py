"""The folder of kept models: which runs have one, how much disk they take, and how one is removed."""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import StudyError

START = "run-"


class Keep(StrEnum):
    """Which runs keep their model: the best seed of each arm and encoder of a task, or all runs."""

    BEST = "best"
    ALL = "all"


@dataclass(frozen=True)
class KeptModel:
    """A kept model: the id of its run, its folder, its size in bytes, and when it was written (seconds since 1970)."""

    run_id: int
    path: Path
    size: int
    kept_at: float


@dataclass(frozen=True)
class Models:
    """The folder of kept models, LITMUS_HOME/models; each lies in a folder named after its run, such as run-12."""

    path: Path

    def of(self, run_id: int) -> Path:
        """The folder of a run's model, whether there is one or not."""
        return self.path / f"{START}{run_id}"

    def listed(self) -> list[KeptModel]:
        """All kept models, by run."""
        folders = [path for path in self.path.glob(f"{START}*") if path.name.removeprefix(START).isdecimal()]
        found = [
            KeptModel(int(path.name.removeprefix(START)), path, _size(path), path.stat().st_mtime) for path in folders
        ]
        return sorted(found, key=lambda model: model.run_id)

    def get(self, run_id: int) -> KeptModel:
        """The kept model of a run. Raises `StudyError` if the run has no kept model."""
        for model in self.listed():
            if model.run_id == run_id:
                return model
        raise StudyError(f"Run {run_id} has no kept model. Keep it first: models keep {run_id}.")

    def remove(self, run_id: int) -> KeptModel:
        """Remove the model of a run; its scores and predictions stay. Raises `StudyError` if the run has no kept model."""
        model = self.get(run_id)
        going = self.path / f".{model.path.name}.removed"
        shutil.rmtree(going, ignore_errors=True)
        model.path.rename(going)  # no reader ever finds half a model
        shutil.rmtree(going)
        return model


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
