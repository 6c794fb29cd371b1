"""Three doors for someone who arrives: the sample study, a task of one's own, the paper's ten tasks."""

import streamlit as st
from sqlalchemy.orm import Session

from core.jobs import runner
from core.steps import train
from core.steps.guide import finished_sample, ten_tasks
from core.study import tasks
from core.study.upkeep import studies
from core.synthesis.prompts import catalogued
from ui.frame import frame
from ui.shared import links, resources
from ui.shared.words import keep_refusal, plain, show_errors

OWN_NAME = "my-study"


def welcome() -> None:
    """Draw the first screen: what Litmus is for in one sentence, the doors, and what one needs."""
    st.title("Will LLM-written training data work for your task?", anchor=False)
    st.markdown(
        "Litmus trains a classifier on real texts and another on texts that an LLM wrote, scores both on real test texts, and says "
        "what the difference costs you, **before** you pay for thousands of texts. The more a task is a matter of opinion, "
        "the larger the difference tends to be."
    )
    arrived()
    doors()
    st.caption(
        "For a task of your own you need real texts with their labels (a few hundred, some of them for testing) and a model that "
        "writes: an API key, a server on this machine, or a small model that Litmus adds. People who rate texts make the answer "
        "surer. All of it stays on this machine, apart from what you send to a model."
    )


@st.fragment(run_every=3)
def arrived() -> None:
    """Offer a study that came in while the first screen was open, from a terminal or another browser; what is typed here stays."""
    with resources.store()() as session:
        names = [study.name for study in tasks.studies(session)]
    if names:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"The study **{plain(names[0])}** has come in.", width="content")
            if st.button("Open it", type="primary", key="overview.arrived"):
                st.rerun()


def doors() -> None:
    """Draw the three doors side by side."""
    see, own, ten = st.columns(3, border=True)
    with see:
        st.header("See it work", anchor=False)
        st.write("Four small tasks, from objective to subjective: texts, ratings, the scores of 36 models, a verdict.")
        st.button(
            "Open a finished sample study",
            type="primary",
            on_click=_open_finished,
            key="overview.finished",
            width="stretch",
        )
        st.button("Run the sample study yourself", on_click=_start_sample, key="overview.sample", width="stretch")
        st.caption(
            "The finished one opens in seconds. Your own run trains for some minutes to an hour, by the machine. No key, no GPU, no "
            "network."
        )
    with own:
        st.header("My task", anchor=False)
        st.write("Bring in real texts with labels; then step by step to a verdict: collect, generate, or mix.")
        with st.form("overview.own", border=False):
            name = st.text_input("Name of the study", key="overview.name", placeholder="support-tickets")
            if st.form_submit_button("Begin with my texts", key="overview.make", width="stretch"):
                _start_own(name)
    with ten:
        st.header("The paper's ten tasks", anchor=False)
        st.write(
            "Questions, labels and prompts of the study by Li et al. (2023) are ready; bring in real texts for each."
        )
        titles = [task.title for task in catalogued.catalogue_tasks()]
        chosen = st.multiselect("Tasks", titles, default=titles, key="overview.ten")
        if st.button("Make this study", key="overview.make_ten", width="stretch"):
            _start_ten(chosen)


def _open_finished() -> None:
    """Bring in a fresh copy of the finished sample study and choose it."""
    with keep_refusal():
        frame.choose_study(finished_sample.bring_in(resources.store()).name)


def _start_sample() -> None:
    """Queue the sample study and choose it."""
    with keep_refusal():
        with resources.store().write() as session:
            train.queue_sample(session)
            _show_again(session, tasks.SAMPLE_NAME)
        runner.ensure(resources.settings())
        frame.choose_study(tasks.SAMPLE_NAME)


def _start_own(name: str) -> None:
    """Make a study with the name typed, choose it, and go to where texts are brought in."""
    with show_errors():
        with resources.store().write() as session:
            made = tasks.study_named(session, name).name
            _show_again(session, made)
        _go(made)


def _start_ten(titles: list[str]) -> None:
    with show_errors():
        with resources.store().write() as session:
            made = ten_tasks.make(session, ten_tasks.NAME, titles).name
            _show_again(session, made)
        _go(made)


def _show_again(session: Session, name: str) -> None:
    """Take a study of this name out of the hidden ones: who begins it wants to see it."""
    for study in tasks.studies(session, even_aside=True):
        if study.name == name and studies.is_aside(study):
            studies.put_aside(session, study.id, False)


def _go(study: str) -> None:
    st.session_state["frame.study"] = study
    st.session_state["frame.wanted"] = study
    st.switch_page(links.page_file("data"))
