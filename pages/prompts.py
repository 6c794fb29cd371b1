"""Prompts: what the LLM is told for an arm, in versions that never change."""

import streamlit as st

import ui
from core.study import tasks
from core.study.records import ArmKind
from core.synthesis import prompts

study = ui.guard("organiser")
ui.told()
ui.title("Prompts", study)
HEIGHTS = {"context": 200, "generation": 240, "diversity": 110}
HELP = {
    "context": "Sets the role and the setting",
    "generation": "Asks for texts of one label",
    "diversity": "Sent in the later turns of a conversation, so that the answers differ from the earlier ones",
}

# What is asked
with ui.store()() as session:
    with st.container(horizontal=True):
        task = ui.pick_task(session, study, key="prompts")
        arm = ui.pick_arm(session, task, key="prompts", synthetic=True)
    labels = tasks.labels_of(session, task.id)
    versions = prompts.versions(session, arm.id) if arm.id else []
latest = versions[0] if versions else None
start = prompts.as_draft(latest) if latest else prompts.default(task, labels, kind=ArmKind(arm.kind))
stamp = f"{task.id}.{arm.name}.{latest.version if latest else 0}"

editor, preview = st.columns(2, gap="large")
with editor:
    st.caption(
        f"Version {latest.version} of {task.name} · {arm.name}"
        if latest
        else "The default prompt; saving makes it version 1."
    )
    texts = {
        part: st.text_area(
            part.capitalize(), getattr(start, part), height=height, help=HELP[part], key=f"prompts.{part}.{stamp}"
        )
        for part, height in HEIGHTS.items()
    }
    with st.container(horizontal=True):
        numbers = {
            name: st.number_input(words, low, high, getattr(start, name), key=f"prompts.{name}.{stamp}", width=150)
            for name, words, low, high in (
                ("texts_per_call", "Texts per call", 1, 100),
                ("turns", "Turns", 1, 50),
                ("examples", "Real examples", 0, 50),
                ("words", "Words per text", 1, 2000),
            )
        }
    st.caption("Filled in when sent: " + ", ".join(f"`{{{name}}}`" for name in prompts.PLACEHOLDERS))
draft = prompts.Draft(**texts, **numbers)

# What would be sent
with preview:
    by_name = {label.name: label for label in labels}
    name = st.segmented_control(
        "Exactly what is sent, for the label",
        list(by_name),
        default=labels[0].name,
        required=True,
        format_func=ui.plain,
        key=f"prompts.label.{task.id}",
    )
    label = by_name[name]
    with ui.problem():
        shown = [f"(a real {label.name} text, drawn anew for each call)"] * draft.examples
        for message in prompts.render(draft, task=task, label=label, labels=labels, examples=shown, previous=[]):
            st.caption(message["role"])
            st.code(message["content"], language=None, wrap_lines=True)


def save() -> None:
    with ui.store().write() as session:
        made = tasks.make_arm(session, task_id=task.id, name=arm.name)
        saved = prompts.save(session, arm_id=made.id, draft=draft)
    ui.done(f"Version {saved.version} saved.")


# Doing it
if editor.button("Save as a new version", type="primary", key="prompts.save"):
    with ui.problem():
        prompts.check(draft)
        save()
        st.rerun()
if len(versions) > 1:
    with st.expander(f"What changed from version {versions[1].version} to {versions[0].version}"):
        st.code(prompts.diff(versions[1], versions[0]), language="diff", wrap_lines=True)
