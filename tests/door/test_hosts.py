"""The server answers to its own names only: other Hosts get 421 and other sites' pages no websocket, before a page runs."""

import asyncio

import pytest

from core import settings as settings_module
from core.errors import StudyError
from tests.door.conftest import ask, handshake
from tests.e2e.conftest import Server
from ui.door import hosts

ENVIRON = {"LITMUS_HOSTS": "litmus.example.org, Über.example"}
ADDRESSES = [
    "/",
    "/data",
    "/rate?campaign=x",
    "/_stcore/health",
    "/_stcore/host-config",
    "/media/x.csv",
    "/-/organiser",
]
FOREIGN = [
    "evil.example",
    "evil.example:8501",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.0.2.1",
    "0.0.0.0",
    "[::]",
]
OWN = [
    "localhost",
    "LOCALHOST:80",
    "127.0.0.1",
    "127.8.8.8:9",
    "[::1]:8501",
    "litmus.example.org",
    "xn--ber-goa.example:443",
]
MALFORMED = [
    "",
    "localhost, evil.example",
    "evil.example#localhost",
    "user@localhost",
    "localhost:",
    "a b",
    "localhost/x",
]


@pytest.mark.slow
@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_answers_421_to_a_name_that_is_not_the_servers(server: Server, path: str) -> None:
    answer = ask(server.port, path, host="evil.example")

    assert answer.status == 421
    assert answer.text.startswith(
        "Litmus does not answer to the name evil.example: if the name is yours, add it to LITMUS_HOSTS"
    )


@pytest.mark.slow
@pytest.mark.parametrize("host", FOREIGN + MALFORMED)
def test_a_request_for_another_host_and_its_websocket_are_refused(server: Server, host: str) -> None:
    assert ask(server.port, "/data", host=host).status in (400, 421)
    if host:
        assert asyncio.run(handshake(server.port, host=host, origin=f"http://{host}")) in (400, 421)


@pytest.mark.slow
@pytest.mark.parametrize("host", OWN)
def test_the_servers_own_names_are_answered_and_its_pages_connect(server: Server, host: str) -> None:
    assert ask(server.port, "/data", host=host).status == 200
    assert asyncio.run(handshake(server.port, host=host, origin=f"http://{host}")) == 101


@pytest.mark.slow
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:9", "null", "http://[", "https://127.0.0.1"]
)
def test_a_page_of_another_site_or_port_gets_no_websocket(server: Server, origin: str) -> None:
    assert asyncio.run(handshake(server.port, origin=origin)) == 403


@pytest.mark.slow
def test_a_program_without_a_page_connects(server: Server) -> None:
    assert asyncio.run(handshake(server.port)) == 101


@pytest.mark.slow
def test_the_address_at_which_a_connection_arrives_is_known_and_no_other() -> None:
    middleware = hosts.KnownHosts(nobody, names=frozenset())

    assert statuses(middleware, host="192.0.2.7:8501", arrived="192.0.2.7") == []
    assert statuses(middleware, host="192.0.2.7:8501", arrived="::ffff:192.0.2.7") == []
    assert statuses(middleware, host="[2001:db8::7]", arrived="2001:db8::7") == []
    assert statuses(middleware, host="192.0.2.8", arrived="192.0.2.7") == [421]


def test_hosts_are_read_from_the_settings() -> None:
    read = settings_module.load({"LITMUS_HOSTS": " Litmus.example.org,, über.example ,[::1]"})

    assert read.hosts == ("litmus.example.org", "xn--ber-goa.example", "[::1]")
    assert settings_module.load({}).hosts == ()


@pytest.mark.parametrize("name", ["https://litmus.example.org", "*.example.org", "a/b", "a b"])
def test_a_host_that_is_no_name_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(StudyError, match="LITMUS_HOSTS must be host names with commas between them"):
        settings_module.load({"LITMUS_HOSTS": name})


async def nobody(*_asgi: object) -> None:
    """An application that answers nothing."""


def statuses(middleware: hosts.KnownHosts, *, host: str, arrived: str) -> list[int]:
    return [message["status"] for message in _sent(middleware, host=host, arrived=arrived) if "status" in message]


def _sent(middleware: hosts.KnownHosts, *, host: str, arrived: str) -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "server": (arrived, 8501),
        "headers": [(b"host", host.encode())],
        "method": "GET",
        "path": "/",
    }
    asyncio.run(middleware(scope, receive, send))  # type: ignore[arg-type]
    return sent
