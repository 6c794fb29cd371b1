"""What is asked of an OpenID Connect provider: its addresses, and who has signed in there, as its signed ID token says.

The flow is that of OpenID Connect Core 1.0, section 3.1 (code), with PKCE (RFC 7636). Every answer is checked before it is used:
the token's signature by the provider's keys, issuer, audience, nonce and times.
"""

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import truststore
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core.errors import StudyError
from core.settings import Oidc

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
KEY_TYPES = {"RSA", "EC", "OKP"}
SECONDS, MOST_BYTES, CLOCKS_APART_S = 10, 1_000_000, 60


class Reason(StrEnum):
    """Why a sign-in at the provider opened nothing."""

    GONE = "gone"
    UNTRUSTED = "untrusted"
    DECLINED = "declined"
    STALE = "stale"
    UNVERIFIED = "unverified"
    UNLISTED = "unlisted"


class Refused(StudyError):
    """A sign-in at the provider opened nothing. The message is for the log: it has no words of the provider or of a person."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Attempt:
    """What belongs to one sign-in. `redirect_uri`: where the browser comes back. `verifier`: the secret of PKCE."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True)
class Person:
    """Who has signed in. `email`: in lower case, "" without. `is_verified`: whether the provider says that the address is theirs."""

    subject: str
    email: str
    is_verified: bool


async def address_to_sign_in(oidc: Oidc, attempt: Attempt) -> str:
    """The provider's address to which the browser goes. Raises `Refused` if the provider does not answer as it should."""
    async with _client() as client:
        endpoint = _endpoint(await _addresses(client, oidc), "authorization_endpoint", oidc)
    asked = {
        "response_type": "code",
        "client_id": oidc.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": "openid email",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": _base64(hashlib.sha256(attempt.verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "prompt": "select_account",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


async def person(oidc: Oidc, attempt: Attempt, code: str) -> Person:
    """Who has signed in, for the code with which the browser came back.

    Raises `Refused` if the provider does not answer as it should, or its answer cannot be trusted.
    """
    async with _client() as client:
        addresses = await _addresses(client, oidc)
        answer = await _exchanged(client, addresses, oidc, attempt, code)
        keys = await _json(client.get(_endpoint(addresses, "jwks_uri", oidc), allow_redirects=False))
        claims = checked_claims(oidc, str(answer.get("id_token") or ""), keys, nonce=attempt.nonce)
        if (
            not {"email", "email_verified"} <= claims.keys()
            and addresses.get("userinfo_endpoint")
            and answer.get("access_token")
        ):
            claims = claims | await _user_info(client, addresses, oidc, str(answer["access_token"]), claims["sub"])
    email = str(claims.get("email") or "").strip().lower()
    return Person(claims["sub"], email, is_verified=claims.get("email_verified") in (True, "true"))


def checked_claims(oidc: Oidc, id_token: str, keys: Mapping[str, Any], *, nonce: str) -> dict[str, Any]:
    """What an ID token says. Raises `Refused` unless it was signed for this sign-in, by this provider, for Litmus, and holds."""
    rules = jwt.JWTClaimsRegistry(
        leeway=CLOCKS_APART_S,
        iss={"essential": True, "value": oidc.issuer},
        aud={"essential": True, "value": oidc.client_id},
        nonce={"essential": True, "value": nonce},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        usable = [key for key in keys["keys"] if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
        claims = jwt.decode(id_token, KeySet.import_key_set({"keys": usable}), algorithms=ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(Reason.UNTRUSTED, f"the ID token does not hold: {type(error).__name__}") from None
    audience = claims["aud"]
    parties = {oidc.client_id} if isinstance(audience, str) or len(audience) == 1 else {claims.get("azp")}
    if not isinstance(claims["sub"], str) or parties != {oidc.client_id}:
        raise Refused(Reason.UNTRUSTED, "the ID token is for another client, or names nobody")
    return dict(claims)


def _client() -> aiohttp.ClientSession:
    trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust), timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True
    )


async def _addresses(client: aiohttp.ClientSession, oidc: Oidc) -> dict[str, Any]:
    """The provider's addresses, as it lists them under its own URL."""
    found = await _json(
        client.get(f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration", allow_redirects=False)
    )
    if found.get("issuer") != oidc.issuer:
        raise Refused(Reason.GONE, "the provider calls itself otherwise than LITMUS_OIDC_ISSUER")
    return found


async def _exchanged(
    client: aiohttp.ClientSession, addresses: Mapping[str, Any], oidc: Oidc, attempt: Attempt, code: str
) -> dict[str, Any]:
    """The provider's answer to a code: the ID token and an access token."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    headers, ways = {}, addresses.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in ways:
        pair = f"{quote(oidc.client_id, safe='')}:{quote(oidc.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": oidc.client_id, "client_secret": oidc.client_secret}
    return await _json(
        client.post(_endpoint(addresses, "token_endpoint", oidc), data=form, headers=headers, allow_redirects=False)
    )


async def _user_info(
    client: aiohttp.ClientSession, addresses: Mapping[str, Any], oidc: Oidc, access_token: str, subject: str
) -> dict[str, Any]:
    """The e-mail address of a person from the provider's second answer, for providers that leave it out of the ID token."""
    headers = {"Authorization": f"Bearer {access_token}"}
    endpoint = _endpoint(addresses, "userinfo_endpoint", oidc)
    found = await _json(client.get(endpoint, headers=headers, allow_redirects=False))
    if found.get("sub") != subject:
        raise Refused(Reason.UNTRUSTED, "the provider's two answers are about different people")
    return {name: found.get(name) for name in ("email", "email_verified")} if "email" in found else {}


def _endpoint(addresses: Mapping[str, Any], name: str, oidc: Oidc) -> str:
    """An address of the provider, as well encrypted as the provider's own URL."""
    address = addresses.get(name)
    scheme = oidc.issuer.partition(":")[0]
    if not isinstance(address, str) or not address.startswith(("https://", f"{scheme}://")):
        raise Refused(Reason.GONE, f"the provider lists no usable {name}")
    return address


async def _json(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> dict[str, Any]:
    """The JSON object in an answer of the provider."""
    try:
        async with request as answer:
            raw, status = await _read(answer), answer.status
        found = json.loads(raw) if status == HTTPStatus.OK else None
    except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
        raise Refused(Reason.GONE, f"the provider does not answer as it should: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise Refused(Reason.GONE, f"the provider answers with the status {status}")
    return found


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    raw = b""
    async for part in answer.content.iter_chunked(1 << 16):
        raw += part
        if len(raw) > MOST_BYTES:
            raise ValueError("the answer is too long")
    return raw


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
