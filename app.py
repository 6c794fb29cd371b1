"""Litmus: will LLM-written training data work for your text-classification task?"""

import streamlit as st

import ui

st.set_page_config(page_title="Litmus", page_icon="ui/litmus.png", layout="wide")
page = ui.pages()
ui.sidebar()
page.run()
