"""LLM raters of a campaign: the job that asks them, and their agreement beside that of people."""

import pandas as pd
import streamlit as st

from core.analysis.figures import rating_charts
from core.interval import Interval
from core.jobs import queue, runner
from core.llm.connection import Connection
from core.steps import rate
from core.study.rows.kinds import JobState, Work
from core.study.rows.sessions import Campaign
from core.study.rows.study import Study
from core.subjectivity.llm import alternative_annotator, personas
from core.subjectivity.llm.alternative_annotator import Skill
from core.subjectivity.llm.beside_people import Group, SideBySide
from core.subjectivity.sessions import campaigns
from ui.campaigns import reads
from ui.shared import jobs, resources, tables
from ui.shared.words import plain, set_queued_notice, show_errors
from ui.synthesis.connection import pick_connection

TEMPERATURES = [0.0, 0.3, 0.7, 1.0, 1.3]


def llm_view(study: Study, campaign: Campaign) -> None:
    """Draw people and LLM raters side by side, the form that asks LLM raters, and their jobs."""
    st.caption(
        "A connected model rates the same items, as one rater for each persona and temperature. How much a model's answers vary "
        "over personas says nothing about how much people's answers vary."
    )
    if _beside_people(campaign):
        st.header("Ask more LLM raters", anchor=False)
    wanted = pick_connection(study, key="llm")
    _ask(campaign, wanted)
    jobs.job_panel(study.id, of=Work.RATE_BY_LLM.key(campaign.id), key="llm.jobs")


def _ask(campaign: Campaign, wanted: Connection) -> None:
    named = {persona.name: persona for persona in personas.PERSONAS}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Personas", list(named), default=[personas.PERSONAS[0].name], key="llm.personas", width=360,
            format_func=lambda name: "no persona" if not named[name].words else name,
        )  # fmt: skip
        temperatures = st.multiselect(
            "Temperatures", TEMPERATURES, key="llm.temperatures", width=220, placeholder="the model's own", format_func="{:g}".format
        )  # fmt: skip
        budget = st.number_input(
            "Budget in US dollars", 0.01, 10_000.0, None, key="llm.budget", width=180, placeholder="no limit"
        )
    request = rate.RatingRequest(wanted, tuple(chosen), tuple(temperatures), None, budget)
    with resources.store()() as session:
        items = campaigns.count_items(session, campaign)
    raters = len(wanted.models) * max(1, len(chosen)) * max(1, len(temperatures))
    is_busy = _is_busy(campaign)
    if wanted.models:
        calls = f"{raters} LLM rater{'s' if raters != 1 else ''} for {items:,} items: {raters * items:,} calls at most."
        st.caption(f"{calls} Stored answers are not paid for again.")
    if st.button(
        "Start the LLM raters", key="llm.start", type="primary", disabled=not wanted.models or is_busy,
        help=None if wanted.models else "Connect a model first.",
    ):  # fmt: skip
        with show_errors():
            request.profiles()
            with resources.store().write() as session:
                job = rate.queue_rating(session, campaign=campaign, arguments=request.arguments())
            runner.ensure(resources.settings())
            set_queued_notice([job])
            st.rerun()


def _is_busy(campaign: Campaign) -> bool:
    """Whether a job that asks LLM raters of this campaign is active."""
    with resources.store()() as session:
        return queue.active(session, Work.RATE_BY_LLM.key(campaign.id)) is not None


def _beside_people(campaign: Campaign) -> bool:
    """Draw people and LLM raters side by side; return False, after a note, if no LLM has rated."""
    found = reads.side_by_side(campaign, pooled=False)
    if found.llm is None:
        with resources.store()() as session:
            of_campaign = queue.rows(session, study_id=campaign.study_id, work=(Work.RATE_BY_LLM,))
        has_asked = any(
            job.key == Work.RATE_BY_LLM.key(campaign.id) and job.state == JobState.DONE for job in of_campaign
        )
        st.info(
            "No answer of an LLM names a label. The log of its job on Jobs counts the replies; try another model."
            if has_asked
            else "No LLM has rated these items yet."
        )
        return False
    st.header("Beside people", anchor=False)
    if st.toggle("Also pool both groups", key="llm.pooled", help="Pooled in this table only, while this is on."):
        found = reads.side_by_side(campaign, pooled=True)
    _groups(found)
    if found.people is not None and found.llm is not None:
        _chart(campaign, found.people, found.llm)
    st.markdown(plain(found.reading))
    st.caption(plain(found.caution))
    if found.same_majority.n:
        same = found.same_majority
        share = Interval(same.value, same.low, same.high, same.n).text()
        st.caption(plain(f"Same majority as people: {share} of {same.n:,} items without a tie."))
    if found.people is not None:
        _stand_ins(campaign)
    if not found.items.empty:
        _per_item(campaign, found)
    return True


def _stand_ins(campaign: Campaign) -> None:
    """Draw the alternative annotator test of each LLM rater, for people of the skill that is chosen."""
    skill = st.selectbox(
        "Could an LLM stand in for one of the people, if they are", list(Skill), index=list(Skill).index(Skill.SKILLED),
        key="llm.skill", width=360,
        help="The better people are, the larger the advantage that the test grants an LLM for what people cost.",
    )  # fmt: skip
    tests = reads.stand_ins(campaign, skill=skill or Skill.SKILLED)
    for note in dict.fromkeys(test.note for test in tests if test.note):
        st.caption(plain(note))
    for test in tests:
        if not test.note:
            st.markdown(f"- {plain(alternative_annotator.reading(test))}")


def _chart(campaign: Campaign, people: Group, llm: Group) -> None:
    """Draw the alpha of people and of LLM raters, with intervals, in one figure."""
    rows = [
        (campaign.name, group, found.alpha, found.low, found.high, found.n_ratings)
        for group, found in ((rating_charts.PEOPLE, people), (rating_charts.LLM, llm))
    ]
    table = pd.DataFrame(rows, columns=["name", "group", "value", "low", "high", "n"])
    st.plotly_chart(rating_charts.people_and_llm(table).figure, key="llm.chart", config={"displaylogo": False})


def _groups(found: SideBySide) -> None:
    """Draw a table with a row per group: people, LLM raters, each model if there are several, and both pooled."""
    several = found.by_model if len(found.by_model) > 1 else {}
    groups = [group for group in (found.people, found.llm, *several.values(), found.pooled) if group is not None]
    rows = [
        (group.name, Interval(group.alpha, group.low, group.high, group.n_items).text(), group.mean_agreement, group.n_items,
         group.n_raters, group.n_ratings)
        for group in groups
    ]  # fmt: skip
    names = ["group", "alpha", "majority_agreement", "n_items", "n_raters", "n_ratings"]
    tables.table(pd.DataFrame(rows, columns=names), key="llm.groups")


def _per_item(campaign: Campaign, found: SideBySide) -> None:
    """Draw a table of the items that both groups rated, the items that people agree about least first."""
    texts = reads.by_item(campaign).set_index("item_id")["text"]
    columns = ["text", "people_majority", "people_agreement", "llm_majority", "llm_agreement", "n_people", "n_llm"]
    table = found.items.join(texts, on="item_id").sort_values("people_agreement")
    tables.table(table[columns], key="llm.items")
