"""The export of a whole study as a zip, and the import of such a zip as a further study."""

import tempfile
import time
from pathlib import Path

import streamlit as st

from core.errors import StudyError
from core.jobs import runner
from core.steps import share
from core.study.archive import reading, zipped
from core.study.rows.study import Study
from ui.frame import frame
from ui.shared import resources, words


def export_panel(study: Study) -> None:
    """Draw the button that exports the study, and the download of its last export."""
    path = share.export_file(resources.settings(), study)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Export the study", key="report.export", on_click=_export, args=(study,))
        if path.is_file():
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
            st.download_button(
                "Study as zip",
                path.read_bytes,
                file_name=f"{share.plain_name(study)}.zip",
                mime="application/zip",
                key="report.study",
                on_click="ignore",
            )
            st.caption(f"Exported {at}, {path.stat().st_size / 1e6:,.1f} MB.", width="content")


def study_import_panel() -> None:
    """Draw the import of a whole study from the zip of an export."""
    with st.popover("Bring in an exported study"):
        key = f"study.zip.{st.session_state.get('study.imports', 0)}"  # a new key empties the field after an import
        uploaded = st.file_uploader("The zip that Report made of a whole study", type=["zip"], key=key)
        st.text_input("Another name for it", key="study.name", placeholder="as in the file")
        st.button("Bring it in", key="study.import", on_click=_bring_in, args=(key,), disabled=uploaded is None)


def _bring_in(key: str) -> None:
    """Import the study uploaded under a key, and choose it."""
    uploaded, name = st.session_state[key], st.session_state["study.name"].strip()
    if uploaded is None:
        return
    try:
        study = _read(uploaded.getvalue(), name or None)
    except StudyError as error:
        words.set_refusal(f"{error} Nothing was imported.".replace("with --study NAME", "below"))
        return
    st.session_state["study.imports"] = st.session_state.get("study.imports", 0) + 1
    words.set_notice(
        f"The study {study.name} is here, with all its rows. A connection to a language model is not taken over."
    )
    frame.choose_study(study.name)


def _read(content: bytes, name: str | None) -> Study:
    with tempfile.TemporaryDirectory() as spare:
        file, folder = Path(spare) / "study.zip", Path(spare) / "files"
        file.write_bytes(content)
        folder.mkdir()
        zipped.unpack_study(file, folder)
        with resources.store().write() as session:
            return reading.read(session, folder, name=name)[0]


def _export(study: Study) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            share.queue_export(session, resources.settings(), study=study)
        runner.ensure(resources.settings())
