"""Overview: the progress of the study, its main finding, and the next step."""

import streamlit as st

import ui
from core.analysis import findings, gap_words
from core.analysis.figures import gap_forest
from core.analysis.headline import headline
from core.analysis.points import Metric
from core.study.rows.kinds import ArmKind

study = ui.guard("viewer", need_study=False)
ui.show_notice()
if not study.name and not ui.may_change():
    st.info("There is no study yet.")
    st.stop()
if not study.name:
    ui.welcome()
    with st.container(horizontal=True):
        ui.hidden_panel()
        ui.study_import_panel()
        ui.trash_panel(None)
    st.stop()

ui.title(study.name, study)

# Arms, findings and jobs
with ui.store()() as session:
    arms = ui.arm_table(session, study)
    found = ui.findings_of(session, study, metric=Metric.MACRO_F1, measure=None)
if found.gaps.empty:
    ui.job_panel(study.id, key="overview.jobs")
ui.watch_runs(study.id)
ui.watch_answers(study.id)

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
    with ui.store()() as session:
        ui.verdict_cards(session, found)
    ui.job_panel(study.id, key="overview.jobs")

# What there is
synthetic = arms[arms["arm"] != ArmKind.REAL]
have = {
    "Tasks with real data": len(set(arms.loc[arms["arm"] == ArmKind.REAL, "task"])),
    "Synthetic texts": int(synthetic["train"].sum()),
    "Answers about subjectivity": findings.answers(found),
    "Finished runs": len(found.scores),
}
if not arms.empty:
    for column, (name, count) in zip(st.columns(4, border=True), have.items(), strict=True):
        column.metric(name, f"{count:,}")
    ui.table(arms, key="overview.arms")

if ui.may_change():
    with st.container(horizontal=True):
        ui.studies_panel(study)
        ui.study_import_panel()
        ui.trash_panel(study)
