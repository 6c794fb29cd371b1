"""Litmus: will LLM-written training data work for your text-classification task?"""

import streamlit as st

import ui
from core.database_faults import StoreFault
from core.study.store import ReadOnly

try:
    page = ui.draw_frame()
    page.run()
except (StoreFault, ReadOnly) as error:
    st.error(ui.plain(str(error)))
