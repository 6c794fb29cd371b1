"""Read-only links on the page Report: make a link that shows the studies until a date, and end a link before its date"""

import time
from datetime import datetime
from urllib.parse import urlencode

import streamlit as st

from core.study.rows.study import Study
from ui.door import view_links
from ui.shared import links, resources
from ui.shared.words import set_notice, show_errors

MADE = "view_links.made"
DAYS = {"1 day": 1, "7 days": 7, "30 days": 30, "90 days": 90}


def view_links_panel(study: Study) -> None:
    """Draw the form that makes a read-only link, the link made last, and the links that nobody has ended."""
    st.header("Show it to others", anchor=False)
    st.caption(
        "Whoever opens a read-only link sees Overview, Inspect, Analyse, Compare, Verdict, Present and Help, of every study of this "
        "dashboard, with texts and results, and can change nothing."
    )
    with st.form("view_links.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("For whom", key="view_links.name", placeholder="the reading group", width=280)
        days = st.selectbox("Holds for", list(DAYS), index=1, key="view_links.days", width=140)
        is_wanted = st.form_submit_button("Make a read-only link", key="view_links.make")
    if is_wanted:
        _make(name, DAYS[days])
    if token := st.session_state.get(MADE):
        _made(study, str(token))
    _list()


def _make(name: str, days: int) -> None:
    with show_errors():
        home = resources.settings().home
        st.session_state[MADE] = view_links.make(home, name=name, now=time.time(), days=days)


def _made(study: Study, token: str) -> None:
    """Draw the link made last; its token is kept in this session alone."""
    link = f"{links.server()}/?{urlencode({'view': token, 'study': study.name})}"
    st.code(link, language=None, wrap_lines=True)
    st.caption("Copy the link now: it is not shown again once you leave this page or make another.")
    if links.is_only_here(link):
        st.caption(
            "⚠️ This address works on this machine only, where everybody is an organiser unless LITMUS_PASSWORD is set."
        )


def _list() -> None:
    now = time.time()
    for link in view_links.links(resources.settings().home):
        until = datetime.fromtimestamp(link.ends).strftime("%Y-%m-%d %H:%M")
        with st.container(horizontal=True, vertical_alignment="center"):
            state = f"holds until {until}" if now < link.ends else f"ended {until}"
            st.text(f"{link.name}: {state}", width="stretch")
            st.button("End the link", key=f"view_links.end.{link.id[:16]}", on_click=_end, args=(link.id,))


def _end(id: str) -> None:
    st.session_state.pop(MADE, None)
    with show_errors():
        view_links.end(resources.settings().home, id)
        set_notice("The link has ended: it opens nothing any more.")
