"""Whether a visitor can only be on this machine, or may have come from another by a proxy or tunnel."""

from collections.abc import Mapping

import streamlit as st
from streamlit import config

from ui.door import hosts

PROXY = {
    "cdn-loop",
    "client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    "x-scheme",
}
PROXIES = (
    "cf-",
    "fastly-",
    "fly-",
    "tailscale-",
    "x-amzn-",
    "x-appengine-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
    "x-proxy",
)


def why_not_local() -> str:
    """The sign that this session's visitor may be on another machine, as the start of a sentence; "" without a sign."""
    return why_not_from_here(dict(st.context.headers.items()))


def why_not_from_here(headers: Mapping[str, str]) -> str:
    """The sign that the visitor with these headers may be on another machine, as the start of a sentence; "" without a sign."""
    if not hosts.is_loopback(config.get_option("server.address")):
        return "This server can be reached by others"
    return sign_of_a_proxy(headers)


def sign_of_a_proxy(headers: Mapping[str, str]) -> str:
    """The sign that a request came by a proxy or tunnel, as the start of a sentence; "" without a sign.

    A proxy may add nothing but the name by which it was reached, so a Host that is not of loopback is a sign as well.
    """
    for name in headers:
        if name.lower() in PROXY or name.lower().startswith(PROXIES):
            return f"This request came by a proxy or tunnel, as its header {name.title()} shows"
    host = next((value for name, value in headers.items() if name.lower() == "host"), None)
    if host is not None and not hosts.is_loopback(hosts.name_of(host)):
        return f"This request came for the host name {hosts.name_of(host) or 'of another machine'}"
    return ""
