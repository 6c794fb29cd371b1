"""The live view of a campaign: progress, raters, agreement so far, and whether more ratings are needed."""

import math
import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.figures import rating_charts
from core.errors import StudyError
from core.interval import Interval
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.subjectivity import results
from core.subjectivity.sessions import campaigns, live
from core.subjectivity.sessions.live import Live
from ui.campaigns import reads
from ui.campaigns.list import NOT_HERE, rating_link
from ui.campaigns.results import strengths_chart
from ui.shared import resources, tables
from ui.shared.durations import duration
from ui.shared.words import plain

TICK = 4
TICK_OF_OTHER_PAGES = 10  # seconds: these compute all findings of a study anew
SHOWN = 3
WIDTH = 140
BARS = 28  # pixels: height of the bars of answers per minute
MOST_DRAWN = 12
ALPHA = "Krippendorff's alpha: 1 when all raters agree, 0 when they agree no more than by chance, below 0 when less."
MAJORITY = "The share of an item's raters who gave its most frequent answer, averaged over items."
WIDTHS = [0.05, 0.1, 0.15, 0.2, 0.3]
NOTHING_YET = "Nobody has answered yet. New answers appear on this page by themselves."


def live_view(campaign: Campaign) -> None:
    """Draw the state of a campaign, again every few seconds while the campaign is open."""
    st.fragment(_draw, run_every=TICK if campaign.is_open else None)(campaign.id)


def watch_answers(study_id: int) -> None:
    """While a session of a study is open, run the page again when answers came in or a rater was excluded or included."""
    with resources.store()() as session:
        seen = _answered(session, study_id)
    if seen:
        st.fragment(_watch_answers, run_every=TICK_OF_OTHER_PAGES)(study_id, seen)


def _watch_answers(study_id: int, seen: list[tuple[object, ...]]) -> None:
    with resources.store()() as session:
        now = _answered(session, study_id)
    if now != seen:
        st.rerun()


def _answered(session: Session, study_id: int) -> list[tuple[object, ...]]:
    """A value for each open session of a study that changes with its answers."""
    return [live.stamp(session, one) for one in campaigns.of_study(session, study_id) if one.is_open and not one.source]


def _draw(campaign_id: int) -> None:
    with resources.store()() as session:
        campaign = session.get_one(Campaign, campaign_id)
        state = live.of(session, campaign, now=time.time())
    _numbers(campaign, state)
    if not state.answers:
        st.info(NOTHING_YET)
        if campaign.is_open:
            st.caption("Send raters this link:")
            st.code(rating_link(campaign), language=None, wrap_lines=True)
            st.caption(NOT_HERE)
        return
    if reads.is_comparing(campaign):
        _order(campaign)
    else:
        _enough(campaign)
        _extremes(campaign)


def _numbers(campaign: Campaign, state: Live) -> None:
    """Draw the progress bar and the metrics."""
    done = state.wanted - state.missing
    if state.wanted:
        st.progress(min(1.0, done / state.wanted), text=f"{done:,} of {state.wanted:,} answers")
    with st.container(horizontal=True):
        _metric("Rating now", str(state.raters.active), _raters_words(state))
        per_minute = state.minutes["answers"].tolist()
        _metric("Per minute", f"{state.per_minute:.1f}", "answers, last 10 min", chart=per_minute)
        _metric("Time left", _time_left(state), _time_left_note(state))
        if state.answers and not reads.is_comparing(campaign):
            found = reads.summary(campaign, level=results.level_of(campaign))
            alpha = Interval(found.alpha, found.low, found.high, found.n_pairable)
            majority = Interval(
                found.mean_majority_agreement, found.mean_majority_low, found.mean_majority_high, found.n_pairable
            )
            _agreement("Alpha so far", alpha, explained=ALPHA)
            _agreement("Majority agreement", majority, explained=MAJORITY)


def _agreement(name: str, estimate: Interval, *, explained: str) -> None:
    """Draw an estimate with its 95 % interval below."""
    limits = f"95 % {estimate.limits()}" if estimate.is_defined else ""
    value = f"{estimate.value:.2f}" if math.isfinite(estimate.value) else tables.NOTHING
    _metric(name, value, limits, explained=explained)


def _metric(name: str, value: str, below: str, *, chart: list[int] | None = None, explained: str | None = None) -> None:
    with st.container(width=WIDTH, gap="xxsmall"):
        st.metric(name, plain(value), help=explained)
        st.caption(plain(below) or "\u00a0")
        if chart and any(chart):
            st.html(_bars(chart))


def _bars(counts: Sequence[int]) -> str:
    """HTML of a small bar chart, the newest minute last; the chart built into `st.metric` flickers at every refresh."""
    most = max(counts)
    bars = "".join(f'<i style="flex:1;background:#0D9488;height:{100 * n / most:.0f}%"></i>' for n in counts)
    description = f"Answers in each of the last {len(counts)} minutes: {', '.join(map(str, counts))}"
    style = f"display:flex;align-items:flex-end;gap:1px;height:{BARS}px"
    return f'<div role="img" aria-label="{description}" title="{description}" style="{style}">{bars}</div>'


def _raters_words(state: Live) -> str:
    """How many raters are not rating now, by the reason."""
    raters = state.raters
    counts = {
        "done": raters.done,
        "idle": raters.idle,
        "left": raters.left,
        "turned away": raters.turned_away,
        "excluded": raters.excluded,
    }
    return " · ".join(f"{n} {name}" for name, n in counts.items() if n) or (
        "no rater is done yet" if raters.active else "no rater yet"
    )


def _time_left_note(state: Live) -> str:
    if state.wanted and not state.missing:
        return "all answers are in"
    if math.isfinite(state.seconds_left):
        return "at this rate" if state.raters.active else "nobody is rating now"
    return "too few answers to tell" if state.per_minute else "no answers lately"


def _time_left(state: Live) -> str:
    return (
        "none"
        if state.wanted and not state.missing
        else duration(state.seconds_left if state.raters.active else math.nan)
    )


def _enough(campaign: Campaign) -> None:
    """Say whether the interval of alpha is narrow enough, or how many more ratings that takes; draw alpha over time."""
    found = reads.summary(campaign, level=results.level_of(campaign))
    left, right = st.columns([1, 2], gap="large", vertical_alignment="center")
    with left:
        width = st.select_slider(
            "Enough when the interval of alpha is at most this wide",
            WIDTHS,
            value=0.1,
            key=f"live.wanted.{campaign.id}",
        )
    with right:
        try:
            plan = reads.more_ratings(campaign, width=width)
        except StudyError as error:
            st.caption(plain(str(error)))
            return
        (st.success if plan.reached else st.info)(plain(plan.sentence), icon="✅" if plan.reached else "📏")
    so_far = rating_charts.alpha_so_far(reads.so_far(campaign))
    narrower = rating_charts.interval_width(_more_items(plan.curve), target=width, now=plan.ratings)
    reading_so_far = f"{so_far.reading} 1: all agree; 0: no more than by chance. The band is the 95 % interval."
    reading_narrower = (
        "Expected width of the interval with more items like these (band: 80 % of simulated campaigns). Dashed line: the width "
        "chosen above."
    )
    columns = st.columns(2, gap="large")
    for column, chart, reading in zip(columns, (so_far, narrower), (reading_so_far, reading_narrower), strict=True):
        with column:
            st.plotly_chart(
                chart.figure, key=f"live.chart.{chart is so_far}.{campaign.id}", config={"displaylogo": False}
            )
            st.caption(plain(reading))
    if found.note:
        st.caption(plain(found.note))


def _more_items(curve: pd.DataFrame) -> pd.DataFrame:
    """The rows of a planning curve that add items, not raters per item."""
    return curve[curve["way"] == "items"].reset_index(drop=True)


def _extremes(campaign: Campaign) -> None:
    """Draw the items that raters agree about most and least, with their answers."""
    most, least = reads.extremes(campaign, n=SHOWN)
    if most.empty:
        st.caption("No two items have two answers yet.")
        return
    columns = st.columns(2, gap="large")
    for column, heading, items in zip(columns, ("Most agreed", "Least agreed"), (most, least), strict=True):
        with column:
            st.markdown(f"**{heading}**")
            for text, agreement, answers in items[["text", "agreement", "answers"]].itertuples(index=False):
                with st.container(border=True, gap="xxsmall"):
                    st.text(text)
                    st.caption(plain(f"agreement {agreement:.2f}: {answers}"))


def _order(campaign: Campaign) -> None:
    """Draw the tasks or texts in order of strength, with intervals; of many texts only the first and last few."""
    table = reads.strengths(campaign)
    noun = "task" if campaign.kind == CampaignKind.COMPARE else "text"
    if len(table) <= MOST_DRAWN:
        chart = strengths_chart(campaign, table)
        st.plotly_chart(chart.figure, key=f"live.order.{campaign.id}", config={"displaylogo": False})
        st.caption(plain(chart.reading))
        return
    first, last = table.head(SHOWN), table.tail(SHOWN).iloc[::-1]
    for heading, own in ((f"Most subjective {noun}s so far", first), (f"Least subjective {noun}s so far", last)):
        st.markdown(f"**{heading}**")
        shown = own.assign(interval=tables.intervals(own), n_ratings=own["n"])
        columns = [noun if noun in shown.columns else "name", "strength", "interval", "n_ratings"]
        tables.table(shown[columns], key=f"live.order.{heading}")
