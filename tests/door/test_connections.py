"""Websockets on which nobody speaks shut no visitor out."""

import asyncio
import resource
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import psutil
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from tests.e2e.conftest import Server
from tests.ports import free_port
from tests.websocket_rater import Tab
from ui.door import connections

IDLE = 250


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A websocket that says back what it hears."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
def echoing() -> Iterator[str]:
    """The address of a server with room for forty websockets, twenty from each address."""
    port = free_port()
    options = uvicorn.Config(
        connections.Connections(echo, most=40), port=port, ws="websockets-sansio", lifespan="off", log_level="error"
    )
    server = uvicorn.Server(options)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class Crowd:
    """Opens websockets, and closes them all in the end."""

    def __init__(self, http: aiohttp.ClientSession, opened: AsyncExitStack) -> None:
        self.http, self._opened = http, opened

    async def open(self, url: str, **how: Any) -> aiohttp.ClientWebSocketResponse:
        return await self._opened.enter_async_context(self.http.ws_connect(url, **how))

    async def speak(self, url: str, **headers: str) -> aiohttp.ClientWebSocketResponse:
        opened = await self.open(url, headers=headers)
        await opened.send_str("hello")
        assert await opened.receive_str(timeout=20) == "hello"
        return opened


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, AsyncExitStack() as opened:
        yield Crowd(http, opened)


async def still_open(idle: list[aiohttp.ClientWebSocketResponse]) -> int:
    """How many of these websockets the server has not closed."""
    heard = await asyncio.gather(*(each.receive(timeout=3) for each in idle), return_exceptions=True)
    return sum(isinstance(each, TimeoutError) for each in heard)


@pytest.mark.slow
def test_silent_websockets_make_room_and_speaking_ones_stay(echoing: str) -> None:
    async def left() -> int:
        async with crowd() as people:
            first = await people.speak(echoing)
            idle = [await people.open(echoing) for _ in range(IDLE)]
            last = await people.speak(echoing)
            for each in (first, last):
                await each.send_str("again")
                assert await each.receive_str(timeout=20) == "again"
            return await still_open(idle)

    assert asyncio.run(left()) <= 20


@pytest.mark.slow
def test_one_address_cannot_take_every_place_and_a_full_server_says_so(echoing: str) -> None:
    async def answers() -> tuple[int, int, str]:
        async with crowd() as people:
            kept = [await people.speak(echoing, **{"X-Forwarded-For": "203.0.113.7"}) for _ in range(20)]
            refused = await status(people, "203.0.113.7")
            kept += [await people.speak(echoing, **{"X-Forwarded-For": "203.0.113.8"}) for _ in range(20)]
            full = await status(people, "203.0.113.9")
            await kept[0].close()
            await asyncio.sleep(0.2)
            await people.speak(echoing, **{"X-Forwarded-For": "203.0.113.9"})
            return refused, full, "in"

    async def status(people: Crowd, address: str) -> int:
        with suppress(aiohttp.WSServerHandshakeError):
            await people.open(echoing, headers={"X-Forwarded-For": address})
            return 101
        return 503

    assert asyncio.run(answers()) == (503, 503, "in")


def test_the_number_of_websockets_follows_the_limit_on_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        assert connections.most_connections() == (1024 - connections.FILES_KEPT) // connections.FILES_EACH
        connections.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, connections.HIGHEST_FILE_LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_250_idle_websockets_do_not_shut_the_dashboard(server: Server) -> None:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    headers = {"Origin": server.url}

    async def come() -> tuple[bool, int]:
        async with crowd() as people:
            stream = f"{server.url}/_stcore/stream"
            idle = [await people.open(stream, headers=headers, protocols=["streamlit"]) for _ in range(IDLE)]
            tab = Tab(people.http, server.url, "jobs")
            await tab.open()
            left = await still_open(idle)
            is_in = "There is no study yet." in tab.texts() or "Jobs" in tab.texts()
            await tab.close()
            return is_in, left

    is_in, left = asyncio.run(come())

    assert is_in
    assert left <= connections.SILENT_EACH
    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0] >= min(
        connections.HIGHEST_FILE_LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    )
