"""Campaigns: labelling sessions, what they bring while they go on, and answers from files."""

import streamlit as st

import ui
from core.study import tasks

study = ui.guard("organiser")
ui.told()
ui.title("Campaigns", study)
VIEWS = {
    "Live": lambda: ui.live_view(campaign),
    "Results": lambda: ui.results_view(campaign),
    "Raters": lambda: ui.raters_view(campaign),
    "LLM raters": lambda: ui.llm_view(study, campaign),
    "Link and settings": lambda: ui.link_view(campaign),
    "Export": lambda: ui.export_view(campaign),
}

# What there is
with ui.store()() as session:
    known = {task.name: task for task in tasks.tasks(session, study.id)}
if not known:
    st.info("Raters need something to rate: bring in real data first.")
    ui.link("data", "Bring in real data")
    st.stop()

# The one that is chosen
campaign = ui.chosen_campaign(study)
if campaign is not None:
    VIEWS[ui.campaign_head(campaign)]()
    st.stop()

# All of them, and a new one
own, from_files = ui.campaigns_of(study)
if not own:
    st.info(
        "No session of your own yet; below are answers from files."
        if from_files
        else "No campaign yet. Make one, send its link, and see here how far people agree."
    )
st.caption(ui.WHAT_AGREEMENT_SAYS)
with st.expander("New campaign", expanded=not own, icon="➕", key=f"campaigns.new.{bool(own)}"):
    ui.new_campaign(study)
ui.campaign_rows(own)
st.subheader("Answers from files")
ui.campaign_rows(from_files)
ui.import_panel(study, known)
