"""Litmus: will LLM-written training data work for your text-classification task?"""

import streamlit as st

import ui
from core.database_faults import StoreFault
from core.study.store import ReadOnly

try:
    with ui.logged_run() as run:
        page = ui.draw_frame()
        run.page = page.url_path or "overview"
        page.run()
except (StoreFault, ReadOnly) as error:
    st.error(ui.plain(str(error)))
