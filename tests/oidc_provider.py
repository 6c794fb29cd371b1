"""An OpenID Connect provider on loopback that checks what a strict provider checks, and has bad habits when it is told to.

Discovery, authorization code with PKCE, ID tokens signed with RS256, keys, and the second answer about a person. The sign-in page
lists the accounts; a click chooses an account, as after a right password.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "litmus", "a secret: with %/+ signs"
ACCOUNTS = {
    "olga": {"sub": "1001", "email": "Olga@example.org", "email_verified": True},
    "victor": {"sub": "1002", "email": "victor@example.org", "email_verified": True},
    "ursula": {"sub": "1003", "email": "olga@example.org", "email_verified": False},
    "nobody": {"sub": "1004", "email": "nobody@example.org", "email_verified": True},
    "by-subject": {"sub": "subject-7"},
    "sneaky": {"sub": "olga@example.org", "email": "sneaky@example.org", "email_verified": True},
}
ENVIRON = {
    "LITMUS_OIDC_CLIENT_ID": CLIENT,
    "LITMUS_OIDC_CLIENT_SECRET": SECRET,
    "LITMUS_OIDC_ORGANISERS": "olga@example.org, subject-7",
    "LITMUS_OIDC_VIEWERS": "Victor@Example.org",
}
# What is changed in the claims of an ID token, by the name of the habit.
CLAIMS: dict[str, Any] = {
    "wrong nonce": lambda now: {"nonce": "another"},
    "no nonce": lambda now: {"nonce": None},
    "expired token": lambda now: {"iat": now - 3600, "exp": now - 120},
    "token without an end": lambda now: {"exp": None},
    "token of the future": lambda now: {"iat": now + 3600, "exp": now + 7200},
    "wrong audience": lambda now: {"aud": "another-client"},
    "two audiences": lambda now: {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "wrong issuer": lambda now: {"iss": "https://elsewhere.example.org"},
    "no subject": lambda now: {"sub": None},
}
GONE = {"gone", "token refused", "keys gone", "not JSON", "endless answer", "calls itself otherwise"}
FORGED = {*CLAIMS, "unsigned", "signed by another", "signed with the secret", "no token", "about another person"}


@dataclass
class Provider:
    """A running provider. `habit`: its bad habit, "" without; `asked`: the paths that were asked for."""

    port: int = 0
    habit: str = ""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {**ENVIRON, "LITMUS_OIDC_ISSUER": self.issuer}

    def addresses(self) -> dict[str, Any]:
        return {
            "issuer": "https://elsewhere.example.org" if self.habit == "calls itself otherwise" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "code_challenge_methods_supported": ["S256"],
        }

    def id_token(self, code: Mapping[str, str]) -> str:
        now, account = int(time.time()), ACCOUNTS[code["account"]]
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code["nonce"], **account}
        if self.habit in ("tells the address apart", "about another person"):
            claims = {name: claims[name] for name in claims if not name.startswith("email")}
        claims |= CLAIMS.get(self.habit, lambda now: {})(now)
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.habit == "unsigned":
            head, body = (_base64(json.dumps(part).encode()) for part in ({"alg": "none"}, claims))
            return f"{head}.{body}."
        if self.habit == "signed with the secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
        key = RSAKey.generate_key(2048) if self.habit == "signed by another" else self.key
        return jwt.encode({"alg": "RS256", "kid": "first"}, claims, key)

    def exchanged(self, form: Mapping[str, str], authorization: str) -> dict[str, Any] | None:
        """The answer to a code, which is good for one exchange; None for a wrong code, client, address or verifier."""
        kind, _, pair = authorization.partition(" ")
        known = kind == "Basic" and [unquote(part) for part in base64.b64decode(pair).decode().split(":")]
        code = self.codes.pop(form.get("code", ""), None)
        verifier = _base64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_right = code is not None and known == [CLIENT, SECRET] and form.get("redirect_uri") == code["redirect_uri"]
        if code is None or not is_right or verifier != code["code_challenge"] or self.habit == "token refused":
            return None
        access = secrets.token_urlsafe()
        self.tokens[access] = code["account"]
        answer = {"access_token": access, "token_type": "Bearer", "id_token": self.id_token(code)}
        return {name: answer[name] for name in answer if name != "id_token" or self.habit != "no token"}


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        parts, habit = urlsplit(self.path), self.provider.habit
        self.provider.asked.append(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration" and habit == "endless answer":
            self._say(200, "text/plain", b"{" + b" " * 3_000_000 + b"}")
        elif parts.path == "/.well-known/openid-configuration" and habit == "not JSON":
            self._say(200, "text/html", b"<p>Please come back tomorrow</p>")
        elif parts.path == "/.well-known/openid-configuration" and habit != "gone":
            self._json(200, self.provider.addresses())
        elif parts.path == "/keys" and habit != "keys gone":
            key = self.provider.key.as_dict(private=False)
            self._json(200, {"keys": [{"kty": "XYZ", "kid": "unknown"}, key]})
        elif parts.path == "/userinfo":
            name = self.provider.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "), "nobody")
            self._json(200, ACCOUNTS["olga" if habit == "about another person" else name])
        elif parts.path == "/authorize":
            self._ask(query)
        else:
            self._json(503, {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        answer = self.provider.exchanged(form, self.headers.get("Authorization", ""))
        self._json(200 if answer else 400, answer or {"error": "invalid_grant"})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _ask(self, query: dict[str, str]) -> None:
        """The page on which people sign in: an account for each click."""
        is_right = query.get("client_id") == CLIENT and query.get("response_type") == "code"
        is_right = is_right and "openid" in query.get("scope", "") and query.get("code_challenge_method") == "S256"
        if not is_right or query.get("tenant") != "1":
            self._json(400, {"error": "invalid_request"})
            return
        back, links = query["redirect_uri"], []
        for name in ACCOUNTS:
            code = secrets.token_urlsafe()
            self.provider.codes[code] = {**query, "account": name}
            links.append((name, f"{back}?{urlencode({'code': code, 'state': query['state']})}"))
        links.append(("decline", f"{back}?{urlencode({'error': 'access_denied', 'state': query['state']})}"))
        page = "".join(f'<p><a href="{html.escape(address)}">{name}</a></p>' for name, address in links)
        self._say(200, "text/html", f"<!doctype html><title>Provider</title>{page}".encode())

    def _json(self, status: int, found: Mapping[str, Any]) -> None:
        self._say(status, "application/json", json.dumps(found).encode())

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"provider": provider}))
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
