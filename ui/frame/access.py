"""Access control: whether a visitor is an organiser, a rater or a stranger, with sign-in, sign-out and cookies.

The server stores nothing about a browser. A browser that opened a rater's link gets a cookie, the rater mark; all its
sessions are a rater's until the password or the organiser's key is given. A sign-in is a signed token in a second cookie,
valid for 12 hours. Streamlit reads cookies only when a session starts, so changes during a session are kept in its state
too.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import BoundedSemaphore

import streamlit as st
from streamlit import config
from streamlit.components import v2

from core import files
from core.errors import StudyError
from core.subjectivity.sessions import campaigns
from ui.door import local
from ui.shared import resources, words

SIGNED_IN, MARKED = 12 * 3600, 365 * 24 * 3600
ROUTE = "-/organiser"
HEADER = "X-Litmus-Sign-In"
TRIES_AT_ONCE, WAIT_AFTER_A_WRONG_ONE = 4, 1.0
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
    """The names of the two cookies, which differ between homes: browsers share cookies between the ports of a machine."""

    rater: str
    organiser: str


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
    if settings.password is not None:
        _ask(settings.password, label="Organiser's password", button="Sign in", wrong="That is not the password.")
    elif local.why_not_local():
        st.write(_needs_a_password())
    else:
        _ask_key(settings.home)


def ask_password() -> None:
    """Draw the sign-in form; if no password is set on a server that others can reach, say that one must be set."""
    password = resources.settings().password
    if password is None:
        st.error(_needs_a_password())
    else:
        _ask(password, label="Organiser's password", button="Sign in", wrong="That is not the password.")


def sign_out_button() -> None:
    """Draw the sign-out button, if the server has a password."""
    if resources.settings().password is not None:
        st.button("Sign out", key="access.sign_out", type="tertiary", on_click=_sign_out)


def update_cookies() -> None:
    """Set or clear the browser's cookies after a change in this session; draws nothing visible."""
    change: str | None = st.session_state.pop("access.tell", None)
    is_new_rater = (
        visitor() is Visitor.RATER and cookie_names(resources.settings().home).rater not in st.context.cookies.to_dict()
    )
    is_new_rater = is_new_rater and is_a_campaign(rater_token())
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


def is_a_campaign(token: str) -> bool:
    """Whether a token belongs to a campaign, open or closed. Only then does a link mark the browser as a rater's."""
    with resources.store()() as session:
        try:
            campaigns.by_token(session, token, even_closed=True)
        except StudyError:
            return False
    return True


def cookie_names(home: Path) -> Cookies:
    """The names of the cookies of this home."""
    suffix = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Cookies(rater=f"litmus_rater_{suffix}", organiser=f"litmus_organiser_{suffix}")


def cookie_path() -> str:
    """The path of the dashboard on its server, with a slash at the end."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/" if base else "/"


def sign(home: Path, password: str, *, expires: float) -> str:
    """A sign-in token, valid until `expires` (Unix seconds), for this home and this password only."""
    payload = f"{int(expires)}.{secrets.token_hex(8)}"
    return f"{payload}.{_signature(home, password, payload)}"


def is_signed(home: Path, password: str, token: str, *, now: float) -> bool:
    """Whether `sign` made this token for this home and password, and it has not expired. `now`: Unix seconds."""
    payload, _, signature = token.rpartition(".")
    expires = payload.partition(".")[0]
    if not (expires.isascii() and expires.isdecimal()) or int(expires) <= now:
        return False
    return same(signature, _signature(home, password, payload))


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, compared in constant time so that timing reveals nothing about them."""
    return hmac.compare_digest(given.encode(), expected.encode())


def key_file(home: Path) -> Path:
    """The file that holds the organiser's key."""
    return home / "organiser.key"


def organiser_key(home: Path) -> str:
    """Get or create the organiser's key of this home, in a file that only its owner can read.

    Raises `StudyError` if the file cannot be read or written, or is empty.
    """
    path = key_file(home)
    try:
        if not path.exists():
            files.create(path, ("-".join(secrets.token_hex(2) for _ in range(8)) + "\n").encode())
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"The organiser's key in {path} cannot be read or made: {error}.") from error
    if not key:
        raise StudyError(f"{path} is empty: delete it, and a new organiser's key is made.")
    return key


def _came_as_rater() -> bool:
    """Whether this session is a rater's: by a rater's link in its address, or by the browser's mark when it started."""
    state = st.session_state
    if "campaign" in st.query_params:
        state["access.rater"] = True
    if "access.rater" not in state:
        state["access.rater"] = cookie_names(resources.settings().home).rater in st.context.cookies.to_dict()
    return bool(state["access.rater"])


def _may_organise() -> bool:
    """Whether this session is an organiser's: without a password every session on loopback is, else after a sign-in."""
    settings = resources.settings()
    if settings.password is None:
        return not local.why_not_local()
    token = _token()
    return token not in _gate().ended and is_signed(settings.home, settings.password, token, now=time.time())


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
        key = organiser_key(home)
        st.write(
            "If you are the organiser, give the organiser's key. It is the line in the file "
            f"{words.plain(key_file(home).name)} of the folder in which Litmus keeps its data (LITMUS_HOME, here "
            f"{words.plain(home.name)})."
        )
        _ask(
            key, label="Organiser's key", button="Open the organiser's pages", wrong="That is not the organiser's key."
        )


def _ask(expected: str, *, label: str, button: str, wrong: str) -> None:
    """Draw a form that asks for a secret; `wrong` is said after a wrong answer."""
    with st.form("frame.login", width=420):
        typed = st.text_input(label, type="password", key="frame.password")
        if st.form_submit_button(button, type="primary"):
            if _is_right(typed, expected):
                _let_in()
            st.error(wrong)


def _is_right(typed: str, expected: str) -> bool:
    """Whether the secret typed is the expected one, with or without spaces around it.

    A wrong secret is answered after a pause, at most four at a time on the whole server, so that guessing is slow.
    """
    with _gate().turns:
        if same(typed, expected) or same(typed.strip(), expected):
            return True
        time.sleep(WAIT_AFTER_A_WRONG_ONE)
    return False


def _let_in() -> None:
    """Make this session an organiser's; its cookies follow in the next run."""
    settings, state = resources.settings(), st.session_state
    state["access.rater"] = False
    state.pop("access.campaign", None)
    st.query_params.pop("campaign", None)
    state["access.tell"] = "lifted"
    if settings.password is not None:
        state["access.token"] = sign(settings.home, settings.password, expires=time.time() + SIGNED_IN)
        state["access.tell"] = state["access.token"]
    st.rerun()


def _sign_out() -> None:
    """End this sign-in in this session, in other open tabs and in the browser."""
    now, ended = time.time(), _gate().ended
    for token in [token for token, until in ended.items() if until <= now]:
        ended.pop(token, None)
    ended[_token()] = now + SIGNED_IN
    st.session_state["access.token"] = st.session_state["access.tell"] = ""


def _signature(home: Path, password: str, payload: str) -> str:
    secret = hmac.digest(organiser_key(home).encode(), b"sign-in\0" + password.encode(), "sha256")
    return hmac.digest(secret, payload.encode(), "sha256").hex()


@dataclass(frozen=True)
class _Gate:
    """State shared by all sessions of the server.

    `turns`: limits how many checks of secrets run at a time. `ended`: signed-out token -> time (Unix seconds) after which the
    entry can be forgotten.
    """

    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(TRIES_AT_ONCE))
    ended: dict[str, float] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _gate() -> _Gate:
    return _Gate()
