"""Slides for a screen that a room looks at: the question, live rating, the result, the verdicts."""

import math
import time

import streamlit as st

from core.analysis import findings
from core.analysis.figures import gap_forest, styling, unconverged
from core.analysis.headline import headline
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.verdicts import verdict_words
from core.analysis.verdicts.verdict import MARGIN
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.sessions import Campaign
from core.study.rows.study import Study
from core.subjectivity import levels, results
from core.subjectivity.sessions import campaigns, live
from core.wording import counted, shown
from ui.campaigns import reads
from ui.campaigns.link import qr_code
from ui.campaigns.list import rating_link
from ui.campaigns.live import watch_answers
from ui.shared import jobs, links, resources, words
from ui.shared import reads as study_reads
from ui.shared.words import plain, sample_badge

TICK = 2
MOST, ACROSS = 8, 4  # tasks whose agreement is shown, and how many in a row
TYPE = 1.6  # times the size of the other pages
SHARE = 0.72  # of the height of the figure that stays on a small screen, so that the buttons below it do too
STYLE = """<style>
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"], [data-testid="stSidebarCollapsedControl"] { display: none; }
.stMainBlockContainer { padding: 1.2rem 3rem 1rem; max-width: none; }
.st-key-present { min-height: calc(100dvh - 7.2rem); justify-content: space-evenly; }
.st-key-present h1 { font-size: clamp(1.7rem, min(4vw, 7vh), 4.8rem); }
.st-key-present p, .st-key-present li { font-size: clamp(1.1rem, min(2.2vw, 3.6vh), 2.8rem); line-height: 1.35; }
.st-key-present [data-testid="stMetricValue"], .st-key-present [data-testid="stMetricValue"] p {
  font-size: clamp(2.6rem, min(7vw, 11vh), 8rem); line-height: 1.15;
}
.st-key-present [data-testid="stMetricLabel"] p { font-size: clamp(1rem, min(1.9vw, 3vh), 2.2rem); }
[data-testid="stLayoutWrapper"]:has(> .st-key-present-figure) {
  height: max(var(--least, 0px), 64dvh - 8rem) !important; flex: 0 0 auto !important;
}
.st-key-present-figure { height: 100% !important; overflow: hidden; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3rem 1rem 1rem; } .st-key-present { min-height: 0; } }
</style>"""
SLIDES = ("Question", "Rating", "Result", "Verdict")


def present(study: Study) -> None:
    """Draw the chosen slide, and the buttons that turn to the next one; the arrow keys turn too. The slide stands in the URL."""
    words.style(STYLE)
    at = _at()
    with st.container(key="present"):
        {"Question": _question, "Rating": _rating, "Result": _result, "Verdict": _verdicts}[SLIDES[at]](study)
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="present.turn"):
        if study.is_sample:
            sample_badge()
        st.caption(f"{SLIDES[at]}, {at + 1} of {len(SLIDES)}", width="content")
        st.button("Back", shortcut="Left", key="present.back", disabled=at == 0, on_click=_turn, args=(at - 1,))
        st.button(
            "On", shortcut="Right", key="present.on", disabled=at == len(SLIDES) - 1, on_click=_turn, args=(at + 1,)
        )
        if st.button("Leave", shortcut="Esc", key="present.leave"):
            st.switch_page(links.page_file("overview"))


def _at() -> int:
    """The place of the slide in hand, from 0."""
    name = st.session_state.get("present.slide") or st.query_params.get("slide")
    at = SLIDES.index(name) if name in SLIDES else 0
    st.query_params["slide"] = SLIDES[at]
    return at


def _turn(to: int) -> None:
    st.session_state["present.slide"] = SLIDES[to]


def _question(study: Study) -> None:
    st.title("Will texts written by a language model train a classifier as well as real ones?", anchor=False)
    with resources.store()() as session:
        known = tasks.tasks(session, study.id)
        arms = study_reads.arm_table(session, study)
    for task in known[:6]:
        st.markdown(f"- **{plain(shown(task.name))}**: {plain(task.question)}")
    if len(known) > 6:
        st.markdown(f"- and {len(known) - 6} more")
    is_real = arms["arm"] == ArmKind.REAL
    made, tested = int(arms.loc[~is_real, "train"].sum()), int(arms.loc[is_real, "test"].sum())
    st.markdown(f"{made:,} texts were written by a model; every classifier is tested on real texts, {tested:,} in all.")


def _rating(study: Study) -> None:
    with resources.store()() as session:
        campaign = next((one for one in campaigns.of_study(session, study.id) if one.is_open and not one.source), None)
    if campaign is None:
        _agreement(study)
        return
    st.title(plain(campaign.name), anchor=False)
    code, numbers = st.columns([2, 3], gap="large", vertical_alignment="center")
    with code:
        st.image(
            qr_code(rating_link(campaign), kind="png", scale=14), width="stretch", alt="QR code of the link for raters"
        )
        st.code(rating_link(campaign), language=None, wrap_lines=True)
        if links.is_only_here(rating_link(campaign)):
            st.caption("This address works on this machine only; Campaigns says how to let others in.")
    with numbers:
        st.fragment(_numbers, run_every=TICK)(campaign.id)


def _agreement(study: Study) -> None:
    """How far the raters of each task agreed so far, where no session is open."""
    st.title("How far do people agree?", anchor=False)
    with resources.store()() as session:
        rated = study_reads.findings_of(session, study, metric=Metric.MACRO_F1, measure=levels.Measure.RATINGS)
    known = (
        rated.subjectivity.dropna(subset=["value"])
        if rated.measure == levels.Measure.RATINGS
        else rated.subjectivity.iloc[:0]
    )
    if known.empty:
        st.markdown("No campaign is open. Make one on Campaigns, and its code and numbers stand here.")
        return
    for first in range(0, min(len(known), MOST), ACROSS):
        row = known.iloc[first : first + ACROSS]
        for column, (task, value) in zip(st.columns(ACROSS), zip(row["task"], row["value"], strict=True), strict=False):
            column.metric(plain(shown(str(task))), f"{1 - value:.2f}")
    st.markdown("Krippendorff's alpha: 1 is full agreement, 0 is chance. No campaign is open now.")


def _numbers(campaign_id: int) -> None:
    with resources.store()() as session:
        campaign = session.get_one(Campaign, campaign_id)
        state = live.of(session, campaign, now=time.time())
    st.metric("Rating now", f"{state.raters.active:,}")
    st.metric("Answers", f"{state.answers:,}")
    if state.answers and not reads.is_comparing(campaign):
        found = reads.summary(campaign, level=results.level_of(campaign))
        st.metric("Agreement (Krippendorff's alpha)", f"{found.alpha:.2f}" if math.isfinite(found.alpha) else "–")
        if math.isfinite(found.low):
            st.markdown(f"95 % interval {found.low:.2f} to {found.high:.2f}; 1 is full agreement, 0 is chance.")


def _result(study: Study) -> None:
    jobs.watch_runs(study.id)
    watch_answers(study.id)
    with resources.store()() as session:
        found = study_reads.findings_of(session, study, metric=Metric.MACRO_F1, measure=None)
    if found.gaps.empty:
        st.title("What do synthetic texts cost?", anchor=False)
        st.markdown(
            f"{len(found.scores):,} trainings are done. The first gap is drawn when a real and a synthetic arm are."
        )
        return
    st.title(plain(headline(found) or "What do synthetic texts cost?"), anchor=False)
    figure = gap_forest.gaps_by_task(found.by_task, metric=found.metric)
    figure = styling.enlarged(figure, TYPE)
    least = round(SHARE * figure.layout.height)
    words.style(f"<style>.stApp {{ --least: {least}px; }}</style>")
    with st.container(height=least, border=False, key="present.figure"):
        st.plotly_chart(
            figure.update_layout(height=None), key="present.plot", height="stretch", config={"displayModeBar": False}
        )
    st.markdown(
        f"{METRIC_NAMES[found.metric]} lost, with 95 % intervals; {len(found.scores):,} trainings, "
        f"{findings.answers(found):,} answers of raters. "
        + unconverged.sentence(list(found.gaps["unconverged"]), "gap")
    )


def _verdicts(study: Study) -> None:
    jobs.watch_runs(study.id)
    watch_answers(study.id)
    st.title(f"What to do, if {verdict_words.margin_points(MARGIN)} can be lost", anchor=False)
    with resources.store()() as session:
        found = study_reads.findings_of(session, study, metric=Metric.MACRO_F1, measure=None)
        known = tasks.tasks(session, study.id)
        for task in known[:6]:
            said = findings.verdict_on(session, found, task.name, margin=MARGIN)
            st.markdown(f"**{plain(shown(task.name))}.** {plain(verdict_words.headline(said, found.measure))}")
    if len(known) > 6:
        st.markdown(f"And {counted(len(known) - 6, 'more task')}, on Verdict.")
