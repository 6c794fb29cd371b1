"""Compare people and LLM raters on the same items: the agreement of each group, pooled only on request."""

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
from core.subjectivity.llm import alternative_annotator
from core.subjectivity.llm.alternative_annotator import AltTest, Skill
from core.subjectivity.sessions import answers, campaigns
from core.subjectivity.statistics import agreement
from core.subjectivity.statistics.counts import Level

CAUTION = (
    "LLM raters are shown beside people and never stand for them: how far one model agrees with itself does not show how "
    "subjective an item is to people."
)
MUCH_MORE = 0.1
FEWEST_RANKED = 4  # items that a rank correlation with an interval needs
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
    """The agreement within one group of raters.

    `alpha` is Krippendorff's alpha with its 95 % interval from `low` to `high`, nan where undefined; `mean_agreement` is
    the mean over items of a_i, the share of raters who chose the item's most frequent answer.
    """

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
    """Spearman's rho over n items, from -1 to 1, with Fisher's 95 % interval.

    All three are nan if the values of a group do not vary or n is under 4; `low` and `high` also if rho is 1 or -1.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class SideBySide:
    """People and LLM raters on the items that both groups rated; if the groups share no item, on each group's own items.

    `people` and `llm` are None for a group without answers; `by_model` holds the LLM raters of each model; `pooled` is
    None unless requested. `items` has one row per item with the columns `ITEMS`; `same_majority` is missing where a
    group is tied. `correlation` is between the groups' agreement per item. `reading` says the result in words.
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
    """Compare people and LLM raters of a campaign on the items that both groups rated, among `item_ids` unless None.

    Excluded raters, attention checks and gold items are left out. In a campaign of comparisons, the answer is the thing
    chosen, on whichever side it was shown.
    """
    people = ratings.people(session.get_one(Study, campaign.study_id))
    rated = answers.counted(session, campaign, kinds=[*people, RaterKind.LLM])
    if item_ids is not None:
        rated = rated[rated["item_id"].isin(set(item_ids))]
    query = select(Rater).where(Rater.campaign_id == campaign.id, Rater.kind == RaterKind.LLM)
    models = {rater.pseudonym: str(rater.facts.get("model", "")) for rater in session.scalars(query)}
    level = Level.ORDINAL if campaign.kind == CampaignKind.SCALE else Level.NOMINAL
    frame = answers.chosen(rated) if campaign.kind in campaigns.COMPARING else rated
    return compare(frame, models=models, level=level, pooled=pooled)


def stand_ins(session: Session, campaign: Campaign, *, skill: Skill = Skill.SKILLED) -> list[AltTest]:
    """The alternative annotator test of every LLM rater of a campaign; see `alternative_annotator.alt_test`.

    Excluded raters, attention checks and gold items are left out. In a campaign of comparisons, the answer is the thing
    chosen, on whichever side it was shown.
    """
    people = ratings.people(session.get_one(Study, campaign.study_id))
    rated = answers.counted(session, campaign, kinds=[*people, RaterKind.LLM])
    level = Level.ORDINAL if campaign.kind == CampaignKind.SCALE else Level.NOMINAL
    frame = answers.chosen(rated) if campaign.kind in campaigns.COMPARING else rated
    return alternative_annotator.of_raters(frame, skill=skill, level=level)


def compare(
    rated: pd.DataFrame, *, models: dict[str, str], level: Level = Level.NOMINAL, pooled: bool = False
) -> SideBySide:
    """Compare people and LLM raters in a table of answers with the columns item_id, rater_id, label and kind.

    `models` maps the rater_id of each LLM rater to its model.
    """
    is_llm = rated["kind"] == RaterKind.LLM
    both = set(rated.loc[is_llm, "item_id"]) & set(rated.loc[~is_llm, "item_id"])
    shared = rated["item_id"].isin(both) if both else pd.Series(True, index=rated.index)
    people, llm = rated[shared & ~is_llm], rated[shared & is_llm]
    model_of = llm["rater_id"].map(models)
    items = _items(people, llm) if both else pd.DataFrame(columns=ITEMS)
    people_group, llm_group = _group("people", people, level), _group("LLM raters", llm, level)
    correlation = _correlation(items)
    return SideBySide(
        people=people_group,
        llm=llm_group,
        by_model={
            str(model): group
            for model in sorted(model_of.dropna().unique())
            if (group := _group(str(model), llm[model_of == model], level)) is not None
        },
        pooled=_group("people and LLM raters together", rated[shared], level) if pooled else None,
        items=items,
        same_majority=_share_same_majority(items),
        correlation=correlation,
        reading=_reading(people_group, llm_group, correlation, shared=len(items)),
    )


def _group(name: str, rated: pd.DataFrame, level: Level) -> Group | None:
    """Return the agreement of a group; None if the group has no answer."""
    if rated.empty:
        return None
    summary = agreement.summary(rated, level=level)
    return Group(
        name=name,
        alpha=summary.alpha,
        low=summary.low,
        high=summary.high,
        mean_agreement=summary.mean_majority_agreement,
        n_items=summary.n_items,
        n_raters=summary.n_raters,
        n_ratings=summary.n_ratings,
        note=summary.note,
    )


def _items(people: pd.DataFrame, llm: pd.DataFrame) -> pd.DataFrame:
    """Return one row per item that both groups rated, with the columns `ITEMS`."""
    sides = []
    for name, rated in (("people", people), ("llm", llm)):
        by_item = agreement.by_item(rated).set_index("item_id")
        renamed = {column: f"{name}_{column}" for column in ("majority", "agreement", "entropy", "tied")}
        sides.append(by_item.rename(columns={**renamed, "n_ratings": f"n_{name}"}))
    table = sides[0].join(sides[1], how="inner").reset_index()
    same = (table["people_majority"] == table["llm_majority"]).astype("boolean")
    table["same_majority"] = same.mask(table["people_tied"] | table["llm_tied"])
    return table[ITEMS]


def _share_same_majority(items: pd.DataFrame) -> Interval:
    """Return the share of items with the same majority in both groups, among the items without a tie."""
    known = items["same_majority"].dropna()
    return wilson(int(known.sum()), len(known))


def _correlation(items: pd.DataFrame) -> Correlation:
    """Return Spearman's rho between the groups' agreement per item, over items with two answers of each group or more.

    The interval is Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright (2000).
    """
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
    """Return the comparison in words, or the reason why the groups cannot be compared."""
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
    """Return the sentence about which group agrees more; no group is named where the intervals of alpha overlap."""
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
    """Return the sentence about whether people and LLM raters disagree about the same items."""
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
