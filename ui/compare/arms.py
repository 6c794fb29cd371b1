"""Arms compared: what each arm loses against another, on this task and over tasks, and whether that matters."""

import streamlit as st

from core.analysis.arms import differences, sentences
from core.analysis.arms.compared import Compared
from core.analysis.figures import arm_charts, unconverged
from ui.compare.cells import compact, listed
from ui.shared import charts
from ui.shared.tables import table

SHOWN = ["arm", "base", "lost", "low", "high", "p", "p_adjusted", "mcnemar_p", "n_seeds", "n_test", "note"]
IN_POINTS = ("lost", "low", "high", "tau")


def arms_view(found: Compared) -> None:
    """Draw the differences of a task's arms, their sentences, and the same over the tasks of the study."""
    rows = differences.table(found.differences)
    if rows.empty:
        st.info("A comparison needs finished runs of two arms.")
        return
    charts.plot(
        arm_charts.difference_intervals(rows, margin=found.asked.margin, metric=found.asked.metric),
        key="compare.differences",
        filename=f"{found.chosen.task}-differences",
        data=rows,
        reading="Right of 0: points lost. Thin bars are 95 %, thick bars 90 % intervals over new test texts and new trainings, not "
        "over another set of generated texts. Between the dotted lines a difference does not matter. "
        + unconverged.sentence(list(rows["unconverged"]), "difference"),
    )
    listed(map(sentences.difference, found.differences))
    table(compact(rows[SHOWN]), key="compare.differences.table", in_points=IN_POINTS)
    st.header("Over tasks", anchor=False)
    if not found.over_tasks:
        st.caption("The mean over tasks needs a pair of arms with usable differences on at least two tasks.")
        return
    over = differences.task_table(found.over_tasks)
    charts.plot(
        arm_charts.difference_intervals(over, margin=found.asked.margin, metric=found.asked.metric),
        key="compare.tasks",
        filename="differences-over-tasks",
        data=over,
        reading="The mean over tasks (Paule-Mandel, Knapp-Hartung); tasks count, not texts. Each task is compared on its usual number "
        "of training texts. " + unconverged.sentence(list(over["unconverged"]), "difference"),
    )
    listed(map(sentences.over_tasks, found.over_tasks))
    table(compact(over.drop(columns=["low_90", "high_90"])), key="compare.tasks.table", in_points=IN_POINTS)
