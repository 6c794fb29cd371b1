"""Kept models on the screen: the model of a run with buttons to keep or remove it, and the disk that all models take."""

import streamlit as st

from core.jobs import runner
from core.steps.trained import models
from core.study.rows.study import Job
from ui.shared import resources, words


def kept_model(run_id: int) -> None:
    """Say whether the model of a finished run is kept, with a button to keep or remove it."""
    settings = resources.settings()
    with resources.store()() as session:
        kept = models.find(session, settings, run_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        if kept:
            size = models.megabytes(kept.size)
            if resources.may_change():
                st.button("Remove the model", key=f"run.remove.{run_id}", on_click=_remove, args=(run_id,))
            st.caption(words.plain(f"Kept, {size}, in {kept.path}. To send it: push --model {run_id} --to owner/name"))
            return
        if resources.may_change():
            st.button("Keep this model", key=f"run.keep.{run_id}", on_click=_keep, args=(run_id,))
        st.caption(
            "Weights are not kept unasked: the run is trained once more for them, with the same seed, and its scores stay."
        )


def models_words() -> str:
    """How many models are kept and how much disk they take; "" without a model."""
    return models.disk_words(resources.settings())


def _keep(run_id: int) -> None:
    jobs: list[Job] = []
    with words.show_errors(), resources.store().write() as session:
        jobs.append(models.queue_model(session, resources.settings(), run_id))
    if jobs:
        runner.ensure(resources.settings())
        words.set_queued_notice(jobs)


def _remove(run_id: int) -> None:
    with words.show_errors():
        with resources.store().write() as session:
            gone = models.remove(session, resources.settings(), run_id)
        words.set_notice(f"Removed the model of run {run_id}: {models.megabytes(gone.size)}.")
