"""Overview: the progress of the study, its main finding, and the next step."""

import streamlit as st

import ui
from core.analysis import findings, gap_words
from core.analysis.figures import gap_forest
from core.analysis.headline import headline
from core.analysis.points import Metric
from core.jobs import runner
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import ArmKind

study = ui.guard("organiser", need_study=False)
ui.show_notice()
ui.show_refusal()


def start_sample() -> None:
    """Queue the sample study and choose it."""
    with ui.store().write() as session:
        train.queue_sample(session)
    runner.ensure(ui.settings())
    ui.choose_study(train.SAMPLE_NAME)


def start_own() -> None:
    """Make a study with the name typed and choose it."""
    with ui.show_errors():
        with ui.store().write() as session:
            name = tasks.study_named(session, st.session_state["overview.name"]).name
        ui.choose_study(name)


if not study.name:
    st.title("Will LLM-written training data work for your task?")
    st.markdown(
        "Litmus trains a classifier on real texts and on texts an LLM wrote, scores both on real test data, and shows how much "
        "the difference grows with the **subjectivity** of the task, before you pay for thousands of texts."
    )
    left, right = st.columns(2, border=True)
    left.subheader("See it work")
    left.write(
        "Four small tasks from objective to subjective, trained on this machine in a few minutes, without API key, network or GPU."
    )
    left.button("Run the sample study", type="primary", on_click=start_sample, key="overview.sample")
    right.subheader("Start your own")
    right.text_input("Name of the study", key="overview.name", placeholder="support-tickets")
    right.button("Make the study", on_click=start_own, key="overview.make")
    ui.study_import_panel()
    ui.trash_panel(None)
    st.stop()

ui.title(study.name, study)

# Arms, findings and jobs
with ui.store()() as session:
    arms = ui.arm_table(session, study)
    found = ui.findings_of(session, study, metric=Metric.MACRO_F1, measure=None)
ui.job_panel(study.id, key="overview.jobs")
ui.watch_runs(study.id)

# The main finding
if not found.gaps.empty:
    if said := headline(found):
        st.markdown(f"**{ui.plain(said)}**")
    ui.plot(
        gap_forest.gaps_by_task(found.by_task, metric=found.metric),
        key="overview.plot",
        filename=f"{study.name}-gap-by-task",
        data=found.by_task,
        reading=f"{gap_words.gaps_by_task(found.by_task)} {findings.reading(found)}",
    )
    ui.cautions(findings.cautions(found))
    ui.link("analyse", "All findings")

# The next step
synthetic = arms[arms["arm"] != ArmKind.REAL]
steps = [
    ("Tasks with real data", len(set(arms.loc[arms["arm"] == ArmKind.REAL, "task"])), "data", "Tasks and data"),
    ("Synthetic texts", int(synthetic["train"].sum()), "generate", "Generate"),
    ("Answers about subjectivity", findings.answers(found), "campaigns", "Campaigns"),
    ("Finished runs", len(found.scores), "train", "Train"),
]
following = next((place for place, step in enumerate(steps) if not step[1]), None)
for place, (column, (name, count, page, title)) in enumerate(zip(st.columns(4, border=True), steps, strict=True)):
    column.metric(name, f"{count:,}")
    with column:
        ui.link(page, f"Next: {title}" if place == following else title)
if not arms.empty:
    ui.table(arms, key="overview.arms")

with st.container(horizontal=True):
    with st.popover("Another study"):
        st.text_input("Name of the study", key="overview.name")
        st.button("Make the study", on_click=start_own, key="overview.make")
        st.button("Run the sample study", on_click=start_sample, key="overview.sample")
    ui.study_import_panel()
    ui.trash_panel(study)
