"""Compare the order of arms that was foretold before training with the order of their scores after training"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.quality.beside_real.order import Foretold
from core.study.rows.study import Task
from core.training import runs
from core.wording import percent

MOST_LISTED = 7  # arms whose orders are all listed; of more arms, DRAWN orders are drawn
DRAWN = 5_000


@dataclass(frozen=True)
class Kept:
    """How far the foretold order held on `n` trained arms.

    `table`: columns arm, foretold (place by Chamfer distance, from 1), trained (place by macro-F1), chamfer_distance, macro_f1
    (mean over seeds, then over the encoders and conditions that trained the same arms), n_runs; in the order foretold. `rho`:
    Spearman's correlation of Chamfer distance and macro-F1, in [-1, 1]; nan below three arms or for equal scores. `by_chance`: the
    share of all orders of the arms that are at least as near to the order after training, in (0, 1]; nan where `rho` is. `untrained`:
    arms of the foretold order without a finished run under the same conditions.
    """

    table: pd.DataFrame
    rho: float
    by_chance: float
    untrained: tuple[str, ...]

    @property
    def n(self) -> int:
        """The number of arms compared."""
        return len(self.table)


def of_task(session: Session, task: Task, foretold: Foretold) -> Kept | None:
    """The foretold order of a task's arms beside their scores; None if no order was foretold or under two arms are trained.

    Of the runs with the settings that the study's findings use, those of the encoder and conditions that trained the most arms (then the
    most runs, then the newest) count, and those of other encoders and conditions that trained the very same arms.
    """
    if not foretold.arms:
        return None
    scores, _ = gap_table.of_one_setting(runs.scores(session, task.study_id))
    own = scores[(scores["task"] == task.name) & scores["arm"].isin(foretold.arms)].dropna(subset=["macro_f1"])
    if own.empty:
        return None
    groups = [group for _, group in own.groupby(["encoder", "conditions"], sort=False)]
    best = max(groups, key=lambda group: (group["arm"].nunique(), len(group), group["run_id"].max()))
    own = pd.concat([group for group in groups if set(group["arm"]) == set(best["arm"])])
    by_group = own.groupby(["arm", "encoder", "conditions"])["macro_f1"].mean()
    return compare(
        {arm: foretold.chamfer[arm].value for arm in foretold.arms},
        {str(arm): float(value) for arm, value in by_group.groupby("arm").mean().items()},
        n_runs={str(arm): int(n) for arm, n in own.groupby("arm").size().items()},
    )


def compare(chamfer: Mapping[str, float], macro_f1: Mapping[str, float], *, n_runs: Mapping[str, int]) -> Kept | None:
    """The order by Chamfer distance beside the order by macro-F1, of the arms that have both; None under two arms."""
    arms = sorted((arm for arm in chamfer if arm in macro_f1), key=lambda arm: -chamfer[arm])
    if len(arms) < 2:
        return None
    rows = [(arm, chamfer[arm], macro_f1[arm], n_runs.get(arm, 0)) for arm in arms]
    table = pd.DataFrame(rows, columns=["arm", "chamfer_distance", "macro_f1", "n_runs"])
    for place, column in (("foretold", "chamfer_distance"), ("trained", "macro_f1")):
        table[place] = table[column].rank(ascending=False, method="min").astype(int)
    rho, by_chance = _spearman(table["chamfer_distance"], table["macro_f1"])
    columns = ["arm", "foretold", "trained", "chamfer_distance", "macro_f1", "n_runs"]
    return Kept(table[columns], rho, by_chance, tuple(arm for arm in chamfer if arm not in macro_f1))


def sentence(kept: Kept) -> str:
    """The two orders in words, and what the foretold first arm cost beside the arm that was best after training."""
    trained = kept.table.sort_values("macro_f1", ascending=False)
    scores = ", ".join(f"{row.arm} {row.macro_f1:.3f}" for row in trained.itertuples())
    best, first = trained.iloc[0], kept.table.iloc[0]
    held = f"the first of these, {first['arm']}, was the best"
    if first["trained"] > 1:
        lost = best["macro_f1"] - first["macro_f1"]
        held = f"the first of these, {first['arm']}, was number {first['trained']}, {lost:.3f} below {best['arm']}"
    correlation = f"no correlation can be computed over {kept.n} arms"
    if math.isfinite(kept.rho):
        correlation = f"Spearman {kept.rho:.2f} over {kept.n} arms, where {percent(kept.by_chance)} of all orders do at least as well"
    fewest, most = int(kept.table["n_runs"].min()), int(kept.table["n_runs"].max())
    seeds = f"{fewest if fewest == most else f'{fewest} to {most}'} run{'s' if most > 1 else ''} each"
    seeds += ", which says little" if fewest < 2 else ""
    said = f"After training (macro-F1, {seeds}): {scores}. Foretold: {', '.join(kept.table['arm'])}; {correlation}; {held}."
    return f"{said} Not trained yet: {', '.join(kept.untrained)}." if kept.untrained else said


def _spearman(xs: "pd.Series[float]", ys: "pd.Series[float]") -> tuple[float, float]:
    """Spearman's rho and the share of orders of y with at least this rho; nan below three arms or for equal values."""
    n = len(xs)
    if n < 3 or xs.nunique() < 2 or ys.nunique() < 2:
        return math.nan, math.nan
    ranks, others = (values.rank().to_numpy() - (n + 1) / 2 for values in (xs, ys))
    scale = math.sqrt(float((ranks**2).sum() * (others**2).sum()))
    if n <= MOST_LISTED:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        drawn = np.random.default_rng(0).permuted(np.tile(np.arange(n), (DRAWN, 1)), axis=1)
        orders = np.vstack([np.arange(n), drawn])  # the observed order counts too (Phipson and Smyth 2010)
    rhos = others[orders] @ ranks / scale
    rho = float(ranks @ others / scale)
    return rho, float((rhos >= rho - 1e-9).mean())
