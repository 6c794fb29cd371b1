"""From several ratings of an item to one label: the majority, Dawid and Skene's error rates, and MACE.

`ratings` as in `core.subjectivity.statistics.counts`: one row per answer, columns item_id, rater_id, label. Nothing here is
random: both models start from the vote shares, so the answer does not depend on the order of the rows. Equal chances go
to the label that sorts first.
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
TINY = 1e-300
KNOWING_PRIOR, SPAMMING_PRIOR, STRATEGY_PRIOR = 0.5, 0.5, 10.0


class Method(StrEnum):
    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"
    MACE = "mace"


METHOD_NAMES = {Method.MAJORITY: "Majority", Method.DAWID_SKENE: "Dawid-Skene", Method.MACE: "MACE"}
FEWEST_ANSWERS = 3


@dataclass(frozen=True)
class DawidSkene:
    """`labels`: item -> label. `posterior`: items x labels. `prevalence`: label -> share of items.
    `confusion`: columns rater_id, true, given, probability (nan where a rater saw no item of the true label)."""

    labels: "pd.Series[Any]"
    posterior: pd.DataFrame
    prevalence: "pd.Series[float]"
    confusion: pd.DataFrame


@dataclass(frozen=True)
class Mace:
    """`labels`: item -> label. `posterior`: items x labels. `competence`: rater -> expected share of answers the rater
    knows, in (0, 1). `habit`: columns rater_id, given, probability: what the rater answers when not knowing."""

    labels: "pd.Series[Any]"
    posterior: pd.DataFrame
    competence: "pd.Series[float]"
    habit: pd.DataFrame


def aggregate(ratings: pd.DataFrame, *, method: Method) -> "pd.Series[Any]":
    """One label per item by the method: index item_id (sorted), name label."""
    return {Method.MAJORITY: majority, Method.DAWID_SKENE: dawid_skene, Method.MACE: mace}[method](ratings)


def aggregate_table(ratings: pd.DataFrame, *, method: Method) -> pd.DataFrame:
    """One row per item, sorted: columns item_id, label, confidence, n_ratings.

    `confidence`, in (0, 1]: posterior probability of the label under the model; for the majority the share of the
    ratings that chose it, which is no probability of being right.
    """
    coded = counts.code(ratings)
    chances = {
        Method.MAJORITY: lambda: _by_item(coded, _vote_shares(coded)),
        Method.DAWID_SKENE: lambda: dawid_skene_model(ratings).posterior,
        Method.MACE: lambda: mace_model(ratings).posterior,
    }[method]()
    return pd.DataFrame(
        {
            "item_id": coded.items,
            "label": _most_probable(coded, chances.to_numpy()).to_numpy(),
            "confidence": chances.max(axis=1).to_numpy(),
            "n_ratings": np.bincount(coded.item),
        }
    )


def caution(ratings: pd.DataFrame, *, method: Method) -> str:
    """What to know before using these labels; empty for the majority, and where raters answered often enough.

    A model of raters learns who errs from how often each agrees with the others. From one or two answers of a rater it learns
    nothing, and may then prefer fewer votes over more.
    """
    coded = counts.code(ratings)
    each = float(np.median(np.bincount(coded.rater[coded.rater >= 0])))
    if method == Method.MAJORITY or each >= FEWEST_ANSWERS:
        return ""
    votes = counts.per_item(coded)
    chosen = aggregate(ratings, method=method).reindex(coded.items).to_numpy()
    got = votes[np.arange(len(votes)), coded.labels.get_indexer(pd.Index(chosen))]
    against = int((got < votes.max(axis=1)).sum())
    return (
        f"Half of the raters gave at most {each:g} answer{'s' if each > 1 else ''}, too few to learn how each of them errs: "
        f"{METHOD_NAMES[method]} prefers fewer votes over more for {against} of {len(votes)} items. Use the majority."
    )


def majority(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The label most chosen per item: index item_id (sorted), name label."""
    coded = counts.code(ratings)
    return _most_probable(coded, _vote_shares(coded))


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
        posterior=_by_item(coded, posterior),
        prevalence=pd.Series(posterior.mean(axis=0), index=coded.labels.rename("label"), name="prevalence"),
        confusion=_confusion(coded, rates, seen=answers @ posterior),
    )


def mace(ratings: pd.DataFrame) -> "pd.Series[Any]":
    """The most probable label per item under `mace_model`: index item_id (sorted), name label."""
    return mace_model(ratings).labels


def mace_model(ratings: pd.DataFrame) -> Mace:
    """Labels, their probabilities, and every rater's competence, when a rater either knows the label or answers by a
    habit.

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
    knows, spams, habit = _answering(coded, known)
    cells = pd.MultiIndex.from_product([coded.raters, coded.labels], names=["rater_id", "given"])
    shares = (habit / habit.sum(axis=1, keepdims=True)).ravel()
    return Mace(
        labels=_most_probable(coded, posterior),
        posterior=_by_item(coded, posterior),
        competence=pd.Series(knows / (knows + spams), index=coded.raters.rename("rater_id"), name="competence"),
        habit=pd.DataFrame({"probability": shares}, index=cells).reset_index(),
    )


def _coded(ratings: pd.DataFrame) -> Coded:
    coded = counts.code(ratings)
    if (coded.rater < 0).any():
        raise StudyError("Every rating needs a rater_id to weigh raters; use the majority for answers without one.")
    return coded


def _vote_shares(coded: Coded) -> Floats:
    """Items x labels: the share of an item's ratings that chose the label."""
    table = counts.per_item(coded)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _by_item(coded: Coded, chances: Floats) -> pd.DataFrame:
    return pd.DataFrame(chances, index=coded.items.rename("item_id"), columns=coded.labels.rename("label"))


def _answers(coded: Coded) -> sparse.csr_matrix:
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


def _confusion(coded: Coded, rates: Floats, *, seen: Floats) -> pd.DataFrame:
    """Tidy rows of `rates`; `seen`: expected answers (raters and given labels x true labels)."""
    k = len(coded.labels)
    cells = pd.MultiIndex.from_product([coded.raters, coded.labels, coded.labels], names=["rater_id", "given", "true"])
    answered = seen.reshape(-1, k, k).sum(axis=1, keepdims=True) > 0
    probability = np.where(answered, rates.reshape(-1, k, k), np.nan).ravel()
    found = pd.DataFrame({"probability": probability}, index=cells).reset_index()
    return found.sort_values(["rater_id", "true", "given"], ignore_index=True)[
        ["rater_id", "true", "given", "probability"]
    ]


def _knowing_odds(coded: Coded, known: Floats) -> Floats:
    """Per answer: P(rater knows) / (P(rater does not) P(label | habit)), from the chance that each answer was known."""
    knows, spams, habit = _answering(coded, known)
    log_habit = special.digamma(habit) - special.digamma(habit.sum(axis=1, keepdims=True))
    log_odds = special.digamma(knows) - special.digamma(spams)
    return np.asarray(np.exp(log_odds[coded.rater] - log_habit[coded.rater, coded.label]))


def _answering(coded: Coded, known: Floats) -> tuple[Floats, Floats, Floats]:
    """Per rater: expected answers known and not known, and not known by label (raters x labels), with the priors."""
    raters, k = len(coded.raters), len(coded.labels)
    knows = np.bincount(coded.rater, known, raters) + KNOWING_PRIOR
    spams = np.bincount(coded.rater, 1 - known, raters) + SPAMMING_PRIOR
    habit = np.bincount(coded.rater * k + coded.label, 1 - known, raters * k).reshape(raters, k) + STRATEGY_PRIOR
    return np.asarray(knows), np.asarray(spams), np.asarray(habit)


def _label_chances(coded: Coded, odds: Floats) -> Floats:
    """Items x labels: P(label | answers), every label being as likely beforehand."""
    k = len(coded.labels)
    evidence = np.bincount(coded.item * k + coded.label, np.log1p(odds), len(coded.items) * k).reshape(-1, k)
    return np.asarray(special.softmax(evidence, axis=1))


def _most_probable(coded: Coded, posterior: Floats) -> "pd.Series[Any]":
    chosen = coded.labels[posterior.round(9).argmax(axis=1)]
    return pd.Series(chosen, index=coded.items.rename("item_id"), name="label")
