"""Campaigns: labelling sessions with their live view and results, and answers imported from files."""

import streamlit as st

import ui
from core.study import tasks

study = ui.guard("organiser")
ui.show_notice()
ui.title("Campaigns", study)
VIEWS = {
    "Live": lambda: ui.live_view(campaign),
    "Results": lambda: ui.results_view(campaign),
    "Raters": lambda: ui.raters_view(campaign),
    "LLM raters": lambda: ui.llm_view(study, campaign),
    "Link and settings": lambda: ui.link_view(campaign),
    "Export": lambda: ui.export_view(campaign),
}

# Tasks
with ui.store()() as session:
    known = {task.name: task for task in tasks.tasks(session, study.id)}
if not known:
    ui.without_tasks(study.id, "Raters need texts to rate: bring in real texts first.")

# The chosen campaign
campaign = ui.chosen_campaign(study)
if campaign is not None:
    VIEWS[ui.campaign_head(campaign)]()
    st.stop()

# The list, and a new campaign
own, from_files = ui.campaigns_of(study)
if not own:
    st.info(
        "No campaign has been run here yet; below are answers from files."
        if from_files
        else "No campaign yet. Make a campaign, send its link to raters, and see here how far they agree."
    )
st.caption(ui.WHAT_AGREEMENT_SAYS)
ui.shown_by_ratings(study)
with st.expander("New campaign", expanded=not own and not from_files, icon="➕", key=f"campaigns.new.{bool(own)}"):
    ui.new_campaign(study)
ui.campaign_rows(own)
st.header("Answers from files")
ui.campaign_rows(from_files)
ui.import_panel(study, known)
