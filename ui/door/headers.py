"""The headers that every answer carries, so that a browser neither frames Litmus nor runs or loads anything foreign in it."""

import base64
import hashlib
import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.door import start_page

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Streamlit's own counters name internal functions, its interface for programs runs pages without a browser, and its own sign-in
# keeps the provider's tokens in the browser for 30 days, with no way to end a sign-in before.
CLOSED = ("_stcore/metrics", "_stcore/agent/", "auth/")


class SecurityHeaders:
    """ASGI application that adds the security headers to every answer of another application, and `Secure` to its cookies on TLS.

    Addresses of Streamlit that Litmus has no use for are answered with 404. `path`: the path of the dashboard.
    """

    def __init__(self, app: ASGIApp, *, path: str) -> None:
        self.app, self.path, self.headers = app, path, security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(self.headers)
                if is_encrypted(scope):
                    message["headers"] = [(name, _only_by_tls(name, value)) for name, value in message["headers"]]
            await send(message)

        app = self.app
        if scope["type"] == "http" and scope["path"].startswith(tuple(self.path + closed for closed in CLOSED)):
            app = PlainTextResponse("Litmus does not serve this address.\n", HTTPStatus.NOT_FOUND)
        await app(scope, receive, send_with_headers)


def is_encrypted(scope: Scope) -> bool:
    """Whether the browser's connection uses TLS, to this server or to a proxy in front of it."""
    proxied = Headers(scope=scope).get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" in (scope["scheme"], proxied)


def security_headers() -> dict[str, str]:
    """Names and values of the headers that every answer carries."""
    return {
        "content-security-policy": "; ".join(
            f"{directive} {sources}" for directive, sources in _policy(start_page.html()).items()
        ),
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }


def _only_by_tls(name: bytes, value: bytes) -> bytes:
    """The value of a header; a cookie gets the attribute Secure if it lacks it."""
    attributes = [each.strip().lower() for each in value.split(b";")]
    return value + b"; Secure" if name.lower() == b"set-cookie" and b"secure" not in attributes else value


def _policy(index: str) -> dict[str, str]:
    """The content security policy: everything from this server, inline scripts only as Streamlit's own page has them.

    Styles may be inline, since Streamlit writes them; `blob:` is where it keeps the scripts of components and its workers.
    """
    return {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'wasm-unsafe-eval' {' '.join(_hashes(INLINE_SCRIPT.findall(index)))}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def _hashes(scripts: Iterable[str]) -> list[str]:
    return [f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts]
