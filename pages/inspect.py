"""Inspect: the samples of a task with their origin, and their quality beside real data."""

import streamlit as st

import ui

study = ui.guard("viewer")
ui.show_notice()
ui.title("Inspect", study)
VIEWS = {
    "Samples": lambda: ui.samples_view(task),
    "Quality": lambda: ui.quality_view(study, task),
    "Labels": lambda: ui.labels_view(study, task),
    "Leakage": lambda: ui.leakage_view(study, task),
    "Test texts": lambda: ui.test_texts_view(study, task),
    "Map": lambda: ui.map_view(study, task),
}

# Task and view
with ui.store()() as session, st.container(horizontal=True):
    task = ui.pick_task(session, study, key="inspect")
    view = ui.pick_view(list(VIEWS), key="inspect.view")

# The view
VIEWS[view]()

# The same without a browser
ui.in_terminal(study, ["measure", "--task", task.name], ["judge", "--task", task.name, "--model", "MODEL"])
