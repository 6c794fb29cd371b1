"""Label fidelity on the screen: what was asked for beside what a judge, a person or raters say."""

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis import quality_charts
from core.commands import judging
from core.jobs import runner
from core.quality import fidelity
from core.quality.fidelity import By, Fidelity
from core.study import tasks
from core.study.records import Arm, JudgementKind, Study, Task
from core.subjectivity import ratings
from core.synthesis import connection
from core.synthesis.connection import Connection
from ui import charts, jobs, pickers, resources
from ui.connection import pick_connection
from ui.words import plain, problem, queued, table

NAMES = {By.JUDGE: "LLM judge", By.HUMAN: "Person here", By.RATERS: "Raters"}


def labels_view(study: Study, task: Task) -> None:
    """Agreement of the intended label with another one, per class, and the job that asks a judge."""
    with resources.store()() as session:
        with st.container(horizontal=True):
            arm = pickers.pick_arm(session, task, key="fidelity")
            by = st.segmented_control(
                "Compared with",
                list(By),
                default=By.JUDGE,
                required=True,
                format_func=NAMES.__getitem__,
                key="fidelity.by",
            )
            judge = _pick_judge(session, arm, by)
        labels = [label.name for label in tasks.labels_of(session, task.id)]
        found = fidelity.table(
            fidelity.pairs(session, arm_id=arm.id, by=by, judge=judge, raters=ratings.people(study)), labels
        )
    if found.n:
        _show(found, task=task, arm=arm, other=judge or NAMES[by])
    else:
        st.info(plain(found.note) or "There is nothing to compare with yet.")
    if by == By.JUDGE:
        _ask(study, task)


def _pick_judge(session: Session, arm: Arm, by: By) -> str | None:
    if by == By.RATERS:
        return None
    kind = JudgementKind.JUDGE if by == By.JUDGE else JudgementKind.HUMAN
    known = fidelity.judges(session, arm_id=arm.id, kind=kind)
    if not known:
        return None
    return str(st.selectbox("Who", list(known), key=f"fidelity.judge.{arm.id}.{by}", width=220))


def _show(found: Fidelity, *, task: Task, arm: Arm, other: str) -> None:
    reading = (
        f"{other} gives the intended label to {found.agreement:.0%} [{found.low:.0%}, {found.high:.0%}] of {found.n} samples; "
        f"Cohen's kappa {found.kappa:.2f}."
        + (f" {found.n_unusable} answers cannot be used." if found.n_unusable else "")
    )
    charts.plot(
        quality_charts.confusion(found, other=other),
        key="fidelity.confusion",
        filename=f"{task.name}-{arm.name}-labels",
        data=found.per_class,
        reading=plain(reading),
    )
    if found.note:
        st.caption(plain(found.note))
    table(found.per_class, key="fidelity.classes")


def _ask(study: Study, task: Task) -> None:
    """Ask the connected model for the label of samples, without telling it the intended one."""
    st.subheader("Ask a judge")
    wanted = pick_connection(study, key="fidelity")
    with resources.store()() as session:
        names = [arm.name for arm in tasks.arms(session, task.id)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        arms = st.multiselect("Arms", names, default=names, key=f"fidelity.arms.{task.id}", width=320)
        per_label = st.number_input("Samples per label and arm", 1, 10_000, 50, key="fidelity.per_label", width=190)
        budget = st.number_input(
            "Budget, US dollars", 0.0, None, None, 0.01, "%g", key="fidelity.budget", placeholder="no limit", width=160
        )
        judge = st.selectbox("Judge", list(wanted.models), key="fidelity.model", width=200, placeholder="no model yet")
        asked = st.button("Ask the judge", type="primary", key="fidelity.ask", disabled=not judge or not arms)
    st.caption("It sees the question, the labels and the text. Judging real texts too shows how far it can be trusted.")
    if asked:
        with problem():
            connection.check(wanted, resources.settings())
            _queue(study, task, arms, wanted=wanted, judge=str(judge), per_label=int(per_label), budget=budget)
            st.rerun()
    jobs.job_panel(study.id, of=f"judge:{task.id}", key="fidelity.jobs")


def _queue(
    study: Study, task: Task, arms: list[str], *, wanted: Connection, judge: str, per_label: int, budget: float | None
) -> None:
    alone = wanted.model_copy(update={"models": (judge,)})
    arguments = judging.arguments(alone, arms=arms, per_label=per_label, budget_usd=budget)
    with resources.store().write() as session:
        job = judging.queue_judging(session, study=study, task=task, arguments=arguments)
    runner.ensure(resources.settings())
    queued([job])
