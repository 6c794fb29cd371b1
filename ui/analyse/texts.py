"""Single texts of a task on the screen: accuracy over agreement, soft-label scores, and texts from both ends of the scale."""

import pandas as pd
import streamlit as st

from core.analysis import data_notes
from core.analysis.figures import gap_charts, unconverged
from core.analysis.findings import Findings
from core.analysis.instances import evidence_words
from core.analysis.instances.evidence import Evidence
from core.study.rows.study import Study
from ui.shared import links, pickers, reads, resources, tables
from ui.shared.charts import plot
from ui.shared.words import plain


def texts_view(study: Study, found: Findings) -> None:
    """Choose a task and draw what its rated test texts show."""
    with resources.store()() as session:
        task = pickers.pick_task(session, study, key="analyse")
        known = reads.evidence_of(session, found, task.name)
    if known is None:
        st.info("This needs test texts of the task with at least two ratings by people.")
        links.link("campaigns", "Collect ratings")
        return
    _curves(task.name, known, data_notes.cut_arms(found.scores, task.name))
    st.write(plain(evidence_words.ceiling_words(known)))
    _soft(known)
    _ends(known)


def _curves(task: str, known: Evidence, cut: set[str]) -> None:
    if not known.curves:
        st.info(evidence_words.no_curve(known))
        return
    plot(
        gap_charts.threshold_curves(known.curves, known.ceiling_curve, cut=cut),
        key="analyse.thresholds",
        filename=f"{task}-thresholds",
        data=known.curve_table,
        reading=f"{known.reading} {unconverged.sentence_of_arms(cut & set(known.curves))}".strip(),
    )
    st.caption(evidence_words.CURVES)


def _soft(known: Evidence) -> None:
    """Draw how far each arm is from the raters' distribution of labels."""
    if known.soft is None:
        return
    st.header("How near each arm comes to the raters", anchor=False)
    shown = known.soft.table
    columns = pd.DataFrame({"arm": shown["arm"], "manhattan": tables.with_intervals(shown, "manhattan", n="n")})
    if known.soft.is_whole:
        columns["cross_entropy"] = tables.with_intervals(shown, "cross_entropy", n="n")
    tables.table(columns.assign(n=shown["n"]), key="analyse.soft")
    st.caption(plain(evidence_words.soft_words(known.soft)))


def _ends(known: Evidence) -> None:
    agreed, disagreed = known.ends
    for title, end, key in (
        ("Texts that raters disagree about most", disagreed, "analyse.disagreed"),
        ("Texts that raters agree about most", agreed, "analyse.agreed"),
    ):
        st.header(title, anchor=False)
        tables.table(end, key=key)
    st.caption(plain(evidence_words.ends_words(known)))
