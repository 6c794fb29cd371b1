"""A session while it goes on: who is at it, how quick, how far people agree so far, and whether it is enough already."""

import math
import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.analysis import rating_charts
from core.errors import StudyError
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.subjectivity import results
from core.subjectivity.sessions import live
from core.subjectivity.sessions.live import Live
from ui.campaigns import reads, tables
from ui.campaigns.list import rating_link
from ui.campaigns.results import strengths_chart
from ui.campaigns.tables import interval, number
from ui.shared import resources
from ui.shared.words import plain

TICK = 4
SHOWN = 3
WIDTH = 140
BARS = 28  # pixels: how high the bars of answers a minute are
MOST_DRAWN = 12
ALPHA = "Krippendorff's alpha: 1 when all raters agree, 0 when they agree no more than by chance, below 0 when less."
MAJORITY = "The share of a text's raters who gave its most frequent answer, averaged over texts."
WIDTHS = [0.05, 0.1, 0.15, 0.2, 0.3]
NOTHING_YET = "Nobody has answered yet. Answers show here by themselves as they come in."


def live_view(campaign: Campaign) -> None:
    """The campaign as it is now, read again every few seconds while it is open."""
    st.fragment(_tick, run_every=TICK if campaign.is_open else None)(campaign.id)


def _tick(campaign_id: int) -> None:
    with resources.store()() as session:
        campaign = session.get_one(Campaign, campaign_id)
        now = live.of(session, campaign, now=time.time())
    _numbers(campaign, now)
    if not now.answers:
        st.info(NOTHING_YET)
        if campaign.is_open:
            st.caption("Send raters this link:")
            st.code(rating_link(campaign), language=None, wrap_lines=True)
        return
    if reads.is_comparing(campaign):
        _order(campaign)
    else:
        _enough(campaign)
        _extremes(campaign)


def _numbers(campaign: Campaign, now: Live) -> None:
    done = now.wanted - now.missing
    if now.wanted:
        st.progress(min(1.0, done / now.wanted), text=f"{done:,} of {now.wanted:,} answers")
    with st.container(horizontal=True):
        _metric("Rating now", str(now.raters.active), _raters_words(now))
        _metric("Per minute", f"{now.per_minute:.1f}", "answers, last 10 min", chart=now.minutes["answers"].tolist())
        _metric("Time left", _left(now), _left_words(now))
        if now.answers and not reads.is_comparing(campaign):
            found = reads.summary(campaign, level=results.level_of(campaign))
            _metric("Alpha so far", number(found.alpha), _ninety_five(found.low, found.high), words_for=ALPHA)
            _metric(
                "Majority agreement",
                number(found.mean_majority_agreement),
                _ninety_five(found.mean_majority_low, found.mean_majority_high),
                words_for=MAJORITY,
            )


def _metric(
    words: str, value: str, below: str, *, chart: list[int] | None = None, words_for: str | None = None
) -> None:
    with st.container(width=WIDTH, gap="xxsmall"):
        st.metric(words, plain(value), help=words_for)
        st.caption(plain(below) or "\u00a0")
        if chart and any(chart):
            st.html(_bars(chart))


def _bars(counts: Sequence[int]) -> str:
    """Small bars, the newest last. A metric's own chart begins empty at every refresh, and the browser warns of each."""
    most = max(counts)
    bars = "".join(f'<i style="flex:1;background:#0D9488;height:{100 * n / most:.0f}%"></i>' for n in counts)
    said = f"Answers in each of the last {len(counts)} minutes: {', '.join(map(str, counts))}"
    look = f"display:flex;align-items:flex-end;gap:1px;height:{BARS}px"
    return f'<div role="img" aria-label="{said}" title="{said}" style="{look}">{bars}</div>'


def _raters_words(now: Live) -> str:
    who = now.raters
    named = {
        "done": who.done,
        "idle": who.idle,
        "left": who.left,
        "turned away": who.turned_away,
        "excluded": who.excluded,
    }
    return " · ".join(f"{n} {word}" for word, n in named.items() if n) or (
        "none done yet" if who.active else "nobody yet"
    )


def _left_words(now: Live) -> str:
    if now.wanted and not now.missing:
        return "all answers are in"
    return (
        "at this rate"
        if math.isfinite(now.seconds_left)
        else ("too few answers to tell" if now.per_minute else "no answers lately")
    )


def _left(now: Live) -> str:
    if now.wanted and not now.missing:
        return "none"
    if not math.isfinite(now.seconds_left):
        return "–"
    minutes = now.seconds_left / 60
    return f"{max(1, round(minutes))} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _enough(campaign: Campaign) -> None:
    """Whether the interval is narrow enough, and what would make it so; beside it, alpha as the answers came in."""
    found = reads.summary(campaign, level=results.level_of(campaign))
    asked, said = st.columns([1, 2], gap="large", vertical_alignment="center")
    with asked:
        width = st.select_slider(
            "Enough when the interval of alpha is this wide", WIDTHS, value=0.1, key=f"live.wanted.{campaign.id}"
        )
    with said:
        try:
            plan = reads.more_ratings(campaign, width=width)
        except StudyError as error:
            st.caption(plain(str(error)))
            return
        (st.success if plan.reached else st.info)(plain(plan.sentence), icon="✅" if plan.reached else "📏")
    so_far = rating_charts.alpha_so_far(reads.so_far(campaign))
    narrower = rating_charts.interval_width(_more_items(plan.curve), target=width, now=plan.ratings)
    so_far_words = f"{so_far.reading} 1: all agree; 0: no more than by chance. The band is the 95 % interval."
    words = (
        "The width to expect with more items like these (band: 80 % of simulated sessions). Dashes: the width wanted."
    )
    columns = st.columns(2, gap="large")
    for column, chart, reading in zip(columns, (so_far, narrower), (so_far_words, words), strict=True):
        with column:
            st.plotly_chart(
                chart.figure, key=f"live.chart.{chart is so_far}.{campaign.id}", config={"displaylogo": False}
            )
            st.caption(plain(reading))
    if found.note:
        st.caption(plain(found.note))


def _ninety_five(low: float, high: float) -> str:
    words = interval(low, high)
    return f"95 % {words}" if words else ""


def _more_items(curve: pd.DataFrame) -> pd.DataFrame:
    """The curve of more items like these: it goes down to any width."""
    return curve[curve["way"] == "items"].reset_index(drop=True)


def _extremes(campaign: Campaign) -> None:
    """The items that raters agree about most and least, with what they said."""
    most, least = reads.extremes(campaign, n=SHOWN)
    if most.empty:
        st.caption("No two items have two answers yet.")
        return
    columns = st.columns(2, gap="large")
    for column, words, items in zip(columns, ("Most agreed", "Least agreed"), (most, least), strict=True):
        with column:
            st.markdown(f"**{words}**")
            for text, agreement, answers in items[["text", "agreement", "answers"]].itertuples(index=False):
                with st.container(border=True, gap="xxsmall"):
                    st.text(text)
                    st.caption(plain(f"agreement {agreement:.2f}: {answers}"))


def _order(campaign: Campaign) -> None:
    """The order so far by strength, with intervals; named where two are compared that cannot be told apart."""
    table = reads.strengths(campaign)
    noun = "task" if campaign.kind == CampaignKind.COMPARE else "text"
    if len(table) <= MOST_DRAWN:
        chart = strengths_chart(campaign, table)
        st.plotly_chart(chart.figure, key=f"live.order.{campaign.id}", config={"displaylogo": False})
        st.caption(plain(chart.reading))
        return
    first, last = table.head(SHOWN), table.tail(SHOWN).iloc[::-1]
    for words, own in ((f"Most subjective {noun}s so far", first), (f"Least subjective {noun}s so far", last)):
        st.markdown(f"**{words}**")
        shown = own.assign(interval=[interval(low, high) for low, high in zip(own["low"], own["high"], strict=True)])
        columns = [noun if noun in shown.columns else "name", "strength", "interval", "n"]
        tables.show(shown[columns], key=f"live.order.{words}")
