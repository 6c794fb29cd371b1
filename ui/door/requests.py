"""The id of each request, which stands in its answer and in the log, and how long the request took."""

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import log
from ui.door.metrics import Seconds

logger = logging.getLogger(__name__)
GIVEN = re.compile(r"[0-9A-Za-z_-]{8,64}")
NAMED = ("_stcore", "-", "component", "healthz", "media", "metrics", "static")


class Requests:
    """Middleware that gives each request an id, or keeps the proxy's `X-Request-Id`, and logs and counts requests over HTTP.

    The log has the first part of an address only: what follows, and the query, may hold a link's token or a name. `path`: the
    path of the dashboard; `pages`: the addresses of its pages.
    """

    def __init__(self, app: ASGIApp, *, path: str, pages: frozenset[str], seconds: Seconds) -> None:
        self.app, self.path, self.seconds = app, path, seconds
        self.known = pages | set(NAMED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request, began, status = log.begin_request(given if GIVEN.fullmatch(given) else ""), time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            if scope["type"] == "http":
                self.seconds.add("http", seconds)
            level = logging.WARNING if status >= 500 else logging.INFO
            what = scope.get("method", "websocket")
            logger.log(level, "%s /%s %d in %.0f ms", what, self._first(scope["path"]), status or 101, 1000 * seconds)

    def _first(self, address: str) -> str:
        first = address.removeprefix(self.path).lstrip("/").partition("/")[0]
        return first if first in self.known or not first else "..."
