"""Gaps of a study's arms from the predictions of their runs, one row per task, synthetic arm and encoder."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.analysis.inference import gaps
from core.analysis.inference.gaps import Gap, Scored, SeedSpread
from core.analysis.points import Metric
from core.interval import NORMAL_95
from core.study.rows.kinds import ArmKind
from core.wording import shown

COLUMNS = [
    "task", "arm", "arm_kind", "encoder", "metric", "score_real", "score", "gap", "low", "high", "se", "df", "chance", "relative",
    "n_seeds", "n_test", "unconverged", "note",
]  # fmt: skip
LEAST_ROOM = 0.15  # real score above chance; below, a gap relative to it would divide by little more than noise
MAJORITY = "majority"
NO_BETTER = "the real arm is no better than chance"
UNBEATEN = "the real arm is not shown to beat always the commonest label"
SCORERS = {Metric.MACRO_F1: gaps.macro_f1, Metric.ACCURACY: gaps.accuracy}


@dataclass(frozen=True)
class GapTable:
    """The gaps of a study.

    `table` has the columns `COLUMNS`; `by_arm` holds the gap of each (task, arm, encoder). `baselines`: columns task, name,
    macro_f1, accuracy, the scores on the test split of always answering the commonest label. `unlearned`: each (task, encoder)
    whose real arm is not shown to have learned, so that a gap to it means nothing, also without a synthetic arm; of these `unbeaten` are
    better than chance, but not shown to beat always the commonest label. `learned`: every other (task, encoder) with runs of the real
    arm. `spread`: what the study's arms have in common over seeds.
    """

    table: pd.DataFrame
    by_arm: Mapping[tuple[str, str, str], Gap]
    baselines: pd.DataFrame
    unlearned: frozenset[tuple[str, str]]
    spread: SeedSpread = gaps.ALONE
    unbeaten: frozenset[tuple[str, str]] = frozenset()
    learned: frozenset[tuple[str, str]] = frozenset()

    def why_unlearned(self, task: str) -> str:
        """Why a gap to the real arm of a task means nothing, as a clause; "" if it is shown to have learned with an encoder, or has no
        runs."""
        if task in {name for name, _ in self.learned}:
            return ""
        if task in {name for name, _ in self.unlearned - self.unbeaten}:
            return NO_BETTER
        return UNBEATEN if task in {name for name, _ in self.unbeaten} else ""

    def unlearned_clauses(self) -> list[tuple[str, str]]:
        """Each task with an encoder whose real arm is not shown to have learned, and why, as a clause, which names the encoders if the
        real arm has learned with another one."""
        said = []
        for task in sorted({name for name, _ in self.unlearned}):
            if why := self.why_unlearned(task):
                said.append((task, why))
                continue
            for encoder in sorted(encoder for name, encoder in self.unlearned if name == task):
                why = UNBEATEN if (task, encoder) in self.unbeaten else NO_BETTER
                said.append((task, f"with {encoder} {why}"))
        return said


@dataclass(frozen=True)
class _Pair:
    """The runs of a synthetic arm and those of the real arm that were trained under the same conditions."""

    synthetic: pd.DataFrame
    real: pd.DataFrame

    @property
    def n_seeds(self) -> int:
        return min(len(self.synthetic), len(self.real))


def of_runs(scores: pd.DataFrame, answers: pd.DataFrame, *, metric: Metric) -> GapTable:
    """The gap of every synthetic arm: mean score of the real arm's runs minus mean score of its own.

    `scores`: one row per run, as `core.training.runs.scores`. `answers`: one row per run and test text with columns run_id,
    sample_id, label_id (the true one), predicted_id. Only runs of the same task, encoder and conditions are compared; of several
    conditions the one with the most seeds in both arms counts, then the newest. `n_seeds` is the smaller number of the two
    arms, `unconverged` the number of runs of both that had not converged.
    `low` and `high` (95 %) speak of new test texts and new trainings; `note` says why an arm has no interval. `chance`: 1 / classes
    of the test split. `relative`: the gap as a share of what the real arm is better than chance; nan under `LEAST_ROOM`.
    """
    pairs = {key: pair for key, pair in _pairs(scores) if pair.n_seeds}
    read = _Answers(answers, metric)
    spread = gaps.shared_spread([read.scored(runs) for runs in runs_of_spread(scores)])
    scored = {key: (read.scored(pair.real), read.scored(pair.synthetic)) for key, pair in pairs.items()}
    found = {key: _on_length(gaps.gap(*both, spread=spread), pairs[key]) for key, both in scored.items()}
    rows = [_row(key, pairs[key], scored[key], gap, read.chance(pairs[key].real)) for key, gap in found.items()]
    reals = _real_runs(scores, pairs)
    commonest = {key: read.commonest(of_key[0]) for key, of_key in reals.items()}
    dull = {key for key, of_key in reals.items() if not all(map(read.has_learned, of_key))}
    beaten = {
        key
        for key, of_key in reals.items()
        if all(_is_above(gaps.gap(read.scored(runs), read.commonest(runs)[metric], spread=spread)) for runs in of_key)
    }
    unbeaten = set(reals) - beaten - dull
    by_task = {task: commonest[task, encoder] for task, _, encoder in pairs}
    return GapTable(
        pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "metric"]).assign(metric=str(metric))[COLUMNS],
        found,
        pd.DataFrame(
            [
                (task, MAJORITY, *(float(own[name].scores[0]) for name in (Metric.MACRO_F1, Metric.ACCURACY)))
                for task, own in by_task.items()
            ],
            columns=["task", "name", "macro_f1", "accuracy"],
        ),
        frozenset(dull | unbeaten),
        spread,
        frozenset(unbeaten),
        frozenset(beaten - dull),
    )


def _real_runs(
    scores: pd.DataFrame, pairs: Mapping[tuple[str, str, str], _Pair]
) -> dict[tuple[str, str], list[pd.DataFrame]]:
    """Task and encoder -> the runs of the real arm that gaps are measured against; of a real arm without gaps, those of the conditions
    with the most runs, then the newest."""
    found: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (task, _, encoder), pair in pairs.items():
        found.setdefault((task, encoder), []).append(pair.real)
    known = scores[(scores["n_test"] > 0) & (scores["arm_kind"] == ArmKind.REAL)]
    for (name, of), own in known.groupby(["task", "encoder"], sort=False):
        groups = [runs for _, runs in own.groupby("conditions", sort=False)]
        found.setdefault((str(name), str(of)), [max(groups, key=lambda runs: (len(runs), runs["run_id"].max()))])
    return found


def runs_of_spread(scores: pd.DataFrame) -> list[pd.DataFrame]:
    """The runs whose scores tell the spread over seeds that the arms of a study have in common, a table for each arm, encoder and
    conditions: those that gaps are measured by, and those of arms without a gap."""
    pairs = dict(_pairs(scores))
    real = _real_runs(scores, {key: pair for key, pair in pairs.items() if pair.n_seeds})
    every = [*(pair.synthetic for pair in pairs.values()), *itertools.chain.from_iterable(real.values())]
    return list({tuple(runs["run_id"]): runs for runs in every}.values())


def _is_above(gap: Gap) -> bool:
    """Whether the first arm of a gap is shown to score higher: the whole 95 % interval lies above 0, of the test texts alone where few
    seeds leave no other."""
    if math.isfinite(gap.low):
        return gap.low > 0
    return gap.value - NORMAL_95 * math.sqrt(gap.text_variance) > 0 if math.isfinite(gap.text_variance) else False


def _on_length(gap: Gap, pair: _Pair) -> Gap:
    """The gap with the number of its runs that had not converged, which its note says too."""
    is_cut = pd.concat([pair.real["converged"], pair.synthetic["converged"]]).eq(False)
    if not is_cut.any():
        return gap
    word = f"{is_cut.sum()} of its {len(is_cut)} runs had not converged, so it may change with longer training."
    return replace(gap, note=f"{gap.note} {word}".strip(), unconverged=int(is_cut.sum()))


def of_one_setting(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs whose training settings allow the most gaps (of equally many settings: the most runs, then the newest), and a
    sentence on the runs that are left out; "" if there are none."""
    if scores["settings"].nunique() < 2:
        return scores, ""
    candidates = [
        (sum(pair.n_seeds > 0 for _, pair in _pairs(own)), len(own), own["run_id"].max(), str(settings))
        for settings, own in scores.groupby("settings", sort=False)
    ]
    *_, best = max(candidates)
    kept = scores[scores["settings"] == best]
    left = len(scores) - len(kept)
    runs = "1 run was" if left == 1 else f"{left} runs were"
    return kept.reset_index(
        drop=True
    ), f"{runs} trained with other settings and stand in no figure (these have {best})."


def other_devices(scores: pd.DataFrame) -> list[str]:
    """A sentence for each task and arm that has no gap because its runs and those of the real arm were trained on other kinds
    of device or in other number formats."""
    if scores.empty or scores["device"].nunique() < 2:
        return []
    said = []
    for (task, arm, encoder), pair in _pairs(scores):
        of_real = scores["arm_kind"] == ArmKind.REAL
        real = scores[(scores["task"] == task) & (scores["encoder"] == encoder) & of_real & (scores["n_test"] > 0)]
        own, other = ("; ".join(sorted(set(devices) - {""})) for devices in (pair.synthetic["device"], real["device"]))
        if not pair.n_seeds and own and other and own != other:
            said.append(
                f"{shown(task)}: the runs of {arm} with {encoder} ({own}) and of the real arm ({other}) were trained on different "
                "devices, so they are not compared. Train both on the same kind of device."
            )
    return said


def conditions_of_gaps(scores: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Task, synthetic arm and encoder -> the conditions of the runs that the gap is measured by; arms without a gap are left out."""
    return {key: str(pair.synthetic["conditions"].iloc[0]) for key, pair in _pairs(scores) if pair.n_seeds}


def beats_commonest(truth: npt.ArrayLike, scored: Scored, *, metric: Metric, spread: SeedSpread) -> bool:
    """Whether an arm's scores are shown to lie above those of always answering the commonest label of the test texts."""
    return _is_above(gaps.gap(scored, _commonest(np.asarray(truth), metric), spread=spread))


def _commonest(truth: npt.NDArray[Any], metric: Metric) -> Scored:
    """The scores of answering the commonest label of the test texts to every text."""
    names, counts = np.unique(truth, return_counts=True)
    return fixed(truth, np.full((1, len(truth)), names[counts.argmax()]), metric)


def fixed(truth: npt.NDArray[Any], answers: npt.NDArray[Any], metric: Metric) -> Scored:
    """The scores of answers (1 x texts) that another training could not change, in as many rows as an interval takes of seeds."""
    scored = SCORERS[metric](truth, np.repeat(answers, gaps.FEWEST_SEEDS, axis=0))
    return replace(scored, is_fixed=True)


class _Answers:
    """Predictions by run, and the scores of arms, each computed once."""

    def __init__(self, answers: pd.DataFrame, metric: Metric) -> None:
        ordered = answers.sort_values(["run_id", "sample_id"], kind="stable")
        numbers, starts = np.unique(ordered["run_id"].to_numpy(), return_index=True)
        ends = [*starts[1:], len(ordered)]
        self.places = {
            int(number): slice(start, end)
            for number, start, end in zip(numbers, starts, ends[: len(numbers)], strict=True)
        }
        self.truth = ordered["label_id"].to_numpy()
        self.predicted = ordered["predicted_id"].to_numpy()
        self.scorer = SCORERS[metric]
        self.cache: dict[tuple[int, ...], Scored] = {}

    def scored(self, runs: pd.DataFrame) -> Scored:
        ids = tuple(int(number) for number in runs["run_id"])
        if ids not in self.cache:
            predicted: npt.NDArray[np.intp] = np.vstack([self.predicted[self.places[number]] for number in ids])
            self.cache[ids] = self.scorer(self.truth[self.places[ids[0]]], predicted)
        return self.cache[ids]

    def has_learned(self, runs: pd.DataFrame) -> bool:
        """Whether an arm's runs tell the classes apart better than chance."""
        ids = [int(number) for number in runs["run_id"]]
        predicted = np.vstack([self.predicted[self.places[number]] for number in ids])
        return gaps.has_learned(self.truth[self.places[ids[0]]], predicted)

    def chance(self, runs: pd.DataFrame) -> float:
        """1 / the number of classes that occur in the test split of these runs."""
        return 1 / len(np.unique(self.truth[self.places[int(runs["run_id"].iloc[0])]]))

    def commonest(self, runs: pd.DataFrame) -> dict[Metric, Scored]:
        """The scores of answering the commonest label of the test split to every text."""
        truth = self.truth[self.places[int(runs["run_id"].iloc[0])]]
        return {metric: _commonest(truth, metric) for metric in SCORERS}


def _pairs(scores: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], _Pair]]:
    """Each synthetic arm with an encoder, and the runs to compare it by."""
    known = scores[scores["n_test"] > 0]
    is_real = known["arm_kind"] == ArmKind.REAL
    real = dict(list(known[is_real].groupby(["task", "encoder", "conditions"], sort=False)))
    for (task, arm, encoder), own in known[~is_real].groupby(["task", "arm", "encoder"], sort=False):
        candidates = [
            _Pair(group, real.get((task, encoder, conditions), group.iloc[:0]))
            for conditions, group in own.groupby("conditions", sort=False)
        ]
        yield (
            (str(task), str(arm), str(encoder)),
            max(candidates, key=lambda pair: (pair.n_seeds, pair.synthetic["run_id"].max())),
        )


def _row(
    key: tuple[str, str, str], pair: _Pair, scored: tuple[Scored, Scored], gap: Gap, chance: float
) -> list[object]:
    """The values of `COLUMNS` without the metric."""
    task, arm, encoder = key
    real, synthetic = (float(one.scores.mean()) for one in scored)
    kind = pair.synthetic["arm_kind"].iloc[0]
    relative = gap.value / (real - chance) if real - chance >= LEAST_ROOM else math.nan
    return [
        task, arm, kind, encoder, real, synthetic, gap.value, gap.low, gap.high, gap.se, gap.df, chance, relative, pair.n_seeds,
        gap.n_texts, gap.unconverged, gap.note,
    ]  # fmt: skip
