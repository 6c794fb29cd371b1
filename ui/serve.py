"""`python -m ui.serve`: the dashboard, ready before its first visitor comes. Options are those of `streamlit run`.

Streamlit would show its own menu of the folder `pages` to the first visitor of a server, until `st.navigation` has run
once; and that visitor would wait for every import. Both are settled here, before the server opens. The server also marks
a browser that opens a rater's link with the very answer to it, and keeps a sign-in where no script of a page can read it.
"""

import asyncio
import gc
import sys
import time
import tomllib
import types
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import cli_util, config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.web import bootstrap, cli
from streamlit.web.server import server_util

import ui
from core import settings as settings_module
from core.analysis import report
from core.settings import Settings
from core.synthesis.generation import generation
from ui.frame import access

WARM = (ui, report, generation)
APP = Path(__file__).parents[1] / "app.py"
INSTALLED = Path(sys.prefix) / "share" / "litmus" / "config.toml"
MOMENT = 0.5


def main() -> None:
    PagesManager.uses_pages_directory = False
    _collect_less()
    asked = cli.main_run.make_context("streamlit run", [str(APP), *sys.argv[1:]]).params
    options = {name.replace("_", "."): value for name, value in asked.items() if value not in (None, ())}
    del options["target"]
    options = _installed_options() | options
    sys.argv = [str(APP)]
    bootstrap.load_config_options(options)
    served(settings_module.load()).run(config=options)


def served(settings: Settings) -> st.App:
    """The dashboard as a web application that marks raters' browsers and keeps sign-ins; for `main`."""
    path = access.cookie_path()

    async def sign_in(request: Request) -> Response:
        return _answer_to_sign_in(request, settings, path)

    return st.App(
        APP,
        middleware=[Middleware(RaterMark, name=access.cookie_names(settings.home).rater, path=path)],
        routes=[Route(path + access.ROUTE, sign_in, methods=["POST", "DELETE"])],
        lifespan=_opens_a_browser,
    )


class RaterMark:
    """Middleware: whatever answers the link of a session also marks the browser. Scripts may read the mark: it is no secret."""

    def __init__(self, app: ASGIApp, *, name: str, path: str) -> None:
        self.app, self.name, self.path = app, name, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = parse_qs(scope["query_string"]).get(b"campaign", []) if scope["type"] == "http" else []
        if not asked or not await run_in_threadpool(access.is_a_campaign, asked[0].decode(errors="replace")):
            await self.app(scope, receive, send)
            return
        marking = Response()
        marking.set_cookie(
            self.name, "1", max_age=access.MARKED, path=self.path, secure=_is_encrypted(scope), samesite="lax"
        )

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", marking.headers["set-cookie"])
            await send(message)

        await self.app(scope, receive, send_marked)


def _answer_to_sign_in(request: Request, settings: Settings, path: str) -> Response:
    """POST keeps the token in the header if it is a good one, DELETE forgets it. A header, so no other site can ask."""
    answer, token = Response(status_code=HTTPStatus.NO_CONTENT), request.headers.get(access.HEADER, "")
    lasts = access.SIGNED_IN if request.method == "POST" else 0
    if lasts and not (settings.password and access.is_signed(settings.home, settings.password, token, now=time.time())):
        return Response(status_code=HTTPStatus.FORBIDDEN)
    answer.set_cookie(
        access.cookie_names(settings.home).organiser,
        token,
        max_age=lasts,
        path=path,
        secure=_is_encrypted(request.scope),
        httponly=True,
        samesite="strict",
    )
    return answer


def _installed_options() -> dict[str, Any]:
    """The settings that come with an installed Litmus; in a folder with settings of its own, Streamlit reads those itself."""
    if Path(".streamlit/config.toml").exists() or not INSTALLED.exists():
        return {}
    return dict(_flat(tomllib.loads(INSTALLED.read_text(encoding="utf-8"))))


def _flat(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _collect_less() -> None:
    """Streamlit searches all memory for garbage after every run of a page, 190 ms of CPU a click with what is imported
    here. What is imported once is left out of that, and only the young objects of a run are searched; full searches
    come by the interpreter's own count.
    """
    gc.collect()
    gc.freeze()
    script_runner.gc = types.SimpleNamespace(collect=lambda _generation=2: gc.collect(1))  # type: ignore[assignment, attr-defined]


def _is_encrypted(scope: Scope) -> bool:
    """Whether the browser speaks TLS, with this server or with the proxy in front of it."""
    return "https" in (scope["scheme"], Headers(scope=scope).get("x-forwarded-proto"))


@asynccontextmanager
async def _opens_a_browser(_app: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """Open the dashboard for who started it, as `streamlit run` does, as soon as the server listens."""
    if not config.get_option("server.headless"):
        named = "browser.serverAddress" if config.is_manually_set("browser.serverAddress") else "server.address"
        url = server_util.get_url(server_util.get_display_address(config.get_option(named) or "localhost"))
        asyncio.get_running_loop().call_later(MOMENT, cli_util.open_browser, url)
    yield None


if __name__ == "__main__":
    main()
