"""Prompts: the prompt of an arm in immutable versions, a preview of what is sent, and a few trial calls."""

import streamlit as st

import ui
from core.llm import connection
from core.study import tasks
from core.synthesis.prompts import versions as prompts

study = ui.guard("organiser")
ui.show_notice()
ui.title("Prompts", study)

# Task, arm, connection and editor
with ui.store()() as session:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = ui.pick_task(session, study, key="prompts")
        arm = ui.pick_arm(session, task, key="prompts", synthetic=True)
        ui.arm_menu(task, arm, key="prompts")
    labels = tasks.labels_of(session, task.id)
    versions = prompts.versions(session, arm.id) if arm.id else []
wanted = ui.pick_connection(study, key="prompts")
start, stamp = ui.pick_start(task, arm, labels, versions, wanted)
editor, shown = st.columns(2, gap="large")
with editor:
    with st.container(horizontal=True, vertical_alignment="center"):
        status = st.empty()
        ui.start_menu(task, arm, labels)
    draft = ui.edit(start, labels, stamp=stamp)
    status.caption(ui.draft_status(task, arm, start, draft, versions), width="stretch")
    can_save = st.container(horizontal=True)


def save() -> None:
    """Store the draft as a new version."""
    with ui.store().write() as session:
        made = tasks.make_arm(session, task_id=task.id, name=arm.name)
        saved = prompts.save(session, arm_id=made.id, draft=draft)
    ui.forget_start(task, arm)
    ui.set_notice(f"Version {saved.version} saved.")


# Trial calls and preview
with shown:
    ui.try_panel(study, task, arm, draft or start, wanted, labels)
    by_name = {label.name: label for label in labels}
    name = st.segmented_control(
        "Exactly what is sent, for the label",
        list(by_name),
        default=labels[0].name,
        required=True,
        format_func=ui.plain,
        key=f"prompts.label.{task.id}",
    )
    if draft is not None:
        with ui.show_errors():
            messages = ui.preview(draft, task=task, label=by_name[name], labels=labels, slot=0)
            ui.call_cost(arm, draft, messages, wanted)
    else:
        st.info("The messages sent are shown here once the attributes can be read.")

# Save, and compare versions
with can_save:
    if st.button("Save as a new version", type="primary", key="prompts.save") and draft is not None:
        with ui.show_errors():
            prompts.check(draft, labels=list(by_name))
            save()
            st.rerun()
ui.compare_versions(versions, "prompts")

# The same without a browser
command = ["try", "--task", task.name, "--arm", arm.name, *connection.arguments(wanted)]
ui.in_terminal(study, command if wanted.models else [*command, "--model", "MODEL"])
