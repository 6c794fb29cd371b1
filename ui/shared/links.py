"""Links from page to page, by the name in a page's address."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parents[2] / "pages"


def page_file(name: str) -> Path:
    """The file of a page, wherever the app was started from."""
    return PAGES / f"{name}.py"


def link(name: str, label: str) -> None:
    """A link to a page."""
    st.page_link(page_file(name), label=label)
