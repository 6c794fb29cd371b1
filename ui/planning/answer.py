"""The answer of the page Plan: sizes, effort, the figure, other mixes, and the numbers that the plan rests on"""

import pandas as pd
import streamlit as st

from core.analysis.figures import plan_charts
from core.analysis.planning import curves, plan_words, plans
from core.analysis.planning.inputs import Inputs
from core.analysis.planning.plans import Asked, Plan
from core.study.rows.study import Study
from ui.planning import reads
from ui.shared import charts, tables
from ui.shared.words import money, plain


def plan_answer(study: Study, asked: Asked, inputs: Inputs) -> None:
    """Draw the plan of a question. Raises `StudyError` for a question or sizes out of range."""
    made, table = reads.plan(asked, inputs)
    (st.info if made.is_reached else st.warning)(plain(plan_words.headline(made)))
    if made.is_reached:
        st.markdown(plain(plan_words.effort(made)))
    charts.plot(
        plan_charts.power_curves(made, table),
        key="plan.plot",
        filename=f"{study.name}-power",
        data=table,
        reading=curves.reading(made, table),
    )
    st.markdown(plain(plan_words.meaning(made)))
    st.caption(plain(plan_words.basis(made)))
    if made.others:
        with st.expander(
            f"Other mixes that reach {plan_words.percent(asked.wanted)} ({len(made.others)})", key="plan.others"
        ):
            st.caption(
                f"The cheapest mix counts {money(inputs.number('person_usd'))} for an hour of people and "
                f"{money(inputs.number('machine_usd'))} for an hour of training, both assumed.".replace("$", "\\$")
            )
            tables.table(_others(made), key="plan.others.table")
    with st.expander("What the plan rests on", expanded=True, key="plan.rests"):
        tables.table(_rests(inputs), key="plan.rests.table", wide=("number", "words"))


def _others(made: Plan) -> pd.DataFrame:
    rows = [
        (
            *sizes.whole[:3],
            plans.answers(sizes, made.inputs),
            plan_words.minutes_words(plans.minutes(sizes, made.inputs)),
            plan_words.minutes_words(plans.people_minutes(sizes, made.inputs)),
        )
        for sizes in made.others
    ]
    return pd.DataFrame(rows, columns=["n_tasks", "n_seeds", "n_test", "n_ratings", "training", "people_time"])


def _rests(inputs: Inputs) -> pd.DataFrame:
    rows = [
        (
            plan_words.NAMES[str(row["name"])],
            "unknown" if row["value"] is None else f"{row['value']:,.4g}",
            row["from"],
            row["words"],
        )
        for row in plan_words.assumptions(inputs)
    ]
    return pd.DataFrame(rows, columns=["number", "amount", "origin", "words"])
