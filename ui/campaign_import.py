"""Answers from files: our own columns, those of other tools, Label Studio and Potato."""

import streamlit as st

from core.study.records import Study, Task
from core.subjectivity.exchange import formats, imported, pseudonyms
from core.subjectivity.exchange.imported import Imported
from ui import resources
from ui.uploads import uploaded_table
from ui.words import done, problem

COMPARISONS = "task comparisons"


def import_panel(study: Study, known: dict[str, Task]) -> None:
    """A file of answers, and what it is about."""
    with st.expander("Bring in answers from a file"):
        st.caption(
            "Ratings: item_id, rater_id, label (or task, worker, label), and best a text, so that items find their samples. "
            "Comparisons of tasks: rater_id, left, right, winner. Label Studio's and Potato's files are read as they are."
        )
        target = st.selectbox("About", [COMPARISONS, *known], key="campaigns.target", width=420)
        table = uploaded_table("Answers", key="campaigns.file")
        if table and st.button("Import answers", key="campaigns.import"):
            with problem():
                options = formats.Options(key=pseudonyms.key_in(resources.settings().home))
                with resources.store().write() as session:
                    if target == COMPARISONS:
                        brought = imported.import_comparisons(session, study_id=study.id, table=table, options=options)
                    else:
                        brought = imported.import_ratings(session, task=known[target], table=table, options=options)
                done(_words(brought))
                st.rerun()


def _words(brought: Imported) -> str:
    left_out = ", ".join(f"{n} {reason}" for reason, n in brought.rejected.items())
    return f"{brought.kept:,} of {brought.read:,} answers kept; {brought.matched:,} items found their samples." + (
        f" Left out: {left_out}." if left_out else ""
    )
