"""What the server holds once for everybody: settings and store."""

import time

import streamlit as st

from core import settings as settings_module
from core.study import store as store_module
from core.study import trash
from core.study.store import Store


@st.cache_resource
def settings() -> settings_module.Settings:
    return settings_module.load()


@st.cache_resource
def store() -> Store:
    """The store: `with ui.store()() as session` reads, `with ui.store().write() as session` writes.

    When it is opened, what has been in the trash for too long is deleted for good.
    """
    opened = store_module.open_store(settings())
    with opened.write() as session:
        trash.empty(session, now=time.time())
    return opened
