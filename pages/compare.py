"""Compare: the arms of a task beside one another, with their classes, training sizes, costs and stability"""

import streamlit as st

import ui
from core.analysis.arms import compared

study = ui.guard("viewer")
ui.show_notice()
ui.title("Compare", study)
ui.watch_runs(study.id)
VIEWS = {
    "Arms": lambda: ui.arms_view(found),
    "Classes": lambda: ui.classes_view(found),
    "Sizes": lambda: ui.sizes_view(found),
    "Cost and quality": lambda: ui.costs_view(task, found),
    "Stability": lambda: ui.stability_view(found),
    "Baselines": lambda: ui.baselines_view(study, task, found, metric=metric),
}

# What is compared
with ui.store()() as session:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = ui.pick_task(session, study, key="compare")
        metric = ui.pick_metric(key="compare")
        known = ui.arms_of(session, study)
        asked = ui.pick_comparison(known, task, metric=metric)
    if asked is None:
        ui.without_comparison(study, task, known)
        ui.baselines_view(study, task, None, metric=metric)
        st.stop()
    found = ui.compared_arms(session, study, task, asked)

# The view, and what stands in the way of reading it
VIEWS[ui.pick_view(list(VIEWS), key="compare.view", is_labelled=False)]()
ui.cautions(compared.cautions(found))

# The same without a browser
ui.in_terminal(study, ui.compare_command(task, asked))
