"""Which proxy a call to an endpoint goes through; an endpoint on this machine is never asked through one."""

import ipaddress
import urllib.request

from yarl import URL

from core.errors import ProviderRefused


def proxy_for(address: URL) -> str | None:
    """The proxy that this machine's settings name, looked up once: aiohttp by itself does it for every request."""
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
    """The proxy that calls to an address go through, without a user or password; None when there is none."""
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
