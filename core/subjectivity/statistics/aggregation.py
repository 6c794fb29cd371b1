"""Aggregate the ratings of an item to a label: majority vote, Dawid-Skene, and MACE.

`ratings` as in `core.subjectivity.statistics.counts`: one row per rating, columns item_id, rater_id, label. Both models
start from the vote shares and use no random numbers, so results do not depend on the order of the rows. Of equally
probable labels, the first in sorted order is chosen.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, special

from core.errors import StudyError
from core.subjectivity.statistics import counts
from core.subjectivity.statistics.counts import Coded, Floats

ROUNDS, TOLERANCE = 1000, 1e-8
TINY = 1e-300  # stands for a probability of 0 in logarithms
KNOWING_PRIOR, SPAMMING_PRIOR, STRATEGY_PRIOR = 0.5, 0.5, 10.0


class Method(StrEnum):
    """A method that aggregates several ratings of an item to a label."""

    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"
    MACE = "mace"


METHOD_NAMES = {Method.MAJORITY: "Majority", Method.DAWID_SKENE: "Dawid-Skene", Method.MACE: "MACE"}
FEWEST_ANSWERS = 3  # ratings of a rater from which a model can learn the rater's errors


@dataclass(frozen=True)
class DawidSkene:
    """A fitted Dawid-Skene model.

    `labels`: item -> label. `posterior`: P(true label), items x labels. `prevalence`: label -> share of items.
    `confusion`: columns rater_id, true, given, probability (nan if the rater rated no item of the true label).
    """

    labels: "pd.Series[Any]"
    posterior: pd.DataFrame
    prevalence: "pd.Series[float]"
    confusion: pd.DataFrame


@dataclass(frozen=True)
class Mace:
    """A fitted MACE model.

    `labels`: item -> label. `posterior`: P(true label), items x labels. `competence`: rater -> expected share of ratings
    for which the rater knows the label, in (0, 1). `habit`: columns rater_id, given, probability: the distribution of
    the rater's labels when the rater does not know.
    """

    labels: "pd.Series[Any]"
    posterior: pd.DataFrame
    competence: "pd.Series[float]"
    habit: pd.DataFrame


def aggregate(ratings: pd.DataFrame, *, method: Method) -> "pd.Series[Any]":
    """Aggregate the ratings to a label per item by the method: index item_id (sorted), name label."""
    return {Method.MAJORITY: majority, Method.DAWID_SKENE: dawid_skene, Method.MACE: mace}[method](ratings)


def aggregate_table(ratings: pd.DataFrame, *, method: Method) -> pd.DataFrame:
    """Aggregate the ratings to a table: columns item_id (sorted), label, confidence, n_ratings.

    `confidence`, in (0, 1]: the posterior probability of the label under the model; for the majority the share of
    ratings with the label, which is no probability that the label is right.
    """
    coded = counts.code(ratings)
    posterior = {
        Method.MAJORITY: lambda: _as_table(coded, _vote_shares(coded)),
        Method.DAWID_SKENE: lambda: dawid_skene_model(ratings).posterior,
        Method.MACE: lambda: mace_model(ratings).posterior,
    }[method]()
    return pd.DataFrame(
        {
            "item_id": coded.items,
            "label": _most_probable(coded, posterior.to_numpy()).to_numpy(),
            "confidence": posterior.max(axis=1).to_numpy(),
            "n_ratings": np.bincount(coded.item),
        }
    )


def caution(ratings: pd.DataFrame, *, method: Method) -> str:
    """A warning if a model is applied although half of the raters gave fewer than three ratings, else "".

    A model learns a rater's errors from the agreement with other raters. From one or two ratings it learns nothing, and
    may then choose a label with fewer votes over a label with more.
    """
    coded = counts.code(ratings)
    median = float(np.median(np.bincount(coded.rater[coded.rater >= 0])))
    if method == Method.MAJORITY or median >= FEWEST_ANSWERS:
        return ""
    votes = counts.per_item(coded)
    chosen = aggregate(ratings, method=method).reindex(coded.items).to_numpy()
    votes_of_chosen = votes[np.arange(len(votes)), coded.labels.get_indexer(pd.Index(chosen))]
    against = int((votes_of_chosen < votes.max(axis=1)).sum())
    return (
        f"Half of the raters gave at most {median:g} answer{'s' if median > 1 else ''}, too few to learn how each of them errs: "
        f"{METHOD_NAMES[method]} prefers fewer votes over more for {against} of {len(votes)} items. Use the majority."
    )


def majority(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The label with the most ratings for each item: index item_id (sorted), name label."""
    coded = counts.code(ratings)
    return _most_probable(coded, _vote_shares(coded))


def dawid_skene(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The most probable label of each item under `dawid_skene_model`: index item_id (sorted), name label."""
    return dawid_skene_model(ratings).labels


def dawid_skene_model(ratings: pd.DataFrame) -> DawidSkene:
    """Fit the Dawid-Skene model by expectation maximisation, starting from the vote shares.

    No prior and no smoothing, as published; with few ratings per rater, probabilities are too close to 0 and 1. Raises
    `StudyError` for a rating without rater_id. Source: Dawid and Skene (1979), equations 2.3 to 2.5, start 3.1.
    """
    coded = _code_with_raters(ratings)
    n = _ratings_by_rater(coded)
    posterior = _vote_shares(coded)
    for _ in range(ROUNDS):
        rates, prevalence = _error_rates(n, posterior, raters=len(coded.raters)), posterior.mean(axis=0)
        updated = special.softmax(np.log(np.maximum(prevalence, TINY)) + n.T @ np.log(np.maximum(rates, TINY)), axis=1)
        change = np.abs(updated - posterior).max()
        posterior = updated
        if change < TOLERANCE:
            break
    rates = _error_rates(n, posterior, raters=len(coded.raters))
    return DawidSkene(
        labels=_most_probable(coded, posterior),
        posterior=_as_table(coded, posterior),
        prevalence=pd.Series(posterior.mean(axis=0), index=coded.labels.rename("label"), name="prevalence"),
        confusion=_confusion(coded, rates, expected=n @ posterior),
    )


def mace(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The most probable label of each item under `mace_model`: index item_id (sorted), name label."""
    return mace_model(ratings).labels


def mace_model(ratings: pd.DataFrame) -> Mace:
    """Fit the MACE model: a rater either knows the true label or answers by a personal habit.

    Variational expectation maximisation with the published priors: Beta(0.5, 0.5) on how often a rater knows,
    Dirichlet(10) on the habit. A single start from the vote shares replaces random restarts. Raises `StudyError` for a
    rating without rater_id. Source: Hovy et al. (2013), section 2.
    """
    coded = _code_with_raters(ratings)
    posterior = _vote_shares(coded)
    known = posterior[coded.item, coded.label]
    for _ in range(ROUNDS):
        odds = _odds_of_knowing(coded, known)
        updated = _label_probabilities(coded, odds)
        known = updated[coded.item, coded.label] * odds / (1 + odds)
        change = np.abs(updated - posterior).max()
        posterior = updated
        if change < TOLERANCE:
            break
    knows, spams, habit = _expected_ratings(coded, known)
    cells = pd.MultiIndex.from_product([coded.raters, coded.labels], names=["rater_id", "given"])
    shares = (habit / habit.sum(axis=1, keepdims=True)).ravel()
    return Mace(
        labels=_most_probable(coded, posterior),
        posterior=_as_table(coded, posterior),
        competence=pd.Series(knows / (knows + spams), index=coded.raters.rename("rater_id"), name="competence"),
        habit=pd.DataFrame({"probability": shares}, index=cells).reset_index(),
    )


def _code_with_raters(ratings: pd.DataFrame) -> Coded:
    """Encode the ratings. Raises `StudyError` for a rating without rater_id."""
    coded = counts.code(ratings)
    if (coded.rater < 0).any():
        raise StudyError("Every rating needs a rater_id to weigh raters; use the majority for answers without one.")
    return coded


def _vote_shares(coded: Coded) -> Floats:
    """The share of an item's ratings that have the label: items x labels."""
    table = counts.per_item(coded)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _as_table(coded: Coded, posterior: Floats) -> pd.DataFrame:
    """Probabilities (items x labels) as a table with the names of items and labels."""
    return pd.DataFrame(posterior, index=coded.items.rename("item_id"), columns=coded.labels.rename("label"))


def _ratings_by_rater(coded: Coded) -> sparse.csr_matrix:
    """n[rater and given label, item]: how often the rater gave the label to the item."""
    row = coded.rater * len(coded.labels) + coded.label
    shape = (len(coded.raters) * len(coded.labels), len(coded.items))
    return sparse.csr_matrix((np.ones(len(row)), (row, coded.item)), shape=shape)


def _error_rates(n: sparse.csr_matrix, posterior: Floats, *, raters: int) -> Floats:
    """pi[rater and given label, true label] = P(given | true); 0 if the rater rated no item of the true label."""
    expected = np.asarray(n @ posterior).reshape(raters, -1, posterior.shape[1])
    total = expected.sum(axis=1, keepdims=True)
    rates = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    return np.asarray(rates.reshape(-1, posterior.shape[1]))


def _confusion(coded: Coded, rates: Floats, *, expected: Floats) -> pd.DataFrame:
    """Tidy table of `rates`; `expected`: expected number of ratings (raters and given labels x true labels)."""
    k = len(coded.labels)
    cells = pd.MultiIndex.from_product([coded.raters, coded.labels, coded.labels], names=["rater_id", "given", "true"])
    rated = expected.reshape(-1, k, k).sum(axis=1, keepdims=True) > 0
    probability = np.where(rated, rates.reshape(-1, k, k), np.nan).ravel()
    table = pd.DataFrame({"probability": probability}, index=cells).reset_index()
    return table.sort_values(["rater_id", "true", "given"], ignore_index=True)[
        ["rater_id", "true", "given", "probability"]
    ]


def _odds_of_knowing(coded: Coded, known: Floats) -> Floats:
    """For each rating, P(rater knows) / (P(rater does not know) x P(label | habit)).

    `known`: the probability, for each rating, that the rater knew the label.
    """
    knows, spams, habit = _expected_ratings(coded, known)
    log_habit = special.digamma(habit) - special.digamma(habit.sum(axis=1, keepdims=True))
    log_odds = special.digamma(knows) - special.digamma(spams)
    return np.asarray(np.exp(log_odds[coded.rater] - log_habit[coded.rater, coded.label]))


def _expected_ratings(coded: Coded, known: Floats) -> tuple[Floats, Floats, Floats]:
    """For each rater, the expected number of ratings known, not known, and not known by label (raters x labels).

    The pseudo-counts of the priors are added.
    """
    raters, k = len(coded.raters), len(coded.labels)
    knows = np.bincount(coded.rater, known, raters) + KNOWING_PRIOR
    spams = np.bincount(coded.rater, 1 - known, raters) + SPAMMING_PRIOR
    habit = np.bincount(coded.rater * k + coded.label, 1 - known, raters * k).reshape(raters, k) + STRATEGY_PRIOR
    return np.asarray(knows), np.asarray(spams), np.asarray(habit)


def _label_probabilities(coded: Coded, odds: Floats) -> Floats:
    """P(label | ratings) with a uniform prior over labels: items x labels."""
    k = len(coded.labels)
    evidence = np.bincount(coded.item * k + coded.label, np.log1p(odds), len(coded.items) * k).reshape(-1, k)
    return np.asarray(special.softmax(evidence, axis=1))


def _most_probable(coded: Coded, posterior: Floats) -> "pd.Series[Any]":
    """The label of the highest probability for each item; of equal ones (to nine digits) the first in sorted order."""
    chosen = coded.labels[posterior.round(9).argmax(axis=1)]
    return pd.Series(chosen, index=coded.items.rename("item_id"), name="label")
