"""The trained arms of a study with the answers of their runs, and the arms of a task that may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Codes, Scored, SeedSpread
from core.analysis.points import Metric
from core.errors import StudyError
from core.study.rows.kinds import ArmKind, Purpose
from core.training import runs

KEY = ["task", "arm", "encoder", "conditions"]


@dataclass(frozen=True)
class TrainedArm:
    """The runs of one arm with one encoder under equal conditions: settings, number of training texts and test texts.

    `n_real`: the number of real texts among the `n_train` of a mix; None for other arms. `unconverged`: runs that had not converged.
    `texts` (texts): sample ids of the test texts. `truth` (texts) and `predicted` (seeds x texts): label ids. `newest`: the
    largest id of the runs.
    """

    task: str
    arm: str
    kind: ArmKind
    encoder: str
    n_train: int
    conditions: str
    seeds: tuple[int, ...]
    newest: int
    texts: Codes
    truth: Codes
    predicted: Codes
    n_real: int | None = None
    unconverged: int = 0

    def scored(self, metric: Metric) -> Scored:
        """The scores of the runs on the test texts."""
        return gap_table.SCORERS[metric](self.truth, self.predicted)

    @cached_property
    def has_learned(self) -> bool:
        """Whether the arm tells the classes apart better than chance, as in `gaps.has_learned`."""
        return gaps.has_learned(self.truth, self.predicted)

    def is_tested_like(self, other: "TrainedArm") -> bool:
        """Whether both arms were tested on the same texts."""
        return np.array_equal(self.texts, other.texts)


@dataclass(frozen=True)
class StudyArms:
    """The trained arms of a study, one for each task, arm, encoder and conditions, in the order of tasks and arms.

    `left_out`: sentences on runs that stand in no figure. `of_spread`: the arms whose seeds tell the spread that the study's arms have in
    common (`gap_table.runs_of_spread`).
    """

    arms: tuple[TrainedArm, ...]
    left_out: tuple[str, ...]
    of_spread: tuple[TrainedArm, ...] = ()

    def of(self, task: str, encoder: str) -> list[TrainedArm]:
        """The trained arms of a task with an encoder, under all conditions."""
        return [arm for arm in self.arms if (arm.task, arm.encoder) == (task, encoder)]

    def encoders(self, task: str) -> list[str]:
        """The encoders that arms of a task were trained with, the one with the most arms first."""
        names = [arm.encoder for arm in self.arms if arm.task == task]
        return sorted(dict.fromkeys(names), key=names.count, reverse=True)

    def sizes(self, task: str, encoder: str) -> list[int]:
        """The numbers of training texts of a task's runs with an encoder, smallest first."""
        return sorted({arm.n_train for arm in self.of(task, encoder)})


@dataclass(frozen=True)
class TaskArms:
    """The arms of a task that may be compared: trained with one encoder under equal conditions; the real arm comes first.

    `left_out`: sentences on arms and runs of the task that these conditions leave out.
    """

    task: str
    encoder: str
    n_train: int
    arms: tuple[TrainedArm, ...]
    left_out: tuple[str, ...]

    @property
    def real(self) -> TrainedArm | None:
        """The real arm; None if it was not trained under these conditions."""
        return next((arm for arm in self.arms if arm.kind == ArmKind.REAL), None)


def read(session: Session, study_id: int) -> StudyArms:
    """The trained arms of a study, from its finished runs of one setting (`gap_table.of_one_setting`)."""
    scores, left_out = gap_table.of_one_setting(runs.scores(session, study_id))
    return of_runs(scores, runs.answers(session, study_id), left_out=left_out)


def read_curves(session: Session, study: StudyArms, study_id: int) -> StudyArms:
    """The trained arms at several sizes: the runs of learning curves of one setting (the one with the most runs), and all others
    that were trained alike (`runs.trained_alike`). `study` itself if there is no run of a learning curve."""
    of_curves = runs.scores(session, study_id, purposes=(Purpose.LEARNING_CURVE,))
    if of_curves.empty:
        return study
    every = runs.scores(session, study_id, purposes=(Purpose.COMPARISON, Purpose.LEARNING_CURVE))
    best = of_curves["settings"].value_counts().index[0]
    first = int(of_curves[of_curves["settings"] == best]["run_id"].iloc[0])
    own = every[every["run_id"].isin(runs.trained_alike(session, study_id, first))].reset_index(drop=True)
    n = len(every) - len(own)
    left_out = f"{_runs(n)} trained with other settings than the learning curve ({best})." if n else ""
    return of_runs(own, runs.answers(session, study_id), left_out=left_out)


def of_runs(scores: pd.DataFrame, answers: pd.DataFrame, *, left_out: str = "") -> StudyArms:
    """The trained arms of runs and their answers, tables as `gap_table.of_runs` takes them; runs without answers are left out."""
    ordered = answers.sort_values(["run_id", "sample_id"], kind="stable")
    by_run = {int(str(number)): rows for number, rows in ordered.groupby("run_id")}
    known = scores[scores["run_id"].isin(list(by_run))]
    found, other_texts = {}, 0
    for key, own in known.groupby(KEY, sort=False):
        arm = found[key] = _trained(own, by_run)
        other_texts += len(own) - len(arm.seeds)
    of_spread = [found[tuple(own.iloc[0][KEY])] for own in gap_table.runs_of_spread(known)]
    tested = (
        f"{_runs(other_texts)} tested on other texts than the newest run; no figure counts such runs."
        if other_texts
        else ""
    )
    said = tuple(sentence for sentence in (left_out, tested) if sentence)
    return StudyArms(tuple(found.values()), said, tuple(of_spread))


def comparable(
    study: StudyArms, task: str, *, encoder: str | None = None, size: int | None = None, names: Sequence[str] = ()
) -> TaskArms:
    """The arms of a task that may be compared, in the conditions with the most arms (then the most runs, then the newest).

    `encoder`: by default the one with the most arms. `size`: the number of training texts, by default any. `names`: only these
    arms. Raises `StudyError` if no run of the task has finished, or if none has this encoder, size or one of the names.
    """
    encoders = study.encoders(task)
    if not encoders:
        raise StudyError(f"No run of task {task!r} has finished. Train at least two of its arms.")
    encoder = encoders[0] if encoder is None else encoder
    if encoder not in encoders:
        raise StudyError(f"No arm of task {task!r} was trained with {encoder!r}; there are: {', '.join(encoders)}.")
    candidates = [arm for arm in study.of(task, encoder) if size is None or arm.n_train == size]
    if not candidates:
        sizes = ", ".join(map(str, study.sizes(task, encoder)))
        raise StudyError(f"No arm of task {task!r} was trained on {size} texts; there are runs on {sizes}.")
    _check_names(names, [arm.arm for arm in candidates], task)
    wanted = [arm for arm in candidates if not names or arm.arm in names]
    chosen = max(_groups(wanted), key=_worth)
    return TaskArms(
        task, encoder, chosen[0].n_train, tuple(sorted(chosen, key=_is_synthetic)),
        (*study.left_out, *_left_out(wanted, chosen, encoders)),
    )  # fmt: skip


def shared_spread(study: StudyArms, metric: Metric) -> SeedSpread:
    """The spread over seeds that the arms of a study have in common: the one of its gaps (`gap_table.of_runs`)."""
    return gaps.shared_spread([arm.scored(metric) for arm in study.of_spread])


def _trained(own: pd.DataFrame, by_run: dict[int, pd.DataFrame]) -> TrainedArm:
    """An arm from its runs of equal conditions; runs that were tested on other texts than the newest run are left out."""
    first = own.iloc[0]
    newest = int(own["run_id"].max())
    texts = by_run[newest]["sample_id"].to_numpy()
    alike = own[[np.array_equal(by_run[int(number)]["sample_id"].to_numpy(), texts) for number in own["run_id"]]]
    predicted = np.vstack([by_run[int(number)]["predicted_id"].to_numpy() for number in alike["run_id"]])
    return TrainedArm(
        task=str(first["task"]), arm=str(first["arm"]), kind=ArmKind(first["arm_kind"]), encoder=str(first["encoder"]),
        n_train=int(first["n_train"]), conditions=str(first["conditions"]), seeds=tuple(map(int, alike["seed"])),
        newest=newest, texts=texts, truth=by_run[newest]["label_id"].to_numpy(), predicted=predicted,
        n_real=int(first["n_real"]) if pd.notna(first.get("n_real")) else None,
        unconverged=int(alike["converged"].eq(False).sum()),
    )  # fmt: skip


def _groups(arms: Sequence[TrainedArm]) -> list[list[TrainedArm]]:
    """The arms by their conditions and test texts."""
    found: dict[tuple[str, bytes], list[TrainedArm]] = {}
    for arm in arms:
        found.setdefault((arm.conditions, arm.texts.tobytes()), []).append(arm)
    return list(found.values())


def _worth(arms: Sequence[TrainedArm]) -> tuple[int, int, int]:
    return len(arms), sum(len(arm.seeds) for arm in arms), max(arm.newest for arm in arms)


def _is_synthetic(arm: TrainedArm) -> bool:
    return arm.kind != ArmKind.REAL


def _left_out(
    candidates: Sequence[TrainedArm], chosen: Sequence[TrainedArm], encoders: Sequence[str]
) -> tuple[str, ...]:
    encoder, others = chosen[0].encoder, [arm for arm in candidates if arm not in chosen]
    said = []
    if absent := sorted({arm.arm for arm in others} - {arm.arm for arm in chosen}):
        said.append(
            f"Not compared, because not trained on {chosen[0].n_train:,} texts with the same test texts: {', '.join(absent)}."
        )
    if others:
        number = sum(len(arm.seeds) for arm in others)
        said.append(
            f"{_runs(number)} on another number of training texts or other test texts; they are not compared here."
        )
    if len(encoders) > 1:
        said.append(
            f"All numbers are of {encoder}; also trained: {', '.join(name for name in encoders if name != encoder)}."
        )
    return tuple(said)


def _check_names(names: Sequence[str], known: Sequence[str], task: str) -> None:
    for name in names:
        if name not in known:
            there = ", ".join(dict.fromkeys(known))
            raise StudyError(f"Task {task!r} has no finished run of an arm {name!r}; there are: {there}.")


def _runs(n: int) -> str:
    return "1 run was" if n == 1 else f"{n} runs were"
