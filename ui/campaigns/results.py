"""The results of a campaign: agreement per item, per arm and overall, means of a scale, rankings of comparisons."""

import math

import pandas as pd
import streamlit as st

from core.analysis.figures import rating_charts
from core.analysis.figures.rating_charts import Chart
from core.interval import Interval, wilson
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.subjectivity.statistics import aggregation, majority, ranking
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.agreement import AgreementSummary
from core.subjectivity.statistics.counts import Level
from core.wording import shown
from ui.campaigns import reads
from ui.shared import charts, tables
from ui.shared.words import plain

MOST_DRAWN, SHORT = 30, 60
MEANING = "Alpha is 1 when all agree and 0 when they agree no more than by chance."
SHARE = "Confidence: the share of an item's answers that chose the label, not the probability that the label is right."
PROBABILITY = (
    "Confidence: the probability of the label under the model, which is too high when raters gave few answers each."
)


def results_view(campaign: Campaign) -> None:
    """Draw the results of a campaign: agreement, scale means or rankings, by its kind."""
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
    """The chart of Bradley-Terry strengths with its reading; texts are named by their beginning.

    `table`: the frame of `reads.strengths`.
    """
    differences = reads.differences(campaign)
    has_texts = "text" in table.columns
    short = dict(zip(table["name"], table["text"].str.slice(0, SHORT), strict=True)) if has_texts else {}
    chart = rating_charts.strengths(table, differences, shown=short)
    pairs, quote = chart.reading, "{}"
    if has_texts:
        quote = "“{}”"
        pairs = f"{int(differences['told_apart'].sum()):,} of {len(differences):,} pairs of texts can be told apart."
    named = table.assign(name=table["name"].map(lambda name: short.get(name, name)))
    noun = "task" if campaign.kind == CampaignKind.COMPARE else "text"
    first, last = (
        f"{quote.format(shown(str(row['name'])))} {Interval(row['strength'], row['low'], row['high'], row['n']).text()}"
        for row in (named.iloc[0], named.iloc[-1])
    )
    reading = f"Most subjective: {first}. Least: {last}. {pairs}"
    if not differences["told_apart"].all():
        reading += f" Bars on the right join {noun}s that are not told apart."
    return Chart(chart.figure, reading)


def _labels(campaign: Campaign) -> None:
    found = reads.summary(campaign, level=Level.NOMINAL)
    _coefficients(found, key="results")
    items = reads.by_item(campaign)
    chart = rating_charts.agreement_histogram(items, low=found.mean_majority_low, high=found.mean_majority_high)
    charts.plot(
        chart.figure, key="results.histogram", filename=f"campaign-{campaign.id}-agreement", data=items,
        reading=f"{chart.reading} The line is the mean, the band its 95 % interval.",
    )  # fmt: skip
    _by_arm(campaign)
    st.header("Items", anchor=False)
    _items(items)
    st.header("One label per item", anchor=False)
    _aggregated(campaign)


def _scale(campaign: Campaign) -> None:
    levels = {Level.ORDINAL: "answers in order", Level.INTERVAL: "answers as numbers"}
    given = reads.given(campaign)
    mean = pd.to_numeric(given["label"]).mean()
    st.markdown(
        f"Mean of all answers: **{plain(f'{mean:.2f}')}** (n {len(given):,}) on a scale from 1 (objective) to 5 (subjective)"
    )
    for level, treated_as in levels.items():
        found = reads.summary(campaign, level=level)
        alpha = Interval(found.alpha, found.low, found.high, found.n_pairable).text()
        st.markdown(plain(f"Krippendorff's alpha, {treated_as} ({level}): {alpha}"))
    _sizes(reads.summary(campaign, level=Level.ORDINAL))
    st.header("Items", anchor=False)
    table = reads.scale_by_item(campaign)
    tables.table(table[["text", "mean", "sd", "n_ratings", "intended", "arm"]], key="results.scale")
    _by_arm(campaign)


def _tasks(campaign: Campaign) -> None:
    table = _strengths(campaign)
    graph = majority.graph(reads.given(campaign))
    chart = rating_charts.majority_graph(graph)
    st.header("The majority graph", anchor=False)
    charts.plot(
        chart.figure, key="results.graph", filename=f"campaign-{campaign.id}-majority-graph",
        reading=f"{chart.reading} An arrow points from the task that most raters called more subjective to the other task.",
    )  # fmt: skip
    st.header("Both rankings side by side", anchor=False)
    _ranking_table(table, ["name"], key="results.tasks")
    correlation = ranking.correlation(table)
    legend = (
        "Rank: by strength, 1 is the most subjective. Level: in the majority graph, the highest is the most subjective."
    )
    if math.isfinite(correlation.spearman):
        legend += (
            f" Correlation of both rankings: Spearman {correlation.spearman:.2f}, Kendall {correlation.kendall:.2f} "
            f"(n {correlation.n})."
        )
    st.caption(plain(legend))


def _texts(campaign: Campaign) -> None:
    table = _strengths(campaign)
    st.header("Texts", anchor=False)
    _ranking_table(table, ["text"] if "text" in table.columns else ["name"], key="results.texts")


def _strengths(campaign: Campaign) -> pd.DataFrame:
    """Draw Bradley-Terry strengths with their warnings, as a chart of up to 30 tasks or texts; return the table of strengths."""
    table = reads.strengths(campaign)
    found = ranking.bradley_terry(reads.given(campaign))
    sizes = f"Bradley-Terry strengths from {found.n:,} answers of {found.n_raters} raters, {found.ties} of them ties."
    st.caption(plain(f"{sizes} Higher is more subjective: 1 more multiplies the odds of being chosen by about 2.7."))
    for sentence in (found.note, found.coverage):
        if sentence:
            st.warning(plain(sentence))
    if len(table) <= MOST_DRAWN:
        chart = strengths_chart(campaign, table)
        charts.plot(
            chart.figure, key="results.strengths", filename=f"campaign-{campaign.id}-strengths", data=table,
            reading=chart.reading,
        )  # fmt: skip
    return table


def _ranking_table(table: pd.DataFrame, names: list[str], *, key: str) -> None:
    shown = table.assign(interval=tables.intervals(table), n_ratings=table["n"])
    columns = [*names, "strength", "interval", "bt_rank", "level", "wins", "losses", "ties", "n_ratings"]
    tables.table(shown[columns], key=key)


def _coefficients(found: AgreementSummary, *, key: str) -> None:
    """Draw every agreement coefficient with its interval, the share of each label, sizes and warnings."""
    n = found.n_pairable
    rows = [
        ("Krippendorff's alpha", Interval(found.alpha, found.low, found.high, n)),
        ("Mean majority agreement",
         Interval(found.mean_majority_agreement, found.mean_majority_low, found.mean_majority_high, n)),
        ("Percent agreement",
         Interval(found.percent_agreement, found.percent_agreement_low, found.percent_agreement_high, n)),
        ("Fleiss' kappa", Interval(found.fleiss_kappa, found.fleiss_kappa_low, found.fleiss_kappa_high, n)),
    ]  # fmt: skip
    cells = [(name, estimate.value, estimate.limits()) for name, estimate in rows]
    left, right = st.columns([3, 2], gap="large")
    with left:
        tables.table(pd.DataFrame(cells, columns=["coefficient", "value", "interval"]), key=f"{key}.coefficients")
    with right:
        prevalence = sorted(found.prevalence.items(), key=lambda pair: -pair[1])
        tables.table(pd.DataFrame(prevalence, columns=["label", "share"]), key=f"{key}.prevalence")
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
    """Draw the agreement on the texts of each arm, if the texts come from arms."""
    arms = reads.by_arm(campaign)
    if arms.empty:
        return
    st.header("By arm", anchor=False)
    shown = pd.DataFrame(
        {
            "arm": arms["arm"],
            "n_items": arms["n_items"],
            "alpha": tables.with_intervals(arms, "alpha", n="n_items"),
            "majority_agreement": tables.with_intervals(arms, "majority", n="n_items"),
            "same": [
                f"{share}, n {n}"
                for share, n in zip(tables.with_intervals(arms, "same", n="n_same"), arms["n_same"], strict=True)
            ],
        }
    )
    if campaign.kind == CampaignKind.SCALE:
        shown = shown.drop(columns="same")
    tables.table(shown, key="results.arms")
    if campaign.kind == CampaignKind.LABEL:
        st.caption(
            "Majority = label it came with: share of the items with two answers or more and no tie, with Wilson's 95 % interval. A "
            "synthetic text came with the label that the prompt asked for."
        )


def _items(items: pd.DataFrame) -> None:
    """Draw a table of the items, the items with the least agreement first."""
    columns = ["text", "agreement", "majority", "intended", "entropy", "answers", "arm"]
    in_order = items.sort_values(["agreement", "n_ratings"], ascending=[True, False])
    tables.table(in_order[columns], key="results.items")


def _aggregated(campaign: Campaign) -> None:
    """Draw one label per item by the chosen method, and how many labels differ from the majority."""
    names = aggregation.METHOD_NAMES
    method = st.segmented_control(
        "Aggregated by", list(names), default=Method.MAJORITY, required=True, format_func=names.__getitem__,
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
        st.caption(plain(f"Equal to the label the text came with: {same.text()} (n {same.n:,})."))
    tables.table(table[["text", "label", "confidence", "intended", "arm"]], key="results.aggregated")
    st.caption(SHARE if method == Method.MAJORITY else PROBABILITY)
