"""The tables of a paper about its synthetic texts: what they took to write, whether their labels hold, and how varied they are."""

import math

from sqlalchemy.orm import Session

from core.analysis.findings import Findings
from core.analysis.reports.pack.tables import NOTHING, PaperTable
from core.quality import fidelity, measures
from core.quality.fidelity import By
from core.quality.measures import ArmMeasures
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm
from core.synthesis.generation import standing

BY = {By.JUDGE: "LLM judge", By.RATERS: "raters", By.HUMAN: "one person"}


def of_study(session: Session, found: Findings, settings: Settings | None) -> list[PaperTable]:
    """The tables for which the study has data; without settings, no measures of quality are read from the home."""
    return [table for table in (written(session, found), quality(session, found, settings)) if table.rows]


def written(session: Session, found: Findings) -> PaperTable:
    """A row for every synthetic arm with texts or answers: texts, calls, tokens, cost, and how often its labels were confirmed."""
    rows, is_unpriced = [], False
    for task in tasks.tasks(session, found.study.id):
        labels = [label.name for label in tasks.labels_of(session, task.id)]
        for arm in tasks.arms(session, task.id):
            if arm.kind == ArmKind.REAL:
                continue
            had = standing.of(session, arm.id)
            if not had.n_kept and not had.completions:
                continue
            is_unpriced |= bool(had.money.unpriced)
            rows.append(
                (
                    task.name, arm.name, f"{had.n_kept:,}", f"{sum(had.rejected.values()):,}",
                    *_spent(had), *_confirmed(session, arm, labels),
                )
            )  # fmt: skip
    return PaperTable(
        "texts",
        "Synthetic texts: kept training texts, texts that were rejected, calls of the model, their tokens and what they cost in US dollars "
        f"({NOTHING}: the texts came from a file"
        + (", or a price is not known" if is_unpriced else "")
        + "), and the share of texts whose intended label was confirmed, with its 95 % interval, and by whom. Tries and judges' calls are "
        "not in the cost.",
        ("Task", "Arm", "Kept", "Rejected", "Calls", "Tokens in", "Tokens out", "USD", "Label confirmed", "By", "Of"),
        tuple(rows),
        2,
    )


def quality(session: Session, found: Findings, settings: Settings | None) -> PaperTable:
    """The measured texts of each task's arms, the real arm too; without rows if no task was measured since its texts last changed."""
    rows, missing = [], []
    for task in tasks.tasks(session, found.study.id):
        stored = measures.read(settings, session, task.id) if settings else None
        if stored is None or stored.stale:
            missing.append(task.name)
            continue
        rows += [(task.name, arm.arm, *_measured(arm)) for arm in stored.measures.arms]
    left_out = f" Not measured since their texts last changed: {', '.join(missing)}." if missing else ""
    return PaperTable(
        "quality",
        "Texts of the arms, each on equally many (Compared): mean distance between texts and distance to the nearest other (cosine, with "
        "95 % intervals), share of distinct word pairs, Self-BLEU, mean cosine of a real text to its nearest texts of the arm, and the "
        f"shares of near-duplicates and of copies of real texts among all texts of the arm.{left_out}",
        (
            "Task", "Arm", "Compared", "Remote clique", "Chamfer distance", "Distinct-2", "Self-BLEU", "Near real", "Near-duplicates",
            "Copies",
        ),
        tuple(rows),
        2,
    )  # fmt: skip


def _spent(had: standing.Standing) -> tuple[str, str, str, str]:
    """Calls, tokens in and out, and US dollars of an arm's stored answers."""
    if not had.completions:
        return NOTHING, NOTHING, NOTHING, NOTHING
    cost = NOTHING if had.money.cost_usd is None else f"{had.money.cost_usd:.4f}"
    return f"{had.completions:,}", f"{had.tokens_in:,}", f"{had.tokens_out:,}", cost


def _confirmed(session: Session, arm: Arm, labels: list[str]) -> tuple[str, str, str]:
    """The share of an arm's texts whose label was confirmed, by the first of judge, raters and person who looked, and of how many."""
    for by in fidelity.answered(session, arm_ids=[arm.id]):
        agreed = fidelity.table(fidelity.pairs(session, arm_id=arm.id, by=by), labels).agreement
        if agreed.n:
            return agreed.text(), BY[by], f"{agreed.n:,}"
    return NOTHING, NOTHING, NOTHING


def _measured(arm: ArmMeasures) -> tuple[str, ...]:
    copies = {copy.sample_id for copy in arm.copies}
    is_real = arm.kind == ArmKind.REAL
    return (
        f"{arm.n_compared:,}",
        arm.cosine.remote_clique.text(),
        arm.cosine.chamfer_distance.text(),
        _number(arm.distinct_2),
        _number(arm.self_bleu),
        _number(arm.nearest_real),
        _share(len(arm.removable), arm.n),
        NOTHING if is_real else _share(len(copies), arm.n),
    )


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else NOTHING


def _share(count: int, n: int) -> str:
    return f"{100 * count / n:.1f} %" if n else NOTHING
