"""Score models against the whole distribution of the raters' labels, for texts on which people disagree."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.interval import Interval, undefined

Floats = npt.NDArray[np.float64]

SMALLEST_SHARE = (
    1e-6  # probabilities below are raised to it, so that one certain and wrong answer does not make the mean infinite
)
FEWEST_TEXTS = 10
COLUMNS = [
    "arm", "manhattan", "manhattan_low", "manhattan_high", "cross_entropy", "cross_entropy_low", "cross_entropy_high", "n",
]  # fmt: skip


@dataclass(frozen=True)
class SoftScores:
    """How far arms are from the raters, smaller is nearer.

    `table`: columns `COLUMNS`, a row for each arm, then one for the labels of the texts themselves; limits are nan under 10 texts.
    `further`: synthetic arm -> its Manhattan distance minus that of the real arm, paired over texts, encoders and conditions. `entropy`:
    mean entropy of the raters' labels in nats, the least cross-entropy that is possible. `is_whole`: whether the models' probabilities of
    all labels are known; if not, distances are to the predicted label alone and cross-entropy is nan.
    """

    table: pd.DataFrame
    further: dict[str, Interval]
    entropy: float
    is_whole: bool


def soft_scores(
    shares: pd.DataFrame,
    predictions: pd.DataFrame,
    truth: "pd.Series[str]",
    *,
    real: str,
    unlearned: Collection[str] = (),
) -> SoftScores:
    """Compare each arm with the raters.

    `shares` (texts x labels of the task): index sample_id, share of the raters who chose the label; rows add to 1. `predictions`: columns
    arm, sample_id, predicted, probability (of the predicted label), a row per run and text; encoder and conditions, where runs differ in
    them; and, where they were stored,
    probabilities (of all labels, in the order of their names; None where only the winning one was). `truth`: sample_id -> label of
    the text. With two labels the probability of the other label follows. `unlearned`: encoders with which the real arm is not shown to have
    learned; with these no arm is compared with it. Manhattan distance, in [0, 2]: sum over labels of |rater share -
    model share|; cross-entropy in nats. Means over the runs of an arm, then over texts; 95 % intervals over texts (Student's t).
    Source: Uma et al. (2021), Learning from disagreement, JAIR 72, for soft evaluation.
    """
    labels = [str(name) for name in shares.columns]
    known = predictions[predictions["sample_id"].isin(shares.index)]
    is_whole = len(labels) == 2 or ("probabilities" in known and bool(known["probabilities"].notna().all()))
    people = shares.loc[known["sample_id"]].to_numpy(dtype=float)
    model = _model_shares(known, labels, is_whole=is_whole)
    alike = [name for name in ("encoder", "conditions") if name in known]
    scored = known[["arm", *alike, "sample_id"]].assign(
        manhattan=np.abs(people - model).sum(axis=1),
        cross_entropy=_cross_entropy(people, model) if is_whole else np.nan,
    )
    by_text = scored.groupby(["arm", "sample_id"], sort=False)[["manhattan", "cross_entropy"]].mean()
    arms = list(dict.fromkeys(known["arm"]))
    rows = [_row(str(arm), by_text.loc[arm]) for arm in arms]
    own = shares.loc[shares.index.intersection(truth.index)]
    given = _one_hot(truth.loc[own.index].astype(str).tolist(), labels)
    distances = pd.DataFrame(
        {"manhattan": np.abs(own.to_numpy(dtype=float) - given).sum(axis=1), "cross_entropy": np.nan}
    )
    rows.append(_row("labels of the texts", distances))
    paired = scored[~scored["encoder"].isin(list(unlearned))] if "encoder" in scored else scored
    values = shares.to_numpy(dtype=float)
    entropy = float(_cross_entropy(values, values).mean()) if len(values) else float("nan")
    return SoftScores(pd.DataFrame(rows, columns=COLUMNS), _further(paired, alike, real=real), entropy, is_whole)


def _further(scored: pd.DataFrame, alike: list[str], *, real: str) -> dict[str, Interval]:
    """Synthetic arm -> its Manhattan distance minus that of the real arm of the same encoder and conditions (`alike`), over texts."""
    keys = [*alike, "sample_id"]
    means = scored.groupby(["arm", *keys], sort=False)["manhattan"].mean().reset_index()
    base = means.loc[means["arm"] == real].drop(columns="arm")
    found = {}
    for arm, own in means[means["arm"] != real].groupby("arm", sort=False):
        pairs = own.merge(base, on=keys, suffixes=("", "_real"))
        if len(pairs):
            by_text = (pairs["manhattan"] - pairs["manhattan_real"]).groupby(pairs["sample_id"]).mean()
            found[str(arm)] = _mean(by_text.to_numpy(dtype=float))
    return found


def _model_shares(predictions: pd.DataFrame, labels: list[str], *, is_whole: bool) -> Floats:
    """The share that a model gives to each label, shape (predictions, labels)."""
    chosen = _one_hot(predictions["predicted"].astype(str).tolist(), labels)
    if not is_whole:
        return chosen
    if len(labels) > 2:
        order = [sorted(labels).index(label) for label in labels]
        stored = np.array(predictions["probabilities"].tolist(), dtype=float).reshape(len(predictions), len(labels))
        return stored[:, order]
    sure = predictions["probability"].to_numpy(dtype=float)[:, None]
    return np.asarray(chosen * sure + (1 - chosen) * (1 - sure))


def _one_hot(names: list[str], labels: list[str]) -> Floats:
    return np.asarray(np.array(names, dtype=object)[:, None] == np.array(labels, dtype=object)[None, :], dtype=float)


def _cross_entropy(people: Floats, model: Floats) -> Floats:
    return np.asarray(-(people * np.log(np.maximum(model, SMALLEST_SHARE))).sum(axis=1))


def _row(arm: str, by_text: pd.DataFrame) -> list[object]:
    near, bits = (_mean(by_text[name].to_numpy(dtype=float)) for name in ("manhattan", "cross_entropy"))
    return [arm, near.value, near.low, near.high, bits.value, bits.low, bits.high, len(by_text)]


def _mean(values: Floats) -> Interval:
    """The mean over texts with its interval by Student's t; without limits under 10 texts."""
    n = len(values)
    if not n or np.isnan(values).any():
        return undefined(n)
    value = float(values.mean())
    if n < FEWEST_TEXTS:
        return Interval(value, np.nan, np.nan, n)
    half = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Interval(value, value - half, value + half, n)
