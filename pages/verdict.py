"""Verdict: the gap to expect on one task from training on synthetic texts, and what to do"""

import streamlit as st

import ui
from core.analysis import findings
from core.analysis.figures import gap_charts, unconverged
from core.analysis.verdicts import around, verdict_words
from core.analysis.verdicts.verdict import MARGIN

study = ui.guard("viewer")
ui.show_notice()
ui.title("Verdict", study)
ui.watch_runs(study.id)
ui.watch_answers(study.id)

# Task and the gap that can be borne
with ui.store()() as session:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = ui.pick_task(session, study, key="verdict")
        margin = ui.pick_points(
            "Points you can afford to lose", 100 * MARGIN, key="verdict.margin",
            words="The largest gap to a model trained on real texts that you can accept, in points of the score.",
        )  # fmt: skip
        metric = ui.pick_metric(key="verdict")
        measure = ui.pick_measure(session, study, key="verdict")
    found = ui.findings_of(session, study, metric=metric, measure=measure)
    said = findings.verdict_on(session, found, task.name, margin=margin)
    beside = around.of_verdict(session, found, said)

# The verdict, its figure and its reasons
headline = ui.plain(verdict_words.headline(said, found.measure))
(st.warning if said.is_withheld else st.info)(headline)
if not said.is_withheld:
    ui.plot(
        gap_charts.verdict_intervals(said, metric=metric),
        key="verdict.plot",
        filename=f"{task.name}-verdict",
        data=gap_charts.verdict_table(said),
        reading="Marks are expected gaps, thick bars their 80 % prediction intervals; "
        + "upright ticks are the gaps measured here, thin bars their 95 % intervals, as in the sentence above; "
        * any(arm.own for arm in said.arms)
        + "the dotted line is what you can afford to lose. "
        + unconverged.sentence([arm.unconverged for arm in said.arms], "arm"),
    )
st.header("What to do" if said.is_withheld else "Why", anchor=False)
st.markdown("\n".join(f"- {ui.plain(reason)}" for reason in verdict_words.reasons(said, found.measure)))

for title, sentences in (("What it costs", beside.costs), ("What would change it", beside.changes)):
    if sentences:
        st.header(title, anchor=False)
        st.markdown("\n".join(f"- {ui.plain(sentence)}" for sentence in sentences))

# What was checked, and the plan
with ui.store()() as session:
    ui.trust_list(session, study, task, metric=metric, margin=margin)
ui.frozen_panel(study, metric=metric, margin=margin)

# What to do next
with st.container(horizontal=True):
    ui.link("train", "Train this task")
    ui.link("campaigns", "Ask people how subjective it is")
    st.download_button(
        "Verdict as Markdown",
        verdict_words.markdown(said, found.measure, costs=beside.costs, changes=beside.changes),
        file_name=f"{task.name}-verdict.md",
        key="verdict.markdown",
        on_click="ignore",
    )

# The same without a browser
asked = ["verdict", "--task", task.name, "--margin", f"{margin:g}", "--metric", metric]
ui.in_terminal(study, [*asked, *(["--measure", found.measure] if found.measure else [])])
