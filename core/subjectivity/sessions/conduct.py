"""How raters work: checks passed, time per item, the same answer over and over; and the rules that warn or exclude.

An excluded rater's answers stay in the store, are flagged in every export, and count in no statistic.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import ItemRole, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.subjectivity.sessions import campaigns, protocol
from core.subjectivity.sessions.protocol import Action, Rules

SPEED_AFTER = 5
SKIPS_AFTER = 5


@dataclass(frozen=True)
class Given:
    """One answer of a rater: `is_right` is None where no answer is known."""

    answer: str
    role: str
    is_right: bool | None
    duration_ms: int | None


def given(session: Session, campaign: Campaign, rater_id: int) -> list[Given]:
    """A rater's answers in order."""
    if campaign.kind in campaigns.COMPARING:
        query = select(Comparison.winner, Item.role, Item.expected, Comparison.duration_ms).join(
            Item, Item.id == Comparison.item_id
        )
        query = query.where(Comparison.rater_id == rater_id).order_by(Comparison.place, Comparison.id)
    else:
        query = select(Rating.label, Item.role, Item.expected, Rating.duration_ms).join(Item, Item.id == Rating.item_id)
        query = query.where(Rating.rater_id == rater_id).order_by(Rating.place, Rating.id)
    return [
        Given(answer, role, None if expected is None else answer == expected, duration_ms)
        for answer, role, expected, duration_ms in session.execute(query)
    ]


def broken(rules: Rules, answers: Sequence[Given], *, skips: int = 0) -> list[tuple[Action, str]]:
    """The rules that a rater's answers and so many skips break, each with its action and a reason in words."""
    found: list[tuple[Action, str]] = []
    missed = sum(answer.is_right is False for answer in answers if answer.role == ItemRole.ATTENTION)
    if missed >= rules.attention_misses:
        found.append((rules.attention, f"missed {missed} attention checks"))
    gold = [answer.is_right for answer in answers if answer.role == ItemRole.GOLD]
    if len(gold) >= rules.gold_after and sum(map(bool, gold)) / len(gold) < rules.gold_share:
        found.append((rules.gold, f"{sum(map(bool, gold))} of {len(gold)} gold items right"))
    times = [answer.duration_ms for answer in answers if answer.duration_ms is not None]
    if len(times) >= SPEED_AFTER and statistics.median(times) < 1000 * rules.seconds:
        found.append((rules.speed, f"{statistics.median(times) / 1000:.1f} s per item (median)"))
    longest = longest_run([answer.answer for answer in answers if answer.role == ItemRole.ITEM])
    if longest >= rules.straight_line:
        found.append((rules.straight, f"the same answer {longest} times in a row"))
    seen = skips + sum(answer.role != ItemRole.ATTENTION for answer in answers)
    if seen >= SKIPS_AFTER and skips / seen > rules.skip_share:
        found.append((rules.skips, f"skipped {skips} of {seen} items"))
    return [(action, reason) for action, reason in found if action != Action.NOTHING]


def longest_run(answers: Sequence[str]) -> int:
    """How often the same answer came in a row, at most; 0 without answers."""
    return max((len(list(run)) for _, run in groupby(answers)), default=0)


def apply(session: Session, campaign: Campaign, rater: Rater, *, now: float) -> None:
    """Warn about or exclude a rater by the campaign's rules. Who is excluded in the middle of a session sees no more items."""
    skips = session.scalar(select(func.count(Skip.id)).where(Skip.rater_id == rater.id)) or 0
    found = broken(protocol.of(campaign).rules, given(session, campaign, rater.id), skips=skips)
    rater.warned_because = "; ".join(reason for action, reason in found if action == Action.WARN)
    reasons = [reason for action, reason in found if action == Action.EXCLUDE]
    if not reasons or rater.excluded_at is not None:
        return
    rater.excluded_at, rater.excluded_because = now, "; ".join(reasons)
    rater.assigned_item_id = None
    if rater.state == RaterState.RATING:
        rater.state, rater.finished_at = RaterState.FAILED_CHECK, now
    session.flush()


def exclude(session: Session, *, rater_id: int, because: str, now: float) -> None:
    """Leave a rater's answers out of every statistic from now on. They stay in the raw data, flagged."""
    rater = session.get_one(Rater, rater_id)
    rater.excluded_at, rater.excluded_because = now, because.replace("\0", "").strip() or "by the organiser"


def include(session: Session, *, rater_id: int) -> None:
    """Count a rater's answers again."""
    rater = session.get_one(Rater, rater_id)
    rater.excluded_at, rater.excluded_because = None, ""
