"""The runs of a task and its baselines in one table, in one metric"""

import pandas as pd

from core.analysis.baselines.results import TaskBaselines
from core.analysis.inference import gaps
from core.analysis.points import Metric

COLUMNS = ["arm", "name", "mean_score", "low", "high", "n_train", "n_seeds", "n_test"]


def table(found: TaskBaselines, scores: pd.DataFrame, *, encoder: str, metric: Metric) -> pd.DataFrame:
    """The trained arms, then the baselines, a row for each: `COLUMNS`, without a number where a baseline has no training.

    `scores`: the arms' scores in the metric, as `compared.Compared.scores`; empty before the first runs. `name`: the encoder, or the
    baseline in words. `mean_score`: over seeds, with its 95 % interval.
    """
    rows: list[tuple[object, ...]] = [
        (row["arm"], encoder, row["value"], row["low"], row["high"], row["n_train"], row["n_seeds"], row["n_test"])
        for row in scores.to_dict("records")
    ]
    for one in found.results:
        score = gaps.mean_score(one.scored(metric))
        counts = (one.n_train, len(one.predicted)) if one.n_train else (None, None)
        rows.append((one.arm, one.short_words, score.value, score.low, score.high, *counts, score.n))
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.astype({"n_train": "Int64", "n_seeds": "Int64"})
