"""Summarise the answers of a campaign: per item, per arm, over time, and in words.

`recorded` is a table of answers as `answers.counted` returns it.
"""

import math

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.interval import Interval, wilson
from core.study.rows.kinds import CampaignKind, ItemRole
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Sample, Study
from core.subjectivity import ratings
from core.subjectivity.sessions import answers, campaigns
from core.subjectivity.statistics import aggregation, agreement, ranking
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.counts import Level
from core.wording import shown

ITEM_COLUMNS = [
    "item_id",
    "text",
    "arm",
    "intended",
    "majority",
    "agreement",
    "entropy",
    "tied",
    "n_ratings",
    "answers",
]
ARM_COLUMNS = ["arm", "n_items", "n_ratings", "alpha", "alpha_low", "alpha_high", "majority", "majority_low", "majority_high",
               "same", "same_low", "same_high", "n_same"]  # fmt: skip
SEVERAL = 2  # ratings from which on an item shows agreement
RESAMPLES, RESAMPLES_ON_THE_WAY = 1000, 400  # for all answers, and for the first part of the answers


def given(session: Session, campaign: Campaign) -> pd.DataFrame:
    """Read the answers of people that statistics use: columns `answers.LABELS` or `answers.PAIRS`."""
    people = ratings.people(session.get_one(Study, campaign.study_id))
    return answers.counted(session, campaign, kinds=people)


def bare(session: Session, campaign: Campaign) -> pd.DataFrame:
    """Read the same answers as `given` in a quarter of the time: columns item_id, rater_id, label, created_at only.

    For campaigns of labels or of a scale.
    """
    people = ratings.people(session.get_one(Study, campaign.study_id))
    query = (
        select(Rating.item_id, Rating.rater_id, Rating.label, Rating.created_at)
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .where(Rater.campaign_id == campaign.id, Rater.kind.in_(people), Rater.excluded_at.is_(None))
        .where(Item.role == ItemRole.ITEM)
        .order_by(Rating.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["item_id", "rater_id", "label", "created_at"])


def level_of(campaign: Campaign) -> Level:
    """The level of measurement of a campaign's answers: ordinal on a scale, else nominal."""
    return Level.ORDINAL if campaign.kind == CampaignKind.SCALE else Level.NOMINAL


def labelled(recorded: pd.DataFrame) -> pd.DataFrame:
    """Add the columns label, text, arm and intended where they are missing, so that comparisons are tables like ratings.

    The label of a comparison is the chosen name or `tie`; comparisons from a file, which have no item, get the two names
    as item_id.
    """
    if "text" in recorded.columns:
        return recorded
    if "label" in recorded.columns:
        return recorded.assign(text=None, arm=None, intended=None)
    pairs = answers.chosen(recorded)
    in_order = pairs["left"] <= pairs["right"]
    left, right = (pairs[f"{side}_text"].fillna(pairs[side]) for side in ("left", "right"))
    text = left.where(in_order, right) + " | " + right.where(in_order, left)
    item = text if pairs["item_id"].isna().all() else pairs["item_id"]
    return pairs.assign(item_id=item, text=text, arm=None, intended=None)


def by_item(recorded: pd.DataFrame) -> pd.DataFrame:
    """Summarise each item: columns `ITEM_COLUMNS`, with agreement as in `agreement.by_item`.

    `intended`: the label that the text came with. `answers`: the number of each label in words, the most frequent first.
    The labels of a pair are the two names and `tie`.
    """
    if recorded.empty:
        return pd.DataFrame(columns=ITEM_COLUMNS)
    frame = labelled(recorded)
    about = frame.groupby("item_id", sort=False)[["text", "arm", "intended"]].first()
    table = agreement.by_item(frame).join(about, on="item_id")
    counts = frame.groupby(["item_id", "label"], sort=False).size().rename("n").reset_index()
    counts = counts.sort_values(["n", "label"], ascending=[False, True])
    counts["words"] = counts["n"].astype(str) + " × " + counts["label"].astype(str)
    words = counts.groupby("item_id")["words"].agg(", ".join)
    return table.assign(answers=table["item_id"].map(words))[ITEM_COLUMNS]


def with_texts(session: Session, items: pd.DataFrame) -> pd.DataFrame:
    """Fill in the column text of a table of `by_item` that was made without texts."""
    query = (
        select(Item.id, func.coalesce(Sample.text, Item.text))
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .where(Item.id.in_([int(item_id) for item_id in items["item_id"]]))
    )
    return items.assign(text=items["item_id"].map(dict(session.execute(query).all())))


def extremes(items: pd.DataFrame, *, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` items with the highest and the `n` items with the lowest agreement, among items with several ratings.

    No item is in both tables. Of items with equal agreement, the item with more ratings comes first. `items` as `by_item`
    returns it.
    """
    several = items[items["n_ratings"] >= SEVERAL]
    n = min(n, len(several) // 2)
    most = several.sort_values(["agreement", "n_ratings", "item_id"], ascending=[False, False, True]).head(n)
    rest = several.drop(index=most.index)
    least = rest.sort_values(["agreement", "n_ratings", "item_id"], ascending=[True, False, True]).head(n)
    return most, least


def by_arm(recorded: pd.DataFrame, *, level: Level = Level.NOMINAL) -> pd.DataFrame:
    """Summarise each arm from which texts were drawn: columns `ARM_COLUMNS`, with 95 % intervals.

    `majority`: mean majority agreement. `same`: the share of items whose majority label is the label that the text came
    with, among the `n_same` items with several ratings and without a tie. Undefined values are nan.
    """
    rows = []
    for arm, own in recorded[recorded["arm"].notna()].groupby("arm", sort=True):
        found = agreement.summary(own, level=level)
        same = same_as_intended(by_item(own))
        rows.append(
            (arm, found.n_items, found.n_ratings, found.alpha, found.low, found.high, found.mean_majority_agreement,
             found.mean_majority_low, found.mean_majority_high, same.value, same.low, same.high, same.n)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=ARM_COLUMNS)


def same_as_intended(items: pd.DataFrame) -> Interval:
    """The share of items whose majority label is the intended label, with its Wilson interval.

    Only items with several ratings, without a tie and with an intended label count; `items` as `by_item` returns it.
    """
    clear = items[(items["n_ratings"] >= SEVERAL) & ~items["tied"].astype(bool) & items["intended"].notna()]
    return wilson(int((clear["majority"] == clear["intended"]).sum()), len(clear))


def aggregated(recorded: pd.DataFrame, *, method: Method) -> pd.DataFrame:
    """Aggregate the ratings to a label per item: columns item_id, text, arm, intended, label, confidence, n_ratings."""
    about = recorded.groupby("item_id", sort=True)[["text", "arm", "intended"]].first()
    return about.join(aggregation.aggregate_table(recorded, method=method).set_index("item_id")).reset_index()


def scale_by_item(recorded: pd.DataFrame) -> pd.DataFrame:
    """Compute the mean rating of each item on a scale, the highest mean first.

    Columns item_id, text, arm, intended, mean, sd (nan with one rating), n_ratings.
    """
    values = recorded.assign(value=pd.to_numeric(recorded["label"]))
    grouped = values.groupby("item_id", sort=True)
    table = (
        grouped[["text", "arm", "intended"]]
        .first()
        .join(grouped["value"].agg(mean="mean", sd="std", n_ratings="count"))
    )
    return table.reset_index().sort_values(["mean", "item_id"], ascending=[False, True], ignore_index=True)


def strengths(recorded: pd.DataFrame) -> pd.DataFrame:
    """Rank the compared names as in `ranking.side_by_side`, with a column text if texts were compared."""
    table = ranking.side_by_side(recorded)
    texts: dict[str, str] = {}
    for side in ("left", "right"):
        known = recorded[recorded[f"{side}_text"].notna()]
        texts |= dict(zip(known[side], known[f"{side}_text"], strict=True))
    return table.assign(text=table["name"].map(texts)) if texts else table


def so_far(recorded: pd.DataFrame, *, level: Level = Level.NOMINAL, points: int = 8) -> pd.DataFrame:
    """Compute alpha with its interval after `points` growing numbers of first ratings.

    Columns n_ratings, value, low, high.
    """
    in_time = recorded.sort_values("created_at", kind="stable")
    rows = []
    for n in sorted({round(len(recorded) * part / points) for part in range(1, points + 1)} - {0}):
        resamples = RESAMPLES if n == len(recorded) else RESAMPLES_ON_THE_WAY
        alpha = agreement.alpha_interval(in_time.head(n), level=level, resamples=resamples)
        rows.append((n, alpha.value, alpha.low, alpha.high))
    return pd.DataFrame(rows, columns=["n_ratings", "value", "low", "high"])


def words(recorded: pd.DataFrame, campaign: Campaign) -> str:
    """Say in a few words how far people agree, with the interval; "" without answers."""
    if recorded.empty:
        return ""
    if campaign.kind in campaigns.COMPARING:
        return _ranked(recorded)
    found = agreement.summary(recorded, level=level_of(campaign))
    if not math.isfinite(found.alpha):
        return "alpha is not defined yet"
    alpha = Interval(found.alpha, found.low, found.high, found.n_pairable)
    return f"Krippendorff's alpha {alpha.text()}"


def _ranked(recorded: pd.DataFrame) -> str:
    """Say which name has the highest strength, or that strengths cannot be computed yet."""
    try:
        found = ranking.bradley_terry(recorded)
    except StudyError:
        return "no strengths yet"
    if not found.connected:
        return "too few answers for strengths"
    first = found.order[0]
    if recorded["left_text"].notna().any():
        return f"{len(found.order)} texts in order by strength"
    lead = ranking.differences(recorded).iloc[0]
    doubt = "" if lead["told_apart"] else f", not told apart from {shown(lead['b'])}"
    return f"most subjective: {shown(first)}, {found.strength[first].text()}{doubt}"
