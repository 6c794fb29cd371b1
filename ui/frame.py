"""The frame around every page: who may see it, which pages there are, and the study in hand."""

import hmac
import ipaddress
from pathlib import Path

import streamlit as st
from streamlit import config

from core.study import tasks
from core.study.records import Study
from ui import jobs, links, resources

PAGES = {
    "Study": [("Overview", "overview", "🧭"), ("Tasks and data", "data", "🗂️")],
    "Data": [
        ("Prompts", "prompts", "✍️"),
        ("Generate", "generate", "⚗️"),
        ("Inspect", "inspect", "🔎"),
    ],
    "People": [("Campaigns", "campaigns", "🗳️")],
    "Models": [("Train", "train", "🏋️"), ("Jobs", "jobs", "⏱️")],
    "Findings": [("Analyse", "analyse", "📈")],
}
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; }
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.78; }
.st-key-rate_answers button { min-height: 3.6rem; text-align: left; }
.st-key-rate_answers button > *, .st-key-rate_answers button > * > span { width: 100%; justify-content: space-between; }
</style>"""
ICON = Path(__file__).with_name("litmus.png")
RATE = ("Rate", "rate", "🗳️")


def framed() -> st.Page:
    """Everything around a page: its configuration, the navigation of this visitor's role, and the sidebar.

    Organisers have the five groups; someone who came by a rater's link has the rating page alone.
    """
    st.set_page_config(page_title="Litmus", page_icon=ICON, layout="wide")
    st.html(STYLE)
    st.session_state["framed"] = True
    if "campaign" in st.query_params:
        st.session_state["role"] = "rater"
    if st.session_state.get("role") == "rater":
        rate = _page(RATE)
        door = st.Page(lambda: st.switch_page(rate, query_params=dict(st.query_params)), title="Rate", default=True)
        return st.navigation([door, rate], position="hidden")
    listed = {
        group: [_page(page, default=page[1] == "overview") for page in of_group] for group, of_group in PAGES.items()
    }
    page = st.navigation(listed | {"": [_page(RATE, hidden=True)]})
    _sidebar()
    return page


def take_in_hand(name: str) -> None:
    """Make this the study in hand, from a callback."""
    st.session_state["frame.study"] = st.session_state["frame.choice"] = name


def guard(role: str, *, need_study: bool = True) -> Study:
    """The first call of every page: sends people without the role away and gives the study in hand.

    Streamlit runs a page that is opened by its address on a fresh server without `app.py`: it frames itself then.
    """
    if not st.session_state.pop("framed", False):
        framed()
        st.session_state.pop("framed")
    if st.session_state.get("role") == "rater" and role != "rater":
        st.error("This page is for the organisers of the study.")
        st.stop()
    if role == "organiser" and not _may_organise():
        _ask_password()
    with resources.store()() as session:
        known = tasks.studies(session)
    study = next((study for study in known if study.name == st.session_state.get("frame.study")), None)
    if study is None and need_study:
        st.info("There is no study yet.")
        links.link("overview", "Open the sample study or start your own")
        st.stop()
    if study is not None and role == "organiser":
        st.query_params["study"] = study.name
    return study or Study(name="")


def _sidebar() -> None:
    """The study in hand, chosen once and kept in the URL, and what is running."""
    if not _may_organise():
        return
    with resources.store()() as session:
        names = [study.name for study in tasks.studies(session)]
    with st.sidebar:
        if names:
            asked = st.session_state.get("frame.study") or st.query_params.get("study")
            chosen = st.selectbox("Study", names, index=names.index(asked) if asked in names else 0, key="frame.choice")
            st.session_state["frame.study"] = chosen
        jobs.indicator()


def _page(page: tuple[str, str, str], *, default: bool = False, hidden: bool = False) -> st.Page:
    title, path, icon = page
    return st.Page(
        links.page_file(path),
        title=title,
        url_path=path,
        icon=icon,
        default=default,
        visibility="hidden" if hidden else "visible",
    )


def _may_organise() -> bool:
    """On loopback without a password everybody is the organiser; anywhere else only who has given the password."""
    if resources.settings().password is None:
        return _is_loopback(config.get_option("server.address")) and not _is_forwarded()
    return bool(st.session_state.get("frame.organiser"))


def _is_forwarded() -> bool:
    """Whether a proxy hands this visit on: its other side may be the whole world, also when the server is on loopback."""
    return any(name in st.context.headers for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded"))


def _is_loopback(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _ask_password() -> None:
    password = resources.settings().password
    if password is None:
        st.error(
            "This server can be reached by others, so the organiser's pages need a password: set LITMUS_PASSWORD and start again."
        )
        st.stop()
    with st.form("frame.login", width=420):
        given = st.text_input("Organiser's password", type="password", key="frame.password")
        if st.form_submit_button("Sign in", type="primary"):
            if hmac.compare_digest(given.encode(), password.encode()):
                st.session_state["frame.organiser"] = True
                st.rerun()
            st.error("That is not the password.")
    st.stop()
