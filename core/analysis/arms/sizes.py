"""Learning curves of a task's arms over numbers of training texts, and how many real texts a synthetic set is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from core.analysis.arms.trained import StudyArms, TrainedArm
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Floats, Scored, SeedSpread
from core.analysis.points import Metric
from core.study.rows.kinds import ArmKind

CURVE_COLUMNS = ["arm", "texts", "n_train", "value", "low", "high", "n_seeds", "n_test", "unconverged"]
WORTH_COLUMNS = [
    "arm", "n_train", "in_real_texts", "worth", "low", "high", "smallest", "largest", "n_seeds", "n_test", "note",
]  # fmt: skip
FEWEST_SIZES = 2  # of the real arm, before texts of another arm are expressed in real texts
DRAWS = 2000


@dataclass(frozen=True)
class Worth:
    """The number of real texts on which the real arm scores as well as `arm` does on `n_train` of its texts.

    `value`, `low`, `high` (95 %) lie within the measured sizes of the real arm, `smallest` to `largest`; 0 means fewer than
    the smallest and inf more than the largest. All nan if the worth is not known, for the reason in `note`; the limits alone
    if there are too few seeds. `n_real`: the real texts among the `n_train` of a mix.
    """

    arm: str
    n_train: int
    n_real: int | None
    value: float
    low: float
    high: float
    smallest: int
    largest: int
    n_seeds: int
    n_test: int
    note: str

    @property
    def is_known(self) -> bool:
        """Whether the worth is known, be it only as more or less than what was measured."""
        return not math.isnan(self.value)


def of_task(study: StudyArms, task: str, *, encoder: str) -> list[TrainedArm]:
    """The arms of a task at every number of training texts, all tested on the same texts: those that most of them share.

    Of several sets of runs of an arm on as many texts the newest counts.
    """
    found = study.of(task, encoder)
    tested = [arm.texts.tobytes() for arm in found]
    commonest = max(dict.fromkeys(tested), key=tested.count, default=b"")
    alike = sorted((arm for arm in found if arm.texts.tobytes() == commonest), key=lambda arm: arm.newest)
    newest = {(arm.arm, arm.n_train): arm for arm in alike}
    return sorted(newest.values(), key=lambda arm: (arm.kind != ArmKind.REAL, arm.arm, arm.n_train))


def curves(arms: Sequence[TrainedArm], *, metric: Metric, spread: SeedSpread = gaps.ALONE) -> pd.DataFrame:
    """The mean score of each arm at each number of training texts: `CURVE_COLUMNS`. `texts`: real texts of a mix, else all
    training texts. `low`, `high`: 95 %, over new test texts and new trainings. `unconverged`: runs that had not converged."""
    rows = []
    for arm in arms:
        score = gaps.mean_score(arm.scored(metric), spread=spread)
        texts = arm.n_train if arm.n_real is None else arm.n_real
        rows.append(
            (arm.arm, texts, arm.n_train, score.value, score.low, score.high, len(arm.seeds), score.n, arm.unconverged)
        )
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def worth(arms: Sequence[TrainedArm], *, metric: Metric, spread: SeedSpread = gaps.ALONE, seed: int = 0) -> list[Worth]:
    """How many real texts each synthetic arm at each size is worth; empty without a synthetic arm. `arms` as from `of_task`."""
    real = [arm for arm in arms if arm.kind == ArmKind.REAL]
    why = _obstacle(real)
    return [
        _unknown(arm, real, why) if why else _worth(real, arm, metric=metric, spread=spread, seed=seed)
        for arm in arms
        if arm.kind != ArmKind.REAL
    ]


def worth_table(found: Sequence[Worth]) -> pd.DataFrame:
    """The worth of synthetic sets as a table: `WORTH_COLUMNS`. `in_real_texts`: in words, "" if it is not known; `worth`, `low`,
    `high`: as numbers, 0 and inf outside the measured sizes of the real arm."""
    rows = [
        (
            one.arm, one.n_train, _in_real_texts(one), one.value, one.low, one.high, one.smallest, one.largest, one.n_seeds,
            one.n_test, one.note,
        )
        for one in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=WORTH_COLUMNS)


def worth_sentences(found: Sequence[Worth]) -> list[str]:
    """A sentence for each worth, such as "1,200 zero-shot texts are worth about 340 real ones [210, more than 800] (...).";
    a reason that all share is said once."""
    reasons = {one.note for one in found if not one.is_known}
    return [*(_said(one) for one in found if one.is_known), *sorted(reasons)]


def counted(texts: float, found: Worth) -> str:
    """A number of real texts in words: two leading digits, or on which side of the measured sizes it lies; "" for nan."""
    if math.isnan(texts):
        return ""
    if texts == 0:
        return f"less than {found.smallest:,}"
    if math.isinf(texts):
        return f"more than {found.largest:,}"
    digits = max(0, len(str(int(texts))) - 2)
    return f"{round(texts, -digits):,.0f}"


def _said(found: Worth) -> str:
    about = "about " if 0 < found.value < math.inf else ""
    measured = f"measured from {found.smallest:,} to {found.largest:,} real texts, {found.n_test:,} test texts"
    outside = "; the whole 95 % interval lies there" if found.low == found.value == found.high else ""
    note = f" {found.note}" if found.note else ""
    texts = f"{found.n_train:,} {found.arm}" if found.n_real is None else f"{found.n_real:,} {found.arm}"
    return f"{texts} texts are worth {about}{_in_real_texts(found)} real ones ({measured}{outside}).{note}"


def _in_real_texts(found: Worth) -> str:
    if math.isnan(found.value):
        return ""
    value, low, high = (counted(texts, found) for texts in (found.value, found.low, found.high))
    if math.isnan(found.low) or value == low == high:
        return value
    return f"{value} [{low}, {high}]"


def _obstacle(real: Sequence[TrainedArm]) -> str:
    """Why no number of texts can be expressed in real ones, or ""."""
    if len(real) < FEWEST_SIZES:
        sizes = f"runs on {real[0].n_train:,} texts only" if real else "no finished run"
        return (
            "How many real texts a synthetic set is worth needs the real arm trained on several numbers of texts; it has "
            f"{sizes}. Train a learning curve on Train, or with the command curve."
        )
    if not any(arm.has_learned for arm in real):
        return (
            "The real arm is no better than chance at any size, so it is no measure of what synthetic texts are worth."
        )
    return ""


def _unknown(arm: TrainedArm, real: Sequence[TrainedArm], why: str) -> Worth:
    sizes = [one.n_train for one in real] or [0]
    nan = math.nan
    return Worth(
        arm.arm, arm.n_train, arm.n_real, nan, nan, nan, min(sizes), max(sizes), len(arm.seeds), len(arm.texts), why
    )


def _worth(real: Sequence[TrainedArm], arm: TrainedArm, *, metric: Metric, spread: SeedSpread, seed: int) -> Worth:
    """The worth of one synthetic set from the real arm at two sizes or more, smallest first.

    The real curve is the nearest one that never falls (isotonic regression), linear in the logarithm of the size between
    measured sizes. Limits: quantiles of draws of all scores, whose errors from texts are correlated (the same test texts) and
    whose errors from seeds are independent Student's t.
    """
    scored = [one.scored(metric) for one in (*real, arm)]
    means = np.array([one.scores.mean() for one in scored])
    sizes = np.array([one.n_train for one in real], dtype=float)
    seeds = min(len(one.scores) for one in scored)
    has_interval = seeds >= gaps.FEWEST_SEEDS or spread.df > 0
    errors = _errors(scored, spread, draws=DRAWS, seed=seed) if has_interval else np.zeros((1, len(means)))
    weights = 1 / np.maximum(errors[:, :-1].var(axis=0), gaps.SMALLEST_VARIANCE)
    value = _size_of(means[-1], sizes, means[:-1], weights)
    low, high = math.nan, math.nan
    if has_interval:
        drawn = [_size_of(one[-1], sizes, one[:-1], weights) for one in means + errors]
        low, high = (float(limit) for limit in np.quantile(drawn, [0.025, 0.975], method="inverted_cdf"))
    note = "" if has_interval else f"An interval needs {gaps.FEWEST_SEEDS} seeds in each arm; there are {seeds}."
    return Worth(
        arm.arm, arm.n_train, arm.n_real, value, low, high, int(sizes[0]), int(sizes[-1]), seeds, len(arm.texts), note
    )


def _size_of(score: float, sizes: Floats, scores: Floats, weights: Floats) -> float:
    """The smallest size at which the curve that never falls reaches a score: 0 below the curve's start, inf above its end."""
    fitted = np.asarray(optimize.isotonic_regression(scores, weights=weights).x)
    if score < fitted[0]:
        return 0.0
    if score > fitted[-1]:
        return math.inf
    at = int(np.argmax(fitted >= score))
    if at == 0:
        return float(sizes[0])
    return float(math.exp(np.interp(score, fitted[at - 1 : at + 1], np.log(sizes[at - 1 : at + 1]))))


def _errors(scored: Sequence[Scored], spread: SeedSpread, *, draws: int, seed: int) -> Floats:
    """Draws of the errors of mean scores (draws x scores) over new test texts and new trainings."""
    rng = np.random.default_rng(seed)
    influence = np.vstack([one.influence.mean(axis=0) for one in scored])
    n = influence.shape[1]
    of_texts = influence @ influence.T / (n * (n - 1))
    drawn = rng.multivariate_normal(np.zeros(len(scored)), of_texts, size=draws, method="eigh")
    for place, one in enumerate(scored):
        part, text = gaps.seed_part(one, spread), of_texts[place, place]
        beyond = max(text + part.variance - part.residual, text, part.variance) - text
        unit = rng.normal(size=draws) if math.isinf(part.df) else rng.standard_t(part.df, size=draws)
        drawn[:, place] += math.sqrt(beyond) * unit
    return np.asarray(drawn, dtype=float)
