"""A finished training run in detail: scores per class, loss, confusion beside a run of another arm, and its worst mistakes."""

import pandas as pd
import streamlit as st

from core.analysis.arms import one_run
from core.analysis.arms.one_run import Beside
from core.analysis.figures import gap_charts
from core.study.rows.kinds import ArmKind
from core.training import convergence, runs
from ui.shared import charts, resources, tables, words
from ui.train.kept import kept_model

MISTAKES = 50  # shown


def run_detail(run_id: int, scores: pd.DataFrame) -> None:
    """Draw a finished run: scores per class, training loss, confusion beside another arm's run, mistakes and predictions.

    `scores` is the table of `runs.scores`, from which the run of the other arm is chosen.
    """
    with resources.store()() as session:
        per_class = runs.per_class(session, run_id)
        predictions = runs.predictions(session, run_id)
        curve = runs.loss_table(session, run_id)
        notes = runs.notes(session, run_id)
        run = runs.get(session, run_id)
        converged = convergence.judge(run.facts, run.config.get("training"))
    words.cautions(notes)
    kept_model(run_id)
    (st.warning if converged.is_converged is False else st.caption)(words.plain(converged.sentence))
    left, right = st.columns(2)
    left.header(f"Run {run_id}, per class", anchor=False)
    with left:
        tables.table(per_class, key="run.classes")
    with right:
        charts.plot(
            gap_charts.loss(curve), key="run.loss", filename=f"run-{run_id}-loss", data=curve, reading="Loss by step"
        )
    other = _pick_other(run_id, scores)
    with words.show_errors(), resources.store()() as session:
        _beside(one_run.beside(session, run_id, other))
    with st.expander(f"All {len(predictions):,} predictions"):
        only_wrong = st.toggle("Only wrong ones", key="run.predictions.wrong")
        tables.table(_in_words(predictions, only_wrong=only_wrong), key="run.predictions")


def _in_words(predictions: pd.DataFrame, *, only_wrong: bool) -> pd.DataFrame:
    """The predictions, or the wrong ones only, with the words right and wrong in the column `correct`."""
    chosen = predictions[~predictions["correct"]] if only_wrong else predictions
    return chosen.assign(correct=["right" if is_right else "wrong" for is_right in chosen["correct"]])


def _pick_other(run_id: int, scores: pd.DataFrame) -> int | None:
    """Ask beside which run this one stands; None if there is no comparable run."""
    alike = one_run.counterparts(scores, run_id)
    if alike.empty:
        st.caption("No run of another arm has the same settings and test texts, so this run stands alone.")
        return None
    titles = {int(row["run_id"]): f"{row['arm']} · seed {row['seed']}" for row in alike.to_dict("records")}
    return st.selectbox("Beside", list(titles), format_func=titles.__getitem__, key=f"run.other.{run_id}", width=260)


def _beside(found: Beside) -> None:
    st.header("Which labels are mistaken for which", anchor=False)
    base, arm = found.run, found.other
    if arm is not None and arm.arm == ArmKind.REAL:
        base, arm = arm, base  # a synthetic arm is read against the real one
    charts.confusions(base, arm, key="run.confusion")
    st.caption("Rows are test labels: shares of their test texts, below them numbers of texts.")
    st.header("Worst mistakes", anchor=False)
    st.caption(words.plain(one_run.sentence(found)))
    if not found.mistakes.empty:
        st.caption("The wrong answers that the run was surest of come first.")
        tables.table(found.mistakes.head(MISTAKES), key="run.mistakes")
