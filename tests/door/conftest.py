"""A real server for the tests of a module, and requests with chosen headers."""

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.e2e.conftest import browser, dashboard
from tests.pages.conftest import home

__all__ = ["browser", "home"]


@dataclass(frozen=True)
class Answer:
    """An answer of the server: its status, its headers in lower case (the last of each name), and its text."""

    status: int
    headers: Mapping[str, str]
    text: str


def ask(port: int, path: str, *, method: str = "GET", at: str = "127.0.0.1", **headers: str) -> Answer:
    """Send a request with exactly these headers (`x_real_ip` is X-Real-Ip); without `host` it is the address itself."""
    connection = http.client.HTTPConnection(at, port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"host": f"{at}:{port}", **headers}.items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, answer.read().decode(errors="replace"))
    finally:
        connection.close()


async def handshake(port: int, *, at: str = "127.0.0.1", path: str = "", **headers: str) -> int:
    """The status with which the server answers a websocket's request: 101 if it is accepted."""
    sent = {"Host": f"{at}:{port}"} | {name.title().replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(
                f"http://{at}:{port}{path}/_stcore/stream", headers=sent, protocols=["streamlit"]
            ):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A dashboard without a password on loopback; a module may give it an ENVIRON of its own."""
    with dashboard(tmp_path_factory.mktemp("door") / "home", getattr(request.module, "ENVIRON", {})) as started:
        yield started
