"""One run in detail: scores per class, the loss while training, and every prediction."""

import streamlit as st

from core.analysis import charts
from core.training import runs
from ui import resources, words
from ui.charts import plot


def run_detail(run_id: int) -> None:
    """Show a finished run."""
    with resources.store()() as session:
        per_class = runs.per_class(session, run_id)
        predictions = runs.predictions(session, run_id)
        curve = runs.loss_table(session, run_id)
    left, right = st.columns(2)
    left.subheader(f"Run {run_id}, per class")
    with left:
        words.table(per_class, key="run.classes")
    with right:
        plot(charts.loss(curve), key="run.loss", filename=f"run-{run_id}-loss", data=curve, reading="Loss by step")
    words.table(predictions, key="run.predictions")
