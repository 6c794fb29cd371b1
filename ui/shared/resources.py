"""The settings and the store, opened once per server."""

import time

import streamlit as st

from core import settings as settings_module
from core.study import store as store_module
from core.study import trash
from core.study.store import Store
from ui.unsaved import files


@st.cache_resource(show_spinner=False)
def settings() -> settings_module.Settings:
    """The settings, read from the environment once."""
    return settings_module.load()


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store: `with ui.store()() as session` reads, `with ui.store().write() as session` writes.

    Opening the store also deletes for good what has been in the trash for longer than `trash.KEPT_DAYS`, and unsaved words
    older than `files.KEPT_DAYS`.
    """
    opened = store_module.open_store(settings())
    with opened.write() as session:
        trash.empty(session, now=time.time())
    files.prune(settings().home, now=time.time())
    return opened
