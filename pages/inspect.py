"""Inspect: what the samples of a task are like, beside real data, each with the way it came here."""

import streamlit as st

import ui

study = ui.guard("organiser")
ui.told()
ui.title("Inspect", study)
VIEWS = {
    "Samples": lambda: ui.samples_view(task),
    "Quality": lambda: ui.quality_view(study, task),
    "Labels": lambda: ui.labels_view(study, task),
    "Leakage": lambda: ui.leakage_view(study, task),
    "Map": lambda: ui.map_view(study, task),
}

# What is asked
with ui.store()() as session, st.container(horizontal=True):
    task = ui.pick_task(session, study, key="inspect")
    view = st.segmented_control(
        "Show", list(VIEWS), default="Samples", required=True, key="inspect.view", bind="query-params"
    )

# What there is
VIEWS[view]()
