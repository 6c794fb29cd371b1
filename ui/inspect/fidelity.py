"""Label fidelity: the intended label beside the label of an LLM judge, a person or raters."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.figures import quality_charts
from core.jobs import runner
from core.llm import connection
from core.llm.connection import Connection
from core.quality import fidelity
from core.quality.fidelity import By, Fidelity
from core.steps import judge as judge_step
from core.study import tasks
from core.study.rows.kinds import ArmKind, JudgementKind, RaterKind, Split, Work
from core.study.rows.study import Arm, Study, Task
from core.subjectivity import ratings
from core.synthesis import judging, judging_cost
from core.synthesis.judging import Texts
from core.wording import percent, percent_within
from ui.shared import charts, jobs, pickers, resources
from ui.shared.tables import intervals, table
from ui.shared.words import WHAT_AN_ARM_IS, plain, set_queued_notice, show_errors
from ui.synthesis.connection import offered_models, pick_connection

SUBJECTS = {"Raters": "The raters give", "LLM judge": "The LLM judge gives", "Person": "A person gives"}
NAMES = {By.JUDGE: "LLM judge", By.HUMAN: "Person", By.RATERS: "Raters"}


def labels_view(study: Study, task: Task) -> None:
    """Draw the agreement of intended and other labels per class, and the form that asks an LLM judge."""
    people = ratings.people(study)
    with resources.store()() as session:
        known = tasks.arms(session, task.id)
        arms = {arm.id: arm.name for arm in known}
        labels = [label.name for label in tasks.labels_of(session, task.id)]
        answered = fidelity.answered(session, arm_ids=list(arms), raters=people)
        by = st.segmented_control(
            "Compared with",
            list(By),
            default=next(iter(answered), By.JUDGE),
            required=True,
            format_func=NAMES.__getitem__,
            key=f"fidelity.by.{task.id}",
        )
        beside = fidelity.beside(session, arms, labels, by=by, raters=people)
        if len(beside) > 1:
            _show_beside(beside, other=NAMES[by])
        with st.container(horizontal=True):
            arm = pickers.pick_arm(session, task, key="fidelity", first=_first_arm(session, known, by, people))
            judge = _pick_judge(session, arm, by)
        found = fidelity.table(fidelity.pairs(session, arm_id=arm.id, by=by, judge=judge, raters=people), labels)
    if found.n:
        _show(found, task=task, arm=arm, other=judge or NAMES[by])
    else:
        st.info(plain(found.note) or "There is nothing to compare with yet.")
    if by == By.JUDGE and resources.may_change():
        _ask(study, task)


def _first_arm(session: Session, arms: Sequence[Arm], by: By, raters: Sequence[RaterKind]) -> str | None:
    """The first synthetic arm whose texts have labels of this kind; None if only the real arm has them, or no arm."""
    made = (arm for arm in arms if arm.kind != ArmKind.REAL)
    return next((arm.name for arm in made if by in fidelity.answered(session, arm_ids=[arm.id], raters=raters)), None)


def _pick_judge(session: Session, arm: Arm, by: By) -> str | None:
    """Draw the choice of judge or person whose labels are compared, and return the name; None for raters.

    The judge asked last is chosen as soon as this judge has answered.
    """
    if by == By.RATERS:
        return None
    kind = JudgementKind.JUDGE if by == By.JUDGE else JudgementKind.HUMAN
    known = fidelity.judges(session, arm_id=arm.id, kind=kind)
    if not known:
        return None
    key, asked_last = f"fidelity.judge.{arm.id}.{by}", f"fidelity.asked.{arm.id}"
    if by == By.JUDGE and st.session_state.get(asked_last) in known:
        st.session_state[key] = st.session_state.pop(asked_last)
    return str(st.selectbox("Labels by", list(known), key=key, width=220))


def _show_beside(found: pd.DataFrame, *, other: str) -> None:
    """Draw the agreement of every arm, and say which arm's labels fit worst."""
    shown = found.assign(interval=intervals(found)).drop(columns=["low", "high"])
    table(shown[["arm", "agreement", "interval", "kappa", "n"]], key="fidelity.beside")
    worst = found.iloc[int(found["agreement"].to_numpy().argmin())]
    st.caption(
        plain(
            f"{other} and the label that the texts came with differ most in {worst['arm']}: {percent(1 - worst['agreement'])}."
        )
    )


def _show(found: Fidelity, *, task: Task, arm: Arm, other: str) -> None:
    share = found.agreement
    reading = (
        f"{SUBJECTS.get(other, f'{other} gives')} the intended label to {percent_within(share.value, share.low, share.high)} "
        f"of {found.n} samples; "
        f"Cohen's kappa {found.kappa:.2f}."
    )
    charts.plot(
        quality_charts.confusion(found, other=other),
        key="fidelity.confusion",
        filename=f"{task.name}-{arm.name}-labels",
        data=found.per_class,
        reading=f"{reading} {found.note}".strip(),
    )
    table(found.per_class, key="fidelity.classes")


def _ask(study: Study, task: Task) -> None:
    """Draw the form that asks an LLM judge for labels; the judge is not told the intended label."""
    st.header("Ask a judge")
    wanted = pick_connection(study, key="fidelity")
    with resources.store()() as session:
        found = {arm.name: arm for arm in tasks.arms(session, task.id)}
        writers = judging.writers(session, [arm.id for arm in found.values()])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = pickers.pick_several(
            "Arms", list(found), default=list(found), key=f"fidelity.arms.{task.id}", width=320, help=WHAT_AN_ARM_IS
        )
        per_label = st.number_input("Samples per label and arm", 1, 10_000, 50, key="fidelity.per_label", width=190)
        only_test = st.checkbox(
            "All real test texts, and no other", key=f"fidelity.test.{task.id}",
            help="The LLM as a classifier: its score stands among the baselines on Compare.",
        )  # fmt: skip
        budget = pickers.pick_budget(key="fidelity.budget")
        judge = _choose_judge(wanted, writers)
        is_clicked = st.button("Ask the judge", type="primary", key="fidelity.ask", disabled=not judge or not names)
    st.caption(
        "The judge sees the question, the labels and the text. Judging real texts too shows how far the judge can be trusted."
    )
    if only_test:
        names = [name for name, arm in found.items() if arm.kind == ArmKind.REAL]
    texts = Texts(None, Split.TEST) if only_test else Texts(int(per_label))
    written = [name for name in writers.get(connection.split(judge)[0], []) if name in names] if judge else []
    if written:
        st.warning(
            f"{plain(str(judge))} wrote texts of {plain(', '.join(written))}. A model that judges its own texts tends to agree "
            "with itself: choose another judge if you can."
        )
    if judge and names:
        _say_cost(wanted, judge, [found[name].id for name in names], texts, budget)
    if is_clicked and judge:
        with show_errors():
            connection.check(wanted.model_copy(update={"models": (judge,)}), resources.settings())
            arguments = _arguments(wanted, judge, arms=[] if only_test else names, texts=texts, budget=budget)
            _queue(study, task, [found[name] for name in names], judge=judge, arguments=arguments)
            st.rerun()
    jobs.job_panel(study.id, of=Work.JUDGE.key(task.id), key="fidelity.jobs")


def _say_cost(wanted: Connection, judge: str, arm_ids: Sequence[int], texts: Texts, budget: float | None) -> None:
    """Say how many calls the judge takes and what they cost, before the judge is asked."""
    only_judge = wanted.model_copy(update={"models": (judge,)})
    with show_errors(), resources.store()() as session:
        cost = judge_step.cost(session, resources.settings(), only_judge, arm_ids=arm_ids, texts=texts)
        st.caption(plain(judging_cost.sentence(cost, budget_usd=budget)))


def _choose_judge(wanted: Connection, writers: Mapping[str, list[str]]) -> str | None:
    """Draw the choice of a judge and return its name, or None.

    Offered are the connected models, first those that wrote no text of the task, and the models that the endpoint lists; any
    other name can be typed.
    """
    connected = sorted(wanted.models, key=lambda model: connection.split(model)[0] in writers)
    chosen = st.selectbox(
        "Judge",
        list(dict.fromkeys([*connected, *offered_models(wanted.base_url)])),
        index=0 if connected else None,
        key="fidelity.model",
        width=240,
        placeholder="Type a name, then Enter",
        accept_new_options=wanted.provider != "recorded",
        help="A model of the endpoint by its name, or of another endpoint as NAME@URL. The study's own connection stays.",
    )
    return str(chosen).strip() if chosen else None


def _arguments(wanted: Connection, judge: str, *, arms: list[str], texts: Texts, budget: float | None) -> list[str]:
    only_judge = wanted.model_copy(update={"models": (judge,)})
    return judge_step.arguments(only_judge, arms=arms, texts=texts, budget_usd=budget)


def _queue(study: Study, task: Task, arms: Sequence[Arm], *, judge: str, arguments: list[str]) -> None:
    """Queue the judging; the labels view of each arm shows this judge as soon as it has answered."""
    with resources.store().write() as session:
        job = judge_step.queue_judging(session, study=study, task=task, arguments=arguments)
    runner.ensure(resources.settings())
    for arm in arms:
        st.session_state[f"fidelity.asked.{arm.id}"] = connection.split(judge)[0]
    set_queued_notice([job])
