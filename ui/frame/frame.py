"""The frame around every page: the list of pages, access, sidebar and the chosen study."""

from contextlib import suppress
from pathlib import Path

import streamlit as st
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Study
from core.subjectivity.sessions import campaigns
from ui.frame import access, clicks, roles, sign_in
from ui.shared import jobs, links, resources, words
from ui.unsaved import browser

PAGES = {
    "Study": [("Overview", "overview", "🧭"), ("Tasks and data", "data", "🗂️"), ("Plan", "plan", "📐")],
    "Data": [
        ("Prompts", "prompts", "✍️"),
        ("Generate", "generate", "⚗️"),
        ("Inspect", "inspect", "🔎"),
    ],
    "People": [("Campaigns", "campaigns", "🗳️")],
    "Models": [("Train", "train", "🏋️"), ("Jobs", "jobs", "⏱️")],
    "Findings": [
        ("Analyse", "analyse", "📈"),
        ("Compare", "compare", "🔀"),
        ("Verdict", "verdict", "⚖️"),
        ("Report", "report", "📄"),
        ("Present", "present", "🖥️"),
    ],
    "Help": [("Help", "help", "❔")],
}
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; }
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.78; }
.st-key-access_browser, .st-key-frame_roles, .st-key-unsaved_browser { display: none; }
/* Arabic and Hebrew run from right to left wherever a study's text may be shown: each block takes its direction from its
   first letter. */
body :where(:not(strong, em, b, i, a, code, s, del, kbd, sup, sub, mark, small, u, :is(p, li, h1, h2, h3, h4, h5, h6, td) span)),
[data-testid="stCode"] code, .stMarkdownBadge { unicode-bidi: plaintext; }
.stElementContainer[data-testid], [data-testid="stText"], [data-testid="stCode"] code, textarea, input { text-align: start; }
[data-testid="stMarkdownContainer"] li { text-align: start; list-style-position: inside; }
/* The lines after the first stand under the words, not under the dot. */
[data-testid="stMarkdownContainer"] li { text-indent: -1.15em; padding-inline: 1.15em; }
[data-testid="stMarkdownContainer"] li :is(ul, ol, p, pre) { text-indent: 0; }
button[data-testid^="stBaseButton-primary"] { background: #0F766E; color: #FFF; }
[data-testid="stMultiSelect"] [data-tag] { background: #0F766E; }
[data-testid="stSidebar"] :is(a, button):focus-visible { outline: 3px solid #0D9488; outline-offset: -3px; }
label[data-testid="stWidgetLabel"][disabled], label[data-testid="stWidgetLabel"][disabled] :is(span, div, p) { color: inherit; }
.st-key-samples_text [data-testid="stText"] {
  font-family: inherit; font-size: 1.06rem; line-height: 1.55; white-space: pre-wrap; overflow-wrap: anywhere;
}
/* The choice of the study stands above the list of pages, where it is seen first. */
[data-testid="stSidebarContent"] { display: flex; flex-direction: column; }
[data-testid="stSidebarHeader"] { order: -2; }
[data-testid="stSidebarUserContent"] { order: -1; padding-bottom: 0.5rem; padding-top: 0; }
.litmus-provider { display: inline-block; padding: 0.45rem 1rem; border-radius: 0.5rem; }
a.litmus-provider, a.litmus-provider:visited { background: #0F766E; color: #FFF; text-decoration: none; }
a.litmus-provider:hover { text-decoration: underline; }
a.litmus-provider:focus-visible { outline: 3px solid #0D9488; outline-offset: 2px; }
.js-plotly-plot :is(.xtick, .ytick, .x2tick, .y2tick, .g-xtitle, .g-ytitle, .g-x2title, .g-y2title) :is(text, tspan),
.js-plotly-plot text.legendtext { fill: currentColor !important; }
kbd { color: inherit !important; opacity: 1 !important; }
/* As tall as a select box, so that the names of both stand on one line; and room for the toolbar of a table below buttons. */
[data-testid="stButtonGroup"] button { min-height: 2.5rem; }
[data-testid="stLayoutWrapper"] + .stElementContainer:has(> .stDataFrame) { margin-top: 1.4rem; }
.litmus-picture {
  display: block; margin-bottom: 0.8rem; padding: 0.4rem 0.75rem; border: 1px solid rgba(138,143,152,0.45);
  border-radius: 0.5rem; background: none; color: inherit; font: inherit; font-size: 0.93rem; cursor: pointer;
}
.litmus-picture:hover { border-color: #0D9488; }
.litmus-skip { position: fixed; left: 0.5rem; top: -4rem; z-index: 1000000; padding: 0.5rem 1rem; background: #0F766E; color: #FFF; }
.litmus-skip:focus { top: 0.5rem; }
@media (hover: none) { .js-plotly-plot .modebar { display: none; } }
</style>"""
ICON = Path(__file__).with_name("litmus.png")
RATE = ("Rate", "rate", "🗳️")


def draw_frame() -> st.Page:
    """Draw the page configuration, navigation and sidebar for this visitor, and return the page to run.

    Organisers see all pages in five groups, viewers the pages that change nothing. Raters see the rating page only; every
    other address tells them that it is closed.
    """
    st.set_page_config(page_title="Litmus", page_icon=ICON, layout="wide")
    words.style(STYLE)
    st.session_state["framed"] = True
    try:
        who = clicks.drawn_for(access.visitor())
    except StudyError as error:
        st.error(words.plain(str(error)))
        st.stop()
    access.update_cookies()
    roles.mend_sidebar()
    if who is access.Visitor.RATER:
        return st.navigation(_rater_pages(), position="hidden")
    is_viewer = who is access.Visitor.VIEWER
    listed = {
        group: [
            _page(page, default=page[1] == "overview", hidden=is_viewer and page[1] not in links.FOR_VIEWERS)
            for page in of_group
        ]
        for group, of_group in PAGES.items()
    }
    is_lost = who is access.Visitor.STRANGER and "campaign" in st.query_params
    shown = listed | {"": [_page(RATE, hidden=True)]}
    page = st.navigation(shown, position="hidden" if is_lost else "sidebar", expanded=True)
    st.session_state["frame.page"] = page.url_path or "overview"
    if who in (access.Visitor.ORGANISER, access.Visitor.VIEWER):
        _sidebar()
        browser.mount()
    return page


def choose_study(name: str) -> None:
    """Choose a study by name, from a callback."""
    st.session_state["frame.study"] = st.session_state["frame.choice"] = name


def guard(role: str, *, need_study: bool = True) -> Study:
    """Check the visitor's role and return the chosen study; the first call of every page.

    `role`: "rater"; "viewer" for a page that changes nothing, which organisers see too; "organiser" for every other page.
    A visitor without the role sees why, and the page stops. The study is empty (no name) on a rater's page, and on a page
    that needs no study if none is chosen.

    On a fresh server, Streamlit runs a page opened by its address without `app.py`. The page then draws the frame itself
    and runs again within `app.py`: otherwise widgets would get new identities later and lose what was typed.
    """
    if not st.session_state.pop("framed", False):
        draw_frame()
        st.session_state.pop("framed")
        if not st.session_state.get("frame.again"):
            st.session_state["frame.again"] = True
            st.rerun()
    who = clicks.drawn_for(access.visitor())
    if "campaign" in st.query_params and who is not access.Visitor.RATER:
        st.error(campaigns.UNKNOWN_LINK)
        st.stop()
    if role == "rater" and not access.asks_preview():
        return Study(name="")
    if who is access.Visitor.RATER:
        sign_in.refuse()
        st.stop()
    if who is access.Visitor.STRANGER:
        sign_in.ask_password()
        st.stop()
    if who is access.Visitor.VIEWER:
        access.keep_view_link()
        if role != "viewer":
            st.error("You have a read-only view, and this page changes the study: it is for organisers.")
            st.stop()
    with resources.store()() as session:
        known = tasks.studies(session)
    study = next((study for study in known if study.name == st.session_state.get("frame.study")), None)
    if study is None and need_study:
        here = st.session_state.get("frame.page")
        st.title(next((title for of_group in PAGES.values() for title, path, _ in of_group if path == here), "Litmus"))
        st.info("There is no study yet.")
        if who is access.Visitor.VIEWER:
            st.stop()
        links.link("overview", "Open the sample study or start your own", is_next=True)
        st.stop()
    if study is not None and role != "rater":
        st.query_params["study"] = study.name
    return study or Study(name="")


def _rater_pages() -> list[st.Page]:
    """The rating page, and at every address of an organiser's page a message that the page is closed."""
    rate = _page(RATE)
    closed = [
        st.Page(_closed, title="Rate", url_path=path, visibility="hidden")
        for of_group in PAGES.values()
        for _, path, _ in of_group
    ]

    def entry() -> None:
        """Go to the rating page if the address has a campaign's token."""
        if access.rater_token():
            st.switch_page(rate, query_params=dict(st.query_params))
        _closed()

    return [st.Page(entry, title="Rate", default=True), rate, *closed]


def _closed() -> None:
    st.session_state.pop("framed", None)
    sign_in.refuse()


def _sidebar() -> None:
    """Draw the choice of the study, which is kept in the URL and stands above the list of pages by `STYLE`, jobs, and sign-out."""
    with resources.store()() as session:
        names = [study.name for study in tasks.studies(session)]
        if previewed := _previewed(session):
            choose_study(previewed)
    with st.sidebar:
        if names:
            if wanted := st.session_state.pop("frame.wanted", None):
                st.session_state["frame.choice"] = wanted
            last = st.session_state.get("frame.study") or st.query_params.get("study")
            chosen = st.selectbox("Study", names, index=names.index(last) if last in names else 0, key="frame.choice")
            st.session_state["frame.study"] = chosen
        if resources.reads_only():
            st.caption("👁️ Read-only view")
        else:
            jobs.indicator()
        if not access.view_link():
            sign_in.sign_out_button()


def _previewed(session: Session) -> str:
    """The name of the study of a previewed campaign, the first time its preview is drawn; else ""."""
    token = st.query_params["preview"] if access.asks_preview() else ""
    if not token or st.session_state.get("frame.previewed") == token:
        return ""
    st.session_state["frame.previewed"] = token
    with suppress(StudyError):
        return session.get_one(Study, campaigns.by_token(session, token, even_closed=True).study_id).name
    return ""


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
