"""The gap between the scores of two arms, with an interval for new test texts and new trainings.

A score depends on the texts of the test split and on the seed of the training. The texts' share of the error comes from the
influence of each text on the score, the seeds' share from the spread of the scores over seeds, which the arms of a study may
lend one another. The pool of training texts is taken as fixed: the interval does not speak of other generated texts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from core.errors import StudyError
from core.interval import Interval

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

FEWEST_SEEDS = 3  # in each arm, before an interval rests on the arm's own seeds
FEWEST_ARMS = 6  # with 2 seeds or more, before the arms of a study lend one another their spread over seeds
FEWEST_OF_A_CLASS = 30  # test texts; below, macro-F1 of the class hangs on a few texts
SMALLEST_VARIANCE = 1e-8  # of scores over seeds: seeds that agree to the last digit have not shown that they always do
ROUNDING = 1e-9  # of scores; what lies nearer is equal
RULE_OF_THREE = 3.0  # an event that n tries did not show has a probability of at most 3 / n (95 %)


@dataclass(frozen=True)
class Scored:
    """The scores of one arm on a test split.

    `scores` (seeds): one for each training, in [0, 1]. `influence` (seeds x texts): n times the derivative of the score with
    respect to the weight of the text; each row has mean 0. `step`: the most that another answer to one text could change the score,
    in [0, 1]; nan stands for 1 / texts. `answers` (seeds x texts): the classes answered, None where the influence tells all of them.
    `is_fixed`: whether another training could not answer otherwise, as of a rule without training; its rows are then equal, and no
    part of its error comes from seeds.
    """

    scores: Floats
    influence: Floats
    step: float = math.nan
    answers: Codes | None = None
    is_fixed: bool = False

    @property
    def half_width(self) -> float:
        """By the rule of three, how far the score of an arm that never erred, or never differed, could be off."""
        step = self.step if math.isfinite(self.step) else 1 / self.influence.shape[1]
        return min(1.0, RULE_OF_THREE * step)


@dataclass(frozen=True)
class SeedSpread:
    """The variance of a score over seeds that the arms of a study have in common, worth `df` degrees of freedom.

    `df` is 0 where too few arms are known (an arm then stands alone), inf where the arms do not differ in their spread.
    """

    variance: float
    df: float


@dataclass(frozen=True)
class Gap:
    """Score of the first arm minus score of the second one, in [-1, 1].

    `se`, `df`, `low`, `high` are nan where there are too few seeds; `note` says so, and what else to know before quoting.
    `text_variance` and `seed_variance` are the parts of the squared error that come from the test texts and from the seeds;
    `shared_variance` is the noise of single answers that both parts count (0 where there are too few seeds). `unconverged`: the runs
    of both arms that had not converged.
    """

    value: float
    low: float
    high: float
    se: float
    df: float
    n_texts: int
    n_seeds: tuple[int, int]
    text_variance: float
    seed_variance: float
    note: str
    shared_variance: float = 0.0
    unconverged: int = 0


ALONE = SeedSpread(math.nan, 0.0)


def accuracy(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Scored:
    """Accuracy of every seed. `truth`: class of each text (texts); `predicted`: class each seed answers (seeds x texts)."""
    actual, answers = _checked(truth, predicted)
    hits = (answers == actual).astype(float)
    return Scored(hits.mean(axis=1), hits - hits.mean(axis=1, keepdims=True))


def macro_f1(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Scored:
    """Macro-F1 of every seed, over the classes that occur in `truth`. Arguments as for `accuracy`."""
    actual, answers = _checked(truth, predicted)
    classes = np.unique(actual)
    scores, influence = np.zeros(len(answers)), np.zeros(answers.shape)
    steps = []
    for own in classes:
        of_class = class_f1(actual, answers, own=own)
        scores += of_class.scores
        influence += of_class.influence
        steps.append(of_class.step)
    return Scored(scores / len(classes), influence / len(classes), step_of_mean(steps), answers)


def class_f1(truth: npt.ArrayLike, predicted: npt.ArrayLike, *, own: int) -> Scored:
    """F1 of the class `own` for every seed; other arguments as for `accuracy`.

    Raises `StudyError` if no text has the class: its F1 is then undefined.
    """
    actual, answers = _checked(truth, predicted)
    is_own, named = actual == own, answers == own
    if not is_own.any():
        raise StudyError("F1 of a class needs a test text of the class.")
    hit, wrong = named & is_own, named ^ is_own
    tp, errors = hit.sum(axis=1, keepdims=True), wrong.sum(axis=1, keepdims=True)
    size = 2 * tp + errors  # 2 TP + FP + FN
    influence = len(actual) * (2 * errors / size**2 * hit - 2 * tp / size**2 * wrong)
    return Scored((2 * tp / size)[:, 0], influence, step_of_f1(tp, size), answers)


def step_of_f1(tp: npt.ArrayLike, size: npt.ArrayLike) -> float:
    """The most that another answer to one text could change F1 = 2 TP / size, size = 2 TP + FP + FN: a true positive that is lost,
    2 (size - TP) / (size (size - 1)); of several true positives and sizes the largest, in [0, 1]."""
    hits, whole = np.asarray(tp, dtype=float), np.asarray(size, dtype=float)
    return float(np.minimum(1.0, 2 * (whole - hits) / (whole * np.maximum(whole - 1, 1))).max())


def step_of_mean(steps: Sequence[float]) -> float:
    """The most that another answer to one text could change the mean of F1 over classes, from that of each class: an answer counts in
    two classes at most."""
    return sum(sorted(steps)[-2:]) / len(steps)


def change(after: Scored, before: Scored) -> Scored:
    """The scores of an arm after some change minus those before it, seed by seed and text by text."""
    answers = None
    if after.answers is not None and before.answers is not None:
        answers = after.answers * (int(before.answers.max()) + 1) + before.answers
    step = after.half_width / RULE_OF_THREE + before.half_width / RULE_OF_THREE
    return Scored(after.scores - before.scores, after.influence - before.influence, step, answers)


def shared_spread(arms: Sequence[Scored]) -> SeedSpread:
    """The spread over seeds that the arms of a study have in common; `ALONE` if fewer than 6 arms have 2 seeds.

    Source: Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3, section 6.2: an inverse chi-squared
    prior fitted to the moments of the log variances.
    """
    known = [arm.scores for arm in arms if len(arm.scores) > 1]
    if len(known) < FEWEST_ARMS:
        return ALONE
    variances = np.maximum([float(np.var(scores, ddof=1)) for scores in known], SMALLEST_VARIANCE)
    df = np.array([len(scores) - 1.0 for scores in known])
    logs = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    excess = float(logs.var(ddof=1) - special.polygamma(1, df / 2).mean())
    if excess <= 0:
        return SeedSpread(float((df * variances).sum() / df.sum()), math.inf)
    half = optimize.brentq(lambda x: float(special.polygamma(1, x)) - excess, 1e-6, 1e12)
    prior = math.exp(float(logs.mean()) + float(special.digamma(half)) - math.log(half))
    return SeedSpread(prior, 2 * half)


def moderated(variance: float, df: float, spread: SeedSpread) -> float:
    """A variance on `df` degrees, drawn towards that of `spread` by the degrees of both (Smyth 2004, equation 4)."""
    if spread.df == 0:
        return variance
    if math.isinf(spread.df):
        return spread.variance
    return (spread.df * spread.variance + df * variance) / (spread.df + df)


def gap(one: Scored, other: Scored, *, spread: SeedSpread = ALONE, confidence: float = 0.95) -> Gap:
    """How far the mean score of `one` lies above that of `other`; both arms were scored on the same texts.

    The arms are paired over texts and independent over seeds, whose variance `spread` moderates. Raises `StudyError` if the
    arms were scored on different numbers of texts.
    Arms that never disagree, and one that never errs beside one that always does, have the rule of three: at most 3 answers in n could
    have been others, each worth `Scored.step`.
    Source: variance of a two-way layout by influence functions; Satterthwaite (1946) for the degrees.
    """
    n = one.influence.shape[1]
    if other.influence.shape[1] != n:
        raise StudyError(
            f"A gap needs both arms on the same test texts; one has {n}, the other {other.influence.shape[1]}."
        )
    value = float(one.scores.mean() - other.scores.mean())
    seeds = (len(one.scores), len(other.scores))
    influence = one.influence.mean(axis=0) - other.influence.mean(axis=0)
    text = _of_texts(influence)
    drawn = [len(arm.scores) for arm in (one, other) if not arm.is_fixed] or [FEWEST_SEEDS]
    if n < 2 or (min(drawn) < FEWEST_SEEDS and spread.df == 0):
        nan = math.nan
        return Gap(value, nan, nan, nan, nan, n, seeds, text, nan, _too_few(n, seeds))
    error = _error((one, other), text, spread)
    if text == 0 and all(float(np.ptp(arm.scores)) == 0 for arm in (one, other)):
        low, high, note = _rule_of_three(one, other, value)
        return Gap(value, low, high, math.nan, math.nan, n, seeds, text, error.seed, note)
    half = float(stats.t.ppf((1 + confidence) / 2, error.df)) * error.se
    note = _borrowed(min(drawn), spread)
    return Gap(value, value - half, value + half, error.se, error.df, n, seeds, text, error.seed, note, error.shared)


def mean_score(arm: Scored, *, spread: SeedSpread = ALONE, confidence: float = 0.95) -> Interval:
    """The mean score of an arm over its seeds, with an interval for new test texts and new trainings, cut to [0, 1].

    `n` is the number of test texts. The limits are nan where a gap of the arm would have no interval, and those of the rule of
    three where no text has any influence, such as a score of 1. Source: as for `gap`, with one arm.
    """
    n, value = arm.influence.shape[1], float(arm.scores.mean())
    if n < 2 or (len(arm.scores) < FEWEST_SEEDS and spread.df == 0 and not arm.is_fixed):
        return Interval(value, math.nan, math.nan, n)
    text = _of_texts(arm.influence.mean(axis=0))
    error = _error((arm,), text, spread)
    is_still = text == 0 and float(np.ptp(arm.scores)) == 0
    half = arm.half_width if is_still else float(stats.t.ppf((1 + confidence) / 2, error.df)) * error.se
    return Interval(value, max(0.0, value - half), min(1.0, value + half), n)


@dataclass(frozen=True)
class SeedPart:
    """The part of a mean score's squared error that comes from the seeds: `variance` on `df` degrees of freedom.

    `residual`: what texts and seeds both count, the noise of single answers, to be taken out once.
    """

    variance: float
    df: float
    residual: float


def seed_part(arm: Scored, spread: SeedSpread) -> SeedPart:
    """The error of an arm's mean score that comes from its seeds; with one seed all of it is taken from `spread`, and a fixed arm has
    none."""
    if arm.is_fixed:
        return SeedPart(0.0, math.inf, 0.0)
    n_seeds, n = arm.influence.shape
    own = max(float(np.var(arm.scores, ddof=1)), SMALLEST_VARIANCE) if n_seeds > 1 else 0.0
    variance = moderated(own, n_seeds - 1, spread) / n_seeds
    if n_seeds == 1:
        return SeedPart(variance, spread.df, 0.0)
    apart = ((arm.influence - arm.influence.mean(axis=0)) ** 2).sum()
    return SeedPart(variance, n_seeds - 1 + spread.df, float(apart / ((n_seeds - 1) * (n - 1) * n * n_seeds)))


def has_learned(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> bool:
    """Whether an arm's mean recall over classes lies above chance, 1 / classes, by more than twice the error from the texts.

    Any rule that does not look at the text has a recall of 1 / classes in the mean: always the commonest class, or at random.
    Arguments as for `accuracy`; needs no second seed.
    """
    actual, answers = _checked(truth, predicted)
    classes, own, size = np.unique(actual, return_inverse=True, return_counts=True)
    hits = (answers == actual).mean(axis=0)
    recall = np.bincount(own, weights=hits) / size
    error = math.sqrt(float((((hits - recall[own]) / (size[own] * len(classes))) ** 2).sum()))
    return float(recall.mean()) - 1 / len(classes) > 2 * error + ROUNDING


@dataclass(frozen=True)
class _Error:
    """Standard error and degrees of freedom (nan without any error) of a score or a gap, the part of the squared error that
    comes from seeds, and the part that texts and seeds both count."""

    se: float
    df: float
    seed: float
    shared: float


def _error(arms: Sequence[Scored], text: float, spread: SeedSpread) -> _Error:
    """The error of a number that is made of the scores of `arms`; `text` is the part of its square that comes from texts."""
    n = arms[0].influence.shape[1]
    parts = [seed_part(arm, spread) for arm in arms]
    seed = sum(part.variance for part in parts)
    twice = sum(part.residual for part in parts)
    variance = max(text + seed - twice, text, seed)
    of_seeds = text**2 / (n - 1) + sum(part.variance**2 / part.df for part in parts)
    return _Error(math.sqrt(variance), (text + seed) ** 2 / of_seeds if of_seeds else math.nan, seed, twice)


def _rule_of_three(one: Scored, other: Scored, value: float) -> tuple[float, float, str]:
    """The limits of a gap on which no text has any influence, and the note; nan where the arms answer texts differently without any
    influence on the gap, such as two arms that answer no text of a class rightly."""
    n = one.influence.shape[1]
    differing = _differing(one, other)
    if differing:
        said = f"The arms answer {differing} of {n} texts differently, but none of these moves the difference of the scores"
        return math.nan, math.nan, f"{said}, so it has no interval."
    half = max(one.half_width, other.half_width)
    note = f"No disagreement in {n} texts, so the interval is the rule of three."
    return max(-1.0, value - half), min(1.0, value + half), note


def _differing(one: Scored, other: Scored) -> int:
    """The number of texts to which the trainings of two arms give other answers; 0 where the influence tells all of them."""
    if one.answers is None or other.answers is None:
        return 0
    pair = [np.sort(arm.answers, axis=0) for arm in (one, other) if arm.answers is not None]
    if len(pair[0]) != len(pair[1]):
        pair = [answers[[0, -1]] for answers in pair]
    return int((pair[0] != pair[1]).any(axis=0).sum())


def _of_texts(influence: Floats) -> float:
    """The variance, from the draw of test texts, of a number on which the texts have this influence; 0 for a single text, and where
    rounding alone is left, as of arms that never disagree but have unequal numbers of seeds."""
    n = len(influence)
    if n < 2 or np.abs(influence).max() < ROUNDING:
        return 0.0
    return float((influence**2).sum() / (n * (n - 1)))


def _checked(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Codes, Codes]:
    actual, answers = np.asarray(truth), np.atleast_2d(np.asarray(predicted))
    if not len(actual) or answers.shape[1] != len(actual):
        raise StudyError(f"Scoring needs one prediction per test text; found {answers.shape[1]} for {len(actual)}.")
    return actual, answers


def _too_few(n: int, seeds: tuple[int, int]) -> str:
    if n < 2:
        return "An interval needs 2 test texts at least."
    return f"An interval needs {FEWEST_SEEDS} seeds in each arm; there are {seeds[0]} and {seeds[1]}."


def _borrowed(seeds: int, spread: SeedSpread) -> str:
    if seeds >= FEWEST_SEEDS or spread.df == 0:
        return ""
    few = "One seed" if seeds == 1 else f"{seeds} seeds"
    return f"{few} in an arm: the spread over seeds is taken from the other arms of the study."
