"""Access control: whether a visitor is an organiser, a viewer, a rater or a stranger, and the cookies that say so.

The server stores nothing about a browser but the sign-ins that were ended before their time. A browser that opened a
rater's link gets a cookie, the rater mark; all its sessions are a rater's until the password or the organiser's key is given.
A sign-in is a signed token in a second cookie, valid for 12 hours; it is made after a right password, or after a sign-in at the
OpenID Connect provider. A viewer signs in likewise, or comes by a read-only link, whose token stays in the address. Streamlit
reads cookies only when a session starts, so changes during a session are kept in its state too.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import streamlit as st
from streamlit import config
from streamlit.components import v2

from core.errors import StudyError
from core.settings import Settings
from core.subjectivity.sessions import campaigns
from ui.door import local, tokens, view_links
from ui.shared import resources

SIGNED_IN, MARKED, KNOWN = 12 * 3600, 365 * 24 * 3600, 90 * 24 * 3600
VIEW = "access.view"
ROUTE = "-/organiser"
HEADER = "X-Litmus-Sign-In"
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
    """Who a session belongs to. A viewer may look and change nothing; a stranger still has to give a password."""

    ORGANISER = "organiser"
    VIEWER = "viewer"
    RATER = "rater"
    STRANGER = "stranger"


PURPOSES = {Visitor.ORGANISER: "sign-in", Visitor.VIEWER: "viewing"}


@dataclass(frozen=True)
class Cookies:
    """The names of the cookies, which differ between homes: browsers share cookies between the ports of a machine.

    `rater`: the mark. `organiser`: the sign-in. `known`: kept after a sign-in, so that the wrong guesses of others at the
    same address do not count against this browser. `provider`: kept while the browser is at the provider.
    """

    rater: str
    organiser: str
    known: str
    provider: str


def visitor() -> Visitor:
    """Who this session belongs to. A rater stays a rater on every page, and whoever came by a read-only link a viewer.

    The store refuses every change of a viewer's session from here on.
    """
    who = _visitor()
    st.session_state[resources.READS_ONLY] = who is Visitor.VIEWER
    return who


def view_link() -> str:
    """The token of the read-only link by which this session came; "" without such a link. A rater's link takes its place."""
    state = st.session_state
    if "campaign" in st.query_params:
        state.pop(VIEW, None)
    elif token := st.query_params.get("view"):
        state[VIEW] = token
    return str(state.get(VIEW, ""))


def keep_view_link() -> None:
    """Keep the token of the read-only link in the address, so that a reload is the same visitor's."""
    if link := view_link():
        st.query_params["view"] = link


def signed_in_as(settings: Settings, token: str, *, now: float) -> Visitor | None:
    """Whose sign-in a token is, an organiser's or a viewer's; None if the token is not valid. `now`: Unix seconds."""
    of_provider = settings.oidc.sign_in_secret if settings.oidc else None
    secrets = [
        (Visitor.ORGANISER, settings.organiser_secret),
        (Visitor.ORGANISER, of_provider),
        (Visitor.VIEWER, settings.viewer_secret),
        (Visitor.VIEWER, of_provider),
    ]
    for who, secret in secrets:
        if secret and tokens.is_signed(settings.home, secret, token, now=now, purpose=PURPOSES[who]):
            return who
    return None


def may_upload(cookies: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a request outside of any session is an organiser's, by its cookies, or without a sign-in by where it comes from."""
    names = cookie_names(resources.settings().home)
    who = _by_sign_in(cookies.get(names.organiser, ""), local.why_not_from_here(headers))
    return who is Visitor.ORGANISER and (resources.settings().asks_sign_in or names.rater not in cookies)


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


def session_token() -> str:
    """The sign-in token of this session, else of the browser's cookie; "" if neither has a token."""
    kept = st.session_state.get("access.token")
    return str(
        st.context.cookies.to_dict().get(cookie_names(resources.settings().home).organiser, "")
        if kept is None
        else kept
    )


def is_of_campaign(token: str) -> bool | None:
    """Whether a token belongs to a campaign, open or closed, so that its link makes a rater; None if the database cannot be read."""
    try:
        with resources.whole_store()() as session:
            return campaigns.is_token(session, token)
    except StudyError:
        return None


def cookie_names(home: Path) -> Cookies:
    """The names of the cookies of this home."""
    suffix = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Cookies(
        rater=f"litmus_rater_{suffix}",
        organiser=f"litmus_organiser_{suffix}",
        known=f"litmus_known_{suffix}",
        provider=f"litmus_provider_{suffix}",
    )


def cookie_path() -> str:
    """The path of the dashboard on its server, with a slash at the end."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/" if base else "/"


def _visitor() -> Visitor:
    settings, link, now = resources.settings(), view_link(), time.time()
    if link:
        return Visitor.VIEWER if view_links.is_open(settings.home, link, now=now) else Visitor.STRANGER
    if _came_as_rater():
        return Visitor.RATER
    return _by_sign_in(session_token(), local.why_not_local())


def _by_sign_in(token: str, why_not_local: str) -> Visitor:
    """Who a visitor is by the sign-in with this token; where none is asked for, whoever is surely on this machine is the organiser."""
    settings = resources.settings()
    if not settings.asks_sign_in:
        return Visitor.STRANGER if why_not_local else Visitor.ORGANISER
    return signed_in_as(settings, token, now=time.time()) or Visitor.STRANGER


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
