"""Tasks and data: what is classified, and the texts each arm holds."""

import pandas as pd
import streamlit as st

import ui
from core.study import importing, tasks
from core.study.records import ArmKind

study = ui.guard("organiser")
ui.told()
ui.title("Tasks and data", study)
NEW = "A new task"

# What there is
with ui.store()() as session:
    known = tasks.tasks(session, study.id)
    arms = ui.arm_table(session, study)
    labels = {task.name: tasks.labels_of(session, task.id) for task in known}
if known:
    ui.table(arms, key="data.arms")
    for task in known:
        ui.task_card(task, labels[task.name])
else:
    st.info("This study has no task yet. Bring in real texts with their labels: they define the task.")

# What is asked
st.subheader("Bring in texts")
table = ui.table_to_import(key="data")
if table is None:
    st.caption(
        "One row per text, with a column for the text and one for its label; a column named split (train, validation, "
        "test) is used when there is one. Otherwise real texts are split 70 / 5 / 25 %."
    )
    st.stop()
st.dataframe(table.frame.head(10), hide_index=True, key="data.preview")
columns = list(table.frame.columns)


def guess(names: tuple[str, ...]) -> int:
    return next((columns.index(name) for name in names if name in columns), 0)


with st.container(horizontal=True):
    text = st.selectbox("Column of the text", columns, index=guess(importing.TEXT_NAMES), key="data.text", width=220)
    label = st.selectbox(
        "Column of the label", columns, index=guess(importing.LABEL_NAMES), key="data.label", width=220
    )
    name = st.selectbox("Task", [*[task.name for task in known], NEW], key="data.task", width=220)
    splits = ["as in the file, or drawn", "train", "validation", "test", "pool"]
    split = st.selectbox("Split", splits, key="data.split", width=220)
if name == NEW:
    arm = str(ArmKind.REAL)
    name = st.text_input("Name of the task", key="data.name", placeholder="ticket-urgency")
    question = st.text_input("What a labeller is asked", key="data.question", placeholder="Is this ticket urgent?")
else:
    question = ""
    arm = st.selectbox(
        "Arm", [str(kind) for kind in ArmKind if kind != ArmKind.OTHER], key="data.arm", accept_new_options=True
    )
options = importing.Options(text=text, label=label, split=None if split == splits[0] else split)

# Doing it
if st.button("Import", type="primary", key="data.import") and arm:
    with ui.problem():
        with ui.store().write() as session:
            task = tasks.find_task(session, study.id, name) or tasks.make_task(
                session,
                study_id=study.id,
                name=name,
                question=question or f"Which label fits this text ({name})?",
                labels=importing.real_labels(table, options),
            )
            made = tasks.make_arm(session, task_id=task.id, name=arm)
            st.session_state["data.report"] = importing.bring_in(
                session, task=task, arm=made, table=table, options=options
            )
        ui.done(f"{st.session_state['data.report'].kept} of {st.session_state['data.report'].read} rows kept.")
        st.rerun()
report = st.session_state.get("data.report")
if report:
    st.success(f"{report.kept:,} of {report.read:,} rows kept" + (", brought in before." if report.again else "."))
    if report.rejected:
        ui.table(pd.DataFrame(report.rejected.items(), columns=["why", "rows"]), key="data.rejected")
