"""Leakage: words that give a label away, and what word counts alone can learn from an arm.

Everything here reads words only. What words alone tell within an arm but not on real texts comes from how the texts
were written, not from the task.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.errors import StudyError
from core.quality import lexical

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = npt.NDArray[np.float64]

CUE_COLUMNS = [
    "label", "word", "n_in", "of_in", "n_out", "of_out", "share_in", "share_out", "log_odds", "low", "high", "q",
]  # fmt: skip
NAMED_COLUMNS = ["label", "n", "named", "share", "low", "high"]
Z = 1.959963984540054  # the normal quantile of a 95 % interval


@dataclass(frozen=True)
class Score:
    """How well words alone predict the label of `n_test` texts, with 95 % intervals; nan with the reason in `note`.

    Accuracy has Wilson's interval; macro-F1 (over the labels that occur in the tested texts) the percentiles of 1,000
    resamples of them. `n_train` is the number of texts learned from (within an arm: in each fold).
    """

    n_train: int
    n_test: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    note: str = ""


@dataclass(frozen=True)
class Apart:
    """How well words alone tell synthetic from real texts: the mean AUC over folds, 0.5 = not at all, 1 = always.

    `sd` is the standard deviation over the folds. Both are nan when a side has fewer than two texts (`note`).
    """

    auc: float
    sd: float
    folds: int
    n_synthetic: int
    n_real: int
    note: str = ""


def cues(texts: Sequence[str], labels: Sequence[str], *, least: int = 5, top: int = 20) -> pd.DataFrame:
    """Words and word pairs that come with one label more than with the others, the surest first, at most `top` a label.

    Columns label, word, n_in of of_in (texts of the label that hold the word at least once), n_out of of_out (texts of
    the others), share_in, share_out, log_odds (`log_odds_ratio`), low, high (95 %, each word alone) and q: the p-value after
    Benjamini and Hochberg (1995) over all words tested. A word is tested when `least` texts hold it; the label's own
    name always is. Words are ordered by `low`, which a rare word cannot lead by chance.
    """
    _need_pairs(texts, labels)
    found = [_table(name, holding, labels, least=least) for name, holding in _presence(texts, labels)]
    tested = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=CUE_COLUMNS)
    if tested.empty:
        return tested.reindex(columns=CUE_COLUMNS)
    error = (tested["high"] - tested["low"]) / (2 * Z)
    tested["q"] = stats.false_discovery_control(2 * stats.norm.sf(np.abs(tested["log_odds"] / error)))
    given_away = tested[tested["log_odds"] > 0].sort_values(["low", "word"], ascending=[False, True], kind="stable")
    order = {name: place for place, name in enumerate(dict.fromkeys(labels))}
    best = given_away.groupby("label", sort=False).head(top)
    return best.sort_values("label", key=lambda names: names.map(order), kind="stable")[CUE_COLUMNS].reset_index(
        drop=True
    )


def log_odds_ratio(
    n_in: npt.ArrayLike, n_out: npt.ArrayLike, *, of_in: int, of_out: int, correction: float = 0.5
) -> tuple[Floats, Floats, Floats]:
    """Natural-log odds ratio of holding a word, inside against outside a label, with its 95 % interval (low, high).

    `n_in` of `of_in` texts inside hold the word, `n_out` of `of_out` outside. Above 0: the word speaks for the label.
    Every cell gets `correction` first, so that a word which one side never uses has a finite value (Haldane 1955,
    Anscombe 1956); the interval is Woolf's (1955).
    """
    a, c = np.asarray(n_in, dtype=float), np.asarray(n_out, dtype=float)
    if (a > of_in).any() or (c > of_out).any():
        raise StudyError("Odds need counts of texts: no word can be in more texts than there are.")
    cells = np.stack([a, of_in - a, c, of_out - c]) + correction
    value = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    error = np.sqrt((1 / cells).sum(axis=0))
    return value, value - Z * error, value + Z * error


def names_itself(texts: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """How many texts of a label hold its own name, word for word: columns label, n, named, share, low, high (Wilson)."""
    _need_pairs(texts, labels)
    held = [f" {_name(label)} " in f" {_name(text)} " for text, label in zip(texts, labels, strict=True)]
    counted = (
        pd.DataFrame({"label": list(labels), "held": held}).groupby("label", sort=False)["held"].agg(["size", "sum"])
    )
    rows = [
        (str(label), int(n), int(named), named / n, *wilson(int(named), int(n)))
        for label, n, named in counted.itertuples()
    ]
    return pd.DataFrame(rows, columns=NAMED_COLUMNS)


def bag_of_words(
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    test_texts: Sequence[str],
    test_labels: Sequence[str],
    *,
    seed: int = 0,
) -> Score:
    """What TF-IDF of words and word pairs with logistic regression learns from an arm, tested on other (real) texts.

    A label without training texts is never predicted and stands in `note`; with fewer than two labels to learn from,
    or nothing to test on, every score is nan.
    """
    _need_pairs(train_texts, train_labels)
    _need_pairs(test_texts, test_labels)
    missing = sorted(set(test_labels) - set(train_labels))
    note = f"No training text has the label {', '.join(missing)}, so it is never predicted." if missing else ""
    if not len(test_texts):
        return _no_score(len(train_texts), 0, "There is no text to test on.")
    if len(set(train_labels)) < 2:
        return _no_score(len(train_texts), len(test_texts), "Learning needs training texts of at least two labels.")
    model = _model(seed).fit(list(train_texts), list(train_labels))
    predicted = model.predict(list(test_texts))
    return _score(test_labels, predicted, n_train=len(train_texts), seed=seed, note=note)


def within(texts: Sequence[str], labels: Sequence[str], *, folds: int = 5, seed: int = 0) -> Score:
    """The same model trained and tested inside one arm, by stratified cross-validation: every text is tested once.

    High here and low by `bag_of_words` on real texts is what leakage looks like. nan when a label has a single text or
    there is only one label. The intervals treat the folds' models as one.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # heavy: loaded by jobs alone

    _need_pairs(texts, labels)
    smallest = min(pd.Series(list(labels), dtype="str").value_counts(), default=0)
    if smallest < 2 or len(set(labels)) < 2:
        return _no_score(len(texts), 0, "Cross-validation needs at least two labels with two texts each.")
    parts = min(folds, smallest)
    split = StratifiedKFold(parts, shuffle=True, random_state=seed)
    predicted = cross_val_predict(_model(seed), np.array(texts, dtype=object), np.array(labels, dtype=object), cv=split)
    return _score(labels, predicted, n_train=len(texts) - len(texts) // parts, seed=seed)


def tell_apart(synthetic_texts: Sequence[str], real_texts: Sequence[str], *, folds: int = 5, seed: int = 0) -> Apart:
    """Cross-validated AUC of the same model telling synthetic from real texts.

    The larger side is cut at random to the size of the smaller one, so that arms of different sizes compare.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score  # heavy: loaded by jobs alone

    n = min(len(synthetic_texts), len(real_texts))
    if n < 2:
        return Apart(math.nan, math.nan, 0, n, n, "Telling arms apart needs at least two texts of each.")
    rng = np.random.default_rng(seed)
    sides = [np.array(side, dtype=object)[rng.permutation(len(side))[:n]] for side in (synthetic_texts, real_texts)]
    is_synthetic = np.repeat([1, 0], n)
    split = StratifiedKFold(min(folds, n), shuffle=True, random_state=seed)
    found = cross_val_score(_model(seed), np.concatenate(sides), is_synthetic, cv=split, scoring="roc_auc")
    return Apart(float(found.mean()), float(found.std(ddof=1)), len(found), n, n)


def wilson(k: int, n: int) -> tuple[float, float]:
    """Wilson's (1927) 95 % interval of a share k / n; nan when n is 0."""
    if not n:
        return math.nan, math.nan
    found = stats.binomtest(k, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _presence(texts: Sequence[str], labels: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """For every label: the words and pairs with how many texts inside and outside hold them (columns word, n_in, n_out)."""
    from sklearn.feature_extraction.text import CountVectorizer  # heavy: loaded by jobs alone

    if not any(lexical.words(text) for text in texts):
        return []
    counter = CountVectorizer(
        tokenizer=lexical.words, token_pattern=None, lowercase=False, ngram_range=(1, 2), binary=True
    )
    holds = counter.fit_transform(texts)
    names = pd.Series(counter.get_feature_names_out(), dtype="str")
    total = np.asarray(holds.sum(axis=0)).ravel()
    given = np.array(labels, dtype=object)
    found = []
    for label in dict.fromkeys(labels):
        inside = np.asarray(holds[given == label].sum(axis=0)).ravel()
        found.append((label, pd.DataFrame({"word": names, "n_in": inside, "n_out": total - inside})))
    return found


def _table(label: str, holding: pd.DataFrame, labels: Sequence[str], *, least: int) -> pd.DataFrame:
    of_in = sum(one == label for one in labels)
    of_out = len(labels) - of_in
    if not of_out:
        return pd.DataFrame(columns=CUE_COLUMNS)
    often = (holding["n_in"] + holding["n_out"] >= least) | (holding["word"] == _name(label))
    tested = holding[often].assign(label=label, of_in=of_in, of_out=of_out)
    tested["share_in"], tested["share_out"] = tested["n_in"] / of_in, tested["n_out"] / of_out
    tested["log_odds"], tested["low"], tested["high"] = log_odds_ratio(
        tested["n_in"], tested["n_out"], of_in=of_in, of_out=of_out
    )
    return tested


def _name(text: str) -> str:
    return " ".join(lexical.words(text.replace("_", " ")))


def _words_or_none(text: str) -> list[str]:
    """The words of a text, or a sign of its own for a text without any, so that there is always something to count."""
    return lexical.words(text) or ["∅"]


def _model(seed: int) -> "Pipeline":
    from sklearn.feature_extraction.text import TfidfVectorizer  # heavy: loaded by jobs alone
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    counted = TfidfVectorizer(tokenizer=_words_or_none, token_pattern=None, lowercase=False, ngram_range=(1, 2))
    return make_pipeline(counted, LogisticRegression(max_iter=1000, random_state=seed))


def _score(truth: Sequence[str], predicted: Sequence[str], *, n_train: int, seed: int, note: str = "") -> Score:
    n = len(truth)
    hits = int(sum(one == other for one, other in zip(truth, predicted, strict=True)))
    table = pd.crosstab(pd.Series(list(truth), dtype="str"), pd.Series(list(predicted), dtype="str"))
    both = table.reindex(index=table.index.union(table.columns), columns=table.index.union(table.columns), fill_value=0)
    tested = both.index.isin(set(truth))
    cells = both.to_numpy(dtype=float)
    drawn = np.random.default_rng(seed).multinomial(n, cells.ravel() / n, size=1000).reshape(1000, *cells.shape)
    f1 = float(_macro_f1(cells[None], tested)[0])
    f1_low, f1_high = np.quantile(_macro_f1(drawn, tested), [0.025, 0.975])
    low, high = wilson(hits, n)
    return Score(n_train, n, hits / n, low, high, f1, float(f1_low), float(f1_high), note)


def _macro_f1(cells: npt.NDArray[Any], tested: npt.NDArray[np.bool_]) -> Floats:
    """Macro-F1 of every confusion table in `cells` (tables x truth x predicted) over the labels that are tested."""
    hits = np.diagonal(cells, axis1=1, axis2=2)
    named = cells.sum(axis=1) + cells.sum(axis=2)
    f1 = np.divide(2 * hits, named, out=np.zeros(hits.shape), where=named > 0)
    return np.asarray(f1[:, tested].mean(axis=1), dtype=float)


def _no_score(n_train: int, n_test: int, note: str) -> Score:
    nan = math.nan
    return Score(n_train, n_test, nan, nan, nan, nan, nan, nan, note)


def _need_pairs(texts: Sequence[str], labels: Sequence[str]) -> None:
    if len(texts) != len(labels):
        raise StudyError(f"Every text needs one label; there are {len(texts)} texts and {len(labels)} labels.")
