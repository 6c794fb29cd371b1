"""`python -m ui.serve`: start the dashboard's web server. The options are those of `streamlit run`.

Beyond `streamlit run`, this server
- answers to its own names only, so that no other site's page can use the dashboard, bounds its websockets, and takes files from
  organisers only;
- imports the dashboard before it accepts visitors, so that the first visitor does not wait for imports;
- switches off Streamlit's own menu of the folder `pages`, which the first visitor would see until `st.navigation` runs;
- sets the rater mark as a cookie in the response to a rater's link, and the sign-in as a cookie that scripts cannot read.

Some of this uses modules of Streamlit that are not part of its public interface; `tests/pages/test_streamlit_internals.py`
says which, and fails with a message if a new version has moved them.
"""

import asyncio
import functools
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
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
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
from core import log
from core import settings as settings_module
from core.analysis.reports import report
from core.jobs import runner
from core.settings import Settings
from core.synthesis.generation import generation
from ui.door import connections, headers, health, hosts, metrics, requests, start_page, tokens, uploads
from ui.door.oidc import routes as oidc_routes
from ui.frame import access, frame, runs

IMPORTED_EARLY = (ui, report, generation)
APP = Path(__file__).parents[1] / "app.py"
INSTALLED = Path(sys.prefix) / "share" / "litmus" / "config.toml"
MOMENT = 0.5  # seconds from the start of the server to the browser


def main() -> None:
    """Start the server with the options of the command line."""
    PagesManager.uses_pages_directory = False
    collect_less()
    connections.raise_file_limit()
    params = cli.main_run.make_context("streamlit run", [str(APP), *sys.argv[1:]]).params
    options = {name.replace("_", "."): value for name, value in params.items() if value not in (None, ())}
    del options["target"]
    options = _installed_options() | options
    settings = settings_module.load()
    log.use(settings.log, sys.stderr)
    runner.replace(settings)
    uvicorn.Config = functools.partial(uvicorn.Config, server_header=False)  # type: ignore[misc, assignment]
    sys.argv = [str(APP)]
    bootstrap.load_config_options(options)
    dashboard(settings).run(config=options)


class Dashboard(st.App):
    """Streamlit's web application, whose every answer carries the security headers, also an answer about an error."""

    def __init__(self, script: Path, **how: Any) -> None:
        super().__init__(script, **how)
        self._with_headers = headers.SecurityHeaders(super().__call__, path=access.cookie_path())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._with_headers(scope, receive, send)


def dashboard(settings: Settings) -> st.App:
    """The dashboard as a web application that sets the cookies of raters and organisers."""
    path, seconds = access.cookie_path(), runs.seconds()
    connected: list[connections.Connection] = []
    pages = frozenset(address for of_group in frame.PAGES.values() for _, address, _ in of_group) | {"rate"}

    async def sign_in(request: Request) -> Response:
        return _answer_to_sign_in(request, settings, path)

    routes = [
        Route(path + access.ROUTE, sign_in, methods=["POST", "DELETE"]),
        Route(path + health.ROUTE, health.Health(settings).answer),
        *(Route(path + page, start_page.StartPage().answer) for page in ("", *sorted(pages))),
        *_routes_of_the_provider(settings, path),
    ]
    if settings.metrics is not None:
        shown = metrics.Metrics(settings.metrics, seconds, lambda: len(connected))
        routes.append(Route(path + metrics.ROUTE, shown.answer))
    return Dashboard(
        APP,
        middleware=[
            Middleware(requests.Requests, path=path, pages=pages, seconds=seconds),
            Middleware(hosts.KnownHosts, names=hosts.configured(settings.hosts)),
            Middleware(connections.Connections, most=connections.most_connections(), connected=connected),
            Middleware(uploads.Uploads, path=path, may_upload=access.may_upload),
            Middleware(RaterMark, name=access.cookie_names(settings.home).rater, path=path),
        ],
        routes=routes,
        lifespan=functools.partial(_started, settings),
    )


class RaterMark:
    """Middleware that sets the rater mark as a cookie in the response to a campaign's link.

    `name`, `path`: of the cookie. Scripts may read the cookie: it is no secret.
    """

    def __init__(self, app: ASGIApp, *, name: str, path: str) -> None:
        self.app, self.name, self.path = app, name, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode("latin-1") if scope["type"] == "http" else ""
        tokens = parse_qs(query, errors="replace").get("campaign", [])
        if not tokens or not await run_in_threadpool(access.is_of_campaign, tokens[0]):
            await self.app(scope, receive, send)
            return
        marked = Response()
        marked.set_cookie(self.name, "1", max_age=access.MARKED, path=self.path, samesite="lax")

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", marked.headers["set-cookie"])
            await send(message)

        await self.app(scope, receive, send_marked)


def _answer_to_sign_in(request: Request, settings: Settings, path: str) -> Response:
    """POST sets the sign-in cookie to the token in the header, or answers 403 if the token is not valid; DELETE clears it.

    The token comes in a custom header because other sites cannot send one.
    """
    response, token = Response(status_code=HTTPStatus.NO_CONTENT), request.headers.get(access.HEADER, "")
    names = access.cookie_names(settings.home)
    keep = functools.partial(response.set_cookie, path=path, httponly=True, samesite="strict")
    if request.method == "DELETE":
        keep(names.organiser, "", max_age=0)
        return response
    secret, now = settings.organiser_secret, time.time()
    who = access.signed_in_as(settings, token, now=now)
    if who is None:
        return Response(status_code=HTTPStatus.FORBIDDEN)
    keep(names.organiser, token, max_age=access.SIGNED_IN)
    if who is not access.Visitor.ORGANISER or secret is None:
        return response
    known = tokens.sign(settings.home, secret, expires=now + access.KNOWN, purpose="known")
    keep(names.known, known, max_age=access.KNOWN)
    return response


def _routes_of_the_provider(settings: Settings, path: str) -> list[Route]:
    """The addresses of the sign-in at the provider; [] without a provider."""
    if settings.oidc is None:
        return []
    oidc, names = settings.oidc, access.cookie_names(settings.home)

    def let_in(answer: Response, is_organiser: bool) -> None:
        purpose = access.PURPOSES[access.Visitor.ORGANISER if is_organiser else access.Visitor.VIEWER]
        expires = time.time() + access.SIGNED_IN
        token = tokens.sign(settings.home, oidc.sign_in_secret, expires=expires, purpose=purpose)
        keep = functools.partial(answer.set_cookie, path=path)
        keep(names.organiser, token, max_age=access.SIGNED_IN, httponly=True, samesite="strict")
        keep(names.rater, "", max_age=0, samesite="lax")

    door = oidc_routes.Door(oidc, settings.home, path, names.provider, let_in)
    return [Route(path + oidc_routes.BEGIN, door.begin), Route(path + oidc_routes.BACK, door.finish)]


def _installed_options() -> dict[str, Any]:
    """The Streamlit settings shipped with an installed Litmus; {} in a folder with its own `.streamlit/config.toml`."""
    if Path(".streamlit/config.toml").exists() or not INSTALLED.exists():
        return {}
    return dict(_flat(tomllib.loads(INSTALLED.read_text(encoding="utf-8"))))


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as pairs of a dotted name and its value."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def collect_less() -> None:
    """Make garbage collection after each run of a page cheaper: 190 ms of CPU a click with what is imported here.

    Streamlit runs a full collection after every run of a page. Imported modules are frozen out of collections, and the
    collection after a run is limited to young objects; the interpreter still decides when to run full collections.
    """
    gc.collect()
    gc.freeze()
    script_runner.gc = types.SimpleNamespace(collect=lambda _generation=2: gc.collect(1))  # type: ignore[assignment, attr-defined]


@asynccontextmanager
async def _started(settings: Settings, _app: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """Open the dashboard in a browser shortly after the server starts, unless `server.headless` is set.

    The log is set up once more, since Streamlit and its server have made loggers of their own on the way.
    """
    log.use(settings.log, sys.stderr)
    if not config.get_option("server.headless"):
        option = "browser.serverAddress" if config.is_manually_set("browser.serverAddress") else "server.address"
        url = server_util.get_url(server_util.get_display_address(config.get_option(option) or "localhost"))
        asyncio.get_running_loop().call_later(MOMENT, cli_util.open_browser, url)
    yield None


if __name__ == "__main__":
    main()
