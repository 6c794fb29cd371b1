"""What a session has brought: agreement per item, per arm and in all; means of a scale; rankings of what was compared."""

import math

import pandas as pd
import streamlit as st

from core.analysis import rating_charts
from core.analysis.rating_charts import Chart
from core.interval import wilson
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.subjectivity.statistics import aggregation, majority, ranking
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.agreement import AgreementSummary
from core.subjectivity.statistics.counts import Level
from ui.campaigns import reads, tables
from ui.campaigns.tables import interval, with_interval
from ui.shared import charts
from ui.shared.words import plain

MOST_DRAWN, SHORT = 30, 60
MEANING = "Alpha is 1 when all agree and 0 when they agree no more than by chance."
METHODS = aggregation.METHOD_NAMES


SHARE = "Confidence: the share of an item's answers that chose the label; no probability of being right."
PROBABILITY = "Confidence: the probability of the label under the model; with few answers per rater it says too much."


def results_view(campaign: Campaign) -> None:
    """The results of a campaign of any kind."""
    if reads.given(campaign).empty:
        st.info("There are no answers of people to show yet.")
        return
    {
        CampaignKind.LABEL: _labels,
        CampaignKind.SCALE: _scale,
        CampaignKind.COMPARE: _tasks,
        CampaignKind.COMPARE_ITEMS: _texts,
    }[campaign.kind](campaign)


def strengths_chart(campaign: Campaign, table: pd.DataFrame) -> Chart:
    """The strengths of what was compared, texts by their beginning, read from the first to the last."""
    differences, named = reads.differences(campaign), table
    chart = rating_charts.strengths(named, differences)
    apart, quote = chart.reading, "{}"
    if "text" in table.columns:
        short = dict(zip(table["name"], table["text"].str.slice(0, SHORT), strict=True))
        named = table.assign(name=table["name"].map(short))
        differences = differences.assign(a=differences["a"].map(short), b=differences["b"].map(short))
        chart, quote = rating_charts.strengths(named, differences), "“{}”"
        apart = f"{int(differences['told_apart'].sum()):,} of {len(differences):,} pairs of texts can be told apart."
    first, last = (
        f"{quote.format(row['name'])} {with_interval(row['strength'], row['low'], row['high'])}"
        for row in (named.iloc[0], named.iloc[-1])
    )
    reading = f"Most subjective: {first}. Least: {last}. {apart} Bars on the right join what is tied."
    return Chart(chart.figure, reading)


def _labels(campaign: Campaign) -> None:
    found = reads.summary(campaign, level=Level.NOMINAL)
    _coefficients(found, key="results")
    items = reads.by_item(campaign)
    chart = rating_charts.agreement_histogram(items, low=found.mean_majority_low, high=found.mean_majority_high)
    charts.plot(
        chart.figure, key="results.histogram", filename=f"campaign-{campaign.id}-agreement", data=items,
        reading=plain(f"{chart.reading} The line is that mean, the band its 95 % interval."),
    )  # fmt: skip
    _by_arm(campaign)
    st.subheader("Items", anchor=False)
    _items(items)
    st.subheader("One label per item", anchor=False)
    _aggregated(campaign)


def _scale(campaign: Campaign) -> None:
    levels = {Level.ORDINAL: "answers in order", Level.INTERVAL: "answers as numbers"}
    given = reads.given(campaign)
    mean = pd.to_numeric(given["label"]).mean()
    st.markdown(
        f"Mean of all answers: **{plain(f'{mean:.2f}')}** (n {len(given):,}) on a scale from 1 (objective) to 5 (subjective)"
    )
    for level, words_for in levels.items():
        found = reads.summary(campaign, level=level)
        words = with_interval(found.alpha, found.low, found.high)
        st.markdown(plain(f"Krippendorff's alpha, {words_for} ({level}): {words}"))
    _sizes(reads.summary(campaign, level=Level.ORDINAL))
    st.subheader("Items", anchor=False)
    table = reads.scale_by_item(campaign)
    tables.show(table[["text", "mean", "sd", "n_ratings", "intended", "arm"]], key="results.scale")
    _by_arm(campaign)


def _tasks(campaign: Campaign) -> None:
    table = _strengths(campaign)
    graph = majority.graph(reads.given(campaign))
    drawn = rating_charts.majority_graph(graph)
    st.subheader("The majority graph", anchor=False)
    charts.plot(
        drawn.figure, key="results.graph", filename=f"campaign-{campaign.id}-majority-graph",
        reading=plain(f"{drawn.reading} An arrow leads from the task that more raters called more subjective to the other."),
    )  # fmt: skip
    st.subheader("Both rankings side by side", anchor=False)
    _ranking_table(table, ["name"], key="results.tasks")
    both = ranking.correlation(table)
    words = "Rank: by strength, 1 is the most subjective. Level: place in the majority graph, the highest is the most subjective."
    if math.isfinite(both.spearman):
        words += (
            f" Spearman's correlation of both orders {both.spearman:.2f}, Kendall's {both.kendall:.2f} (n {both.n})."
        )
    st.caption(plain(words))


def _texts(campaign: Campaign) -> None:
    table = _strengths(campaign)
    st.subheader("Texts", anchor=False)
    _ranking_table(table, ["text"] if "text" in table.columns else ["name"], key="results.texts")


def _strengths(campaign: Campaign) -> pd.DataFrame:
    """Strengths by Bradley and Terry, drawn where there are not too many, and what is to be known about them."""
    table = reads.strengths(campaign)
    found = ranking.bradley_terry(reads.given(campaign))
    words = f"Bradley-Terry strengths from {found.n:,} answers of {found.n_raters} raters, {found.ties} of them ties."
    st.caption(plain(f"{words} Higher: more subjective; one more is about 2.7 times the odds of being chosen."))
    for sentence in (found.note, found.coverage):
        if sentence:
            st.warning(plain(sentence))
    if len(table) <= MOST_DRAWN:
        chart = strengths_chart(campaign, table)
        charts.plot(
            chart.figure, key="results.strengths", filename=f"campaign-{campaign.id}-strengths", data=table,
            reading=plain(chart.reading),
        )  # fmt: skip
    return table


def _ranking_table(table: pd.DataFrame, names: list[str], *, key: str) -> None:
    shown = table.assign(interval=[interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)])
    columns = [*names, "strength", "interval", "bt_rank", "level", "wins", "losses", "ties", "n"]
    tables.show(shown[columns], key=key, wide=("text", "name"))


def _coefficients(found: AgreementSummary, *, key: str) -> None:
    """Every coefficient with its interval, the sizes, and what to know before quoting them."""
    rows = [
        ("Krippendorff's alpha", found.alpha, interval(found.low, found.high)),
        ("Mean majority agreement", found.mean_majority_agreement, interval(found.mean_majority_low, found.mean_majority_high)),
        ("Percent agreement", found.percent_agreement, interval(found.percent_agreement_low, found.percent_agreement_high)),
        ("Fleiss' kappa", found.fleiss_kappa, interval(found.fleiss_kappa_low, found.fleiss_kappa_high)),
    ]  # fmt: skip
    table, shares = st.columns([3, 2], gap="large")
    with table:
        tables.show(pd.DataFrame(rows, columns=["coefficient", "value", "interval"]), key=f"{key}.coefficients")
    with shares:
        prevalence = sorted(found.prevalence.items(), key=lambda pair: -pair[1])
        tables.show(pd.DataFrame(prevalence, columns=["label", "share"]), key=f"{key}.prevalence")
    _sizes(found)


def _sizes(found: AgreementSummary) -> None:
    st.caption(
        plain(
            f"n: {found.n_items:,} items ({found.n_pairable:,} with two answers or more), {found.n_raters:,} raters, "
            f"{found.n_ratings:,} answers. {MEANING} {found.convention}"
        )
    )
    if found.note:
        st.warning(plain(found.note))


def _by_arm(campaign: Campaign) -> None:
    """Real and synthetic texts side by side."""
    arms = reads.by_arm(campaign)
    if arms.empty:
        return
    st.subheader("By arm", anchor=False)
    shown = pd.DataFrame(
        {
            "arm": arms["arm"],
            "n_items": arms["n_items"],
            "alpha": _cells(arms, "alpha", "alpha_low", "alpha_high"),
            "majority": _cells(arms, "majority", "majority_low", "majority_high"),
            "same": [
                f"{words}, n {n}"
                for words, n in zip(_cells(arms, "same", "same_low", "same_high"), arms["n_same"], strict=True)
            ],
        }
    )
    if campaign.kind == CampaignKind.SCALE:
        shown = shown.drop(columns="same")
    tables.show(shown.rename(columns={"majority": "Majority agreement"}), key="results.arms")
    if campaign.kind == CampaignKind.LABEL:
        st.caption(
            "Majority = label it came with: items with two answers or more and no tie, with Wilson's 95 % interval. For "
            "synthetic texts that is the label the prompt asked for."
        )


def _cells(table: pd.DataFrame, value: str, low: str, high: str) -> list[str]:
    return [with_interval(*row) for row in table[[value, low, high]].itertuples(index=False)]


def _items(items: pd.DataFrame) -> None:
    columns = ["text", "agreement", "majority", "intended", "entropy", "answers", "arm"]
    in_order = items.sort_values(["agreement", "n_ratings"], ascending=[True, False])
    tables.show(in_order[columns], key="results.items")


def _aggregated(campaign: Campaign) -> None:
    method = st.segmented_control(
        "Aggregated by", list(METHODS), default=Method.MAJORITY, required=True, format_func=METHODS.__getitem__,
        key="results.method", label_visibility="collapsed",
    )  # fmt: skip
    table = reads.aggregated(campaign, method)
    first = reads.aggregated(campaign, Method.MAJORITY)
    if method != Method.MAJORITY:
        differs = int((table["label"] != first["label"]).sum())
        st.caption(f"{differs:,} of {len(table):,} labels differ from the majority.")
        if caution := reads.aggregation_caution(campaign, method):
            st.warning(caution)
    known = table[table["intended"].notna()]
    same = wilson(int((known["label"] == known["intended"]).sum()), len(known))
    if same.n:
        words = with_interval(same.value, same.low, same.high)
        st.caption(plain(f"Equal to the label the text came with: {words} (n {same.n:,})."))
    tables.show(table[["text", "label", "confidence", "intended", "arm"]], key="results.aggregated")
    st.caption(SHARE if method == Method.MAJORITY else PROBABILITY)
