"""The HTML that a browser loads first: Streamlit's own, with the address of the server written into it.

Without the address, Streamlit's script asks for the server below the address of the page first, as `/train/_stcore/health`: two
errors 404 in the console of the browser, and half a second lost, for every page that is opened by its address.
"""

import json
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

INDEX = Path(st.__file__).parent / "static" / "index.html"
HEAD = "<head>"


class StartPage:
    """The answer with the HTML; `path`: the path of the dashboard, with a slash at both ends."""

    def __init__(self, path: str) -> None:
        self._html = html(path)

    async def answer(self, _request: Request) -> Response:
        """Answer a browser that opens a page."""
        return HTMLResponse(self._html, headers={"cache-control": "no-cache"})


def html(path: str) -> str:
    """Streamlit's HTML with the address of the server, as its script reads it from `window.__streamlit`."""
    address = json.dumps(path).replace("<", "\\u003c")
    script = f"<script>window.__streamlit = {{ BACKEND_BASE_URL: window.location.origin + {address} }}</script>"
    return INDEX.read_text(encoding="utf-8").replace(HEAD, HEAD + script, 1)
