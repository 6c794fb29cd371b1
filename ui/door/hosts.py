"""The names that the server answers to; a request with another Host, or a websocket from another page, reaches no page.

A web page whose name is re-bound to this machine's address would otherwise read and steer the dashboard as if it belonged to
it: the browser takes both for the same site.
"""

import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

HOST = re.compile(r"(?P<name>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?", re.IGNORECASE)
EVERY_ADDRESS = {"0.0.0.0", "::", ""}


class KnownHosts:
    """Middleware that answers 421 to a request whose Host is unknown, and 403 to a websocket of another site's page.

    `names`: the names of the server beside those of loopback and the address at which a connection arrives.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_known(hosts[0], scope):
            return PlainTextResponse(_unknown(hosts), HTTPStatus.MISDIRECTED_REQUEST)
        if scope["type"] == "websocket" and not all(self._is_own(origin, hosts[0]) for origin in origins):
            return PlainTextResponse(
                "A page of another site may not connect to Litmus: open Litmus by its own address.\n",
                HTTPStatus.FORBIDDEN,
            )
        return None

    def _is_known(self, host: str, scope: Scope) -> bool:
        name, arrived = name_of(host), scope.get("server")
        return is_loopback(name) or name in self.names or bool(arrived and name and _same_address(name, arrived[0]))

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a websocket comes from a page of this server, by the same host and port or by a configured name."""
        try:
            place = urlsplit(origin).netloc
        except ValueError:
            return False
        name = name_of(place)
        return place.lower() == host.lower() or (name in self.names and not is_loopback(name))


def configured(names: Iterable[str]) -> frozenset[str]:
    """The given names of this server, and the addresses in Streamlit's options `server.address`, `browser.serverAddress`."""
    addresses = [config.get_option("server.address")]
    if config.is_manually_set("browser.serverAddress"):
        addresses.append(config.get_option("browser.serverAddress"))
    return frozenset(name for each in [*names, *addresses] if (name := name_of(_bracketed(each or "")))) - EVERY_ADDRESS


def name_of(host: str) -> str | None:
    """The name or address in a Host header, in lower case without port, brackets and final dot; None if it has none."""
    found = HOST.fullmatch(host)
    return found["name"].lower().strip("[]").removesuffix(".") or None if found else None


def is_loopback(name: str | None) -> bool:
    """Whether a name or address means the machine itself to every browser."""
    if name == "localhost":
        return True
    try:
        return name is not None and ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _same_address(name: str, arrived: str) -> bool:
    try:
        named, address = ipaddress.ip_address(name), ipaddress.ip_address(arrived.partition("%")[0])
    except ValueError:
        return False
    return named in (address, getattr(address, "ipv4_mapped", None))


def _bracketed(address: str) -> str:
    return f"[{address}]" if address.count(":") > 1 and not address.startswith("[") else address


def _unknown(hosts: list[str]) -> str:
    name = f"to the name {name_of(hosts[0])}" if len(hosts) == 1 and name_of(hosts[0]) else "to this request's Host"
    return f"Litmus does not answer {name}: if the name is yours, add it to LITMUS_HOSTS and start the server again.\n"
