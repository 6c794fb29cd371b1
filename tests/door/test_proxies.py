"""Any sign of a proxy or tunnel closes the organiser's pages of a server without a password."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.door.conftest import handshake
from tests.e2e.conftest import Server
from tests.websocket_rater import Tab
from ui.door import local
from ui.frame import access

ENVIRON = {"LITMUS_HOSTS": "litmus.example.org"}
NEEDED = "so the organiser's pages need a password: set LITMUS_PASSWORD and start the server again"
SIGNS = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "litmus.example.org"},
    {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"},
    {"CF-Connecting-IP": "203.0.113.7"},
    {"Cf-Ray": "1"},
    {"Via": "1.1 proxy"},
    {"True-Client-IP": "203.0.113.7"},
    {"Tailscale-User-Login": "someone"},
    {"Host": "litmus.example.org"},
]


async def seen(server: Server, path: str, **headers: str) -> str:
    """Everything that a page says to a visitor whose requests carry these headers."""
    async with aiohttp.ClientSession(headers=headers) as http:
        tab = Tab(http, server.url, path)
        if "Host" in headers:
            tab.origin = f"http://{headers['Host']}"
        await tab.open()
        text = "\n".join(tab.texts())
        await tab.close()
    return text.replace("\\", "")


@pytest.mark.slow
@pytest.mark.parametrize("headers", SIGNS, ids=lambda headers: next(iter(headers)))
def test_a_sign_of_a_proxy_without_a_password_shuts_the_pages_and_says_what_to_set(
    server: Server, headers: dict[str, str]
) -> None:
    text = asyncio.run(seen(server, "jobs", **headers))

    assert NEEDED in text
    assert "Jobs" not in text


@pytest.mark.slow
def test_a_raters_browser_behind_a_proxy_is_told_the_same(server: Server) -> None:
    text = asyncio.run(seen(server, "jobs", **SIGNS[0], Cookie=f"{rater_cookie(server)}=1"))

    assert "for the organisers of the study" in text
    assert NEEDED in text


@pytest.mark.slow
def test_a_visitor_on_this_machine_is_the_organiser(server: Server) -> None:
    assert "Jobs" in asyncio.run(seen(server, "jobs"))
    assert asyncio.run(handshake(server.port)) == 101


def test_headers_of_browsers_and_programs_are_no_sign_of_a_proxy() -> None:
    usual = [
        "User-Agent",
        "Accept",
        "Accept-Language",
        "Cookie",
        "Origin",
        "Sec-Fetch-Site",
        "DNT",
        "Upgrade",
        "Connection",
    ]

    assert local.sign_of_a_proxy({"Host": "localhost:8501"} | dict.fromkeys(usual, "x")) == ""
    assert local.sign_of_a_proxy({}) == ""


def rater_cookie(server: Server) -> str:
    return access.cookie_names(Path(server.environ["LITMUS_HOME"])).rater
