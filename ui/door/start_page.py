"""The HTML that a browser loads first: Streamlit's own, with the address of the server written into it.

Without the address, Streamlit's script asks for the server below the address of the page first, as `/train/_stcore/health`: two
errors 404 in the console of the browser, and half a second lost, for every page that is opened by its address.
"""

from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

INDEX = Path(st.__file__).parent / "static" / "index.html"
HEAD = "<head>"
SCRIPT = '<script>window.__streamlit = { BACKEND_BASE_URL: new URL(".", window.location.href).href }</script>'


class StartPage:
    """The answer with the HTML, for the addresses of pages, which are all on one level."""

    def __init__(self) -> None:
        self._html = html()

    async def answer(self, _request: Request) -> Response:
        """Answer a browser that opens a page."""
        return HTMLResponse(self._html, headers={"cache-control": "no-cache"})


def html() -> str:
    """Streamlit's HTML with the address of the server, as its script reads it from `window.__streamlit`.

    The address is the folder of the page's own, as the browser sees it: a proxy may show the dashboard under a path of which the
    server knows nothing.
    """
    return INDEX.read_text(encoding="utf-8").replace(HEAD, HEAD + SCRIPT, 1)
