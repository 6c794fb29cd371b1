"""Find the rules of a campaign that a rater broke, from attention checks to skips, and warn or exclude the rater.

The answers of an excluded rater stay in the store, are flagged in every export, and count in no statistic. An organiser
can count the rater again; from then on, rules only warn about the rater.
"""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.sessions import campaigns, enrolment, protocol
from core.subjectivity.sessions.items import choice
from core.subjectivity.sessions.protocol import Action, Rules

SPEED_AFTER = 5  # answers from which on the median time is checked
MISSED = re.compile(r"(?:^|; )missed \d+ attention checks(?:$|;)")
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


def failed_checks(rater: Rater) -> bool:
    """Whether the comprehension check or missed attention checks ended a rater's session, and not another rule or a person."""
    if rater.state == RaterState.FAILED_CHECK and not enrolment.has_passed(rater):
        return True
    return rater.excluded_at is not None and MISSED.search(rater.excluded_because) is not None


def apply(session: Session, campaign: Campaign, rater: Rater, *, now: float) -> None:
    """Store the warnings about a rater, and exclude the rater if a rule says so; an excluded rater gets no more items.

    A rule that would exclude a rater whom an organiser has counted again is stored as a warning.
    """
    warnings, reasons = _reasons(session, campaign, rater)
    is_trusted = rater.excluded_at is None and bool(rater.excluded_because)
    rater.warned_because = "; ".join(warnings + reasons if is_trusted else warnings)
    if not reasons or is_trusted or rater.excluded_at is not None:
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


def include(session: Session, *, rater_id: int, now: float) -> None:
    """Include the answers of an excluded rater in the statistics again, and undo what the exclusion did to the session.

    A session that the exclusion cut off goes on when the rater comes back; it is done if the rater has met the personal
    quota or the campaign is closed. The rules that are broken now are stored as warnings, and if one of these rules would
    exclude the rater, no rule excludes the rater from now on.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.excluded_at is None:
        return
    campaign = session.get_one(Campaign, rater.campaign_id)
    rater.excluded_at = None
    warnings, reasons = _reasons(session, campaign, rater)
    if reasons:
        rater.warned_because = "; ".join(warnings + reasons)
    else:
        rater.excluded_because = ""
    if not _is_cut_off(rater):
        return
    if campaign.is_open and choice.has_more(session, campaign, rater_id):
        rater.state, rater.finished_at = RaterState.RATING, None
    else:
        rater.state, rater.finished_at, rater.assigned_item_id = RaterState.DONE, rater.finished_at or now, None
    session.flush()


def _reasons(session: Session, campaign: Campaign, rater: Rater) -> tuple[list[str], list[str]]:
    """Why rules warn about a rater, and why rules exclude the rater; empty lists if no rule is broken."""
    skips = session.scalar(select(func.count(Skip.id)).where(Skip.rater_id == rater.id)) or 0
    found = broken(protocol.of(campaign).rules, given(session, campaign, rater.id), skips=skips)
    return (
        [reason for action, reason in found if action == Action.WARN],
        [reason for action, reason in found if action == Action.EXCLUDE],
    )


def _is_cut_off(rater: Rater) -> bool:
    """Whether an exclusion has kept the rater from further items: by a rule, or by hand in mid-session.

    A rater who failed the comprehension check has never had an item, and was not cut off by an exclusion.
    """
    by_rule = rater.state == RaterState.FAILED_CHECK and enrolment.has_passed(rater)
    return (by_rule or rater.state == RaterState.RATING) and rater.kind != RaterKind.LLM
