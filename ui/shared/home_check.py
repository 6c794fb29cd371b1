"""What the doctor finds in the home of this server, with the way to mend each finding."""

import time

import streamlit as st

from core.errors import StudyError
from core.upkeep import doctor
from core.upkeep.findings import Finding
from ui.shared import resources
from ui.shared.words import plain


def panel() -> None:
    """Draw the findings about the home, and a button that examines it again; the database is read whole."""
    if st.button("Examine again", key="home_check.again"):
        _examined.clear()
    try:
        found = _examined()
    except StudyError as error:
        st.error(plain(str(error)))
        return
    if not found:
        st.success("Nothing wrong was found in the home of this dashboard.")
    for finding in found:
        with st.container(border=True):
            st.text(finding.what)
            st.caption(f"How to mend it: {plain(finding.how_to_mend)}")


@st.cache_data(ttl=60, max_entries=1, show_spinner="Reading the database and the files…")
def _examined() -> list[Finding]:
    return doctor.examine(resources.settings(), now=time.time())
