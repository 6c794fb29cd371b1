"""How far raters agree about items: per item, and per task with intervals and what to know before quoting them.

`ratings`: one row per answer, columns item_id, rater_id, label, as in `core.subjectivity.statistics.counts`, which also says what
counts as an answer.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.subjectivity.statistics import counts, intervals
from core.subjectivity.statistics.counts import Coded, Level
from core.subjectivity.statistics.coverage import coverage_words, raters_words
from core.subjectivity.statistics.intervals import Coefficient

__all__ = [
    "AgreementSummary",
    "Interval",
    "Level",
    "alpha_interval",
    "by_item",
    "convention_words",
    "counts_table",
    "coverage_words",
    "fleiss_kappa",
    "krippendorff_alpha",
    "mean_majority_agreement",
    "percent_agreement",
    "raters_words",
    "summary",
]

RELIABLE, TENTATIVE = 0.8, 0.667  # Krippendorff (2004), p. 241
PARADOX_SHARE = (
    0.85  # both the commonest label and the majority agreement reach this share, alpha stays under TENTATIVE
)


@dataclass(frozen=True)
class Interval:
    """Alpha with its interval; `low` and `high` are nan when alpha is undefined or only one item has two ratings."""

    value: float
    low: float
    high: float
    n_items: int
    n_raters: int
    n_ratings: int
    method: str = "resampling items"


@dataclass(frozen=True)
class AgreementSummary:
    """Agreement of one set of ratings, every coefficient with its 95 % interval.

    `low`, `high`: of alpha. `n_pairable`: items with two ratings or more, on which every coefficient rests.
    `ratings_per_item`: mean over all items. `prevalence`: label -> share of all ratings. `note`: what to know before
    quoting alpha, empty when nothing. `convention`: where alpha stands on Krippendorff's scale.
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
    """Every coefficient with a 95 % interval, all from one resampling of items, with sizes and the share of every
    label. Raises as `krippendorff_alpha`."""
    coded = counts.code(ratings)
    table, values = counts.on_level(coded, level=level)
    found = intervals.estimates(table, values, level=level, seed=seed)
    alpha, kappa, percent = (found[one] for one in (Coefficient.ALPHA, Coefficient.KAPPA, Coefficient.PERCENT))
    majority = found[Coefficient.MAJORITY]
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


def counts_table(ratings: pd.DataFrame) -> pd.DataFrame:
    """How often each item got each label: index item_id (sorted), one integer column per label (sorted).

    Raises `StudyError` when a column is missing or no row has a label.
    """
    coded = counts.code(ratings)
    return pd.DataFrame(
        counts.per_item(coded), index=coded.items.rename("item_id"), columns=coded.labels.rename("label")
    )


def krippendorff_alpha(ratings: pd.DataFrame, *, level: Level = Level.NOMINAL) -> float:
    """Krippendorff's alpha: 1 = perfect agreement, 0 = as by chance, below 0 = systematic disagreement.

    nan when it is undefined: no item has two ratings, or the items that have two were all given one and the same label
    (then nothing tells agreement from a lack of choice). Raises `StudyError` for labels without a number on the ordinal
    and interval levels. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section E, on the
    counts n_uc.
    """
    return _value(Coefficient.ALPHA, ratings, level=level)


def alpha_interval(
    ratings: pd.DataFrame,
    *,
    level: Level = Level.NOMINAL,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Alpha with its interval over resamples of whole items that have two ratings or more (`intervals.estimates`).

    It speaks of more items like these rated by the same pool of raters; `coverage_words` says where fewer or more than
    93 to 97 % of simulated studies were covered. Raises as `krippendorff_alpha`.
    """
    coded = counts.code(ratings)
    table, values = counts.on_level(coded, level=level)
    alpha = intervals.estimates(
        table,
        values,
        level=level,
        wanted=(Coefficient.ALPHA,),
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )[Coefficient.ALPHA]
    return Interval(
        value=alpha.value,
        low=alpha.low,
        high=alpha.high,
        n_items=len(coded.items),
        n_raters=len(coded.raters),
        n_ratings=len(coded.label),
    )


def by_item(ratings: pd.DataFrame) -> pd.DataFrame:
    """Agreement per item, sorted by item: columns item_id, agreement, entropy, majority, tied, n_ratings.

    `agreement` is a_i = max_y (share of the ratings that chose y), in (0, 1]; nan for an item with a single rating,
    which says nothing about agreement. `entropy` of the label shares is in bits. `majority` is the label most chosen;
    where several are (`tied`), the one that sorts first. Source: Li et al. (2023), section 5.1.
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


def mean_majority_agreement(ratings: pd.DataFrame) -> float:
    """Mean of a_i (`by_item`) over the items with two ratings or more, in (0, 1]; nan without such an item.

    A single rating says nothing about agreement, so its item is left out.
    """
    table = counts.per_item(counts.code(ratings))
    pairable = table[table.sum(axis=1) >= 2]
    return float((pairable.max(axis=1) / pairable.sum(axis=1)).mean()) if len(pairable) else float("nan")


def percent_agreement(ratings: pd.DataFrame) -> float:
    """Share of pairs of ratings of an item that are equal, averaged over items with two ratings or more; nan without
    such an item. This is the P-bar of Fleiss (1971), not corrected for chance."""
    return _value(Coefficient.PERCENT, ratings)


def fleiss_kappa(ratings: pd.DataFrame) -> float:
    """Fleiss' kappa: 1 = perfect agreement, 0 = as by chance. Over items with two ratings or more.

    With the same number of ratings on every item it is the kappa of Fleiss (1971); with unequal numbers the label
    shares are means over items (Gwet 2014). nan when no item has two ratings or only one label is used.
    """
    return _value(Coefficient.KAPPA, ratings)


def convention_words(alpha: float, low: float = float("nan")) -> str:
    """Where alpha (and the lower limit of its interval) stands on Krippendorff's scale; empty when alpha is nan."""
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


def _value(coefficient: Coefficient, ratings: pd.DataFrame, *, level: Level = Level.NOMINAL) -> float:
    table, values = counts.on_level(counts.code(ratings), level=level)
    return intervals.value(coefficient, table, values, level=level)


def _note(coded: Coded, alpha: intervals.Estimate, *, pairable: int, majority: float) -> str:
    if not pairable:
        return "Alpha is undefined: no item has two ratings. Let at least two raters answer each item."
    table = counts.per_item(coded)
    n_c = table[table.sum(axis=1) >= 2].sum(axis=0)
    label, share = coded.labels[n_c.argmax()], float(n_c.max() / n_c.sum())
    if np.isnan(alpha.value):
        return (
            f"Alpha is undefined: all items with two ratings were labelled {str(label)!r}. It needs two labels in use."
        )
    found = [
        _paradox_words(str(label), share, alpha=alpha.value, majority=majority),
        _chance_words(alpha, pairable=pairable),
        coverage_words(
            n_items=pairable, n_raters=len(coded.raters), commonest=share, per_item=float(n_c.sum() / pairable)
        ),
        raters_words(len(coded.raters)) if pairable > 1 else "",
    ]
    return " ".join(sentence for sentence in found if sentence)


def _paradox_words(label: str, share: float, *, alpha: float, majority: float) -> str:
    if share < PARADOX_SHARE or majority < PARADOX_SHARE or alpha >= TENTATIVE:
        return ""
    return (
        f"{share:.0%} of the ratings are {label!r}, so they would mostly agree by chance as well: alpha is low although the mean "
        f"majority agreement is {majority:.2f}. Report both."
    )


def _chance_words(alpha: intervals.Estimate, *, pairable: int) -> str:
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
