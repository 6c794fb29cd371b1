"""Train a task's learning curve and read what it shows, for the commands curve and run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import settings as settings_module
from core.analysis.arms import compared, sizes, trained
from core.analysis.arms.compared import Asked
from core.jobs.backends import choice
from core.reports import Teller
from core.steps import train
from core.steps.study_intake import StudyRequest
from core.steps.trained import wait
from core.study import spec, tasks
from core.study.rows.study import Study
from core.study.store import Store
from core.training.curve import USUAL, CurveRequest, size_of
from core.training.settings import TrainingSettings, training_settings


@dataclass(frozen=True)
class CurveRuns:
    """The points of a learning curve, and the encoders, seeds and training settings of its runs."""

    points: CurveRequest
    encoders: Sequence[str]
    seeds: Sequence[int]
    training: TrainingSettings


@dataclass(frozen=True)
class TrainedCurve:
    """A trained learning curve: `rows` have the columns `sizes.CURVE_COLUMNS`, `reading` are sentences."""

    task: str
    rows: list[dict[Any, Any]]
    worth: list[sizes.Worth]
    reading: list[str]


def train_curve(
    settings: settings_module.Settings,
    store: Store,
    study: Study,
    task: str,
    asked: CurveRuns,
    teller: Teller,
    *,
    backend: str = choice.LOCAL,
) -> TrainedCurve:
    """Queue the runs of a learning curve that are not finished yet, wait for their jobs, and read the curve.

    Raises `StudyError` as `plan_curve` and `wait.wait` do.
    """
    with store.write() as session:
        own = tasks.get_task(session, study.id, task)
        request = train.TrainingRequest([own], [], asked.encoders, asked.seeds, asked.training, backend=backend)
        queued = train.queue_curve(session, settings, study=study, task=own, curve=asked.points, request=request)
    wait.wait(settings, store, [job.id for job in queued.jobs], teller)
    with store() as session:
        read = trained.read(session, study.id)
        if not read.encoders(own.name):  # the task has no runs but those of its curve
            read = trained.read_curves(session, read, study.id)
        found = compared.collect(session, read, own, Asked())
    curves = sizes.curves(found.at_sizes, metric=found.asked.metric, spread=found.spread)
    reading = [*sizes.worth_sentences(found.worth), *([found.curve_note] if found.curve_note else [])]
    return TrainedCurve(own.name, curves.to_dict("records"), found.worth, reading)


def of_file(curve_spec: spec.CurveSpec | None, request: StudyRequest) -> CurveRuns | None:
    """The learning curve that a study file asks for; None without an entry. Raises `StudyError` for an invalid size."""
    if curve_spec is None:
        return None
    at = USUAL if curve_spec.sizes is None else [str(size) for size in curve_spec.sizes]
    points = CurveRequest([size_of(size) for size in at], curve_spec.arms, curve_spec.synthetic)
    training = with_passes(request.training.model_dump(), curve_spec.passes)
    return CurveRuns(points, request.spec.encoders, curve_spec.seeds or request.seeds, training)


def with_passes(training: Mapping[str, Any], passes: float | None) -> TrainingSettings:
    """Training settings with another number of passes over the texts, unless None."""
    if passes is None:
        return training_settings(training)
    others = {name: value for name, value in training.items() if name != "steps"}
    return training_settings(others | {"passes": passes})


def as_json(found: TrainedCurve) -> dict[str, Any]:
    """The curve with its task, for `--json`."""
    worth = sizes.worth_table(found.worth).to_dict("records")
    return {"task": found.task, "curve": found.rows, "worth": worth, "reading": found.reading}
