"""Links to other pages, by the page's name in the address."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parents[2] / "pages"


def page_file(name: str) -> Path:
    """The path of a page's file; it does not depend on the working directory."""
    return PAGES / f"{name}.py"


def link(name: str, label: str) -> None:
    """Draw a link to a page, such as "train"."""
    st.page_link(page_file(name), label=label)
