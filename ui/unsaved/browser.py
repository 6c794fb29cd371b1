"""The browser that typed unsaved words: a random id in a cookie, and a script that sends words after a pause in typing."""

import hashlib
import re
import secrets

import streamlit as st
from streamlit.components import v2

from ui.frame import access
from ui.shared import resources
from ui.unsaved import files

ID = "unsaved.browser"
PAUSE_MS = 1000  # without a key, after which a field sends its words, as it does when it is left
IS_ID = re.compile(r"[0-9a-f]{32}")
FIELDS = "[data-testid='stTextInput'], [data-testid='stTextArea']"  # a menu or a calendar would close in mid-word
SCRIPT = """
export default ({ data }) => {
  const secure = location.protocol === "https:" ? "; Secure" : ""
  document.cookie = `${data.name}=${data.id}; Path=${data.path}; Max-Age=${data.seconds}; SameSite=Strict${secure}`
  const send = () => {
    const field = document.activeElement
    if (field && field.type !== "password" && field.closest(data.fields)) {
      field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }))
    }
  }
  let pause
  const typed = () => {
    clearTimeout(pause)
    pause = setTimeout(send, data.pause_ms)
  }
  document.addEventListener("input", typed)
  window.addEventListener("beforeunload", send)
  window.addEventListener("pagehide", send)
  return () => {
    clearTimeout(pause)
    document.removeEventListener("input", typed)
    window.removeEventListener("beforeunload", send)
    window.removeEventListener("pagehide", send)
  }
}
"""


def browser_id() -> str:
    """The id of this browser from its cookie, else a new id that `mount` puts into the cookie."""
    if ID not in st.session_state:
        known = st.context.cookies.to_dict().get(_name(), "")
        st.session_state[ID] = known if IS_ID.fullmatch(known) else secrets.token_hex(16)
    return str(st.session_state[ID])


def mount() -> None:
    """Set or renew the cookie, and send what is typed after a pause and before a tab is left; draws nothing visible."""
    with st.container(key="unsaved_browser"):
        v2.component("litmus_unsaved", js=SCRIPT)(
            key="unsaved.script",
            data={
                "name": _name(),
                "id": browser_id(),
                "path": access.cookie_path(),
                "seconds": files.KEPT_DAYS * 86_400,
                "pause_ms": PAUSE_MS,
                "fields": FIELDS,
            },
        )


def _name() -> str:
    """The cookie's name, which differs by home."""
    return f"litmus_unsaved_{hashlib.sha256(str(resources.settings().home).encode()).hexdigest()[:8]}"
