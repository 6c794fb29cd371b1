"""The frame around every page: who may see it, which pages there are, and the study in hand."""

import hmac
import ipaddress
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config

from core.jobs import queue, runner
from core.study import tasks
from core.study.records import Study
from ui import jobs, resources

PAGES = {
    "Study": [("overview.py", "Overview", "overview", "🧭"), ("data.py", "Tasks and data", "data", "🗂️")],
    "Data": [
        ("prompts.py", "Prompts", "prompts", "✍️"),
        ("generate.py", "Generate", "generate", "⚗️"),
        ("inspect.py", "Inspect", "inspect", "🔎"),
    ],
    "People": [("campaigns.py", "Campaigns", "campaigns", "🗳️")],
    "Models": [("train.py", "Train", "train", "🏋️"), ("jobs.py", "Jobs", "jobs", "⏱️")],
    "Findings": [("analyse.py", "Analyse", "analyse", "📈")],
}
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; }
.st-key-rate_answers button { min-height: 3.6rem; text-align: left; justify-content: flex-start; }
</style>"""
ASKED = "page"  # where a page opened by its address notes its name while it goes through app.py
RATE = ("rate.py", "Rate", "rate", "🗳️")


def pages() -> st.Page:
    """The navigation: the organiser's five groups, or for someone who came by a rater's link the rating page alone."""
    st.session_state["framed"] = True
    st.html(STYLE)
    if "campaign" in st.query_params:
        st.session_state["role"] = "rater"
    if st.session_state.get("role") == "rater":
        rate = _page(RATE)
        door = st.Page(lambda: st.switch_page(rate, query_params=dict(st.query_params)), title="Rate", default=True)
        return st.navigation([door, rate], position="hidden")
    listed = {
        group: [_page(page, default=page[2] == "overview") for page in of_group] for group, of_group in PAGES.items()
    }
    hidden = {"": [_page(RATE, hidden=True)]}
    found = st.navigation(listed | hidden)
    asked = st.query_params.get(ASKED)
    wanted = next((page for pages in listed.values() for page in pages if asked and page.url_path == asked), None)
    if wanted is not None:
        st.switch_page(wanted, query_params={name: st.query_params[name] for name in st.query_params if name != ASKED})
    return found


def sidebar() -> None:
    """The study in hand, chosen once and kept in the URL, and what is running."""
    if st.session_state.get("role") == "rater" or not _may_organise():
        return
    with resources.store()() as session:
        names = [study.name for study in tasks.studies(session)]
        active = queue.rows(session, active_only=True)
    if active:
        runner.ensure(resources.settings())
    with st.sidebar:
        if names:
            asked = st.session_state.get("frame.study") or st.query_params.get("study")
            chosen = st.selectbox("Study", names, index=names.index(asked) if asked in names else 0, key="frame.choice")
            st.session_state["frame.study"] = chosen
        jobs.indicator()


def guard(role: str, *, need_study: bool = True) -> Study:
    """The first call of every page: sends people without the role away and gives the study in hand.

    A page opened by its address on a fresh server runs without `app.py`; it is sent through it and comes back.
    """
    if not st.session_state.get("framed"):
        asked = urlsplit(st.context.url or "").path.rsplit("/", 1)[-1]
        st.switch_page("app.py", query_params=dict(st.query_params) | {ASKED: asked})
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
        st.page_link("pages/overview.py", label="Open the sample study or start your own")
        st.stop()
    if study is not None and role == "organiser":
        st.query_params["study"] = study.name
    return study or Study(name="")


def _page(page: tuple[str, str, str, str], *, default: bool = False, hidden: bool = False) -> st.Page:
    file, title, path, icon = page
    return st.Page(
        f"pages/{file}",
        title=title,
        url_path=path,
        icon=icon,
        default=default,
        visibility="hidden" if hidden else "visible",
    )


def _may_organise() -> bool:
    """On loopback without a password everybody is the organiser; anywhere else only who has given the password."""
    if resources.settings().password is None:
        return _is_loopback(config.get_option("server.address"))
    return bool(st.session_state.get("frame.organiser"))


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
