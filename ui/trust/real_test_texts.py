"""The real test texts on the page Inspect: near-duplicates in other splits, and models that know them by heart"""

import time

import streamlit as st

from core.errors import StudyError
from core.jobs import runner
from core.llm import connection
from core.steps import contamination as contamination_step
from core.study import state
from core.study.rows.kinds import Split, Work
from core.study.rows.study import Study, Task
from core.study.splits import across, regrouping
from core.study.splits.across import Across
from core.synthesis.contamination import asking, completed
from core.wording import counted
from ui.shared import jobs, resources
from ui.shared.pickers import pick_budget
from ui.shared.tables import table
from ui.shared.words import plain, set_notice, set_queued_notice, show_errors
from ui.synthesis.connection import offered_models, pick_connection

MOST_SHOWN = 200
SIDES = {Split.TEST: "test split (training loses them)", Split.TRAIN: "training (the test split loses them)"}


def test_texts_view(study: Study, task: Task) -> None:
    """Draw whether the real test texts of a task are a fair test: near-duplicates across splits, and contamination."""
    st.header("Near-duplicates in other real splits", anchor=False)
    _near_duplicates(task)
    st.header("Does a model know the test texts by heart?", anchor=False)
    _contamination(study, task)


def _near_duplicates(task: Task) -> None:
    with resources.store()() as session:
        found = _across(task.id, state.stamp(session))
        moves = [(made.id, regrouping.words(made)) for made in regrouping.standing(session, task.id)]
    st.markdown(plain(across.reading(found)))
    if len(found.pairs):
        shown = found.pairs.head(MOST_SHOWN)
        if len(found.pairs) > len(shown):
            st.caption(f"The {len(shown)} most similar of {len(found.pairs):,} pairs.")
        table(
            shown.drop(columns=["test_id", "other_id"]), key=f"near.pairs.{task.id}", wide=("test_text", "other_text")
        )
        if resources.may_change():
            _offer_move(task)
    for place, (number, words) in enumerate(moves):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(words, width="stretch")
            if not place and resources.may_change():
                st.button("Move back", key=f"near.undo.{number}", on_click=_undo, args=(number,))


def _offer_move(task: Task) -> None:
    """Draw the offer to move whole groups, with what it would do; nothing is moved before the button is pressed."""
    side = st.segmented_control(
        "Move every group of near-duplicates whole to",
        list(SIDES),
        format_func=SIDES.__getitem__,
        key=f"near.side.{task.id}",
    )
    if side is None:
        return
    try:
        with resources.store()() as session:
            proposed = regrouping.propose(session, task, side)
    except StudyError as error:
        st.warning(plain(str(error)))
        return
    left = ", ".join(f"{split} {n:,}" for split, n in proposed.left.items())
    what = f"{counted(proposed.n_groups, 'group')}, {counted(len(proposed.moved), 'text')}"
    st.caption(
        f"{what} would move; afterwards: {left}. Finished runs keep their scores, and are not compared with runs trained "
        "afterwards. It can be undone."
    )
    st.button(
        f"Move {counted(len(proposed.moved), 'text')}",
        key=f"near.move.{task.id}",
        on_click=_move,
        args=(task.id, side),
    )


def _move(task_id: int, side: Split) -> None:
    with show_errors(), resources.store().write() as session:
        set_notice(regrouping.words(regrouping.regroup(session, session.get_one(Task, task_id), side)))


def _undo(number: int) -> None:
    with show_errors(), resources.store().write() as session:
        set_notice(regrouping.moved_back(regrouping.undo(session, number, now=time.time())))


def _contamination(study: Study, task: Task) -> None:
    with resources.store()() as session:
        found = [asking.of_task(session, task.id, model) for model in asking.models(session, task.id)]
    for own in found:
        st.markdown(f"- {plain(completed.reading(own))}")
        if own.unusable:
            st.caption(plain("Answers not usable: " + ", ".join(f"{why} {n}" for why, n in own.unusable.items())))
    if not found:
        st.info("Not tested: no model was asked to complete test texts of this task.")
    st.caption(
        "A model is given the first half of real test texts and asked for the second, with the data set named and without. A "
        "model that knows them writes training texts that repeat the test."
    )
    if resources.may_change():
        _ask(study, task)


def _ask(study: Study, task: Task) -> None:
    """Draw the form that tests a model."""
    wanted = pick_connection(study, key="contamination")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            "Model", list(dict.fromkeys([*wanted.models, *offered_models(wanted.base_url)])),
            index=0 if wanted.models else None, key="contamination.model", width=240,
            placeholder="Type a name, then Enter", accept_new_options=wanted.provider != "recorded",
        )  # fmt: skip
        dataset = st.text_input(
            "Known as", task.name, key=f"contamination.dataset.{task.id}", width=200,
            help="The name under which the data set was published, said to the model.",
        )  # fmt: skip
        texts = st.number_input("Test texts", 1, 10_000, asking.MOST_TEXTS, key="contamination.texts", width=120)
        budget = pick_budget(key="contamination.budget")
        is_clicked = st.button("Test the model", type="primary", key="contamination.ask", disabled=not model)
    st.caption(f"At most {2 * int(texts):,} calls. Stored answers are not paid for again.")
    if is_clicked and model:
        with show_errors():
            tested = wanted.model_copy(update={"models": (str(model).strip(),), "temperature": 0.0})
            connection.check(tested, resources.settings())
            arguments = contamination_step.arguments(tested, texts=int(texts), dataset=dataset, budget_usd=budget)
            with resources.store().write() as session:
                job = contamination_step.queue_contamination(session, study=study, task=task, arguments=arguments)
            runner.ensure(resources.settings())
            set_queued_notice([job])
            st.rerun()
    jobs.job_panel(study.id, of=Work.CONTAMINATION.key(task.id), key="contamination.jobs")


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _across(task_id: int, stamp: tuple[object, ...]) -> Across:
    del stamp
    with resources.store()() as session:
        return across.across(session, task_id)
