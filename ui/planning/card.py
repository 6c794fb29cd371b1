"""A card beside Train and Campaigns: what these seeds, test texts and ratings can show"""

import streamlit as st

from core.analysis.planning.inputs import Origin
from core.analysis.points import Metric
from core.study import tasks as stored_tasks
from core.study.rows.study import Study
from ui.planning import reads
from ui.shared import links, resources
from ui.shared.words import plain


def shown_by_runs(study: Study, *, tasks: int, seeds: int) -> None:
    """Draw what runs of so many tasks and seeds can show; nothing if no task is chosen."""
    if tasks:
        _card(study, "What these seeds can show", "runs", tasks, seeds)


def shown_by_ratings(study: Study) -> None:
    """Draw what the study's answers about subjectivity can show, and what more of them would change."""
    with resources.store()() as session:
        tasks = len(stored_tasks.tasks(session, study.id))
    seeds = (stored_tasks.DEFAULT_CONFIG | study.config)["seeds"]
    _card(study, "What these ratings can show", "ratings", tasks, len(seeds))


def _card(study: Study, title: str, beside: str, tasks: int, seeds: int) -> None:
    with resources.store()() as session:
        inputs = reads.inputs_of(session, study, metric=Metric.MACRO_F1, task=None)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{title}**", width="content")
            links.link("plan", "Plan a study")
        for sentence in reads.shown(beside, inputs, tasks, seeds):
            st.caption(plain(sentence))
        if inputs.text_variance.origin is Origin.ASSUMED:
            st.caption("From assumed spreads over seeds and texts: no gap of this study has an interval yet.")
