"""Tasks and data: tasks with their questions and labels, texts per arm, and the import of texts."""

import streamlit as st

import ui
from core.study import tasks
from core.study.exchange import importing

study = ui.guard("organiser")
ui.show_notice()
ui.title("Tasks and data", study)

# Tasks and arms
with ui.store()() as session:
    known = tasks.tasks(session, study.id)
    arms = ui.arm_table(session, study)
    labels = {task.name: tasks.labels_of(session, task.id) for task in known}
if known:
    ui.table(arms, key="data.arms")
    for task in known:
        ui.task_card(task, labels[task.name])
    ui.undo_panel(known)
else:
    st.info("This study has no task yet. Bring in real texts with their labels: they define the task.")
    ui.watch_runs(study.id)

# File, target and columns
st.header("Bring in texts")
done_before = st.container()
table = ui.table_to_import(key="data")
if table is None:
    with done_before:
        ui.import_view(study)
    st.caption(
        "One row per text, with a column for the text and a column for its label. A column named split (train, validation, "
        "test) is used if the file has it; otherwise real texts are split 70 / 5 / 25 %."
    )
    ui.in_terminal(study, ["import", "FILE.csv", "--task", known[0].name if known else "TASK", "--arm", "real"])
    st.stop()
st.dataframe(table.frame.head(10), hide_index=True, key="data.preview")
ui.forget_import(study)
known_labels = {name: [label.name for label in own] for name, own in labels.items()}
needy = ui.without_real_texts(arms, known)
ui.begin_file(table.sha256, table.file, needy=needy)
target = ui.pick_target(known, known_labels, table.file, needy=needy)
columns = ui.pick_columns(table)
if columns is None:
    st.stop()
options = ui.review_import(table, columns, target)

# Import and report
ready = options is not None and bool(target.name) and bool(target.arm)
if options is not None and not ready:
    st.info("Import is ready once the task " + ("and its arm are" if target.name else "is named or") + " chosen above.")
if st.button("Import", type="primary", key="data.import", disabled=not ready) and options is not None:
    with ui.show_errors():
        with ui.store().write() as session:
            task = tasks.find_task(session, study.id, target.name) or tasks.make_task(
                session,
                study_id=study.id,
                name=target.name,
                question=target.question or f"Which label fits this text ({target.name})?",
                labels=importing.real_labels(table, options),
            )
            made = tasks.make_arm(session, task_id=task.id, name=target.arm)
            done = importing.bring_in(session, task=task, arm=made, table=table, options=options)
        ui.keep_import(study, task, target.arm, done)
        ui.forget_typed("data.name.", "data.question.")
        ui.open_task_card(target.name)
        ui.set_notice(f"{done.kept} of {done.read} rows kept.")
        st.rerun()
