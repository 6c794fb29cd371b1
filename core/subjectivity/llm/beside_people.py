"""People and LLM raters side by side: each group with its own agreement, never pooled unless asked for."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd
from scipy import stats
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.interval import NORMAL_95, Interval, wilson
from core.study.rows.kinds import CampaignKind, RaterKind
from core.study.rows.sessions import Campaign, Rater
from core.study.rows.study import Study
from core.subjectivity import ratings
from core.subjectivity.sessions import answers, campaigns
from core.subjectivity.statistics import agreement
from core.subjectivity.statistics.counts import Level

CAUTION = (
    "LLM raters are shown beside people and never stand for them: how far one model agrees with itself does not show how "
    "subjective an item is to people."
)
MUCH_MORE = 0.1
FEWEST_RANKED = 4  # items of which a rank correlation has an interval
ITEMS = [
    "item_id",
    "people_majority",
    "people_agreement",
    "people_entropy",
    "n_people",
    "llm_majority",
    "llm_agreement",
    "llm_entropy",
    "n_llm",
    "same_majority",
]


@dataclass(frozen=True)
class Group:
    """Agreement within one group of raters: alpha with its 95 % interval (nan where undefined) and the mean of a_i."""

    name: str
    alpha: float
    low: float
    high: float
    mean_agreement: float
    n_items: int
    n_raters: int
    n_ratings: int
    note: str


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho over n items, with Fisher's 95 % interval; nan when one side does not vary or n is under 4,
    the interval also when the value is 1 or -1."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class SideBySide:
    """Two groups on the items that both rated. A group without an answer there is None.

    `items` has one row per item that both rated: columns `ITEMS`; `same_majority` is missing where either group is tied.
    `by_model` has a group for each model. `pooled` is there only when it was asked for. `reading` says it in words.
    """

    people: Group | None
    llm: Group | None
    by_model: dict[str, Group]
    pooled: Group | None
    items: pd.DataFrame
    same_majority: Interval
    correlation: Correlation
    reading: str
    caution: str = field(default=CAUTION)


def side_by_side(
    session: Session, campaign: Campaign, *, pooled: bool = False, item_ids: Collection[int] | None = None
) -> SideBySide:
    """People and LLM raters of a campaign on the items that both rated, or on those of `item_ids` among them.

    Excluded raters, attention checks and gold items are left out. Where two things are compared, the answer counted is
    the one chosen, whichever side it was shown on.
    """
    people = ratings.people(session.get_one(Study, campaign.study_id))
    given = answers.counted(session, campaign, kinds=[*people, RaterKind.LLM])
    if item_ids is not None:
        given = given[given["item_id"].isin(set(item_ids))]
    query = select(Rater).where(Rater.campaign_id == campaign.id, Rater.kind == RaterKind.LLM)
    models = {rater.pseudonym: str(rater.facts.get("model", "")) for rater in session.scalars(query)}
    level = Level.ORDINAL if campaign.kind == CampaignKind.SCALE else Level.NOMINAL
    frame = answers.chosen(given) if campaign.kind in campaigns.COMPARING else given
    return compare(frame, models=models, level=level, pooled=pooled)


def compare(
    given: pd.DataFrame, *, models: dict[str, str], level: Level = Level.NOMINAL, pooled: bool = False
) -> SideBySide:
    """The same from a table with the columns item_id, rater_id, label and kind; `models` names each LLM rater's model."""
    is_llm = given["kind"] == RaterKind.LLM
    both = set(given.loc[is_llm, "item_id"]) & set(given.loc[~is_llm, "item_id"])
    shared = given["item_id"].isin(both) if both else pd.Series(True, index=given.index)
    people, llm = given[shared & ~is_llm], given[shared & is_llm]
    model_of = llm["rater_id"].map(models)
    items = _items(people, llm) if both else pd.DataFrame(columns=ITEMS)
    own, theirs = _group("people", people, level), _group("LLM raters", llm, level)
    correlation = _correlation(items)
    return SideBySide(
        people=own,
        llm=theirs,
        by_model={
            str(model): group
            for model in sorted(model_of.dropna().unique())
            if (group := _group(str(model), llm[model_of == model], level)) is not None
        },
        pooled=_group("people and LLM raters together", given[shared], level) if pooled else None,
        items=items,
        same_majority=_same(items),
        correlation=correlation,
        reading=_reading(own, theirs, correlation, shared=len(items)),
    )


def _group(name: str, given: pd.DataFrame, level: Level) -> Group | None:
    if given.empty:
        return None
    found = agreement.summary(given, level=level)
    return Group(
        name=name,
        alpha=found.alpha,
        low=found.low,
        high=found.high,
        mean_agreement=found.mean_majority_agreement,
        n_items=found.n_items,
        n_raters=found.n_raters,
        n_ratings=found.n_ratings,
        note=found.note,
    )


def _items(people: pd.DataFrame, llm: pd.DataFrame) -> pd.DataFrame:
    sides = []
    for name, given in (("people", people), ("llm", llm)):
        found = agreement.by_item(given).set_index("item_id")
        renamed = {column: f"{name}_{column}" for column in ("majority", "agreement", "entropy", "tied")}
        sides.append(found.rename(columns={**renamed, "n_ratings": f"n_{name}"}))
    table = sides[0].join(sides[1], how="inner").reset_index()
    same = (table["people_majority"] == table["llm_majority"]).astype("boolean")
    table["same_majority"] = same.mask(table["people_tied"] | table["llm_tied"])
    return table[ITEMS]


def _same(items: pd.DataFrame) -> Interval:
    known = items["same_majority"].dropna()
    return wilson(int(known.sum()), len(known))


def _correlation(items: pd.DataFrame) -> Correlation:
    """Spearman's rho of both groups' agreement per item; interval by Fisher's z with the variance of Bonett and Wright
    (2000), (1 + rho^2 / 2) / (n - 3)."""
    several = items[(items["n_people"] > 1) & (items["n_llm"] > 1)]
    n = len(several)
    if n < FEWEST_RANKED or several["people_agreement"].nunique() < 2 or several["llm_agreement"].nunique() < 2:
        return Correlation(math.nan, math.nan, math.nan, n)
    rho = float(stats.spearmanr(several["people_agreement"], several["llm_agreement"]).statistic)
    if abs(rho) > 1 - 1e-12:
        return Correlation(rho, math.nan, math.nan, n)
    half = NORMAL_95 * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return Correlation(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half), n)


def _reading(people: Group | None, llm: Group | None, correlation: Correlation, *, shared: int) -> str:
    if llm is None:
        return "No LLM has rated these items yet."
    if people is None:
        return "No person has rated the items that the LLM raters rated, so there is nothing to set them beside."
    if not shared:
        return "People and LLM raters have rated no item in common, so their numbers are about different items."
    if llm.n_raters < 2:
        return "There is one LLM rater, so there is no agreement among LLM raters to set beside that of people."
    if not math.isfinite(people.alpha) or not math.isfinite(llm.alpha):
        which = "people's" if not math.isfinite(people.alpha) else "the LLM raters'"
        return f"Alpha is undefined for {which} answers, so the two groups cannot be set side by side by it."
    if not all(map(math.isfinite, (people.low, people.high, llm.low, llm.high))):
        return "Too few items were rated by two raters of each group to set them side by side. Let more be rated."
    return f"{_levels(people, llm)} {_ranks(correlation)}"


def _levels(people: Group, llm: Group) -> str:
    """Which group agrees more with itself; told apart only where the intervals of alpha do not overlap."""
    values = (
        f"alpha {llm.alpha:.2f} [{llm.low:.2f}, {llm.high:.2f}] against {people.alpha:.2f} [{people.low:.2f}, "
        f"{people.high:.2f}] on {people.n_items} items"
    )
    if llm.low > people.high:
        much = " far" if llm.alpha - people.alpha > MUCH_MORE else ""
        return (
            f"LLM raters agree with themselves{much} more than people do ({values}): their agreement does not show how "
            "subjective an item is to people."
        )
    if llm.high < people.low:
        return f"LLM raters agree with themselves less than people do ({values})."
    return f"The agreement of LLM raters and that of people cannot be told apart by their intervals ({values})."


def _ranks(correlation: Correlation) -> str:
    """Whether the items on which people disagree are those on which LLM raters do."""
    if math.isnan(correlation.value) and correlation.n < FEWEST_RANKED:
        return (
            f"Whether both disagree about the same items cannot be told: it takes {FEWEST_RANKED} items with two answers "
            f"of each group or more; there are {correlation.n}."
        )
    if math.isnan(correlation.value):
        return (
            "Whether both disagree about the same items cannot be told: one of the groups agrees alike on all of them."
        )
    if math.isnan(correlation.low):
        order = "same" if correlation.value > 0 else "opposite"
        return (
            f"On these items the order by agreement is the {order} in both groups (Spearman {correlation.value:.2f}, "
            f"{correlation.n} items): it has no interval."
        )
    words = f"(Spearman {correlation.value:.2f} [{correlation.low:.2f}, {correlation.high:.2f}], {correlation.n} items)"
    if correlation.low > 0:
        return f"Items on which people disagree more tend to be those on which LLM raters do {words}."
    if correlation.high < 0:
        return f"Items on which people disagree more tend to be those on which LLM raters agree more {words}."
    return f"The items on which people disagree are not clearly those on which LLM raters do {words}."
