"""Fields whose words are kept until they are saved: text, numbers, and small choices of a form, for organisers only.

A kept value comes back only while the saved value under it is the same: a row changed elsewhere in the meantime is shown
as it is. Secrets and raters' answers never pass through here.
"""

import time
from typing import Any

import streamlit as st

from ui.frame import access
from ui.shared import resources
from ui.shared.words import plain
from ui.unsaved import browser, files
from ui.unsaved.files import Typed, Value

KNOWN = "unsaved.fields"
BACK = "unsaved.back"


def text(
    label: str, saved: str | None = "", *, key: str, scope: str = "", height: int | None = None, **options: Any
) -> str:
    """Draw a text field, or a text area if a height is given, and return its text.

    `saved`: the text shown if nothing else was typed. `scope`: names what the field belongs to, if the key alone does not.
    """
    saved = saved or ""
    field = _begin(saved, key=key, scope=scope)
    if height is None:
        typed = st.text_input(label, key=key, persist_state="session", **options)
    else:
        typed = st.text_area(label, height=height, key=key, persist_state="session", **options)
    _keep(field, str(typed or ""), over=saved)
    return str(typed or "")


def number(label: str, low: int, high: int, saved: int, *, key: str, scope: str = "", **options: Any) -> int:
    """Draw a field of a whole number between `low` and `high`, and return the number."""
    field = _begin(saved, key=key, scope=scope)
    typed = int(st.number_input(label, low, high, key=key, persist_state="session", **options))
    _keep(field, typed, over=saved)
    return typed


def recall(field: str, saved: Value) -> Value:
    """The value kept for a field, else `saved`; says once a session that words have come back."""
    typed = _known().get(field)
    if typed is None or typed.over != saved or type(typed.value) is not type(saved):
        return saved
    if typed.value != saved and not st.session_state.get(BACK):
        st.session_state[BACK] = True
        st.toast("What was typed before is back in its fields.")
    return typed.value


def remember(field: str, value: Value, *, over: Value) -> None:
    """Keep a value of a field until it is forgotten; a value equal to the saved value is forgotten."""
    _keep(field, value, over=over)


def forget(*names: str) -> None:
    """Forget the values of fields on disk and in this session, after they were saved.

    `names`: keys of fields, or with a dot at the end the beginning of keys.
    """
    beginnings = tuple(name for name in names if name.endswith("."))

    def is_named(key: str) -> bool:
        return key in names or key.startswith(beginnings)

    for key in [str(key) for key in st.session_state if is_named(str(key))]:
        del st.session_state[key]
    if gone := [field for field in _known() if is_named(field.rpartition("|")[2])]:
        _write(dict.fromkeys(gone))


def _begin(saved: Value, *, key: str, scope: str) -> str:
    """Fill a field that this session has not drawn yet with its kept value; return the field's name."""
    field = f"{scope}|{key}"
    if key not in st.session_state:
        st.session_state[key] = recall(field, saved)
    return field


def _keep(field: str, value: Value, *, over: Value) -> None:
    known = _known().get(field)
    if value == over:
        if known is not None:
            _write({field: None})
    elif known is None or known.value != value or known.over != over:
        _write({field: Typed(value, over, time.time())})


def _known() -> dict[str, Typed]:
    """The kept values of this browser by field, read once a session."""
    if KNOWN not in st.session_state:
        home = resources.settings().home
        st.session_state[KNOWN] = files.read(home, browser.browser_id(), now=time.time()) if _may_keep() else {}
    known: dict[str, Typed] = st.session_state[KNOWN]
    return known


def _write(changes: dict[str, Typed | None]) -> None:
    for field, typed in changes.items():
        if typed is None:
            _known().pop(field, None)
        else:
            _known()[field] = typed
    if not _may_keep():
        return
    try:
        files.write(resources.settings().home, browser.browser_id(), changes, now=time.time())
    except OSError as error:
        st.warning(plain(f"What is typed here is lost when the page is loaded again: {error}."))


def _may_keep() -> bool:
    return access.visitor() is access.Visitor.ORGANISER
