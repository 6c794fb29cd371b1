"""From several ratings of an item to one label: the majority, Dawid and Skene's error rates, and MACE.

`ratings` as in `core.subjectivity.agreement`: one row per answer, columns item_id, rater_id, label. Nothing here is
random: both models start from the vote shares, so the answer does not depend on the order of the rows. Equal chances go
to the label that sorts first.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, special

from core.errors import StudyError
from core.subjectivity import agreement

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

ROUNDS, TOLERANCE = 1000, 1e-8
TINY = 1e-300
KNOWING_PRIOR, SPAMMING_PRIOR, STRATEGY_PRIOR = 0.5, 0.5, 10.0


class Method(StrEnum):
    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"
    MACE = "mace"


@dataclass(frozen=True)
class DawidSkene:
    """`labels`: item -> label. `posterior`: items x labels. `prevalence`: label -> share of items.
    `confusion`: columns rater_id, true, given, probability (nan where a rater saw no item of the true label)."""

    labels: "pd.Series[Any]"
    posterior: pd.DataFrame
    prevalence: "pd.Series[float]"
    confusion: pd.DataFrame


@dataclass(frozen=True)
class _Coded:
    """Ratings as integer codes (one entry per answer), with what the codes stand for."""

    item: Codes
    rater: Codes
    label: Codes
    items: "pd.Index[Any]"
    raters: "pd.Index[Any]"
    labels: "pd.Index[Any]"


def aggregate(ratings: pd.DataFrame, *, method: Method) -> "pd.Series[Any]":
    """One label per item by the method: index item_id (sorted), name label."""
    return {Method.MAJORITY: majority, Method.DAWID_SKENE: dawid_skene, Method.MACE: mace}[method](ratings)


def majority(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The label most chosen per item: index item_id (sorted), name label."""
    return agreement.by_item(ratings).set_index("item_id")["majority"].rename("label")


def dawid_skene(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The most probable label per item under `dawid_skene_model`: index item_id (sorted), name label."""
    return dawid_skene_model(ratings).labels


def dawid_skene_model(ratings: pd.DataFrame) -> DawidSkene:
    """Labels, their probabilities, and every rater's confusion matrix, by expectation maximisation from the vote
    shares.

    No prior and no smoothing, as published; with few answers per rater probabilities are near 0 and 1 and say too much.
    Source: Dawid and Skene (1979), equations 2.3 to 2.5, start 3.1.
    """
    coded = _coded(ratings)
    answers = _answers(coded)
    posterior = _vote_shares(coded)
    for _ in range(ROUNDS):
        rates, prevalence = _error_rates(answers, posterior, raters=len(coded.raters)), posterior.mean(axis=0)
        updated = special.softmax(
            np.log(np.maximum(prevalence, TINY)) + answers.T @ np.log(np.maximum(rates, TINY)), axis=1
        )
        moved = np.abs(updated - posterior).max()
        posterior = updated
        if moved < TOLERANCE:
            break
    rates = _error_rates(answers, posterior, raters=len(coded.raters))
    return DawidSkene(
        labels=_most_probable(coded, posterior),
        posterior=pd.DataFrame(posterior, index=coded.items.rename("item_id"), columns=coded.labels.rename("label")),
        prevalence=pd.Series(posterior.mean(axis=0), index=coded.labels.rename("label"), name="prevalence"),
        confusion=_confusion(coded, rates, seen=answers @ posterior),
    )


def mace(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The most probable label per item when a rater either knows the label or answers by a habit: index item_id, name
    label.

    Variational expectation maximisation with the published priors: Beta(0.5, 0.5) on how often a rater knows,
    Dirichlet(10) on the habit; one start, at the vote shares, in place of random restarts. Source: Hovy et al. (2013),
    section 2.
    """
    coded = _coded(ratings)
    posterior = _vote_shares(coded)
    known = posterior[coded.item, coded.label]
    for _ in range(ROUNDS):
        odds = _knowing_odds(coded, known)
        updated = _label_chances(coded, odds)
        known = updated[coded.item, coded.label] * odds / (1 + odds)
        moved = np.abs(updated - posterior).max()
        posterior = updated
        if moved < TOLERANCE:
            break
    return _most_probable(coded, posterior)


def _coded(ratings: pd.DataFrame) -> _Coded:
    given = agreement.given_rows(ratings)
    item, items = pd.factorize(given["item_id"], sort=True)
    rater, raters = pd.factorize(given["rater_id"], sort=True)
    label, labels = pd.factorize(given["label"], sort=True)
    if (rater < 0).any():
        raise StudyError("Every rating needs a rater_id to weigh raters; use the majority for answers without one.")
    return _Coded(item, rater, label, pd.Index(items), pd.Index(raters), pd.Index(labels))


def _vote_shares(coded: _Coded) -> Floats:
    """Items x labels: the share of an item's ratings that chose the label."""
    k = len(coded.labels)
    counts = np.bincount(coded.item * k + coded.label, minlength=len(coded.items) * k).reshape(-1, k)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _answers(coded: _Coded) -> sparse.csr_matrix:
    """n[rater and given label, item]: how often the rater gave the label to the item."""
    row = coded.rater * len(coded.labels) + coded.label
    shape = (len(coded.raters) * len(coded.labels), len(coded.items))
    return sparse.csr_matrix((np.ones(len(row)), (row, coded.item)), shape=shape)


def _error_rates(answers: sparse.csr_matrix, posterior: Floats, *, raters: int) -> Floats:
    """pi[rater and given label, true label]: P(given | true) of the rater; 0 where the rater saw no item of the true
    label."""
    n = np.asarray(answers @ posterior).reshape(raters, -1, posterior.shape[1])
    total = n.sum(axis=1, keepdims=True)
    rates = np.divide(n, total, out=np.zeros_like(n), where=total > 0)
    return np.asarray(rates.reshape(-1, posterior.shape[1]))


def _confusion(coded: _Coded, rates: Floats, *, seen: Floats) -> pd.DataFrame:
    """Tidy rows of `rates`; `seen`: expected answers (raters and given labels x true labels)."""
    k = len(coded.labels)
    cells = pd.MultiIndex.from_product([coded.raters, coded.labels, coded.labels], names=["rater_id", "given", "true"])
    answered = seen.reshape(-1, k, k).sum(axis=1, keepdims=True) > 0
    probability = np.where(answered, rates.reshape(-1, k, k), np.nan).ravel()
    found = pd.DataFrame({"probability": probability}, index=cells).reset_index()
    return found.sort_values(["rater_id", "true", "given"], ignore_index=True)[
        ["rater_id", "true", "given", "probability"]
    ]


def _knowing_odds(coded: _Coded, known: Floats) -> Floats:
    """Per answer: P(rater knows) / (P(rater does not) P(label | habit)), from the chance that each answer was known."""
    raters, k = len(coded.raters), len(coded.labels)
    knows = np.bincount(coded.rater, known, raters) + KNOWING_PRIOR
    spams = np.bincount(coded.rater, 1 - known, raters) + SPAMMING_PRIOR
    habit = np.bincount(coded.rater * k + coded.label, 1 - known, raters * k).reshape(raters, k) + STRATEGY_PRIOR
    log_habit = special.digamma(habit) - special.digamma(habit.sum(axis=1, keepdims=True))
    log_odds = special.digamma(knows) - special.digamma(spams)
    return np.asarray(np.exp(log_odds[coded.rater] - log_habit[coded.rater, coded.label]))


def _label_chances(coded: _Coded, odds: Floats) -> Floats:
    """Items x labels: P(label | answers), every label being as likely beforehand."""
    k = len(coded.labels)
    evidence = np.bincount(coded.item * k + coded.label, np.log1p(odds), len(coded.items) * k).reshape(-1, k)
    return np.asarray(special.softmax(evidence, axis=1))


def _most_probable(coded: _Coded, posterior: Floats) -> "pd.Series[Any]":
    chosen = coded.labels[posterior.round(9).argmax(axis=1)]
    return pd.Series(chosen, index=coded.items.rename("item_id"), name="label")
