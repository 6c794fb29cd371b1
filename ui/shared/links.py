"""Links to other pages, by the page's name in the address."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from ui.shared import resources

PAGES = Path(__file__).parents[2] / "pages"
FOR_VIEWERS = ("overview", "inspect", "analyse", "compare", "verdict", "present", "help")


def page_file(name: str) -> Path:
    """The path of a page's file; it does not depend on the working directory."""
    return PAGES / f"{name}.py"


def link(name: str, label: str, *, is_next: bool = False) -> None:
    """Draw a link to a page, such as "train", unless the visitor may only look and the page changes the study.

    `is_next`: draw it as the one button of an empty page.
    """
    if resources.reads_only() and name not in FOR_VIEWERS:
        return
    if is_next:
        if st.button(label, type="primary", key=f"links.{name}"):
            st.switch_page(page_file(name))
        return
    st.page_link(page_file(name), label=label)


def server() -> str:
    """The address of the dashboard without page and parameters."""
    return (st.context.url or "/").split("?")[0].rsplit("/", 1)[0]


def is_only_here(address: str) -> bool:
    """Whether an address can be reached from this machine only."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")
