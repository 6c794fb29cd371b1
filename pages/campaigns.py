"""Campaigns: labelling sessions, what they have brought so far, and answers from files."""

import streamlit as st

import ui
from core.study import tasks
from core.study.records import CampaignKind
from core.subjectivity import campaigns, ratings

study = ui.guard("organiser")
ui.told()
ui.title("Campaigns", study)
COMPARISONS = "task comparisons"

# What there is
with ui.store()() as session:
    known = {task.name: task for task in tasks.tasks(session, study.id)}
    found = campaigns.of_study(session, study.id)
if not known:
    st.info("Raters need something to rate: bring in real data first.")
    ui.link("data", "Bring in real data")
    st.stop()
own = [campaign for campaign in found if not campaign.source]
for campaign in own:
    ui.campaign_card(campaign)
if not own:
    st.info("No campaign yet. Make one, send its link, and see here how far people agree.")

# What is asked
st.subheader("New campaign")
kind = st.segmented_control(
    "What raters do",
    list(CampaignKind),
    default=CampaignKind.LABEL,
    required=True,
    format_func=ui.KIND_NAMES.__getitem__,
    key="campaigns.kind",
)
labels = kind == CampaignKind.LABEL
with st.form("campaigns.form"):
    with st.container(horizontal=True):
        name = st.text_input("Name", key="campaigns.name", placeholder="first round", width=240)
        if labels:
            chosen = st.selectbox("Task", list(known), key="campaigns.task", width=240)
            per_class = st.number_input("Samples per label", 1, 1000, 50, key="campaigns.per_class", width=150)
        per_item = st.number_input(
            "Raters per item", 1, 100, 3 if labels else 12, key=f"campaigns.raters.{kind}", width=150
        )
        per_rater = st.number_input(
            "Items per rater", 1, 1000, 20 if labels else 10, key=f"campaigns.items.{kind}", width=150
        )
    instructions = st.text_area(
        "Instructions for raters",
        key="campaigns.instructions",
        height=80,
        placeholder="Anything raters should know beyond the question and the labels",
    )
    asked = st.form_submit_button("Make the campaign", type="primary", key="campaigns.make")

# Doing it
if asked:
    sizes = {"raters_per_item": int(per_item), "items_per_rater": int(per_rater), "instructions": instructions}
    with ui.problem():
        with ui.store().write() as session:
            about = {"task": known[chosen], "per_class": int(per_class)} if labels else {}
            campaigns.make(session, study_id=study.id, plan=campaigns.Plan(name=name, kind=kind, **about, **sizes))
        ui.done("The campaign is open. Send its link to raters.")
        st.rerun()

# Answers from files
st.subheader("Answers from files")
for campaign in found:
    if campaign.source:
        ui.campaign_card(campaign)
with st.expander("Bring in answers from a file"):
    st.caption(
        "Ratings: item_id, rater_id, label and best also text, so that items find their samples. "
        "Comparisons: rater_id, left, right, winner (left, right or tie; the winner is the more subjective task)."
    )
    target = st.selectbox("About", [COMPARISONS, *known], key="campaigns.target")
    table = ui.uploaded_table("Answers", key="campaigns.file")
    if table and st.button("Import answers", key="campaigns.import"):
        with ui.problem():
            with ui.store().write() as session:
                if target == COMPARISONS:
                    brought = ratings.import_comparisons(session, study_id=study.id, table=table)
                else:
                    brought = ratings.import_ratings(session, task=known[target], table=table)
            ui.done(f"{brought.kept} of {brought.read} answers kept; {brought.matched} items found their samples.")
            st.rerun()
