"""The folder of kept models: which runs have one, how much disk they take, and how one is removed."""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import StudyError

START = "run-"
MARK = "litmus.json"
NO_MODEL = "Run {0} has no kept model. Keep it first: models keep {0}."


class Keep(StrEnum):
    """Which runs keep their model: the best seed of each arm and encoder of a task, or all runs."""

    BEST = "best"
    ALL = "all"


@dataclass(frozen=True)
class KeptModel:
    """A kept model: the id of its run, its folder, its size in bytes, and when it was written (seconds since 1970).

    `fingerprint` is that of the run whose training wrote the model; "" if the folder does not say.
    """

    run_id: int
    path: Path
    size: int
    kept_at: float
    fingerprint: str = ""

    def is_of(self, fingerprint: str) -> bool:
        """Whether the model is of the run with this fingerprint, and not of a deleted run that had the same id."""
        return self.fingerprint in ("", fingerprint)


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
        found = [model for model in map(_model, folders) if model is not None]
        return sorted(found, key=lambda model: model.run_id)

    def find(self, run_id: int, fingerprint: str) -> KeptModel | None:
        """The kept model of a run with this fingerprint; None without one, and if the folder is that of a deleted run."""
        model = _model(self.of(run_id))
        return model if model is not None and model.is_of(fingerprint) else None

    def mark(self, folder: Path, fingerprint: str) -> None:
        """Write into a model's folder of which run it is: ids are given anew after runs are deleted, fingerprints are not."""
        (folder / MARK).write_text(json.dumps({"fingerprint": fingerprint}), encoding="utf-8")

    def remove(self, run_id: int) -> KeptModel:
        """Remove the model of a run; its scores and predictions stay.

        Raises `StudyError` if the run has no kept model, also if another process removes the model at the same moment.
        """
        model = _model(self.of(run_id))
        if model is None:
            raise StudyError(NO_MODEL.format(run_id))
        going = self.path / f".{model.path.name}.removed"
        shutil.rmtree(going, ignore_errors=True)
        try:
            model.path.rename(going)  # no reader ever finds half a model
        except FileNotFoundError as error:
            raise StudyError(NO_MODEL.format(run_id)) from error
        with suppress(FileNotFoundError):  # another process clears the same remains
            shutil.rmtree(going)
        return model


def _model(folder: Path) -> KeptModel | None:
    """The model in a folder; None if there is no such folder, or if another process removes it meanwhile."""
    number = int(folder.name.removeprefix(START))
    try:
        if not folder.is_dir():
            return None
        return KeptModel(number, folder, _size(folder), folder.stat().st_mtime, fingerprint=_marked(folder))
    except FileNotFoundError:
        return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _marked(folder: Path) -> str:
    """The fingerprint that a folder names; "" for a folder without one, as older versions and other programs write it."""
    try:
        return str(json.loads((folder / MARK).read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
