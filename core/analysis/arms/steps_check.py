"""The steps check: how far the gap of an arm depends on the length of the training.

The runs of the comparison stand beside the same runs with half and with twice the steps. With r(t) and s(t) the scores of
the real and of the synthetic arm at t times the steps,

    gap(t) = r(t) - s(t)
    change = gap(2) - gap(1) = (r(2) - r(1)) - (s(2) - s(1))

Runs with the same seed train on the same texts, so r(2) - r(1) is taken seed by seed and text by text. The interval of the
change (95 %) speaks of new test texts and new trainings, as that of a gap (`core/analysis/inference/gaps.py`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.analysis.arms import trained
from core.analysis.arms.trained import TrainedArm
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Scored
from core.analysis.points import Metric
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Run
from core.training import runs
from core.training.settings import CHECK_TIMES, training_settings

MATTERS = 0.02  # a smaller change of a gap is of no account, however well it is shown
LENGTHS = (
    Purpose.LEARNING_CURVE,
    Purpose.STEPS_CHECK,
    Purpose.COMPARISON,
)  # runs that may be of half or twice the steps
COLUMNS = [
    "task", "arm", "encoder", "steps", "gap_half", "gap", "gap_twice", "change", "low", "high", "n_seeds", "n_test",
]  # fmt: skip


@dataclass(frozen=True)
class StepsCheck:
    """The steps check of a study.

    `table`: `COLUMNS`, a row per task, synthetic arm and encoder whose runs exist at all three lengths; `change` is the gap
    with twice the steps minus the gap, its limits are nan where fewer than 3 seeds have runs of all lengths. `waiting`: runs of
    the comparison without a finished run of half or of twice the steps on the same test texts.
    """

    table: pd.DataFrame
    waiting: int


@dataclass(frozen=True)
class _Lengths:
    """The runs of an arm with half, once and twice the steps, of the seeds that have all three."""

    steps: int
    half: TrainedArm
    own: TrainedArm
    twice: TrainedArm

    def gaps(self, arm: "_Lengths", metric: Metric) -> list[float]:
        """The gap of another arm to this one at each length."""
        pairs = ((self.half, arm.half), (self.own, arm.own), (self.twice, arm.twice))
        return [float(one.scored(metric).scores.mean() - other.scored(metric).scores.mean()) for one, other in pairs]

    def change(self, metric: Metric) -> Scored:
        """The score with twice the steps minus the score, seed by seed and text by text."""
        return gaps.change(self.twice.scored(metric), self.own.scored(metric))


def read(session: Session, study_id: int, metric: Metric) -> StepsCheck:
    """The steps check of the runs that the gaps of a study come from."""
    answers = runs.answers(session, study_id)
    scores, _ = gap_table.of_one_setting(runs.scores(session, study_id, answered=answers))
    every = runs.scores(session, study_id, answered=answers, purposes=LENGTHS)
    numbers = [int(number) for number in every["run_id"]]
    configs: dict[int, Mapping[str, Any]] = {
        row.id: row.config for row in session.execute(select(Run.id, Run.config).where(Run.id.in_(numbers)))
    }
    known = {_key(row, configs[row["run_id"]], times=1.0): int(row["run_id"]) for row in every.to_dict("records")}
    arms: dict[tuple[str, ...], _Lengths] = {}
    waiting = 0
    for key, own in scores.groupby(trained.KEY, sort=False):
        triples = [_triple(row, configs[row["run_id"]], known) for row in own.to_dict("records")]
        whole = [triple for triple in triples if None not in triple]
        found = _at_lengths(whole, every, answers, configs)
        waiting += len(triples) - (len(whole) if found is not None else 0)
        if found is not None:
            arms[tuple(map(str, key))] = found
    rows = [
        _row(key, real, arms[*key, conditions], metric)
        for key, conditions in gap_table.conditions_of_gaps(scores).items()
        if (*key, conditions) in arms and (real := _real_of((*key, conditions), arms)) is not None
    ]
    return StepsCheck(pd.DataFrame(rows, columns=COLUMNS), waiting)


def sentence(found: StepsCheck) -> str:
    """What the check says of all arms together; "" if no arm has runs at all lengths."""
    rows = found.table.to_dict("records")
    if not rows:
        return ""
    moved = [f"{row['task']} · {row['arm']}" for row in rows if _depends(row)]
    if moved:
        return (
            f"The gap of {', '.join(moved)} depends on the length of the training: double the steps before you read it, and "
            "check again."
        )
    open_ = sum(not (row["low"] >= -MATTERS and row["high"] <= MATTERS) for row in rows)
    which = "the gap is not" if len(rows) == 1 else f"none of {len(rows)} gaps is"
    return f"With twice the steps {which} shown to move by more than {_points()}." + (
        f" For {open_} of {len(rows)} a move of more than {_points()} is not ruled out either." if open_ else ""
    )


def as_json(found: StepsCheck) -> list[dict[str, Any]]:
    """The rows of the check; a number that is undefined is None."""
    return [
        {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in found.table.to_dict("records")
    ]


def _points() -> str:
    return f"{100 * MATTERS:.0f} points"


def _depends(row: Mapping[Any, Any]) -> bool:
    is_shown = bool(row["low"] > 0 or row["high"] < 0)
    return is_shown and abs(row["change"]) > MATTERS


def _key(row: Mapping[Any, Any], config: Mapping[str, Any], *, times: float) -> tuple[object, ...]:
    """What two runs share that differ in nothing but the number of steps, with `times` the steps of this run."""
    settings = training_settings(config["training"]).for_texts(int(row["n_train"])).with_times(times)
    told = tuple(sorted(settings.model_dump().items()))
    return (
        row["task"],
        row["arm"],
        row["encoder"],
        row["seed"],
        row["n_train"],
        config.get("test"),
        config.get("code"),
        config.get("stopping"),
        config.get("weights"),
        row["device"],
        told,
    )


def _triple(
    row: Mapping[Any, Any], config: Mapping[str, Any], known: Mapping[tuple[object, ...], int]
) -> tuple[int | None, ...]:
    """The ids of the runs with half, once and twice the steps of a run."""
    half, twice = (known.get(_key(row, config, times=times)) for times in CHECK_TIMES)
    return half, int(row["run_id"]), twice


def _at_lengths(
    triples: list[tuple[int | None, ...]],
    every: pd.DataFrame,
    answers: pd.DataFrame,
    configs: Mapping[int, Mapping[str, Any]],
) -> _Lengths | None:
    """The runs of an arm at each length; None if there are none, or if they were tested on other texts."""
    if not triples:
        return None
    found = []
    for place in range(3):
        numbers = [triple[place] for triple in triples]
        rows = every[every["run_id"].isin(numbers)].sort_values("seed", kind="stable").assign(conditions="")
        arms = trained.of_runs(rows, answers[answers["run_id"].isin(numbers)]).arms
        if len(arms) != 1 or len(arms[0].seeds) != len(triples):
            return None
        found.append(arms[0])
    half, own, twice = found
    steps = int(configs[own.newest]["training"]["steps"])
    return _Lengths(steps, half, own, twice) if own.is_tested_like(half) and own.is_tested_like(twice) else None


def _real_of(key: tuple[str, ...], arms: Mapping[tuple[str, ...], _Lengths]) -> _Lengths | None:
    """The real arm of the same task, encoder and conditions, if it has runs at all lengths on the same test texts."""
    task, _, *rest = key
    own = [
        arm
        for (t, _, *others), arm in arms.items()
        if (t, others) == (task, rest) and arm.own.kind == ArmKind.REAL and arm.own.is_tested_like(arms[key].own)
    ]
    return own[0] if own else None


def _row(key: tuple[str, str, str], real: _Lengths, arm: _Lengths, metric: Metric) -> tuple[object, ...]:
    change = gaps.gap(real.change(metric), arm.change(metric))
    n_seeds = min(change.n_seeds)
    return *key, arm.steps, *real.gaps(arm, metric), change.value, change.low, change.high, n_seeds, change.n_texts
