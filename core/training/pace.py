"""How long trainings take: a forecast from the pace of finished runs, corrected by every run that finishes.

The work of a run is the number of characters that it reads: steps x batch size x mean length of the arm's texts, where a
text counts at most up to `max_length` tokens. With w the work and t the seconds of finished runs of one encoder on one
kind of device, the pace is

    pace = sum(w) / sum(t)

and runs that are still to come take sum(w) / pace seconds of one slot.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from core.study.rows.study import Arm, Run, Sample
from core.training.settings import TrainingSettings, training_settings

CHARACTERS = 4.5  # of a token, in English text
NEWEST = 30  # finished runs of an encoder that its pace is taken from
GUESSED = {
    "minilm": 5000.0,
    "bert-base-uncased": 600.0,
    "roberta-base": 600.0,
}  # characters a second of one slot of a CPU that computes in bfloat16
WITHOUT_BF16 = 0.4  # of that pace: 2,100 characters a second of minilm, measured on an AMD EPYC with AVX2 alone
PROCESSOR = "cpu"
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Pace:
    """The pace of an encoder: `characters` a second of one slot, taken from `n` finished runs; a guess if `n` is 0."""

    characters: float
    n: int


@dataclass(frozen=True)
class Forecast:
    """How long runs take.

    `seconds`: of one slot, over all runs whose pace is known; nan if there is no such run. `runs`: all runs. `unknown`: the
    encoders whose pace is not known. `measured`: finished runs that the paces come from; 0 if every pace is a guess.
    """

    seconds: float
    runs: int
    unknown: tuple[str, ...]
    measured: int

    def wall(self, slots: int) -> float:
        """The seconds until all runs are done, with so many slots side by side."""
        return self.seconds / max(1, min(slots, self.runs))


def paces(session: Session, encoders: Sequence[str], *, has_gpu: bool) -> dict[str, Pace]:
    """The pace of each encoder, from its newest finished runs of all studies on this kind of device; without such runs a guess
    for encoders that are known on a CPU. An encoder whose pace is not known is left out."""
    found = {}
    for encoder in dict.fromkeys(encoders):
        query = (
            select(Run)
            .where(Run.encoder == encoder, Run.finished_at.is_not(None))
            .order_by(Run.finished_at.desc())
            .limit(NEWEST)
        )
        done = [run for run in session.scalars(query) if _is_timed(run, has_gpu=has_gpu)]
        total = sum(work_of(session, done).values())
        if total > 0:
            found[encoder] = Pace(total / sum(seconds_of(run.facts) for run in done), len(done))
        elif not has_gpu and encoder in GUESSED:
            found[encoder] = Pace(GUESSED[encoder] * (1.0 if has_bf16() else WITHOUT_BF16), 0)
    return found


def of_runs(session: Session, runs: Sequence[Run], *, has_gpu: bool) -> Forecast:
    """How long unfinished runs take that are planned already."""
    work = work_of(session, runs)
    return _forecast([(run.encoder, work[run.id]) for run in runs], session, has_gpu=has_gpu)


def of_request(
    session: Session,
    *,
    arms: Sequence[Arm],
    sizes: Mapping[int, int],
    encoders: Sequence[str],
    seeds: int,
    settings: TrainingSettings,
    has_gpu: bool,
) -> Forecast:
    """How long the runs of these arms, encoders and seeds would take.

    `sizes`: task id -> the number of texts that each arm of the task would train on. Arms of tasks without texts are left out.
    """
    lengths = _lengths(session, [arm.id for arm in arms], most=settings.max_length)
    wanted = []
    for arm in arms:
        if sizes.get(arm.task_id):
            own = settings.for_texts(sizes[arm.task_id])
            work = own.length * own.batch_size * lengths.get(arm.id, 0.0)
            wanted += [(encoder, work) for encoder in encoders for _ in range(seeds)]
    return _forecast(wanted, session, has_gpu=has_gpu)


def work_of(session: Session, runs: Sequence[Run]) -> dict[int, float]:
    """The characters that each run reads in training, by run id."""
    found: dict[int, float] = {}
    settings = {run.id: training_settings(run.config["training"]) for run in runs}
    for most in {own.max_length for own in settings.values()}:
        alike = [run for run in runs if settings[run.id].max_length == most]
        lengths = _lengths(session, [run.arm_id for run in alike], most=most)
        for run in alike:
            own = settings[run.id]
            found[run.id] = own.length * own.batch_size * lengths.get(run.arm_id, 0.0)
    return found


def seconds_of(facts: Mapping[str, Any]) -> float:
    """The seconds that a run took, in all its processes; nan if its facts do not say.

    Facts of a run that went on from a checkpoint have `seconds_before`; older facts of such a run have the seconds of its last
    process only.
    """
    is_whole = "resumed_at" not in facts or "seconds_before" in facts
    return float(facts.get("seconds") or math.nan) if is_whole else math.nan


def _forecast(wanted: Sequence[tuple[str, float]], session: Session, *, has_gpu: bool) -> Forecast:
    known = paces(session, [encoder for encoder, _ in wanted], has_gpu=has_gpu)
    seconds = [work / known[encoder].characters for encoder, work in wanted if encoder in known]
    return Forecast(
        seconds=sum(seconds) if seconds else math.nan,
        runs=len(wanted),
        unknown=tuple(dict.fromkeys(encoder for encoder, _ in wanted if encoder not in known)),
        measured=sum(pace.n for pace in known.values()),
    )


def _is_timed(run: Run, *, has_gpu: bool) -> bool:
    facts = run.facts
    is_like = (facts.get("device", "") != PROCESSOR) == has_gpu
    is_whole = math.isfinite(seconds_of(facts)) and not facts.get("stopped_early")
    return is_like and is_whole and "steps" in run.config["training"]


def _lengths(session: Session, arm_ids: Sequence[int], *, most: int) -> dict[int, float]:
    """The mean length in characters of the kept texts of each arm; a text counts at most `most` tokens."""
    limit = round(most * CHARACTERS)
    length = func.length(Sample.text)
    query = (
        select(Sample.arm_id, func.avg(case((length > limit, limit), else_=length)))
        .where(Sample.arm_id.in_(set(arm_ids)), Sample.status == "kept")
        .group_by(Sample.arm_id)
    )
    return {row[0]: float(row[1]) for row in session.execute(query)}


def has_bf16() -> bool:
    """Whether the processor computes in bfloat16, as Linux says; where that is not said, it is taken to do so."""
    try:
        return "_bf16" in CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return True
