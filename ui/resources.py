"""What the server holds once for everybody: settings and store."""

import streamlit as st

from core import settings as settings_module
from core.study import store as store_module
from core.study.store import Store


@st.cache_resource
def settings() -> settings_module.Settings:
    return settings_module.load()


@st.cache_resource
def store() -> Store:
    """The store: `with ui.store()() as session` reads, `with ui.store().write() as session` writes."""
    return store_module.open_store(settings())
