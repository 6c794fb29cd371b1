"""What the last import of a study brought in, with a button that takes it back."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.study.exchange.importing import Imported
from core.study.rows.study import Import, Study, Task
from core.wording import counted, shown
from ui.data.trash import undo
from ui.shared import resources, tables, uploads, words


@dataclass(frozen=True)
class _Done:
    """An import that was made on this page. `id`: of the import; None if the file had been imported before."""

    report: Imported
    place: str
    id: int | None


def keep_import(study: Study, task: Task, arm: str, report: Imported) -> None:
    """Keep what an import brought in, to be shown by `import_view`, and empty the form of the import."""
    made = None if report.again else report.id
    st.session_state[_key(study)] = _Done(report, f"{shown(task.name)} · {arm}", made)
    uploads.empty(key="data")


def forget_import(study: Study) -> None:
    """Show the last import of this study no longer, because the next file is in hand."""
    st.session_state.pop(_key(study), None)


def import_view(study: Study) -> None:
    """Draw what the last import brought in and left out, with a button to undo it; nothing once it is undone."""
    done: _Done | None = st.session_state.get(_key(study))
    if done is None or (done.id is not None and _is_undone(done.id)):
        forget_import(study)
        return
    report = done.report
    again = "; this file was imported before" if report.again else ""
    with st.container(horizontal=True, vertical_alignment="center", key="data.done"):
        kept = f"{report.kept:,} of {counted(report.read, 'row')} kept in {done.place}{again}."
        st.success(words.plain(kept), width="stretch")
        if done.id is not None:
            st.button("Undo this import", key="data.undo", on_click=undo, args=(done.id,))
    if report.rejected:
        tables.table(pd.DataFrame(report.rejected.items(), columns=["reason", "rows"]), key="data.rejected")
    for note in report.notes:
        st.text(note)


def _is_undone(import_id: int) -> bool:
    with resources.store()() as session:
        record = session.get(Import, import_id)
        return record is None or record.undone_at is not None


def _key(study: Study) -> str:
    return f"data.done.{study.id}"
