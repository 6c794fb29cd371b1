"""Access control: whether a visitor is an organiser, a rater or a stranger, with sign-in, sign-out and cookies.

The server stores nothing about a browser but the sign-ins that were ended before their time. A browser that opened a
rater's link gets a cookie, the rater mark; all its
sessions are a rater's until the password or the organiser's key is given. A sign-in is a signed token in a second cookie,
valid for 12 hours. Streamlit reads cookies only when a session starts, so changes during a session are kept in its state
too.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import streamlit as st
from streamlit import config
from streamlit.components import v2

from core.errors import StudyError
from core.subjectivity.sessions import campaigns
from ui.door import ended, local, passwords, tokens
from ui.door import guesses as guesses_of
from ui.shared import resources, words

SIGNED_IN, MARKED, KNOWN = 12 * 3600, 365 * 24 * 3600, 90 * 24 * 3600
ROUTE = "-/organiser"
HEADER = "X-Litmus-Sign-In"
WAIT_AFTER_A_WRONG_ONE, WAIT_WHEN_REFUSED = 1.0, 3.0
logger = logging.getLogger(__name__)
# `ui.serve` sets the sign-in as an HttpOnly cookie; under a plain `streamlit run` this script writes the cookies itself.
BROWSER = """
export default ({ data }) => {
  const { path, route, header, rater, organiser, token, mark } = data
  const secure = location.protocol === "https:" ? "; Secure" : ""
  const write = (name, value, seconds, site) => {
    document.cookie = `${name}=${value}; Path=${path}; Max-Age=${seconds}; SameSite=${site}${secure}`
  }
  if (mark) return write(rater, "1", mark, "Lax")
  if (token !== "") write(rater, "", 0, "Lax")
  if (token === null) return
  const asked = token ? { method: "POST", headers: { [header]: token } } : { method: "DELETE" }
  fetch(path + route, asked)
    .then((answer) => answer.status === 204)
    .catch(() => false)
    .then((kept) => { if (!kept) write(organiser, token, token ? data.seconds : 0, "Strict") })
}
"""


class Visitor(StrEnum):
    """Who a session belongs to. A stranger is somebody who still has to give the password."""

    ORGANISER = "organiser"
    RATER = "rater"
    STRANGER = "stranger"


@dataclass(frozen=True)
class Cookies:
    """The names of the cookies, which differ between homes: browsers share cookies between the ports of a machine.

    `rater`: the mark. `organiser`: the sign-in. `known`: kept after a sign-in, so that the wrong guesses of others at the
    same address do not count against this browser.
    """

    rater: str
    organiser: str
    known: str


def visitor() -> Visitor:
    """Who this session belongs to. A rater stays a rater on every page."""
    if _came_as_rater():
        return Visitor.RATER
    return Visitor.ORGANISER if _may_organise() else Visitor.STRANGER


def rater_token() -> str:
    """The campaign's token in the visitor's link or preview; "" if the address had no token."""
    if is_preview():
        return st.query_params["preview"]
    token = st.query_params.get("campaign") or str(st.session_state.get("access.campaign", ""))
    st.session_state["access.campaign"] = token
    return token


def is_preview() -> bool:
    """Whether an organiser previews the rating page (`/rate?preview=TOKEN`) without being a rater."""
    return asks_preview() and visitor() is Visitor.ORGANISER


def asks_preview() -> bool:
    """Whether the address is that of a preview, which only organisers may see."""
    return "preview" in st.query_params and "campaign" not in st.query_params


def refuse() -> None:
    """Tell a rater's browser that the page is closed to it, and draw the form by which an organiser gets back in."""
    settings = resources.settings()
    st.error(
        "This page is for the organisers of the study. This browser was used to open a rater's link, so it shows the rating "
        "page only. To go on rating, open that link again."
    )
    if settings.organiser_secret is not None:
        _ask_password()
    elif local.why_not_local():
        st.write(_needs_a_password())
    else:
        _ask_key(settings.home)


def ask_password() -> None:
    """Draw the sign-in form; if no password is set on a server that others can reach, say that one must be set."""
    if resources.settings().organiser_secret is None:
        st.error(_needs_a_password())
    else:
        _ask_password()


def sign_out_button() -> None:
    """Draw the sign-out button, if the server has a password, and say so if the password is short."""
    settings = resources.settings()
    if settings.organiser_secret is not None:
        st.button("Sign out", key="access.sign_out", type="tertiary", on_click=_sign_out)
        if passwords.is_short(settings):
            st.caption(f"The password is short: choose one of at least {passwords.LEAST_LENGTH} characters.")


def update_cookies() -> None:
    """Set or clear the browser's cookies after a change in this session; draws nothing visible."""
    change: str | None = st.session_state.pop("access.tell", None)
    is_new_rater = (
        visitor() is Visitor.RATER and cookie_names(resources.settings().home).rater not in st.context.cookies.to_dict()
    )
    is_new_rater = is_new_rater and is_of_campaign(rater_token()) is True
    if change is None and not is_new_rater:
        return
    names = cookie_names(resources.settings().home)
    token = None if is_new_rater or change == "lifted" else change
    with st.container(key="access_browser"):
        v2.component("litmus_access", js=BROWSER)(
            key="access.browser",
            data={
                "path": cookie_path(),
                "route": ROUTE,
                "header": HEADER,
                "rater": names.rater,
                "organiser": names.organiser,
                "token": token,
                "seconds": SIGNED_IN,
                "mark": MARKED if is_new_rater else 0,
            },
        )


def is_of_campaign(token: str) -> bool | None:
    """Whether a token belongs to a campaign, open or closed, so that its link makes a rater; None if the database cannot be read."""
    try:
        with resources.store()() as session:
            return campaigns.is_token(session, token)
    except StudyError:
        return None


def cookie_names(home: Path) -> Cookies:
    """The names of the cookies of this home."""
    suffix = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Cookies(
        rater=f"litmus_rater_{suffix}", organiser=f"litmus_organiser_{suffix}", known=f"litmus_known_{suffix}"
    )


def cookie_path() -> str:
    """The path of the dashboard on its server, with a slash at the end."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/" if base else "/"


def _came_as_rater() -> bool:
    """Whether this session is a rater's: by a rater's link in its address, or by the browser's mark when it started.

    A link with an unknown campaign changes nothing. While the database cannot be read, a link counts as a rater's, for this
    run only: that shuts the organiser's pages and opens none.
    """
    state = st.session_state
    if "access.rater" not in state:
        state["access.rater"] = cookie_names(resources.settings().home).rater in st.context.cookies.to_dict()
    if "campaign" not in st.query_params or state["access.rater"]:
        return bool(state["access.rater"])
    known = is_of_campaign(st.query_params["campaign"])
    if known is None:
        return True
    state["access.rater"] = known
    return known


def _may_organise() -> bool:
    """Whether this session is an organiser's: without a password every session on loopback is, else after a sign-in."""
    settings = resources.settings()
    if settings.organiser_secret is None:
        return not local.why_not_local()
    return tokens.is_signed(settings.home, settings.organiser_secret, _token(), now=time.time())


def _needs_a_password() -> str:
    return words.plain(
        f"{local.why_not_local()}, so the organiser's pages need a password: set LITMUS_PASSWORD and start the server again."
    )


def _token() -> str:
    """The sign-in token of this session, else of the browser's cookie; "" if neither has a token."""
    kept = st.session_state.get("access.token")
    return str(
        st.context.cookies.to_dict().get(cookie_names(resources.settings().home).organiser, "")
        if kept is None
        else kept
    )


def _ask_key(home: Path) -> None:
    with words.show_errors():
        key = tokens.organiser_key(home)
        st.write(
            "If you are the organiser, give the organiser's key. It is the line in the file "
            f"{words.plain(tokens.key_file(home).name)} of the folder in which Litmus keeps its data (LITMUS_HOME, here "
            f"{words.plain(home.name)})."
        )
        _ask(
            lambda typed: passwords.same(typed.strip(), key),
            label="Organiser's key",
            button="Open the organiser's pages",
            wrong="That is not the organiser's key.",
        )


def _ask_password() -> None:
    settings = resources.settings()
    _ask(
        lambda typed: passwords.is_right(settings, typed),
        label="Organiser's password",
        button="Sign in",
        wrong="That is not the password.",
    )


def _ask(is_right: Callable[[str], bool], *, label: str, button: str, wrong: str) -> None:
    """Draw a form that asks for a secret; `wrong` is said after a wrong answer."""
    with st.form("frame.login", width=420):
        typed = st.text_input(label, type="password", key="frame.password")
        if st.form_submit_button(button, type="primary"):
            refusal = _try(typed, is_right, wrong)
            if not refusal:
                _let_in()
            st.error(refusal)


def _try(typed: str, is_right: Callable[[str], bool], wrong: str) -> str:
    """Check a secret: "" if it is right, else why not, after a pause of this session alone.

    A guess that comes too soon is not checked at all. Wrong guesses are logged.
    """
    guesser, guesses = _guesser(), _guesses()
    wait = guesses.admit(guesser, time.monotonic())
    if not wait and is_right(typed):
        guesses.succeeded(guesser)
        return ""
    if wait:
        time.sleep(WAIT_WHEN_REFUSED)
        return f"There were too many wrong answers: wait {math.ceil(wait)} seconds, then try again."
    logger.warning("Wrong organiser's password or key from %s, %d in a row.", guesser, guesses.count(guesser))
    time.sleep(WAIT_AFTER_A_WRONG_ONE)
    return wrong


def _guesser() -> str:
    """Who a wrong guess counts against: this browser if an organiser signed in with it before, else the visitor's address."""
    settings = resources.settings()
    known = st.context.cookies.to_dict().get(cookie_names(settings.home).known, "")
    secret = settings.organiser_secret
    if secret and known and tokens.is_signed(settings.home, secret, known, now=time.time(), purpose="known"):
        return f"the known browser {known.split('.')[1]}"
    return guesses_of.network(st.context.ip_address)


def _let_in() -> None:
    """Make this session an organiser's; its cookies follow in the next run."""
    settings, state = resources.settings(), st.session_state
    state["access.rater"] = False
    state.pop("access.campaign", None)
    st.query_params.pop("campaign", None)
    state["access.tell"] = "lifted"
    if settings.organiser_secret is not None:
        state["access.token"] = tokens.sign(settings.home, settings.organiser_secret, expires=time.time() + SIGNED_IN)
        state["access.tell"] = state["access.token"]
    st.rerun()


def _sign_out() -> None:
    """End this sign-in in this session, in other open tabs, in the browser, and at other dashboards on the same home."""
    settings, token, now = resources.settings(), _token(), time.time()
    st.session_state["access.token"] = st.session_state["access.tell"] = ""
    secret = settings.organiser_secret
    if secret is None or not tokens.is_signed(settings.home, secret, token, now=now):
        return
    with words.show_errors():
        try:
            ended.end(settings.home, token, expires=int(token.partition(".")[0]), now=now)
        except OSError as error:
            raise StudyError(
                f"The sign-out could not be stored ({error.strerror}): this browser is signed out, but a copy of its cookie stays "
                "valid for up to 12 hours. Change the password to end it."
            ) from error


@st.cache_resource(show_spinner=False)
def _guesses() -> guesses_of.Guesses:
    """The wrong guesses at this server, shared by all sessions."""
    return guesses_of.Guesses()
