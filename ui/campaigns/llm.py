"""LLM raters of a campaign: asked by a job, shown beside people with an agreement of their own, never pooled unasked."""

import pandas as pd
import streamlit as st
from sqlalchemy import func, select

from core.analysis import rating_charts
from core.jobs import queue, runner
from core.llm.connection import Connection
from core.steps import rate
from core.study.rows.kinds import ItemRole
from core.study.rows.study import Campaign, Item, Study
from core.subjectivity.llm import personas
from core.subjectivity.llm.beside_people import Group, SideBySide
from ui.campaigns import reads, tables
from ui.campaigns.tables import with_interval
from ui.shared import jobs, resources
from ui.shared.words import plain, problem, queued
from ui.synthesis.connection import pick_connection

TEMPERATURES = [0.0, 0.3, 0.7, 1.0, 1.3]


def llm_view(study: Study, campaign: Campaign) -> None:
    """Who rates, the job that asks them, and both groups side by side."""
    st.caption(
        "A connected model rates the same items, as one rater for each persona and temperature. How a model spreads over "
        "personas says nothing about how people spread."
    )
    if _beside_people(campaign):
        st.subheader("Ask more", anchor=False)
    wanted = pick_connection(study, key="llm")
    _ask(campaign, wanted)
    jobs.job_panel(study.id, of=f"rate-by-llm:{campaign.id}", key="llm.jobs")


def _ask(campaign: Campaign, wanted: Connection) -> None:
    named = {persona.name: persona for persona in personas.PERSONAS}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Personas", list(named), default=[personas.PERSONAS[0].name], key="llm.personas", width=360,
            format_func=lambda name: "no persona" if not named[name].words else name,
        )  # fmt: skip
        warmths = st.multiselect(
            "Temperatures", TEMPERATURES, key="llm.temperatures", width=220, placeholder="the model's own", format_func="{:g}".format
        )  # fmt: skip
        budget = st.number_input(
            "Budget in US dollars", 0.01, 10_000.0, None, key="llm.budget", width=180, placeholder="no limit"
        )
    request = rate.RatingRequest(wanted, tuple(chosen), tuple(warmths), None, budget)
    items = _items(campaign)
    raters = len(wanted.models) * max(1, len(chosen)) * max(1, len(warmths))
    is_busy = _is_busy(campaign)
    if wanted.models:
        words = f"{raters} LLM rater{'s' if raters != 1 else ''} for {items:,} items: {raters * items:,} calls at most."
        st.caption(f"{words} Answers that are there are not paid again.")
    if st.button(
        "Let them rate", key="llm.start", type="primary", disabled=not wanted.models or is_busy,
        help=None if wanted.models else "Connect a model first.",
    ):  # fmt: skip
        with problem():
            request.profiles()
            with resources.store().write() as session:
                job = rate.queue_rating(session, campaign=campaign, arguments=request.arguments())
            runner.ensure(resources.settings())
            queued([job])
            st.rerun()


def _items(campaign: Campaign) -> int:
    with resources.store()() as session:
        query = select(func.count(Item.id)).where(Item.campaign_id == campaign.id, Item.role != ItemRole.ATTENTION)
        return session.scalar(query) or 0


def _is_busy(campaign: Campaign) -> bool:
    with resources.store()() as session:
        active = queue.rows(session, study_id=campaign.study_id, active_only=True)
    return any(job.key == f"rate-by-llm:{campaign.id}" for job in active)


def _beside_people(campaign: Campaign) -> bool:
    """Both groups side by side; whether an LLM has rated at all."""
    pooled = False
    found = reads.side_by_side(campaign, pooled=pooled)
    if found.llm is None:
        st.info("No LLM has rated these items yet.")
        return False
    st.subheader("Beside people", anchor=False)
    if st.toggle("Also both together", key="llm.pooled", help="Pooled only here, and only while this is on."):
        found = reads.side_by_side(campaign, pooled=True)
    _groups(found)
    if found.people is not None and found.llm is not None:
        _drawn(campaign, found.people, found.llm)
    st.markdown(plain(found.reading))
    st.caption(plain(found.caution))
    if found.same_majority.n:
        same = found.same_majority
        words = with_interval(same.value, same.low, same.high)
        st.caption(plain(f"Same majority as people: {words} of {same.n:,} items without a tie."))
    if not found.items.empty:
        _per_item(campaign, found)
    return True


def _drawn(campaign: Campaign, people: Group, llm: Group) -> None:
    """Both groups' alpha with its interval in one figure."""
    rows = [
        (campaign.name, group, found.alpha, found.low, found.high, found.n_ratings)
        for group, found in ((rating_charts.PEOPLE, people), (rating_charts.LLM, llm))
    ]
    table = pd.DataFrame(rows, columns=["name", "group", "value", "low", "high", "n"])
    st.plotly_chart(rating_charts.people_and_llm(table).figure, key="llm.chart", config={"displaylogo": False})


def _groups(found: SideBySide) -> None:
    several = found.by_model if len(found.by_model) > 1 else {}
    groups = [group for group in (found.people, found.llm, *several.values(), found.pooled) if group is not None]
    rows = [
        (group.name, with_interval(group.alpha, group.low, group.high), group.mean_agreement, group.n_items,
         group.n_raters, group.n_ratings)
        for group in groups
    ]  # fmt: skip
    names = ["group", "alpha", "Majority agreement", "n_items", "n_raters", "n_ratings"]
    tables.show(pd.DataFrame(rows, columns=names), key="llm.groups", wide=())


def _per_item(campaign: Campaign, found: SideBySide) -> None:
    about = reads.by_item(campaign).set_index("item_id")["text"]
    columns = ["text", "people_majority", "people_agreement", "llm_majority", "llm_agreement", "n_people", "n_llm"]
    table = found.items.join(about, on="item_id").sort_values("people_agreement")
    tables.show(table[columns], key="llm.items")
