"""Baselines compared: the commonest label, plain classifiers on the texts of each arm, and LLMs as classifiers."""

import pandas as pd
import streamlit as st

from core.analysis.arms.compared import SCORE_COLUMNS, Compared
from core.analysis.baselines import beside_runs, results, sentences
from core.analysis.inference import gaps
from core.analysis.points import METRIC_NAMES, Metric
from core.jobs import runner
from core.steps import measure, train
from core.study.rows.kinds import Work
from core.study.rows.study import Study, Task
from core.wording import counted
from ui.compare import reads
from ui.compare.cells import compact, listed
from ui.shared import jobs, links, resources
from ui.shared.tables import table
from ui.shared.words import set_queued_notice, show_errors


def baselines_view(study: Study, task: Task, found: Compared | None, *, metric: Metric) -> None:
    """Draw the baselines of a task beside its runs, say which of them the real arm does not beat, and offer what is missing.

    `found`: the comparison of the task's arms; None before its first runs.
    """
    asked = None if found is None else found.asked
    with resources.store()() as session:
        own = reads.baselines_of(session, study, task, asked)
        missing = reads.missing_baselines(session, task)
    has_student = any(one.name.startswith(results.STUDENT) for one in own.results)
    if resources.may_change():
        _offer(study, task, missing.fits, students=missing.has_pool and not has_student)
    chosen = None if found is None else found.chosen
    spread = gaps.ALONE if found is None else found.spread
    listed(sentences.not_beaten(own, chosen, metric=metric, spread=spread))
    scores = pd.DataFrame(columns=SCORE_COLUMNS) if found is None else found.scores
    shown = beside_runs.table(own, scores, encoder="" if found is None else found.chosen.encoder, metric=metric)
    if not shown.empty:
        st.caption(f"{METRIC_NAMES[metric]} on the real test texts, runs first.")
        table(compact(shown), key="compare.baselines")
        st.caption(
            "Classifiers learn from the very texts of each arm's runs. Intervals (95 %) speak of new test texts and other choices of "
            "training texts."
        )
    listed(dict.fromkeys((*own.left_out, *missing.left_out)))
    if not any(one.name.startswith(results.LLM) for one in own.results):
        links.link("inspect", "Ask an LLM for the labels of the test texts")


def _offer(study: Study, task: Task, missing: int, *, students: bool) -> None:
    """Draw the buttons that queue the missing fits and seed students, and the jobs; no button where nothing is missing."""
    if students:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Train seed students", key="compare.students", on_click=_queue_students, args=(study, task))
            st.caption("The study's encoders on the real texts of the few-shot pool: what they can do without any LLM.")
    if missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Compute baselines",
                type="primary",
                key="compare.baselines.compute",
                on_click=_queue,
                args=(study, task),
            )
            st.caption(
                f"{counted(missing, 'fit')} missing for the texts as they are now: seconds each, no GPU and no key."
            )
    jobs.job_panel(study.id, of=Work.BASELINES.key(task.id), key="compare.baselines.jobs")


def _queue(study: Study, task: Task) -> None:
    with show_errors():
        with resources.store().write() as session:
            job = measure.queue_baselines(session, study=study, task=task)
        runner.ensure(resources.settings())
        set_queued_notice([job])


def _queue_students(study: Study, task: Task) -> None:
    with show_errors():
        with resources.store().write() as session:
            queued = train.queue_students(session, resources.settings(), study=study, task=task)
        runner.ensure(resources.settings())
        set_queued_notice(queued)
