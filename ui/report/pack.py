"""The parts of a built paper pack: downloads, the zip of all parts, and a look at each part."""

import io
import time
import zipfile
from pathlib import Path

import streamlit as st

from core.analysis.reports.pack import pack
from core.analysis.reports.pack.pack import Pack
from core.steps import share
from core.study.rows.study import Study
from ui.shared import resources
from ui.shared.words import plain

MAIN = {
    "report.html": "Report as HTML",
    "report.pdf": "Report as PDF",
    "tables.tex": "Tables for LaTeX",
    "study.yaml": "Study file",
}
LANGUAGES = {".md": "markdown", ".tex": "latex", ".yaml": "yaml", ".bib": "latex", ".cff": "yaml"}


def pack_view(study: Study) -> bool:
    """Draw the downloads and parts of the study's pack; return whether there is one."""
    folder = share.pack_folder(resources.settings(), study)
    built = pack.read(folder)
    if built is None:
        return False
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / pack.LIST).stat().st_mtime))
    st.caption(f"{len(built.parts)} files, built {at}. Build it again after new runs or answers.")
    with st.container(horizontal=True):
        for name, label in MAIN.items():
            if any(part.path == name for part in built.parts):
                _download(label, folder / name, file_name=f"{share.plain_name(study)}-{name}")
        st.download_button(
            "Whole pack as zip",
            lambda: _zipped(folder, built),
            file_name=f"{share.plain_name(study)}-pack.zip",
            mime="application/zip",
            key="report.zip",
            on_click="ignore",
        )
    for note in built.notes:
        st.text(note)
    _look(folder, built)
    return True


def _download(label: str, path: Path, *, file_name: str) -> None:
    st.download_button(label, path.read_bytes, file_name=file_name, key=f"report.get.{path.name}", on_click="ignore")


def _look(folder: Path, built: Pack) -> None:
    """Show the part that the visitor chooses: a text as it is written, or a figure."""
    shown = {part.path: part.what for part in built.parts if Path(part.path).suffix in (*LANGUAGES, ".svg")}
    path = st.selectbox(
        "Look at a part",
        list(shown),
        index=None,
        format_func=lambda name: f"{name}: {shown[name]}",
        key="report.part",
        placeholder="Choose a file",
    )
    if path is None:
        return
    text = (folder / path).read_text(encoding="utf-8")
    if path.endswith(".svg"):
        st.image(text, width=480)
    else:
        st.code(text, language=LANGUAGES[Path(path).suffix], height=420, wrap_lines=True)


def _zipped(folder: Path, built: Pack) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as zipped:
        for part in built.parts:
            zipped.write(folder / part.path, part.path)
    return held.getvalue()


def beside_words(sentences: list[str]) -> None:
    """Draw what our gaps say beside the published ones."""
    for sentence in sentences:
        st.caption(plain(sentence))
