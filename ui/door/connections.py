"""Bound the websockets of visitors, so that connections which say nothing shut nobody out."""

import asyncio
import sys
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.door import guesses

FILES_EACH, FILES_KEPT = 4, 512
MOST, LEAST = 4000, 16
SILENT_EACH, SILENCE_S = 32, 20.0
HIGHEST_FILE_LIMIT = 65_536
TRY_AGAIN_LATER = 1013


@dataclass(eq=False)
class Connection:
    """A websocket. `has_spoken`: a browser speaks at once; a connection that has not is the first to be closed."""

    address: str
    has_spoken: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class Connections:
    """Middleware that keeps at most `most` websockets, half of them from one address, and closes silent ones.

    A websocket on which the visitor says nothing is closed after `SILENCE_S` seconds, and before when its address has more
    than `SILENT_EACH` silent ones or the server is full. If no silent one is left to close, a new websocket gets 503.
    `connected`: the list in which the open websockets are kept.
    """

    def __init__(self, app: ASGIApp, *, most: int, connected: "list[Connection] | None" = None) -> None:
        self.app, self.most = app, most
        self._open = [] if connected is None else connected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        mine = Connection(guesses.network(scope["client"][0] if scope.get("client") else None))
        if not self._has_room_for(mine):
            full = PlainTextResponse(
                "Litmus has as many visitors as it can serve: try again in a few minutes.\n",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
            await full(scope, receive, send)
            return
        self._open.append(mine)
        try:
            await self.app(scope, _watched(mine, receive), send)
        finally:
            self._open.remove(mine)
        if mine.closed.is_set():
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    def _has_room_for(self, new: Connection) -> bool:
        """Whether there is room for a further websocket, after silent ones were closed to make room."""
        alive = [each for each in self._open if not each.closed.is_set()]
        theirs = [each for each in alive if each.address == new.address]
        silent = [each for each in theirs if not each.has_spoken]
        others = [each for each in alive if not each.has_spoken]
        is_full = len(alive) >= self.most
        if len(silent) >= SILENT_EACH or (silent and len(theirs) >= self.most // 2):
            silent[0].closed.set()
        elif is_full and others:
            others[0].closed.set()
        else:
            return not is_full and len(theirs) < max(1, self.most // 2)
        return True


def most_connections() -> int:
    """How many websockets the limit on open files of this process allows, at most `MOST`."""
    if sys.platform == "win32":
        return MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = HIGHEST_FILE_LIMIT if soft == resource.RLIM_INFINITY else soft
    return max(LEAST, min(MOST, (limit - FILES_KEPT) // FILES_EACH))


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it, since each visitor takes about four."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = HIGHEST_FILE_LIMIT if hard == resource.RLIM_INFINITY else min(hard, HIGHEST_FILE_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))


def _watched(mine: Connection, receive: Receive) -> Receive:
    """`receive` of a websocket, which says that the visitor has gone when a silent websocket is to be closed."""

    async def watched() -> Message:
        if mine.has_spoken:
            return await receive()
        heard, told = asyncio.ensure_future(receive()), asyncio.ensure_future(mine.closed.wait())
        try:
            await asyncio.wait((heard, told), timeout=SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                message: Message = heard.result()
                mine.has_spoken = message["type"] == "websocket.receive"
                return message
        finally:
            heard.cancel()
            told.cancel()
        mine.closed.set()
        return {"type": "websocket.disconnect", "code": TRY_AGAIN_LATER}

    return watched
