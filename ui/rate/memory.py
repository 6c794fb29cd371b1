"""A cookie with the rater's personal code, so that the same link opened again continues the rater's session."""

import hashlib

import streamlit as st
from streamlit.components import v2

from ui.frame import access

KEPT = 90 * 24 * 3600
SENDINGS = 3
REMEMBERED, SOMEBODY_ELSE, TOLD, CAME_AS = (
    "rate.remembered", "rate.somebody_else", "rate.told_browser", "rate.came_as",
)  # fmt: skip
BROWSER = """
export default ({ data }) => {
  const secure = location.protocol === "https:" ? "; Secure" : ""
  document.cookie = `${data.name}=${data.code}; Path=${data.path}; Max-Age=${data.seconds}; SameSite=Lax${secure}`
}
"""


def code(token: str) -> str:
    """The personal code in this browser's cookie for a campaign's token; "" without a cookie or for a visitor who is not this rater."""
    if st.session_state.get(SOMEBODY_ELSE):
        return ""
    return st.context.cookies.to_dict().get(_name(token), "")


def keep(token: str, personal_code: str) -> None:
    """Set the cookie with a personal code in the browser; draws nothing visible. In a session it is sent a few times only."""
    told, times = st.session_state.get(TOLD, ("", 0))
    if (told == personal_code and times >= SENDINGS) or code(token) == personal_code:
        return
    st.session_state[TOLD] = (personal_code, times + 1 if told == personal_code else 1)
    with st.container(key="rate_memory"):
        v2.component("litmus_rating_memory", js=BROWSER)(
            key="rate.memory",
            data={"name": _name(token), "code": personal_code, "path": access.cookie_path(), "seconds": KEPT},
        )


def _name(token: str) -> str:
    """The cookie's name, which differs by campaign and by the panel's person id in the address.

    Two people with different ids who share a browser therefore stay two raters.
    """
    link = "\n".join(filter(None, [token, str(st.session_state.get(CAME_AS, ""))]))
    return f"litmus_me_{hashlib.sha256(link.encode()).hexdigest()[:12]}"
