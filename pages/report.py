"""Report: the paper pack of a study, the whole study as files, and its gaps beside the published ones"""

import streamlit as st

import ui
from core.analysis import beside_paper
from core.analysis.points import Metric
from core.jobs import runner
from core.steps import share
from core.study.rows.kinds import Work
from core.subjectivity.levels import Measure

study = ui.guard("organiser")
ui.show_notice()
ui.title("Report", study)


def build(metric: Metric, measure: Measure | None) -> None:
    """Queue the pack."""
    with ui.keep_refusal():
        with ui.store().write() as session:
            share.queue_pack(session, ui.settings(), study=study, metric=metric, measure=measure)
        runner.ensure(ui.settings())


# What it is about
with ui.store()() as session, st.container(horizontal=True, vertical_alignment="bottom"):
    metric = ui.pick_metric(key="report")
    measure = ui.pick_measure(session, study, key="report")
    st.button("Build the pack", type="primary", key="report.build", on_click=build, args=(metric, measure))
    found = ui.findings_of(session, study, metric=metric, measure=measure)

# The pack
ui.job_panel(study.id, key="report.jobs", work=(Work.PACK, Work.EXPORT))
if not ui.pack_view(study):
    st.info(
        "The pack is a folder for a paper: the report, tables for LaTeX and Markdown, figures, methods, prompts, cards, "
        "references, and a study file that redoes it. It takes about a minute to build."
    )

# Beside the paper
beside = beside_paper.beside(found)
if not beside.table.empty:
    st.header("Beside the paper", anchor=False)
    ui.table(beside.table, key="report.beside", in_points=("gap", "low", "high", "paper_gap"))
    ui.beside_words(beside.readings)

# The whole study
st.header("The whole study as files", anchor=False)
st.caption(
    "Every stored row as JSON lines with checksums, for an archive or another machine. Without API keys, links, personal codes "
    "and panel ids. Another home takes it in on Overview, to the last digit."
)
ui.export_panel(study)
ui.view_links_panel(study)

# The same without a browser
asked = ["report", "pack", "--metric", metric, *(["--measure", measure] if measure else [])]
ui.in_terminal(study, asked, ["export", "study-files"])
