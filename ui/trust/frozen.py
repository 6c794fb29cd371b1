"""The frozen plan on the page Verdict: what it says, and a form that freezes the next version"""

import time

import streamlit as st

from core.analysis.points import Metric
from core.analysis.trust import frozen
from core.analysis.trust.frozen import TESTS, Decision, Headline
from core.study import tasks
from core.study.rows.study import Study
from core.training.settings import first_seeds, with_length
from ui.shared import resources
from ui.shared.runs import length_input
from ui.shared.words import plain, set_notice, show_errors


def frozen_panel(study: Study, *, metric: Metric, margin: float) -> None:
    """Draw the newest frozen plan with a download, and the form that freezes a plan with this metric and margin."""
    with resources.store()() as session:
        plan = frozen.latest(session, study.id)
    with st.expander("Frozen plan" if plan else "Freeze the plan before the results"):
        if plan is not None:
            st.markdown(plain(frozen.words(plan)))
            st.download_button(
                "Plan as JSON",
                frozen.as_text(plan.content),
                file_name=f"{study.name}-plan-{plan.version}.json",
                mime="application/json",
                key="frozen.json",
                on_click="ignore",
            )
            st.caption("A frozen plan never changes. Freezing again makes a new version; the earlier ones stay.")
        if resources.may_change():
            _form(study, metric=metric, margin=margin)


def _form(study: Study, *, metric: Metric, margin: float) -> None:
    config = tasks.DEFAULT_CONFIG | study.config
    with st.form("frozen.form", border=False):
        question = st.text_input("The question, in a sentence", key="frozen.question")
        headline = st.selectbox("Decided by", list(Headline), format_func=TESTS.__getitem__, key="frozen.headline")
        with st.container(horizontal=True):
            seeds = st.number_input("Seeds", 1, 50, len(config["seeds"]), key="frozen.seeds", width=110)
            unit = "steps" if "steps" in config["training"] else "passes"
            length = length_input(config["training"], unit=unit, key="frozen")
        st.caption(
            "Frozen with it: the tasks, arms and test texts as they are now, the encoders of the study, and the metric and margin above. "
            f"Its seeds are the first of those of the study ({', '.join(map(str, config['seeds']))}), then the smallest others."
        )
        if st.form_submit_button("Freeze", key="frozen.freeze"):
            chosen = first_seeds(config["seeds"], int(seeds))
            with show_errors():
                with resources.store().write() as session:
                    made = frozen.freeze(
                        session,
                        session.get_one(Study, study.id),
                        Decision(question, headline or Headline.SLOPE, metric, margin),
                        now=time.time(),
                        config={
                            "seeds": chosen,
                            "training": with_length(config["training"], length),
                        },
                    )
                set_notice(f"Plan {made.version} is frozen, with the seeds {', '.join(map(str, chosen))}.")
                st.rerun()
