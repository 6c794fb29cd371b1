"""What a session has brought, as tables for people: per item, per arm, per text; `given` is what `answers.counted` gives."""

import math

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import CampaignKind, ItemRole
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Sample, Study
from core.subjectivity import ratings
from core.subjectivity.sessions import answers, campaigns
from core.subjectivity.statistics import aggregation, agreement, ranking, shares
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.agreement import Level
from core.subjectivity.statistics.shares import Share

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
SEVERAL = 2
RESAMPLES, RESAMPLES_ON_THE_WAY = 1000, 400


def given(session: Session, campaign: Campaign) -> pd.DataFrame:
    """The answers of people that count, columns `answers.LABELS` or `answers.PAIRS`."""
    people = ratings.people(session.get_one(Study, campaign.study_id))
    return answers.counted(session, campaign, kinds=people)


def bare(session: Session, campaign: Campaign) -> pd.DataFrame:
    """The same answers of a campaign of labels or of the scale without what is known about them: columns item_id,
    rater_id, label, created_at. A quarter of the time of `given`."""
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
    """The level of measurement of a campaign's answers."""
    return Level.ORDINAL if campaign.kind == CampaignKind.SCALE else Level.NOMINAL


def labelled(given: pd.DataFrame) -> pd.DataFrame:
    """The same answers with a column label and a column text, also where two things were compared; a pair from a file,
    which has no item, is one by the names of its sides."""
    if "text" in given.columns:
        return given
    if "label" in given.columns:
        return given.assign(text=None, arm=None, intended=None)
    pairs = answers.chosen(given)
    in_order = pairs["left"] <= pairs["right"]
    left, right = (pairs[f"{side}_text"].fillna(pairs[side]) for side in ("left", "right"))
    text = left.where(in_order, right) + " | " + right.where(in_order, left)
    item = text if pairs["item_id"].isna().all() else pairs["item_id"]
    return pairs.assign(item_id=item, text=text, arm=None, intended=None)


def by_item(given: pd.DataFrame) -> pd.DataFrame:
    """One row per item: columns `ITEM_COLUMNS`. `intended` is the label the text came with; `answers` counts every label
    in words, the most chosen first. Of a pair, the labels are the names of the two sides and `tie`."""
    if given.empty:
        return pd.DataFrame(columns=ITEM_COLUMNS)
    frame = labelled(given)
    about = frame.groupby("item_id", sort=False)[["text", "arm", "intended"]].first()
    table = agreement.by_item(frame).join(about, on="item_id")
    counted = frame.groupby(["item_id", "label"], sort=False).size().rename("n").reset_index()
    counted = counted.sort_values(["n", "label"], ascending=[False, True])
    counted["words"] = counted["n"].astype(str) + " × " + counted["label"].astype(str)
    words = counted.groupby("item_id")["words"].agg(", ".join)
    return table.assign(answers=table["item_id"].map(words))[ITEM_COLUMNS]


def with_texts(session: Session, items: pd.DataFrame) -> pd.DataFrame:
    """The same items with their texts filled in, for tables of `by_item` that were made without."""
    query = (
        select(Item.id, func.coalesce(Sample.text, Item.text))
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .where(Item.id.in_([int(item_id) for item_id in items["item_id"]]))
    )
    return items.assign(text=items["item_id"].map(dict(session.execute(query).all())))


def extremes(items: pd.DataFrame, *, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` most and the `n` least agreed items among those that several raters answered; no item is in both.

    Between equals, the item with more answers comes first. `items` as `by_item` gives it.
    """
    several = items[items["n_ratings"] >= SEVERAL]
    n = min(n, len(several) // 2)
    most = several.sort_values(["agreement", "n_ratings", "item_id"], ascending=[False, False, True]).head(n)
    rest = several.drop(index=most.index)
    least = rest.sort_values(["agreement", "n_ratings", "item_id"], ascending=[True, False, True]).head(n)
    return most, least


def by_arm(given: pd.DataFrame, *, level: Level = Level.NOMINAL) -> pd.DataFrame:
    """One row per arm that texts were drawn from: columns `ARM_COLUMNS`, the intervals at 95 %.

    `same` is the share of items whose majority is the label the text came with, among `n_same` items that several raters
    answered without a tie. nan where there is nothing to compute from.
    """
    rows = []
    for arm, own in given[given["arm"].notna()].groupby("arm", sort=True):
        found = agreement.summary(own, level=level)
        same = same_as_intended(by_item(own))
        rows.append(
            (arm, found.n_items, found.n_ratings, found.alpha, found.low, found.high, found.mean_majority_agreement,
             found.mean_majority_low, found.mean_majority_high, same.value, same.low, same.high, same.n)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=ARM_COLUMNS)


def same_as_intended(items: pd.DataFrame) -> Share:
    """How often the majority of an item is the label its text came with; `items` as `by_item` gives it."""
    clear = items[(items["n_ratings"] >= SEVERAL) & ~items["tied"].astype(bool) & items["intended"].notna()]
    return shares.of(int((clear["majority"] == clear["intended"]).sum()), len(clear))


def aggregated(given: pd.DataFrame, *, method: Method) -> pd.DataFrame:
    """One label per item by a method: columns item_id, text, arm, intended, label, confidence, n_ratings."""
    about = given.groupby("item_id", sort=True)[["text", "arm", "intended"]].first()
    return about.join(aggregation.aggregate_table(given, method=method).set_index("item_id")).reset_index()


def scale_by_item(given: pd.DataFrame) -> pd.DataFrame:
    """Mean rating of each item on a scale: columns item_id, text, arm, intended, mean, sd (nan with one rating),
    n_ratings; the highest mean first."""
    values = given.assign(value=pd.to_numeric(given["label"]))
    grouped = values.groupby("item_id", sort=True)
    table = (
        grouped[["text", "arm", "intended"]]
        .first()
        .join(grouped["value"].agg(mean="mean", sd="std", n_ratings="count"))
    )
    return table.reset_index().sort_values(["mean", "item_id"], ascending=[False, True], ignore_index=True)


def strengths(given: pd.DataFrame) -> pd.DataFrame:
    """Both rankings of what was compared, as `ranking.side_by_side`, with a column text for compared texts."""
    table = ranking.side_by_side(given)
    texts: dict[str, str] = {}
    for side in ("left", "right"):
        known = given[given[f"{side}_text"].notna()]
        texts |= dict(zip(known[side], known[f"{side}_text"], strict=True))
    return table.assign(text=table["name"].map(texts)) if texts else table


def so_far(given: pd.DataFrame, *, level: Level = Level.NOMINAL, points: int = 8) -> pd.DataFrame:
    """Alpha with its interval after the first answers, ever more of them: columns n_ratings, value, low, high."""
    in_time = given.sort_values("created_at", kind="stable")
    rows = []
    for n in sorted({round(len(given) * part / points) for part in range(1, points + 1)} - {0}):
        resamples = RESAMPLES if n == len(given) else RESAMPLES_ON_THE_WAY
        found = agreement.alpha_interval(in_time.head(n), level=level, resamples=resamples)
        rows.append((n, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["n_ratings", "value", "low", "high"])


def words(given: pd.DataFrame, campaign: Campaign) -> str:
    """How far people agree, in a few words with an interval; empty without answers."""
    if given.empty:
        return ""
    if campaign.kind in campaigns.COMPARING:
        return _ranked(given)
    found = agreement.summary(given, level=level_of(campaign))
    if not math.isfinite(found.alpha):
        return "alpha is not defined yet"
    interval = f" [{found.low:.2f}, {found.high:.2f}]" if math.isfinite(found.low) else ""
    return f"Krippendorff's alpha {found.alpha:.2f}{interval}"


def _ranked(given: pd.DataFrame) -> str:
    try:
        found = ranking.bradley_terry(given)
    except StudyError:
        return "no strengths yet"
    if not found.connected:
        return "too few answers for strengths"
    first = found.order[0]
    if given["left_text"].notna().any():
        return f"{len(found.order)} texts in order by strength"
    one = found.strength[first]
    interval = f" [{one.low:.2f}, {one.high:.2f}]" if math.isfinite(one.low) else ""
    ahead = ranking.differences(given).iloc[0]
    told = "" if ahead["told_apart"] else f", not told apart from {ahead['b']}"
    return f"most subjective: {first}, strength {one.value:.2f}{interval}{told}"
