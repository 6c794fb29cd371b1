"""Analyse: the gap between real and synthetic training data against the subjectivity of tasks and samples."""

import streamlit as st

import ui
from core.analysis import data_notes, findings
from core.analysis.figures import gap_charts
from core.analysis.gap_table import LEAST_ROOM
from core.analysis.reports import report


def rendered() -> str:
    """The report as HTML, made when the button is pressed."""
    with ui.store()() as session:
        return report.render(session, found, settings=ui.settings())


study = ui.guard("viewer")
ui.title("Performance and subjectivity", study)
ui.watch_runs(study.id)
ui.watch_answers(study.id)

# Choices
with ui.store()() as session:
    with st.container(horizontal=True):
        metric = ui.pick_metric(key="analyse")
        measure = ui.pick_measure(session, study, key="analyse")
    found = ui.findings_of(session, study, metric=metric, measure=measure)
if found.scores.empty:
    ui.without_runs(study.id, "The figures need finished runs of a real and a synthetic arm.")
    st.stop()

# The gaps, and what one of them came from
if found.gaps.empty:
    ui.without_runs(study.id, data_notes.why_no_gap(found.scores))
else:
    ui.gaps_view(found)
if measure is None:
    st.info("Nobody has said yet how subjective the tasks are: no line over subjectivity can be drawn.")
    ui.link("campaigns", "Collect or import answers")
ui.cautions(findings.cautions(found))

view = st.segmented_control(
    "More",
    ["Points", "Tasks", "Samples", "Report"],
    default="Points",
    required=True,
    key="analyse.view",
    label_visibility="collapsed",
)
if view == "Points":
    ui.table(found.by_task, key="analyse.points", in_points=("gap", "low", "high", "se"))
    st.caption(
        "Share of real over chance: the gap divided by what the real arm scores above chance, with a dash where that is under "
        f"{LEAST_ROOM:.2f}."
    )
    for arm, fit in found.by_arm.items():
        alone = f"{arm} alone: slope {fit.interval.in_points.text(digits=1)} points, {fit.n_groups} tasks. {fit.note}"
        st.caption(ui.plain(alone))
if view == "Tasks" and measure is None:
    st.info("Nobody has said yet how subjective the tasks are.")
elif view == "Tasks":
    ui.plot(
        gap_charts.subjectivity(found.subjectivity, measure=measure),
        key="analyse.tasks",
        filename=f"{study.name}-subjectivity",
        data=found.subjectivity,
        reading=f"{findings.answers(found):,} answers; bars are 95 % intervals.",
    )
    ui.table(found.subjectivity, key="analyse.subjectivity")
if view == "Samples":
    ui.texts_view(study, found)
if view == "Report":
    st.write("One HTML file with these figures and tables. It opens in any browser, without a network.")
    st.download_button(
        "Download report.html",
        rendered,
        file_name=f"{study.name}-report.html",
        mime="text/html",
        type="primary",
        key="analyse.report",
        on_click="ignore",
    )
