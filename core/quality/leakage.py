"""Measure label leakage: words that give a label away, and a bag-of-words classifier's scores on an arm.

A classifier that reads words only and scores high within an arm, but low on real texts, has learned how the arm's texts
were written, not the task.
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
from core.interval import NORMAL_95, Interval, undefined, wilson
from core.quality import lexical

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = npt.NDArray[np.float64]

CUE_COLUMNS = [
    "label", "word", "n_in", "of_in", "n_out", "of_out", "share_in", "share_out", "log_odds", "low", "high", "q",
]  # fmt: skip
NAMED_COLUMNS = ["label", "n", "named", "share", "low", "high"]
RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """Accuracy and macro-F1 of a bag-of-words classifier, each in [0, 1]; nan if `note` says why there is no score.

    Accuracy has Wilson's interval. Macro-F1 is the mean over the labels of the test texts; its limits are percentiles of
    1,000 resamples of the test texts. `n_train` counts the training texts (in cross-validation: of each fold).
    """

    n_train: int
    accuracy: Interval
    macro_f1: Interval
    note: str = ""

    @property
    def n_test(self) -> int:
        """The number of test texts."""
        return self.macro_f1.n


@dataclass(frozen=True)
class Apart:
    """AUC of a bag-of-words classifier that tells synthetic from real texts: 0.5 = guessing, 1 = never wrong.

    `auc` is the mean over cross-validation folds and `sd` the standard deviation over folds. Both are nan, with the
    reason in `note`, if there are fewer than two synthetic or two real texts.
    """

    auc: float
    sd: float
    folds: int
    n_synthetic: int
    n_real: int
    note: str = ""


def cues(texts: Sequence[str], labels: Sequence[str], *, least: int = 5, top: int = 20) -> pd.DataFrame:
    """Words and word pairs that occur more often in texts of one label than in other texts, at most `top` per label.

    Columns: label; word; n_in and of_in (texts of the label with the word, and all texts of the label); n_out and of_out
    (the same for texts of other labels); share_in, share_out; log_odds, low, high (`log_odds_ratio`, with a 95 % interval
    for each word alone); q (p-value after Benjamini and Hochberg 1995 over all tested words). A word is tested if at least
    `least` texts have it, and the label's own name is always tested. Within a label, words are sorted by `low`, highest
    first, so that a rare word does not come first by chance.
    """
    _need_pairs(texts, labels)
    tables = [_table(name, counts, labels, least=least) for name, counts in _word_counts(texts, labels)]
    tested = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CUE_COLUMNS)
    if tested.empty:
        return tested.reindex(columns=CUE_COLUMNS)
    error = (tested["high"] - tested["low"]) / (2 * NORMAL_95)
    tested["q"] = stats.false_discovery_control(2 * stats.norm.sf(np.abs(tested["log_odds"] / error)))
    cue_rows = tested[tested["log_odds"] > 0].sort_values(["low", "word"], ascending=[False, True], kind="stable")
    order = {name: place for place, name in enumerate(dict.fromkeys(labels))}
    best = cue_rows.groupby("label", sort=False).head(top)
    return best.sort_values("label", key=lambda names: names.map(order), kind="stable")[CUE_COLUMNS].reset_index(
        drop=True
    )


def log_odds_ratio(
    n_in: npt.ArrayLike, n_out: npt.ArrayLike, *, of_in: int, of_out: int, correction: float = 0.5
) -> tuple[Floats, Floats, Floats]:
    """The natural-log odds ratio that a text of a label has a word, against other texts; and its 95 % limits, low, high.

    `n_in` of the `of_in` texts of the label and `n_out` of the `of_out` other texts have the word; arrays give one value
    per word. Above 0, the word speaks for the label. `correction` is added to every cell of the 2 x 2 table, so that the
    value is finite for a word that no text of one side has (Haldane 1955, Anscombe 1956). The interval is Woolf's (1955).
    Raises `StudyError` if a word is in more texts than there are.
    """
    a, c = np.asarray(n_in, dtype=float), np.asarray(n_out, dtype=float)
    if (a > of_in).any() or (c > of_out).any():
        raise StudyError("Odds need counts of texts: no word can be in more texts than there are.")
    cells = np.stack([a, of_in - a, c, of_out - c]) + correction
    value = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    error = np.sqrt((1 / cells).sum(axis=0))
    return value, value - NORMAL_95 * error, value + NORMAL_95 * error


def names_itself(texts: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """Per label, the share of its texts that contain the label's own name, word for word.

    Columns label, n (texts of the label), named (texts with the name), share, low, high (Wilson's 95 % interval).
    """
    _need_pairs(texts, labels)
    held = [f" {_name(label)} " in f" {_name(text)} " for text, label in zip(texts, labels, strict=True)]
    counted = (
        pd.DataFrame({"label": list(labels), "held": held}).groupby("label", sort=False)["held"].agg(["size", "sum"])
    )
    rows = []
    for label, n, named in counted.itertuples():
        share = wilson(int(named), int(n))
        rows.append((str(label), share.n, int(named), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=NAMED_COLUMNS)


def bag_of_words(
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    test_texts: Sequence[str],
    test_labels: Sequence[str],
    *,
    seed: int = 0,
) -> Score:
    """Scores of TF-IDF of words and word pairs with logistic regression, trained on an arm, tested on other (real) texts.

    `note` names labels without training texts, which are never predicted. Every score is nan if the training texts have
    fewer than two labels or there are no test texts.
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
    """Scores of the same model trained and tested on one arm, by stratified cross-validation: every text is tested once.

    A high score within the arm with a low `bag_of_words` score on real texts means leakage. Scores are nan if a label has
    fewer than two texts or there is only one label. The intervals ignore that each fold has a model of its own.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # heavy: only jobs load it

    _need_pairs(texts, labels)
    smallest = min(pd.Series(list(labels), dtype="str").value_counts(), default=0)
    if smallest < 2 or len(set(labels)) < 2:
        return _no_score(len(texts), 0, "Cross-validation needs at least two labels with two texts each.")
    parts = min(folds, smallest)
    split = StratifiedKFold(parts, shuffle=True, random_state=seed)
    predicted = cross_val_predict(_model(seed), np.array(texts, dtype=object), np.array(labels, dtype=object), cv=split)
    return _score(labels, predicted, n_train=len(texts) - len(texts) // parts, seed=seed)


def tell_apart(synthetic_texts: Sequence[str], real_texts: Sequence[str], *, folds: int = 5, seed: int = 0) -> Apart:
    """The cross-validated AUC of the same model at telling synthetic from real texts.

    The larger of the two lists is cut at random to the size of the smaller, so that arms of different sizes can be
    compared.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score  # heavy: only jobs load it

    n = min(len(synthetic_texts), len(real_texts))
    if n < 2:
        return Apart(math.nan, math.nan, 0, n, n, "Telling arms apart needs at least two texts of each.")
    rng = np.random.default_rng(seed)
    sides = [np.array(side, dtype=object)[rng.permutation(len(side))[:n]] for side in (synthetic_texts, real_texts)]
    is_synthetic = np.repeat([1, 0], n)
    split = StratifiedKFold(min(folds, n), shuffle=True, random_state=seed)
    found = cross_val_score(_model(seed), np.concatenate(sides), is_synthetic, cv=split, scoring="roc_auc")
    return Apart(float(found.mean()), float(found.std(ddof=1)), len(found), n, n)


def _word_counts(texts: Sequence[str], labels: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """For every label, how many texts with and without the label have a word or word pair: columns word, n_in, n_out."""
    from sklearn.feature_extraction.text import CountVectorizer  # heavy: only jobs load it

    if not any(lexical.words(text) for text in texts):
        return []
    counter = CountVectorizer(
        tokenizer=lexical.words, token_pattern=None, lowercase=False, ngram_range=(1, 2), binary=True
    )
    holds = counter.fit_transform(texts)
    names = pd.Series(counter.get_feature_names_out(), dtype="str")
    total = np.asarray(holds.sum(axis=0)).ravel()
    label_of = np.array(labels, dtype=object)
    counts = []
    for label in dict.fromkeys(labels):
        inside = np.asarray(holds[label_of == label].sum(axis=0)).ravel()
        counts.append((label, pd.DataFrame({"word": names, "n_in": inside, "n_out": total - inside})))
    return counts


def _table(label: str, counts: pd.DataFrame, labels: Sequence[str], *, least: int) -> pd.DataFrame:
    of_in = sum(name == label for name in labels)
    of_out = len(labels) - of_in
    if not of_out:
        return pd.DataFrame(columns=CUE_COLUMNS)
    often = (counts["n_in"] + counts["n_out"] >= least) | (counts["word"] == _name(label))
    tested = counts[often].assign(label=label, of_in=of_in, of_out=of_out)
    tested["share_in"], tested["share_out"] = tested["n_in"] / of_in, tested["n_out"] / of_out
    tested["log_odds"], tested["low"], tested["high"] = log_odds_ratio(
        tested["n_in"], tested["n_out"], of_in=of_in, of_out=of_out
    )
    return tested


def _name(text: str) -> str:
    return " ".join(lexical.words(text.replace("_", " ")))


def _words_or_none(text: str) -> list[str]:
    """The words of a text, or a placeholder if the text has no word, so that the vocabulary is never empty."""
    return lexical.words(text) or ["∅"]


def _model(seed: int) -> "Pipeline":
    from sklearn.feature_extraction.text import TfidfVectorizer  # heavy: only jobs load it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    counted = TfidfVectorizer(tokenizer=_words_or_none, token_pattern=None, lowercase=False, ngram_range=(1, 2))
    return make_pipeline(counted, LogisticRegression(max_iter=1000, random_state=seed))


def _score(truth: Sequence[str], predicted: Sequence[str], *, n_train: int, seed: int, note: str = "") -> Score:
    n = len(truth)
    hits = int(sum(label == answer for label, answer in zip(truth, predicted, strict=True)))
    table = pd.crosstab(pd.Series(list(truth), dtype="str"), pd.Series(list(predicted), dtype="str"))
    both = table.reindex(index=table.index.union(table.columns), columns=table.index.union(table.columns), fill_value=0)
    tested = both.index.isin(set(truth))
    cells = both.to_numpy(dtype=float)
    drawn = np.random.default_rng(seed).multinomial(n, cells.ravel() / n, size=RESAMPLES).reshape(-1, *cells.shape)
    low, high = np.quantile(_macro_f1(drawn, tested), [0.025, 0.975])
    macro_f1 = Interval(float(_macro_f1(cells[None], tested)[0]), float(low), float(high), n)
    return Score(n_train, wilson(hits, n), macro_f1, note)


def _macro_f1(cells: npt.NDArray[Any], tested: npt.NDArray[np.bool_]) -> Floats:
    """Macro-F1 of every confusion table in `cells`, shape (tables, truth, predicted), over the labels with `tested` true."""
    hits = np.diagonal(cells, axis1=1, axis2=2)
    named = cells.sum(axis=1) + cells.sum(axis=2)
    f1 = np.divide(2 * hits, named, out=np.zeros(hits.shape), where=named > 0)
    return np.asarray(f1[:, tested].mean(axis=1), dtype=float)


def _no_score(n_train: int, n_test: int, note: str) -> Score:
    return Score(n_train, undefined(n_test), undefined(n_test), note)


def _need_pairs(texts: Sequence[str], labels: Sequence[str]) -> None:
    if len(texts) != len(labels):
        raise StudyError(f"Every text needs one label; there are {len(texts)} texts and {len(labels)} labels.")
