"""Litmus: will LLM-written training data work for your text-classification task?"""

import streamlit as st

import ui
from core.database_faults import StoreFault

try:
    page = ui.draw_frame()
    page.run()
except StoreFault as error:
    st.error(ui.plain(str(error)))
