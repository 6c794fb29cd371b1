"""Find the proxy for calls to an endpoint; calls to an endpoint on this machine never use a proxy."""

import ipaddress
import urllib.request

from yarl import URL

from core.errors import ProviderRefused


def proxy_for(address: URL) -> str | None:
    """Return the proxy that this machine's environment names for an address; None for a direct call.

    Meant to be looked up once per client: aiohttp on its own looks the proxy up for every request. Raises
    `ProviderRefused` for a proxy that is not http or https.
    """
    if address.host is None or _is_loopback(address.host) or urllib.request.proxy_bypass(address.host):
        return None
    known = urllib.request.getproxies()
    proxy = known.get(address.scheme) or known.get("all")
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        raise ProviderRefused(
            f"The proxy {URL(proxy).with_user(None) if '://' in proxy else proxy} that this machine's environment names cannot "
            "be used: write it as http://host:port, or add the endpoint's host to NO_PROXY."
        )
    return proxy


def shown(address: URL) -> str | None:
    """Return the proxy for an address without its user and password; None for a direct call."""
    try:
        proxy = proxy_for(address)
    except ProviderRefused:
        return None
    return str(URL(proxy).with_user(None)) if proxy else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")
