"""Help: the documentation, without a network"""

import streamlit as st

import ui

ui.guard("viewer", need_study=False)
st.title("Help")
ui.help_view()
