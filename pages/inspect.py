"""Inspect: the samples of an arm, beside real data, each with the way it came here."""

import streamlit as st

import ui
from core.analysis import charts
from core.study import browse, tasks
from core.study.records import SampleStatus

study = ui.guard("organiser")
ui.title("Inspect", study)

# What is asked
with ui.store()() as session:
    with st.container(horizontal=True):
        task = ui.pick_task(session, study, key="inspect")
        arm = ui.pick_arm(session, task, key="inspect")
        labels = tasks.labels_of(session, task.id)
        ids = {"all": None} | {label.name: label.id for label in labels}
        label = st.selectbox("Label", list(ids), key=f"inspect.label.{task.id}", width=220)
        states = {"all": None} | {str(status): status for status in SampleStatus}
        status = st.selectbox("Status", list(states), key="inspect.status", width=160)
        words = st.text_input("Contains", key="inspect.words", width=220)

    # What there is
    wanted = browse.Filter(arm_id=arm.id, label_id=ids[label], status=states[status], words=words)
    total = browse.count(session, wanted)
    page = st.pagination(max(1, -(-total // browse.PAGE)), key="inspect.page") if total > browse.PAGE else 1
    rows = browse.page(session, wanted, number=page)
st.caption(
    f"{total:,} samples"
    + (f", page {page}" if total > browse.PAGE else "")
    + ". Choose a row to see where it came from."
)
chosen = ui.choose_row(rows, key="inspect.table", height=360)

# Where one came from
if chosen is not None:
    with ui.store()() as session:
        origin = browse.origin(session, int(rows["id"].iloc[chosen]))
    st.subheader("Where it came from")
    st.code(origin.sample.text, language=None, wrap_lines=True)
    if origin.imported:
        st.caption(f"Row {origin.sample.part} of the file {ui.plain(origin.imported.file)}")
    if origin.completion and origin.prompt:
        made = origin.completion
        st.caption(
            f"Text {origin.sample.part + 1} of completion {made.id} (slot {made.slot}) by {ui.plain(made.model)}"
            f"{', recorded beforehand' if made.is_recorded else ''}; prompt version {origin.prompt.version}; "
            f"{made.tokens_in} tokens in, {made.tokens_out} out"
        )
        answer, request = st.columns(2)
        answer.caption("The raw answer")
        answer.code(made.content, language=None, wrap_lines=True)
        request.caption("What was sent")
        for message in made.request.get("messages", []):
            request.code(f"{message['role']}: {message['content']}", language=None, wrap_lines=True)

# Beside the other arms
with ui.store()() as session:
    lengths = browse.word_counts(session, task.id)
if not lengths.empty:
    st.subheader("Length of the texts, all arms")
    medians = browse.median_words(lengths)
    ui.plot(
        charts.lengths(lengths),
        key="inspect.lengths",
        filename=f"{task.name}-lengths",
        data=lengths,
        reading="Median words: " + ", ".join(f"{name} {value:.0f}" for name, value in medians.items()),
    )
