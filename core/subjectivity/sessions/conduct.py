"""Find the rules of a campaign that a rater broke, from attention checks to skips, and warn or exclude the rater.

The answers of an excluded rater stay in the store, are flagged in every export, and count in no statistic.
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

SPEED_AFTER = 5  # answers from which on the median time is checked
SKIPS_AFTER = 5  # items from which on the share of skips is checked


@dataclass(frozen=True)
class Given:
    """An answer of a rater. `role`: the role of the item. `is_right`: None if the item has no expected answer."""

    answer: str
    role: str
    is_right: bool | None
    duration_ms: int | None


def given(session: Session, campaign: Campaign, rater_id: int) -> list[Given]:
    """Read a rater's answers in the order in which they were given."""
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
    """Find the rules that a rater's answers and number of skips break: (action, reason in words) for each rule."""
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
    """The largest number of consecutive equal answers; 0 without answers."""
    return max((len(list(run)) for _, run in groupby(answers)), default=0)


def apply(session: Session, campaign: Campaign, rater: Rater, *, now: float) -> None:
    """Store the warnings about a rater, and exclude the rater if a rule says so; an excluded rater gets no more items."""
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
    """Exclude a rater's answers from every statistic; the answers stay in the raw data, flagged."""
    rater = session.get_one(Rater, rater_id)
    rater.excluded_at, rater.excluded_because = now, because.replace("\0", "").strip() or "by the organiser"


def include(session: Session, *, rater_id: int) -> None:
    """Include the answers of an excluded rater in the statistics again."""
    rater = session.get_one(Rater, rater_id)
    rater.excluded_at, rater.excluded_because = None, ""
