"""Our gaps beside the published ones of Li et al. (EMNLP 2023), for tasks that the catalogue knows by name.

The published scores are in `core/catalogue/published.csv`, each with its status: quoted at second hand, or recalled and not
checked. Correct that file with the paper at hand.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core import catalogue
from core.analysis import regression
from core.analysis.findings import Findings
from core.errors import StudyError
from core.study.rows.kinds import ArmKind
from core.synthesis.prompts import catalogued
from core.wording import counted

RECALLED = "recalled, not checked"
STANDS_IN = "bert-base-uncased"  # the published encoder that is shown beside an encoder that the paper did not train
UNCLEAR = ", not clear here"  # the interval of our gap holds 0, or there is none
NOT_JUDGED = "not judged"  # the real arm is not shown to have learned, so our gap means nothing
FEWEST_TASKS = 4
COLUMNS = ["task", "arm", "arm_kind", "encoder", "gap", "low", "high", "paper_gap", "direction", "status",
           "n_seeds", "n_test", "paper_task", "paper_encoder", "paper_real", "paper_score"]  # fmt: skip


@dataclass(frozen=True)
class RankAgreement:
    """How far tasks have the same order by our gap and by the published gap, for one kind of arm.

    `spearman`: Spearman's correlation over `n` tasks, -1 to 1; `p`: its two-sided p, over all orders up to 7 tasks. Both are nan
    under 4 tasks or if all gaps are equal.
    """

    kind: ArmKind
    spearman: float
    p: float
    n: int


@dataclass(frozen=True)
class BesidePaper:
    """Our gaps beside the published ones. `table` has the columns `COLUMNS`, a row for each task, arm and encoder; gaps to a real arm that
    is not shown to have learned are `NOT_JUDGED` and stand in no count of directions and no order."""

    table: pd.DataFrame
    ranks: tuple[RankAgreement, ...]

    @property
    def readings(self) -> list[str]:
        """What the table says, in sentences: directions, order of tasks, and how far the published numbers can be trusted."""
        if self.table.empty:
            return []
        judged = _judged(self.table)
        same = judged["direction"].str.contains("in both")
        clear = int((same & ~judged["direction"].str.endswith(UNCLEAR)).sum())
        rows, tasks, unjudged = len(self.table), judged["task"].nunique(), len(self.table) - len(judged)
        said = [
            f"{int(same.sum())} of {len(judged)} gaps over {tasks} task{'s' if tasks > 1 else ''} have the direction of the published gap; "
            f"the 95 % interval of {clear} of these leaves out 0."
        ] * (len(judged) > 0)
        if unjudged:
            said.append(
                f"{counted(unjudged, 'gap')} {'is' if unjudged == 1 else 'are'} not judged: the real arm is not shown to beat chance and "
                "the commonest label."
            )
        said += [_rank_words(rank) for rank in self.ranks]
        recalled = int(self.table["status"].eq(RECALLED).sum())
        said.append(
            f"{recalled} of {rows} published gaps are recalled and were not checked against the paper; {rows - recalled} are quoted at "
            "second hand. Do not cite them without opening the paper."
        )
        if (self.table["paper_encoder"] != self.table["encoder"]).any():
            said.append("Encoders that the paper did not train stand beside its BERT.")
        return said


def beside(found: Findings) -> BesidePaper:
    """Our gaps beside the published gaps of the same metric; an empty table if the study has no task of the catalogue.

    A gap is a score with real training texts minus a score with synthetic ones, in score units. The published gap is of the
    same encoder, or of BERT if the paper has no such encoder.
    """
    published = pd.read_csv(catalogue.PUBLISHED)
    published = published[published["metric"] == found.metric]
    rows = [ours | theirs for ours in found.gaps.to_dict("records") if (theirs := _published(published, ours))]
    for row in rows:
        if (row["task"], row["encoder"]) in found.measured.unlearned:
            row["direction"] = NOT_JUDGED
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    judged = _judged(table)
    kinds = [kind for kind in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT) if (judged["arm_kind"] == kind).any()]
    return BesidePaper(table, tuple(_ranks(judged[judged["arm_kind"] == kind], kind) for kind in kinds))


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose real arm is shown to have learned."""
    return table[table["direction"].ne(NOT_JUDGED)]


def _published(scores: pd.DataFrame, ours: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """The published columns beside a row of our gaps; empty if nothing is published for the task and the kind of arm."""
    task, kind, encoder = (str(ours[name]) for name in ("task", "arm_kind", "encoder"))
    entry = catalogued.called(task)
    if entry is None or kind not in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT):
        return {}
    own = scores[scores["task"] == entry.name]
    known = encoder if (own["encoder"] == encoder).any() else STANDS_IN
    cells = {str(cell["arm"]): cell for cell in own[own["encoder"] == known].to_dict("records")}
    if not {ArmKind.REAL, kind} <= set(cells):
        return {}
    real, score = (float(cells[arm]["percent"]) / 100 for arm in (ArmKind.REAL, kind))
    statuses = {str(cells[arm]["status"]) for arm in (ArmKind.REAL, kind)}
    return {
        "paper_task": entry.title,
        "paper_encoder": known,
        "paper_real": real,
        "paper_score": score,
        "paper_gap": real - score,
        "direction": _direction(ours, real - score),
        "status": RECALLED if RECALLED in statuses else statuses.pop(),
    }


def _direction(ours: Mapping[Hashable, Any], theirs: float) -> str:
    """Whether training on synthetic texts loses or gains, here and in the paper, and whether that is clear here."""
    here, there = ("loses" if gap > 0 else "gains" for gap in (ours["gap"], theirs))
    said = f"{here} in both" if here == there else f"{here} here, {there} there"
    return said if ours["low"] > 0 or ours["high"] < 0 else f"{said}{UNCLEAR}"


def _ranks(table: pd.DataFrame, kind: ArmKind) -> RankAgreement:
    """Spearman over tasks of the mean gap of a kind of arm, over arms and encoders."""
    means = table.groupby("task")[["gap", "paper_gap"]].mean()
    if len(means) < FEWEST_TASKS:
        return RankAgreement(kind, math.nan, math.nan, len(means))
    try:
        fit = regression.fit(means, x="paper_gap", y="gap")
    except StudyError:  # all published gaps are equal
        return RankAgreement(kind, math.nan, math.nan, len(means))
    return RankAgreement(kind, fit.spearman, fit.spearman_p, len(means))


def _rank_words(rank: RankAgreement) -> str:
    if rank.n < FEWEST_TASKS:
        tasks = f"{rank.n} task{'s are' if rank.n > 1 else ' is'} in both studies"
        return f"{rank.kind}: whether the same tasks lose most needs at least {FEWEST_TASKS} tasks; {tasks}."
    if not math.isfinite(rank.spearman):
        return f"{rank.kind}: all {rank.n} gaps are equal, so the tasks have no order."
    return (
        f"{rank.kind}: the order of the {rank.n} tasks by their gap has a Spearman correlation of {rank.spearman:.2f} with the "
        f"published order ({regression.p_words(rank.p)})."
    )
