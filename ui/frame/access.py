"""Who is visiting: the organiser, someone who came by a rater's link, or a stranger; and what their browser remembers.

Nothing about a browser is kept on the server. A browser that opened a rater's link carries a mark, and every session of
it is a rater's until the password or the organiser's key is given. A sign-in is a token that runs out after 12 hours.
Cookies are read from the handshake of a session, so what happens in a running session stands in its state as well.
"""

import hashlib
import hmac
import ipaddress
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
from ui.shared import resources, words

SIGNED_IN, MARKED = 12 * 3600, 365 * 24 * 3600
ROUTE = "-/organiser"
HEADER = "X-Litmus-Sign-In"
TRIES_AT_ONCE, WAIT_AFTER_A_WRONG_ONE = 4, 1.0
# `ui.serve` keeps a sign-in where no script can read it; under a plain `streamlit run` the page writes the cookies itself.
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
    ORGANISER = "organiser"
    RATER = "rater"
    STRANGER = "stranger"


@dataclass(frozen=True)
class Cookies:
    """The names of the two cookies: of one home, because browsers share cookies between the ports of a machine."""

    rater: str
    organiser: str


def visitor() -> Visitor:
    """Who this session belongs to: a rater stays one, whatever page is asked for."""
    if _came_as_rater():
        return Visitor.RATER
    return Visitor.ORGANISER if _may_organise() else Visitor.STRANGER


def rater_token() -> str:
    """The token of the campaign in this visitor's link, also of a preview; empty when there is none."""
    if is_preview():
        return st.query_params["preview"]
    token = st.query_params.get("campaign") or str(st.session_state.get("access.campaign", ""))
    st.session_state["access.campaign"] = token
    return token


def is_preview() -> bool:
    """Whether an organiser looks at the rating page (`/rate?preview=TOKEN`) without being a rater."""
    return asks_preview() and visitor() is Visitor.ORGANISER


def asks_preview() -> bool:
    """Whether the address is that of a preview, which only organisers may open."""
    return "preview" in st.query_params and "campaign" not in st.query_params


def refuse() -> None:
    """Say what happened to a browser that came by a rater's link, and offer the organiser's way back."""
    settings = resources.settings()
    st.error(
        "This page is for the organisers of the study. This browser was used to open a rater's link, so it shows the rating "
        "page only. To go on rating, open that link again."
    )
    if settings.password is not None:
        _ask(settings.password, label="Organiser's password", button="Sign in", wrong="That is not the password.")
    elif _is_local():
        _ask_key(settings.home)


def ask_password() -> None:
    """The sign-in form; without a password on a server that others reach, the sentence that says what is missing."""
    password = resources.settings().password
    if password is None:
        st.error(
            "This server can be reached by others, so the organiser's pages need a password: set LITMUS_PASSWORD and start again."
        )
    else:
        _ask(password, label="Organiser's password", button="Sign in", wrong="That is not the password.")


def sign_out_button() -> None:
    """The way out, where a password was the way in."""
    if resources.settings().password is not None:
        st.button("Sign out", key="access.sign_out", type="tertiary", on_click=_sign_out)


def tell_browser() -> None:
    """Let the browser remember what this session has learnt; draws nothing that can be seen."""
    told: str | None = st.session_state.pop("access.tell", None)
    is_new_rater = (
        visitor() is Visitor.RATER and cookie_names(resources.settings().home).rater not in st.context.cookies.to_dict()
    )
    is_new_rater = is_new_rater and is_a_campaign(rater_token())
    if told is None and not is_new_rater:
        return
    names = cookie_names(resources.settings().home)
    token = None if is_new_rater or told == "lifted" else told
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
    """Whether a link belongs to a campaign; a mistyped one turns nobody's browser into a rater's."""
    with resources.store()() as session:
        try:
            campaigns.by_token(session, token, even_closed=True)
        except StudyError:
            return False
    return True


def cookie_names(home: Path) -> Cookies:
    own = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Cookies(rater=f"litmus_rater_{own}", organiser=f"litmus_organiser_{own}")


def cookie_path() -> str:
    """Where in the site the dashboard is, with a slash at the end."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/" if base else "/"


def sign(home: Path, password: str, *, expires: float) -> str:
    """A token of who gave this password, good until `expires` (Unix seconds) and for this home and password only."""
    stated = f"{int(expires)}.{secrets.token_hex(8)}"
    return f"{stated}.{_signature(home, password, stated)}"


def is_signed(home: Path, password: str, token: str, *, now: float) -> bool:
    """Whether a token was made here with this password and has not run out."""
    stated, _, signature = token.rpartition(".")
    expires = stated.partition(".")[0]
    if not (expires.isascii() and expires.isdecimal()) or int(expires) <= now:
        return False
    return same(signature, _signature(home, password, stated))


def same(given: str, expected: str) -> bool:
    """Equality that takes the same time wherever the two differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def key_file(home: Path) -> Path:
    return home / "organiser.key"


def organiser_key(home: Path) -> str:
    """The organiser's key of this home, made at first need, readable by its owner only.

    Raises StudyError when the file cannot be read or written, or is empty.
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
    """A link makes a rater of a running session, a mark of a new one."""
    state = st.session_state
    if "campaign" in st.query_params:
        state["access.rater"] = True
    if "access.rater" not in state:
        state["access.rater"] = cookie_names(resources.settings().home).rater in st.context.cookies.to_dict()
    return bool(state["access.rater"])


def _may_organise() -> bool:
    """On loopback without a password everybody is the organiser; anywhere else only who has given the password."""
    settings = resources.settings()
    if settings.password is None:
        return _is_local()
    token = _token()
    return token not in _gate().ended and is_signed(settings.home, settings.password, token, now=time.time())


def _token() -> str:
    kept = st.session_state.get("access.token")
    return str(
        st.context.cookies.to_dict().get(cookie_names(resources.settings().home).organiser, "")
        if kept is None
        else kept
    )


def _ask_key(home: Path) -> None:
    with words.problem():
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
    with st.form("frame.login", width=420):
        given = st.text_input(label, type="password", key="frame.password")
        if st.form_submit_button(button, type="primary"):
            if _is_right(given, expected):
                _let_in()
            st.error(wrong)


def _is_right(given: str, expected: str) -> bool:
    """Whether this is it. Wrong ones wait, a few at a time on the whole server, so that guessing takes ages."""
    with _gate().turns:
        if same(given, expected) or same(given.strip(), expected):
            return True
        time.sleep(WAIT_AFTER_A_WRONG_ONE)
    return False


def _let_in() -> None:
    """This session is the organiser's from now on; its browser hears of it in the next run."""
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
    """End this sign-in here, in other open tabs, and in the browser."""
    now, ended = time.time(), _gate().ended
    for token in [token for token, until in ended.items() if until <= now]:
        ended.pop(token, None)
    ended[_token()] = now + SIGNED_IN
    st.session_state["access.token"] = st.session_state["access.tell"] = ""


def _is_local() -> bool:
    """Whether only this machine can be at the other end: the server is on loopback, and no proxy hands the visit on."""
    handed_on = any(name in st.context.headers for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded"))
    return _is_loopback(config.get_option("server.address")) and not handed_on


def _is_loopback(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _signature(home: Path, password: str, stated: str) -> str:
    secret = hmac.digest(organiser_key(home).encode(), b"sign-in\0" + password.encode(), "sha256")
    return hmac.digest(secret, stated.encode(), "sha256").hex()


@dataclass(frozen=True)
class _Gate:
    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(TRIES_AT_ONCE))
    ended: dict[str, float] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _gate() -> _Gate:
    return _Gate()
