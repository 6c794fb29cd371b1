"""Files that people upload, read as tables."""

import tempfile
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import StudyError
from core.study import tables
from ui.words import plain


def uploaded_table(label: str, *, key: str) -> tables.Table | None:
    """The table in an uploaded file; None while there is none or when it cannot be read, which is said in a sentence."""
    kinds = [suffix[1:] for suffix in tables.SUFFIXES]
    uploaded = st.file_uploader(f"{label}: CSV, TSV, JSON lines or Parquet, in UTF-8", type=kinds, key=key)
    if uploaded is None:
        return None
    try:
        return _read(uploaded)
    except StudyError as error:
        st.error(plain(str(error)))
        return None


def _read(uploaded: UploadedFile) -> tables.Table:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(uploaded.name).name
        path.write_bytes(uploaded.getvalue())
        return tables.read(path)
