"""Agreement of raters on items: coefficients with intervals, agreement per item, and advice on quoting them.

`ratings`: one row per rating, columns item_id, rater_id, label; `core.subjectivity.statistics.counts` says which rows
count.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.interval import Interval
from core.subjectivity.statistics import counts, coverage, intervals
from core.subjectivity.statistics.counts import Coded, Level
from core.subjectivity.statistics.intervals import Coefficient
from core.wording import percent

RELIABLE, TENTATIVE = 0.8, 0.667  # Krippendorff (2004), p. 241
PARADOX_SHARE = (
    0.85  # both the commonest label and the majority agreement reach this share, alpha stays under TENTATIVE
)


@dataclass(frozen=True)
class AgreementSummary:
    """Agreement of a set of ratings, every coefficient with its 95 % interval.

    `low`, `high`: limits of alpha. `n_pairable`: items with two ratings or more, from which every coefficient is
    computed. `ratings_per_item`: mean over all items. `prevalence`: label -> share of all ratings. `note`: warnings to
    read before quoting alpha, "" without a warning. `convention`: alpha on Krippendorff's scale, in words.
    """

    alpha: float
    low: float
    high: float
    mean_majority_agreement: float
    mean_majority_low: float
    mean_majority_high: float
    percent_agreement: float
    percent_agreement_low: float
    percent_agreement_high: float
    fleiss_kappa: float
    fleiss_kappa_low: float
    fleiss_kappa_high: float
    level: Level
    n_items: int
    n_pairable: int
    n_raters: int
    n_ratings: int
    ratings_per_item: float
    prevalence: dict[str, float]
    note: str
    convention: str


def summary(ratings: pd.DataFrame, *, level: Level = Level.NOMINAL, seed: int = 0) -> AgreementSummary:
    """Compute every coefficient with its 95 % interval, the sizes, and the share of every label.

    All intervals come from the same resamples of items. Raises as `krippendorff_alpha`.
    """
    coded = counts.code(ratings)
    table, values = counts.on_level(coded, level=level)
    estimates = intervals.estimates(table, values, level=level, seed=seed)
    alpha, majority = estimates[Coefficient.ALPHA], estimates[Coefficient.MAJORITY]
    percent, kappa = estimates[Coefficient.PERCENT], estimates[Coefficient.KAPPA]
    shares = np.bincount(coded.label) / len(coded.label)
    prevalence = {str(label): float(share) for label, share in zip(coded.labels, shares, strict=True)}
    return AgreementSummary(
        alpha=alpha.value,
        low=alpha.low,
        high=alpha.high,
        mean_majority_agreement=majority.value,
        mean_majority_low=majority.low,
        mean_majority_high=majority.high,
        percent_agreement=percent.value,
        percent_agreement_low=percent.low,
        percent_agreement_high=percent.high,
        fleiss_kappa=kappa.value,
        fleiss_kappa_low=kappa.low,
        fleiss_kappa_high=kappa.high,
        level=level,
        n_items=len(coded.items),
        n_pairable=len(table),
        n_raters=len(coded.raters),
        n_ratings=len(coded.label),
        ratings_per_item=len(coded.label) / len(coded.items),
        prevalence=prevalence,
        note=_note(coded, alpha, pairable=len(table), majority=majority.value),
        convention=convention_words(alpha.value, alpha.low),
    )


def krippendorff_alpha(ratings: pd.DataFrame, *, level: Level = Level.NOMINAL) -> float:
    """Compute Krippendorff's alpha: 1 = perfect agreement, 0 = as by chance, below 0 = systematic disagreement.

    nan if alpha is undefined: no item has two ratings, or all ratings of such items have the same label (then agreement
    cannot be told from a lack of choice). Raises `StudyError` for a missing column or item_id, for a table without
    labels, and for labels that are no numbers on the ordinal and interval levels. Source: Krippendorff (2011),
    Computing Krippendorff's Alpha-Reliability, section E, on the counts n_uc.
    """
    table, values = counts.on_level(counts.code(ratings), level=level)
    return intervals.value(Coefficient.ALPHA, table, values, level=level)


def alpha_interval(
    ratings: pd.DataFrame,
    *,
    level: Level = Level.NOMINAL,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Compute Krippendorff's alpha with its interval; `n` is the number of items with two ratings or more.

    The interval comes from resampling items (`intervals.estimates`), so it describes further items rated by the same
    pool of raters. `coverage.coverage_words` warns if its simulated coverage is off. Raises as `krippendorff_alpha`.
    """
    table, values = counts.on_level(counts.code(ratings), level=level)
    return intervals.estimates(
        table,
        values,
        level=level,
        wanted=(Coefficient.ALPHA,),
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )[Coefficient.ALPHA]


def by_item(ratings: pd.DataFrame) -> pd.DataFrame:
    """Compute the agreement of each item: columns item_id (sorted), agreement, entropy, majority, tied, n_ratings.

    `agreement` is a_i = max_y (share of the item's ratings that chose y), in (0, 1]; nan for an item with one rating.
    `entropy` of the label shares is in bits. `majority` is the label with the most ratings; if several labels have the
    most (`tied`), the first of them in sorted order. Source: Li et al. (2023), section 5.1.
    """
    coded = counts.code(ratings)
    table = counts.per_item(coded)
    n = table.sum(axis=1)
    shares = table / n[:, None]
    most = table.max(axis=1)
    bits = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return pd.DataFrame(
        {
            "item_id": coded.items,
            "agreement": np.where(n >= 2, most / n, np.nan),
            "entropy": np.abs((shares * bits).sum(axis=1)),
            "majority": coded.labels[table.argmax(axis=1)],
            "tied": (table == most[:, None]).sum(axis=1) > 1,
            "n_ratings": n,
        }
    )


def convention_words(alpha: float, low: float = float("nan")) -> str:
    """Say in a sentence where alpha and its lower limit stand on Krippendorff's scale; "" if alpha is nan."""
    if np.isnan(alpha):
        return ""
    if alpha >= RELIABLE:
        place = f"Alpha reaches the {RELIABLE} that Krippendorff (2004) asks for before relying on ratings"
        place += "" if np.isnan(low) or low >= RELIABLE else ", but its interval starts below"
    elif alpha >= TENTATIVE:
        place = f"Alpha lies between {TENTATIVE} and {RELIABLE}, where Krippendorff (2004) allows tentative conclusions"
    else:
        place = f"Alpha lies under {TENTATIVE}, the lowest at which Krippendorff (2004) allows tentative conclusions"
    return f"{place}. These bounds are his conventions for coding by rules; for a subjective task alpha is a finding."


def _note(coded: Coded, alpha: Interval, *, pairable: int, majority: float) -> str:
    """The warnings to read before quoting alpha, one sentence each; "" without a warning."""
    if not pairable:
        return "Alpha is undefined: no item has two ratings. Let at least two raters answer each item."
    table = counts.per_item(coded)
    n_c = table[table.sum(axis=1) >= 2].sum(axis=0)
    label, share = coded.labels[n_c.argmax()], float(n_c.max() / n_c.sum())
    if np.isnan(alpha.value):
        return (
            f"Alpha is undefined: all items with two ratings were labelled {str(label)!r}. It needs two labels in use."
        )
    warnings = [
        _paradox_words(str(label), share, alpha=alpha.value, majority=majority),
        _chance_words(alpha, pairable=pairable),
        coverage.coverage_words(
            n_items=pairable, n_raters=len(coded.raters), commonest=share, per_item=float(n_c.sum() / pairable)
        ),
        coverage.raters_words(len(coded.raters)) if pairable > 1 else "",
    ]
    return " ".join(sentence for sentence in warnings if sentence)


def _paradox_words(label: str, share: float, *, alpha: float, majority: float) -> str:
    """A warning if alpha is low only because nearly all ratings have the same label, else ""."""
    if share < PARADOX_SHARE or majority < PARADOX_SHARE or alpha >= TENTATIVE:
        return ""
    return (
        f"{percent(share)} of the ratings are {label!r}, so they would mostly agree by chance as well: alpha is low although the mean "
        f"majority agreement is {majority:.2f}. Report both."
    )


def _chance_words(alpha: Interval, *, pairable: int) -> str:
    """A warning if alpha lies below 0 or cannot be told from 0, else ""."""
    if alpha.high < 0:
        return (
            "Alpha and its whole interval lie below 0: raters disagree more than by chance. Look for raters who read "
            "the question the other way round, and for labels or a scale that some use in reverse."
        )
    if alpha.low <= 0 <= alpha.high:
        return f"The interval of alpha holds 0: with {pairable} items agreement cannot be told from chance."
    if alpha.value < 0:
        return "Alpha is below 0: raters agree less than by chance, and one item is too little to say more."
    return ""
