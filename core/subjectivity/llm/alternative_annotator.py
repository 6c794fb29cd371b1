"""The alternative annotator test: may an LLM rater stand in for one of the people, judged by how well both match the others?"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.errors import StudyError
from core.interval import Interval, wilson
from core.study.rows.kinds import RaterKind
from core.subjectivity.statistics.counts import Level
from core.wording import percent

FEWEST_RATERS, FEWEST_ITEMS = 3, 30
LEVEL = 0.05  # the false discovery rate over the raters
PASSED = 0.5  # the winning rate from which on the LLM may stand in


class Skill(StrEnum):
    """Who the people are: the better they are, the more of an advantage the test grants them for what they cost."""

    EXPERTS = "experts"
    SKILLED = "skilled raters"
    CROWD = "crowd"


EPSILON = {Skill.EXPERTS: 0.2, Skill.SKILLED: 0.15, Skill.CROWD: 0.1}


@dataclass(frozen=True)
class Against:
    """The LLM beside one person. `advantage`: the share of items on which the LLM matches the others at least as well as the
    person does, `persons` the reverse, both in [0, 1]; `p` tests that `advantage` is above `persons` minus epsilon; `wins`
    says so after the correction for all raters."""

    rater: str
    n: int
    advantage: float
    persons: float
    p: float
    wins: bool


@dataclass(frozen=True)
class AltTest:
    """The test of one LLM rater. `winning_rate` (omega): the share of people whom the LLM may stand in for; `advantage`
    (rho): the mean share of items, over people, on which the LLM is at least as good. Both are in [0, 1], and nan where
    `note` says why there is no test. `left_out` counts people with too few items in common."""

    llm: str
    skill: Skill
    winning_rate: float
    advantage: float
    against: tuple[Against, ...]
    left_out: int
    note: str

    @property
    def passes(self) -> bool:
        """Whether the LLM may stand in for one of the people: it wins against half of them or more."""
        return self.winning_rate >= PASSED


def alt_test(
    people: pd.DataFrame, llm: pd.DataFrame, *, name: str, skill: Skill = Skill.SKILLED, level: Level = Level.NOMINAL
) -> AltTest:
    """Test one LLM rater against people. Both tables have the columns item_id, rater_id, label; `llm` has one rater.

    For every person and item that the LLM, the person and another person rated: how well the LLM and the person each match
    the other people (share of equal labels; on an ordinal or interval level minus the root mean squared difference). The LLM
    wins against the person if a one-sided paired t-test shows that it loses by less than epsilon, corrected over people
    after Benjamini and Yekutieli at 5 %. It takes three people with thirty such items each. Source: Calderon, Reichart and
    Dror (2025), The Alternative Annotator Test for LLM-as-a-Judge. Raises `StudyError` for more than one LLM rater.
    """
    if llm["rater_id"].nunique() > 1:
        raise StudyError("The alternative annotator test is of one LLM rater at a time.")
    answers = _answers(people, level)
    by_llm = dict(zip(llm["item_id"], _values(llm["label"], level), strict=True))
    told = {rater: _told(rater, answers, by_llm, level) for rater in sorted(people["rater_id"].astype(str).unique())}
    known = {rater: rows for rater, rows in told.items() if len(rows) >= FEWEST_ITEMS}
    if len(known) < FEWEST_RATERS:
        note = (
            f"The alternative annotator test takes {FEWEST_RATERS} people who each rated {FEWEST_ITEMS} items that the LLM and "
            f"another person rated too; here it is {len(known)} of {len(told)} people."
        )
        return AltTest(name, skill, math.nan, math.nan, (), len(told) - len(known), note)
    p_values = [_p(rows[:, 1] - rows[:, 0], EPSILON[skill]) for rows in known.values()]
    wins = _after_benjamini_yekutieli(p_values)
    against = tuple(
        Against(rater, len(rows), float(rows[:, 0].mean()), float(rows[:, 1].mean()), p, is_won)
        for (rater, rows), p, is_won in zip(known.items(), p_values, wins, strict=True)
    )
    rate, advantage = float(np.mean(wins)), float(np.mean([one.advantage for one in against]))
    return AltTest(name, skill, rate, advantage, against, len(told) - len(known), "")


def of_raters(rated: pd.DataFrame, *, skill: Skill = Skill.SKILLED, level: Level = Level.NOMINAL) -> list[AltTest]:
    """The test of every LLM rater in a table of answers with the columns item_id, rater_id, label and kind."""
    is_llm = rated["kind"] == RaterKind.LLM
    people = rated[~is_llm]
    return [
        alt_test(people, own, name=str(rater), skill=skill, level=level)
        for rater, own in rated[is_llm].groupby("rater_id", sort=True)
    ]


def reading(found: AltTest) -> str:
    """The test in a sentence or two."""
    if found.note:
        return f"{found.llm}: {found.note}"
    won = sum(one.wins for one in found.against)
    n = sum(one.n for one in found.against)
    verdict = "may stand in for one of these people" if found.passes else "may not stand in for these people"
    out = f" {found.left_out} more people share under {FEWEST_ITEMS} items and are left out." if found.left_out else ""
    return (
        f"{found.llm} {verdict}: it wins against {won} of {len(found.against)} (winning rate {found.winning_rate:.2f}, half is "
        f"needed; epsilon {EPSILON[found.skill]:g} for {found.skill}) and matches the others at least as well as a person on "
        f"{percent(found.advantage)} of {n:,} comparisons.{out} Standing in does not make it a person: it adds no second opinion."
    )


def advantage_of(found: Against) -> Interval:
    """The share of items on which the LLM is at least as good as one person, with its 95 % Wilson interval."""
    return wilson(found.advantage * found.n, found.n)


Answers = Mapping[object, Mapping[str, float | str]]


def _answers(people: pd.DataFrame, level: Level) -> Answers:
    """Item -> person -> answer."""
    found: dict[object, dict[str, float | str]] = defaultdict(dict)
    for item, rater, value in zip(people["item_id"], people["rater_id"], _values(people["label"], level), strict=True):
        found[item][str(rater)] = value
    return found


def _values(labels: "pd.Series[str]", level: Level) -> Sequence[float | str]:
    return labels.astype(str).tolist() if level == Level.NOMINAL else labels.astype(float).tolist()


def _told(rater: str, answers: Answers, by_llm: Mapping[object, float | str], level: Level) -> npt.NDArray[np.float64]:
    """For each item of a person that the LLM and another person rated: whether the LLM, and whether the person, matches the
    others at least as well as the other of the two; shape (items, 2)."""
    rows = []
    for item, given in answers.items():
        others = [value for other, value in given.items() if other != rater]
        if rater in given and others and item in by_llm:
            llm, person = _match(by_llm[item], others, level), _match(given[rater], others, level)
            rows.append((llm >= person, person >= llm))
    return np.array(rows, dtype=float).reshape(-1, 2)


def _match(value: float | str, others: Sequence[float | str], level: Level) -> float:
    if level == Level.NOMINAL:
        return sum(value == other for other in others) / len(others)
    return -math.sqrt(sum((float(value) - float(other)) ** 2 for other in others) / len(others))


def _p(differences: npt.NDArray[np.float64], epsilon: float) -> float:
    """The one-sided p that the mean difference (person minus LLM) is below epsilon; 0 or 1 where all items are alike."""
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    excess = float(differences.mean()) - epsilon
    return float(stats.t.cdf(excess / error, len(differences) - 1)) if error > 0 else float(excess >= 0)


def _after_benjamini_yekutieli(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses are rejected at a false discovery rate of 5 % whatever the dependence. Source: Benjamini and
    Yekutieli (2001), theorem 1.3."""
    m = len(p_values)
    ordered = sorted(p_values)
    harmonic = sum(1 / k for k in range(1, m + 1))
    passed = [p for k, p in enumerate(ordered, start=1) if p <= k * LEVEL / (m * harmonic)]
    return [bool(passed) and p <= passed[-1] for p in p_values]
