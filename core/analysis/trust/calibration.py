"""Calibration: does a model that says 90 % get 90 % right? Per arm, over the test texts, with intervals"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.errors import StudyError
from core.interval import Interval, undefined, wilson
from core.study import tasks
from core.study.rows.study import Task
from core.training import runs
from core.wording import counted

Floats = npt.NDArray[np.float64]

MOST_BINS = 10
TEXTS_PER_BIN = 20  # fewer texts in a bin say little about its accuracy
FEWEST_ERRORS = 5  # texts, on average over the runs; with fewer, resampling hardly ever changes an error
DRAWS = 1000
AT_ONCE = 2_000_000  # weights of texts that are held at once
SCALES = np.linspace(0, 3, 121)  # multiples of the observed miscalibration that the interval is searched over
BINS = ["bin", "confidence", "accuracy", "low", "high", "n"]
NOT_STORED = "not stored: only the winning probability"


@dataclass(frozen=True)
class Sure:
    """How sure the runs of one arm are about the same test texts.

    `confidence` (runs x texts): probability of the predicted label, in [0, 1]. `correct` (runs x texts): whether it is the
    true label. `true` (runs x texts): probability of the true label. `squared` (runs x texts): sum over the labels of the
    squared difference between the probability and 1 for the true label, 0 for all others. `true` and `squared` are None
    where only the winning probability is known.
    """

    confidence: Floats
    correct: npt.NDArray[np.bool_]
    true: Floats | None
    squared: Floats | None


@dataclass(frozen=True)
class Calibration:
    """The calibration of one arm's runs on the test split, averaged over the runs.

    `ece`: expected calibration error of the predicted label over `n_bins` bins of equally many texts, in [0, 1], with the
    error that chance alone adds taken out; `observed` is the same error as it stands. `brier`: sum of squares over the
    labels, in [0, 2]. `log_loss`: mean negative natural log of the true label's probability, from 0, inf if a true label had
    probability 0. Intervals are 95 %, over test texts; `ece` is undefined with under 40 texts or
    under 5 texts that are wrong, or right, on average (`note` says so), `brier` and `log_loss` where
    only the winning probability was stored. `bins`: a row per bin with the columns `BINS`.
    """

    ece: Interval
    observed: float
    brier: Interval
    log_loss: Interval
    bins: pd.DataFrame
    n_bins: int
    n_runs: int
    note: str


def calibration(sure: Sure, *, seed: int = 0) -> Calibration:
    """The calibration of an arm's runs. Texts are resampled, all runs of a text together; `seed` is that of the draws.

    The interval of the expected calibration error is the range of true errors under which the observed error is no surprise
    (2.5 to 97.5 %): the observed deviations of the bins, scaled, plus what resampling adds. A plain bootstrap would add
    the bias of chance a second time. Sources: Guo et al. (2017) for the error; Nguyen and O'Connor (2015) for bins of
    equal mass; Brier (1950). Raises `StudyError` without texts.
    """
    n_runs, n = sure.confidence.shape
    if not n:
        raise StudyError("Calibration needs predictions on test texts; there are none.")
    n_bins = min(MOST_BINS, n // TEXTS_PER_BIN)
    places = np.vstack([_bins(row, max(1, n_bins)) for row in sure.confidence])
    deviations = _by_bin(sure.correct - sure.confidence, places, max(1, n_bins))
    observed = float(np.abs(deviations.mean(axis=0)).sum()) / n_runs
    few, rare = _too_few(n), _too_rare(sure)
    squared, loss = _by_text(sure.squared), _by_text(None if sure.true is None else _negative_log(sure.true))
    finite = [np.zeros(n) if values is None or not np.isfinite(values).all() else values for values in (squared, loss)]
    drawn = _resampled(np.column_stack([deviations, *finite]), seed=seed)
    return Calibration(
        ece=undefined(n) if few or rare else _error(deviations, drawn[:, :-2], n_runs),
        observed=math.nan if few else observed,
        brier=_mean(squared, drawn[:, -2], n),
        log_loss=_mean(loss, drawn[:, -1], n),
        bins=pd.DataFrame(columns=BINS) if few else _table(sure, places, n_bins),
        n_bins=0 if few else n_bins,
        n_runs=n_runs,
        note=few or rare,
    )


def of_task(session: Session, task: Task) -> dict[tuple[str, str], Calibration]:
    """The calibration of every arm of a task with finished runs, by (arm, encoder), in the order of the arms.

    Only runs of the study's one setting count (see `gap_table.of_one_setting`); of several conditions of an arm, such as
    different test splits, those with the most runs, then the newest.
    """
    scores = gap_table.of_one_setting(runs.scores(session, task.study_id))[0]
    own = scores[(scores["task"] == task.name) & (scores["n_test"] > 0)]
    label_ids = [label.id for label in sorted(tasks.labels_of(session, task.id), key=lambda label: label.name)]
    found = {}
    for (arm, encoder), group in own.groupby(["arm", "encoder"], sort=False):
        alike = max(
            (same for _, same in group.groupby("conditions")), key=lambda same: (len(same), same["run_id"].max())
        )
        run_ids = [int(number) for number in alike["run_id"]]
        found[str(arm), str(encoder)] = calibration(sure(runs.probabilities(session, run_ids), label_ids))
    return found


def sure(answers: pd.DataFrame, label_ids: Sequence[int]) -> Sure:
    """How sure runs are, from the table of `runs.probabilities`; every run has answered the same texts.

    `label_ids` are in the order of the stored probabilities. With two labels the probability of the other label follows
    from the winning one, so that runs without stored probabilities lack nothing.
    """
    shape = (answers["run_id"].nunique(), -1)
    truth, answer = answers["label_id"].to_numpy(), answers["predicted_id"].to_numpy()
    confidence = answers["probability"].to_numpy(dtype=float)
    shares = _shares(answers, label_ids)
    true = squared = None
    if shares is not None:
        is_true = truth[:, None] == np.asarray(label_ids)
        true = shares[is_true].reshape(shape)
        squared = ((shares - is_true) ** 2).sum(axis=1).reshape(shape)
    return Sure(confidence.reshape(shape), (truth == answer).reshape(shape), true, squared)


def reading(found: Calibration, arm: str) -> str:
    """What the calibration of an arm means, in a sentence or two."""
    n = f"{found.brier.n or found.ece.n} test texts, {found.n_runs} run{'s' if found.n_runs != 1 else ''}"
    scores = f"Brier {found.brier.text(digits=3)}, log-loss {found.log_loss.text(digits=3)}."
    beside = scores if math.isfinite(found.brier.value) else f"Brier score and log-loss: {NOT_STORED}."
    if found.note:
        return f"{arm}: {found.note} {beside}"
    error = f"{100 * found.ece.value:.1f} points [{100 * found.ece.low:.1f}, {100 * found.ece.high:.1f}]"
    gap = float(np.average(found.bins["confidence"] - found.bins["accuracy"], weights=found.bins["n"]))
    way = "surer than it is right" if gap > 0 else "less sure than it is right"
    said = (
        f"{arm}: no miscalibration is shown; its probabilities may be off by up to {100 * found.ece.high:.1f} points"
        if found.ece.low <= 0
        else f"{arm} is {way}: its probabilities are off by {error}"
    )
    return f"{said} ({_bin_words(found.bins)}, {n}). {beside}"


def _bin_words(bins: pd.DataFrame) -> str:
    """How many bins there are, and whether equal confidences left them with unequally many texts."""
    if bins["n"].max() - bins["n"].min() <= 1:
        return f"{len(bins)} bins of equally many texts"
    return f"{counted(len(bins), 'bin')} of {bins['n'].min():.0f} to {bins['n'].max():.0f} texts, as equal probabilities share a bin"


def _too_few(n: int) -> str:
    """Why `n` texts are too few for a calibration error, or ""."""
    return (
        "" if n >= 2 * TEXTS_PER_BIN else f"The calibration error needs {2 * TEXTS_PER_BIN} test texts; there are {n}."
    )


def _too_rare(sure: Sure) -> str:
    """Why the answers are too seldom wrong, or right, for a calibration error, or ""."""
    right = float(sure.correct.sum(axis=1).mean())
    n = sure.correct.shape[1]
    for word, count in (("wrong", n - right), ("right", right)):
        if count < FEWEST_ERRORS:
            return (
                f"{count:.1f} of {n} answers are {word} on average, too few to say how far the probabilities are off."
            )
    return ""


def _shares(answers: pd.DataFrame, label_ids: Sequence[int]) -> Floats | None:
    """The probability of every label (answers x labels), or None where it was not stored and does not follow."""
    if answers["probabilities"].notna().all():
        return np.array(answers["probabilities"].tolist(), dtype=float)
    if len(label_ids) != 2:
        return None
    confidence = answers["probability"].to_numpy(dtype=float)[:, None]
    return np.where(answers["predicted_id"].to_numpy()[:, None] == np.asarray(label_ids), confidence, 1 - confidence)


def _bins(confidence: Floats, n_bins: int) -> npt.NDArray[np.intp]:
    """The bin of each text, from 0, by quantiles of the confidence; equal confidences share a bin."""
    edges = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))
    return np.searchsorted(edges[1:-1], confidence)


def _by_bin(values: Floats, places: npt.NDArray[np.intp], n_bins: int) -> Floats:
    """`values` (runs x texts) with a column for each run and bin (texts x runs * bins), 0 outside the text's bin."""
    n_runs, n = values.shape
    table = np.zeros((n, n_runs * n_bins))
    for run in range(n_runs):
        table[np.arange(n), run * n_bins + places[run]] = values[run]
    return table


def _by_text(values: Floats | None) -> Floats | None:
    """The mean over runs of each text; None for None."""
    return None if values is None else np.asarray(values.mean(axis=0))


def _resampled(columns: Floats, *, seed: int) -> Floats:
    """The mean of each column (texts x columns) in `DRAWS` resamples of the texts (draws x columns), a few draws at once."""
    n, rng = len(columns), np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // n)
    means = []
    for first in range(0, DRAWS, at_once):
        counts = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(min(at_once, DRAWS - first))]
        means.append(np.array(counts, dtype=float) @ columns / n)
    return np.vstack(means)


def _error(deviations: Floats, drawn: Floats, n_runs: int) -> Interval:
    """The expected calibration error from the deviations of texts by run and bin, by inverting the test of each error; `drawn` (draws x
    runs * bins): their means in resamples."""
    mean = deviations.mean(axis=0)
    observed = np.abs(mean).sum() / n_runs
    noise = drawn - mean  # (draws, runs * bins)
    foretold = np.array([np.abs(scale * mean + noise).sum(axis=1) / n_runs for scale in SCALES])  # (scales, draws)
    low, middle, high = np.maximum.accumulate(np.quantile(foretold, [0.025, 0.5, 0.975], axis=1), axis=1)
    value, least, most = (float(np.interp(observed, curve, SCALES)) * observed for curve in (middle, high, low))
    return Interval(value, least, most, len(deviations))


def _mean(by_text: Floats | None, drawn: Floats, n: int) -> Interval:
    """The mean over texts with its percentile interval from the means `drawn`; undefined for None."""
    if by_text is None:
        return undefined(n)
    if not np.isfinite(by_text).all():
        return Interval(math.inf, math.nan, math.nan, n)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(by_text.mean()), float(low), float(high), n)


def _negative_log(shares: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return -np.log(shares)


def _table(sure: Sure, places: npt.NDArray[np.intp], n_bins: int) -> pd.DataFrame:
    """Confidence and accuracy of each bin over all runs, with the 95 % Wilson interval of accuracy: columns `BINS`.

    `n` counts texts, as a mean over the runs.
    """
    n_runs = len(sure.confidence)
    rows = []
    for number in range(n_bins):
        held = places == number
        if held.any():
            n = int(held.sum()) / n_runs
            right = wilson(float(sure.correct[held].mean()) * round(n), round(n))
            rows.append((number + 1, float(sure.confidence[held].mean()), right.value, right.low, right.high, n))
    return pd.DataFrame(rows, columns=BINS)
