"""Read a table from an uploaded file or from a data set of the Hugging Face hub."""

import hashlib
import tempfile
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import StudyError
from core.study.exchange import hub, tables
from ui.shared import resources
from ui.shared.words import plain

NAMES, A_TEXT = "Names the columns", "Is a text already"


def uploaded_table(label: str, *, key: str, asks_header: bool = False) -> tables.Table | None:
    """The table in an uploaded file; None before an upload, or with an error shown if the file cannot be read.

    `asks_header`: ask whether the first row of a CSV or TSV holds column names; None until a doubtful first row is settled.
    """
    kinds = [suffix[1:] for suffix in tables.SUFFIXES]
    uploaded = st.file_uploader(f"{label}: CSV, TSV, JSON lines or Parquet, in UTF-8", type=kinds, key=key)
    if uploaded is None:
        return None
    try:
        return _headed(uploaded, key=key) if asks_header else _read(uploaded)
    except StudyError as error:
        st.error(plain(str(error)))
        return None


def table_to_import(*, key: str) -> tables.Table | None:
    """The table of an uploaded file or of a data set of the Hugging Face hub, as the visitor chooses; None before that."""
    places = ["A file", "The Hugging Face hub"]
    place = st.segmented_control("Where the texts are", places, default=places[0], required=True, key=f"{key}.place")
    if place != places[0]:
        return _from_hub(key)
    emptied = st.session_state.get(f"{key}.emptied", 0)
    return uploaded_table("Texts with labels", key=f"{key}.file" + f".{emptied}" * bool(emptied), asks_header=True)


def empty(*, key: str) -> None:
    """Put away the table that `table_to_import` returned, so that the next file can be chosen."""
    st.session_state[f"{key}.emptied"] = st.session_state.get(f"{key}.emptied", 0) + 1
    st.session_state.pop(f"{key}.asked", None)


def _headed(uploaded: UploadedFile, *, key: str) -> tables.Table | None:
    """The table of a file with the first row as names or as data, as the visitor says; None while that is doubtful."""
    table = _read(uploaded)
    if not table.has_first_row:
        return table
    options = [NAMES, A_TEXT]
    default = None if table.doubt else NAMES
    choice = st.segmented_control(
        "First row of the file", options, default=default, key=f"{key}.header.{table.sha256[:8]}"
    )
    if choice is None and table.doubt:
        st.warning(plain(f"Say what the first row is. It may be a text with its label already: {table.doubt}."))
        return None
    return _read(uploaded, header=choice != A_TEXT) if table.doubt or choice == A_TEXT else table


def _from_hub(key: str) -> tables.Table | None:
    """The table of the data set named in a form; None before that, or with an error shown."""
    with st.form(f"{key}.hub", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.text_input(
            "Data set",
            key=f"{key}.source",
            placeholder="hf:owner/name",
            width=320,
            help="hf:owner/name[@revision][:config]",
        )
        split = st.text_input("Split of the data set", key=f"{key}.hub_split", placeholder="all of them", width=180)
        is_submitted = st.form_submit_button("Read it")
    if is_submitted:
        st.session_state[f"{key}.asked"] = (source.strip(), split.strip() or None)
    wanted = st.session_state.get(f"{key}.asked")
    if wanted is None:
        return None
    try:
        return _read_hub(*wanted)
    except StudyError as error:
        st.error(plain(str(error)))
        return None


@st.cache_data(max_entries=2, ttl=3600, show_spinner="Reading from the hub…")
def _read_hub(source: str, split: str | None) -> tables.Table:
    settings = resources.settings()
    named = source if source.startswith(hub.PREFIX) else f"{hub.PREFIX}{source}"
    return hub.read(named, split=split, folder=settings.home / "hub", token=settings.hf_token)


def _read(uploaded: UploadedFile, *, header: bool | None = None) -> tables.Table:
    content = uploaded.getvalue()
    return _parsed(hashlib.sha256(content).hexdigest(), Path(uploaded.name).name, header, content)


@st.cache_data(max_entries=4, ttl=3600, show_spinner="Reading the file…")
def _parsed(digest: str, name: str, header: bool | None, _content: bytes) -> tables.Table:
    """The table of a file, read once for all runs of the page; the digest stands for the content."""
    del digest
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(_content)
        return tables.read(path, header=header)
