"""What the arms of a task cost and hold beside their scores, and which measure of their texts ranks them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis import gap_table, regression
from core.analysis.arms.trained import TaskArms, TrainedArm
from core.analysis.inference import comparisons, gaps
from core.analysis.inference.gaps import SeedSpread
from core.analysis.points import Metric
from core.errors import StudyError
from core.quality import fidelity, measures, readings
from core.quality.fidelity import By
from core.quality.measures import StoredMeasures
from core.study import tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Sample, Task
from core.synthesis.generation import standing
from core.wording import counted

COST_COLUMNS = [
    "arm", "mean_score", "low", "high", "kept", "n_train", "cost_usd", "usd_per_1000", "usd_per_point", "note",
]  # fmt: skip
FIDELITY = "fidelity"
MEASURES = (
    "remote_clique_cosine", "chamfer_distance_cosine", "nearest_real", "self_bleu", "distinct_2", "within", FIDELITY,
)  # fmt: skip
NAMES = readings.NAMES | {FIDELITY: "Label fidelity (LLM judge)"}
RANK_COLUMNS = ["measure", "spearman", "p", "p_adjusted", "n"]
FEWEST_ARMS = 4  # synthetic arms, before a measure is said to rank them


@dataclass(frozen=True)
class ArmCost:
    """The generation of an arm: its known cost in US dollars (None: unknown), and what to know of it.

    `kept`: kept training texts, of which the money paid for `generated`; the others were imported.
    """

    kept: int
    generated: int
    usd: float | None
    note: str

    @property
    def usd_per_1000(self) -> float:
        """US dollars per 1,000 kept texts that were generated; nan if unknown, or if none was kept."""
        return math.nan if self.usd is None or not self.generated else 1000 * self.usd / self.generated


def table(
    session: Session, task: Task, chosen: TaskArms, *, metric: Metric, spread: SeedSpread = gaps.ALONE
) -> pd.DataFrame:
    """Score, kept training texts and generation cost of each arm: `COST_COLUMNS`.

    `mean_score`, `low`, `high`: mean score with its 95 % interval. `cost_usd`: of all stored answers of the arm's generation, nan if
    the price of one is unknown or the texts were imported; calls of tries and judges are not in it. `usd_per_1000`: per 1,000
    kept texts that were generated. `usd_per_point`: per point of the score above always answering the commonest label; nan
    where there is no such point.
    """
    stored = {arm.name: arm for arm in tasks.arms(session, task.id)}
    rows = []
    for arm in chosen.arms:
        score = gaps.mean_score(arm.scored(metric), spread=spread)
        cost = of_arm(session, stored[arm.arm])
        usd = math.nan if cost.usd is None else cost.usd
        above = 100 * (score.value - _commonest(arm, metric))
        rows.append(
            (
                arm.arm, score.value, score.low, score.high, cost.kept, arm.n_train, usd,
                cost.usd_per_1000, usd / above if above > 0 else math.nan, cost.note,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COST_COLUMNS)


def of_arm(session: Session, arm: Arm) -> ArmCost:
    """What the generation of an arm has cost so far, and what is not in the sum."""
    found = standing.of(session, arm.id)
    if arm.kind == ArmKind.REAL:
        return ArmCost(found.n_kept, 0, None, "What real texts and their labels cost is not stored.")
    if not found.completions:
        return ArmCost(found.n_kept, 0, None, "Its texts were not generated here, so their cost is unknown.")
    money, said = found.money, []
    generated = _generated(session, arm)
    if imported := found.n_kept - generated:
        said.append(f"{counted(imported, 'more kept text')} came from files; what they cost is not known.")
    if money.unpriced:
        said.append(f"Answers without a known price: {money.unpriced:,} of {found.completions:,}.")
    recorded = session.scalar(
        select(func.count()).select_from(Completion).where(Completion.arm_id == arm.id, Completion.is_recorded)
    )
    if recorded:
        said.append(f"Recorded answers, which cost nothing here: {recorded:,} of {found.completions:,}.")
    if money.lost_usd:
        said.append(f"Up to ${money.lost_usd:,.4f} more may be lost with calls without an answer.")
    if money.held_usd or money.unbounded:
        said.append("Batches under way are not counted.")
    return ArmCost(found.n_kept, generated, money.cost_usd, " ".join(said))


def _generated(session: Session, arm: Arm) -> int:
    """The number of kept training texts of an arm that come from a generation."""
    kept = (Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
    query = select(func.count()).select_from(Sample).where(*kept, Sample.completion_id.is_not(None))
    return int(session.scalar(query) or 0)


def with_measures(
    session: Session, task: Task, chosen: TaskArms, stored: StoredMeasures | None, *, metric: Metric
) -> pd.DataFrame:
    """The measures of each arm's texts beside its score: columns arm, mean_score, lost (score of the real arm minus that of the arm)
    and the names in `MEASURES`; nan where an arm was not measured, or not judged."""
    labels = [label.name for label in tasks.labels_of(session, task.id)]
    known = {arm.name: arm.id for arm in tasks.arms(session, task.id)}
    real = _mean(chosen.real, metric)
    rows = {arm.arm: {"mean_score": _mean(arm, metric), "lost": real - _mean(arm, metric)} for arm in chosen.arms}
    measured = measures.table(stored.measures) if stored else pd.DataFrame(columns=measures.TABLE_COLUMNS)
    for name, own in measured[measured["measure"].isin(MEASURES)].groupby("measure", sort=False):
        for arm, value in zip(own["arm"], own["value"], strict=True):
            if arm in rows:
                rows[arm][str(name)] = float(value)
    for arm in chosen.arms:
        pairs = fidelity.pairs(session, arm_id=known[arm.arm], by=By.JUDGE)
        rows[arm.arm][FIDELITY] = fidelity.table(pairs, labels).agreement.value
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=["mean_score", "lost", *MEASURES])
    return frame.rename_axis("arm").reset_index()


def ranks(beside: pd.DataFrame, synthetic: Sequence[str]) -> pd.DataFrame:
    """How well each measure orders the synthetic arms by score: `RANK_COLUMNS`, the closest to 1 or -1 first.

    `beside`: as from `with_measures`. `spearman`: between measure and score, nan under 4 arms or where all values are equal.
    `p`: over all orders up to 7 arms; `p_adjusted`: after Holm over the measures. `n`: synthetic arms with both.
    """
    own = beside[beside["arm"].isin(list(synthetic))]
    rows = [(name, *_rank(own[[name, "mean_score"]].dropna(), name)) for name in MEASURES]
    table = pd.DataFrame(rows, columns=["measure", "spearman", "p", "n"])
    table["p_adjusted"] = comparisons.adjusted(list(table["p"]))
    return table.sort_values("spearman", key=abs, ascending=False, kind="stable", ignore_index=True)[RANK_COLUMNS]


def rank_sentence(table: pd.DataFrame) -> str:
    """Which measure orders the arms best, and whether that is more than chance does; from a table of `ranks`."""
    n = int(table["n"].max()) if len(table) else 0
    if not n:
        return "No synthetic arm has both runs and measures. Measure the arms on Inspect."
    if n < FEWEST_ARMS:
        arms = "1 synthetic arm has" if n == 1 else f"{n} synthetic arms have"
        return f"{arms} both runs and measures: too few to say which measure ranks arms ({FEWEST_ARMS} are needed)."
    if table["spearman"].isna().all():
        return "All arms have the same score or the same measures, so no measure ranks them."
    best = table.iloc[0]
    tests = int(table["p"].notna().sum())
    p = f"{regression.p_words(best['p_adjusted'])} after Holm over {tests} measures"
    verdict = "chance alone would hardly do that" if best["p_adjusted"] < 0.05 else "chance alone may do that"
    return (
        f"{NAMES[str(best['measure'])]} orders the {int(best['n'])} synthetic arms closest to their scores (Spearman "
        f"{best['spearman']:.2f}, {p}): {verdict}."
    )


def _commonest(arm: TrainedArm, metric: Metric) -> float:
    """The score of answering the commonest test label to every text."""
    names, counts = np.unique(arm.truth, return_counts=True)
    always = np.full((1, len(arm.truth)), names[counts.argmax()])
    return float(gap_table.SCORERS[metric](arm.truth, always).scores[0])


def _mean(arm: TrainedArm | None, metric: Metric) -> float:
    return math.nan if arm is None else float(arm.scored(metric).scores.mean())


def _rank(points: pd.DataFrame, name: str) -> tuple[float, float, int]:
    n = len(points)
    if n < FEWEST_ARMS:
        return math.nan, math.nan, n
    try:
        fit = regression.fit(points, x=name, y="mean_score", resamples=1)
    except StudyError:  # all arms have the same value
        return math.nan, math.nan, n
    return fit.spearman, fit.spearman_p, n
