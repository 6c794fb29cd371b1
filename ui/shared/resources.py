"""The settings and the store, opened once per server."""

import time

import streamlit as st

from core import settings as settings_module
from core.steps.trained import models
from core.study import store as store_module
from core.study.store import Store
from ui.unsaved import files

READS_ONLY = "access.reads_only"


@st.cache_resource(show_spinner=False)
def settings() -> settings_module.Settings:
    """The settings, read from the environment once."""
    return settings_module.load()


def store() -> Store:
    """The store: `with ui.store()() as session` reads, `with ui.store().write() as session` writes.

    In a session that may only look, the store refuses every change (`ReadOnly`).
    """
    return store_module.read_only(whole_store()) if reads_only() else whole_store()


def reads_only() -> bool:
    """Whether this session may look and change nothing, as access control has found."""
    return bool(st.session_state.get(READS_ONLY))


def may_change() -> bool:
    """Whether this session may change a study, so that forms and buttons that do are drawn."""
    return not reads_only()


@st.cache_resource(show_spinner=False)
def whole_store() -> Store:
    """The store of the server itself, outside of visitors' sessions.

    Opening the store also deletes for good what has been in the trash for longer than `core.study.trash.KEPT_DAYS`, and unsaved words
    older than `files.KEPT_DAYS`.
    """
    opened = store_module.open_store(settings())
    models.empty_trash(opened, settings(), now=time.time())
    files.prune(settings().home, now=time.time())
    return opened
