"""Campaigns: labelling sessions, what they have brought so far, and answers from files."""

import time

import streamlit as st

import ui
from core.study import tasks
from core.study.records import CampaignKind
from core.subjectivity import campaigns, ratings, standing
from ui import charts

study = ui.guard("organiser")
ui.told()
st.title("Campaigns")
ui.sample_badge(study)
NAMES = {CampaignKind.LABEL: "Label samples", CampaignKind.COMPARE: "Compare tasks"}

# What there is
with ui.store()() as session:
    known = tasks.tasks(session, study.id)
    found = [
        (campaign, standing.of(session, campaign, now=time.time()))
        for campaign in campaigns.of_study(session, study.id)
    ]
if not known:
    st.info("Raters need something to rate: bring in real data first.")
    st.page_link("pages/data_page.py", label="Bring in real data")
    st.stop()


def toggle(campaign_id: int, is_open: bool) -> None:
    with ui.store().write() as session:
        campaigns.set_open(session, campaign_id, is_open=is_open)


for campaign, now in found:
    with st.container(border=True):
        st.text(f"{campaign.name} · {NAMES[CampaignKind(campaign.kind)]} · {'open' if campaign.is_open else 'closed'}")
        if now.simulated:
            st.badge("Simulated raters", color="orange")
        if campaign.is_open:
            st.code(
                f"{st.context.url.rsplit('/', 1)[0] if st.context.url else ''}/rate?campaign={campaign.token}",
                language=None,
            )
        st.caption(now.sentence)
        with st.container(horizontal=True):
            if not campaign.source:
                st.button(
                    "Close" if campaign.is_open else "Open again",
                    key=f"campaigns.toggle.{campaign.id}",
                    on_click=toggle,
                    args=(campaign.id, not campaign.is_open),
                )
            with ui.store()() as session:
                raw = ratings.raw(session, campaign)
            st.download_button(
                "Raw answers as CSV",
                charts.safe_csv(raw),
                file_name=f"campaign-{campaign.id}.csv",
                mime="text/csv",
                key=f"campaigns.csv.{campaign.id}",
                on_click="ignore",
                disabled=raw.empty,
            )

# What is asked
st.subheader("New campaign")
kind = st.segmented_control(
    "Raters",
    list(NAMES),
    default=CampaignKind.LABEL,
    required=True,
    format_func=NAMES.__getitem__,
    key="campaigns.kind",
)
with st.form("campaigns.form"):
    with st.container(horizontal=True):
        task = (
            st.selectbox("Task", known, format_func=lambda one: one.name, key="campaigns.task", width=240)
            if kind == CampaignKind.LABEL
            else None
        )
        name = st.text_input("Name", key="campaigns.name", placeholder="first round", width=240)
        per_class = (
            st.number_input("Samples per label", 1, 1000, 50, key="campaigns.per_class", width=150) if task else 0
        )
        per_item = st.number_input("Raters per item", 1, 100, 3 if task else 12, key="campaigns.per_item", width=150)
        per_rater = st.number_input(
            "Items per rater", 1, 1000, 20 if task else 10, key="campaigns.per_rater", width=150
        )
    instructions = st.text_area(
        "Instructions for raters",
        key="campaigns.instructions",
        height=80,
        placeholder="Anything raters should know beyond the question and the labels",
    )
    asked = st.form_submit_button("Make the campaign", type="primary", key="campaigns.make")
if asked:
    sizes = {"raters_per_item": int(per_item), "items_per_rater": int(per_rater), "instructions": instructions}
    with ui.problem():
        with ui.store().write() as session:
            if task:
                campaigns.make_label_campaign(session, task=task, name=name, per_class=int(per_class), **sizes)
            else:
                campaigns.make_compare_campaign(session, study_id=study.id, name=name, **sizes)
        ui.done("The campaign is open. Send its link to raters.")
        st.rerun()

# Answers from a file
with st.expander("Bring in answers from a file"):
    st.caption(
        "Ratings: item_id, rater_id, label and best also text, so that items find their samples. "
        "Comparisons: rater_id, left, right, winner (left, right or tie; the winner is the more subjective task)."
    )
    target = st.selectbox(
        "About", [None, *known], format_func=lambda one: one.name if one else "task comparisons", key="campaigns.target"
    )
    table = ui.uploaded_table("Answers", key="campaigns.file")
    if table and st.button("Import answers", key="campaigns.import"):
        with ui.problem():
            with ui.store().write() as session:
                brought = (
                    ratings.import_ratings(session, task=target, table=table)
                    if target
                    else ratings.import_comparisons(session, study_id=study.id, table=table)
                )
            ui.done(f"{brought.kept} of {brought.read} answers kept; {brought.matched} items found their samples.")
            st.rerun()
