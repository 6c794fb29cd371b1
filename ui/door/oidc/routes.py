"""The addresses by which a browser goes to the provider and comes back, and who is let in.

Between the two, the browser keeps the state in a cookie of its own for ten minutes; nonce and PKCE's secret are derived from the
state and the organiser's key, so that any dashboard on the home can finish what another began. What comes out is the same kind of
sign-in as by password: nothing of the provider is kept, neither its tokens nor the person's address.
"""

import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from core.settings import Oidc
from ui.door import headers, passwords, tokens
from ui.door.oidc import provider
from ui.door.oidc.provider import Attempt, Person, Reason, Refused

BEGIN, BACK = "-/oidc", "oauth2callback"
TOLD = "sign-in"
PURPOSE, MINUTES = "oidc", 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """Where sign-ins at the provider begin and end. `path`: of the dashboard. `cookie`: the name of the state's cookie.

    `let_in`: adds the cookies of a sign-in to an answer, for an organiser (True) or a viewer (False).
    """

    oidc: Oidc
    home: Path
    path: str
    cookie: str
    let_in: Callable[[Response, bool], None]

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        state = tokens.sign(self.home, self._secret, expires=time.time() + 60 * MINUTES, purpose=PURPOSE)
        try:
            address = await provider.address_to_sign_in(self.oidc, self._attempt(request, state))
        except Refused as refusal:
            return self._refuse(refusal)
        answer = _go(address)
        self._keep(answer, state, seconds=60 * MINUTES)
        return answer

    async def finish(self, request: Request) -> Response:
        """Let the person in with whom the browser comes back, or send the browser to the sign-in form, which says why not."""
        try:
            is_organiser = is_organisers(self.oidc, await self._person(request))
        except Refused as refusal:
            return self._refuse(refusal)
        answer = _go(self.path)
        self.let_in(answer, is_organiser)
        self._keep(answer, "", seconds=0)
        return answer

    async def _person(self, request: Request) -> Person:
        told, kept = request.query_params, request.cookies.get(self.cookie, "")
        state = told.get("state", "")
        is_own = kept and passwords.same(state, kept)
        if not is_own or not tokens.is_signed(self.home, self._secret, state, now=time.time(), purpose=PURPOSE):
            raise Refused(Reason.STALE, "the browser came back without the state that it was given, or too late")
        if told.get("iss", self.oidc.issuer) != self.oidc.issuer:
            raise Refused(Reason.UNTRUSTED, "the browser came back from another provider")
        if "code" not in told:
            raise Refused(Reason.DECLINED, "the browser came back without a code")
        return await provider.person(self.oidc, self._attempt(request, state), told["code"])

    def _attempt(self, request: Request, state: str) -> Attempt:
        scheme = "https" if headers.is_encrypted(request.scope) else "http"
        back = f"{scheme}://{request.headers['host']}{self.path}{BACK}"
        return Attempt(state, self._derived("nonce", state), self._derived("verifier", state), back)

    def _derived(self, use: str, state: str) -> str:
        """A secret of one sign-in: 64 hexadecimal digits."""
        key = tokens.organiser_key(self.home).encode()
        return hmac.digest(key, f"oidc\0{use}\0{state}".encode(), "sha256").hex()

    def _refuse(self, refusal: Refused) -> Response:
        logger.warning("A sign-in at the provider opened nothing (%s): %s.", refusal.reason, refusal)
        answer = _go(f"{self.path}?{urlencode({TOLD: refusal.reason.value})}")
        self._keep(answer, "", seconds=0)
        return answer

    def _keep(self, answer: Response, state: str, *, seconds: int) -> None:
        answer.set_cookie(self.cookie, state, max_age=seconds, path=self.path, httponly=True, samesite="lax")

    @property
    def _secret(self) -> str:
        return self.oidc.sign_in_secret


def is_organisers(oidc: Oidc, person: Person) -> bool:
    """Whether a person is an organiser (True) or a viewer (False). Raises `Refused` for somebody in neither list.

    An address counts only if the provider says that it has verified the address.
    """
    subject = "" if "@" in person.subject else person.subject
    email = person.email if "@" in person.email else ""
    for listed, is_organiser in ((oidc.organisers, True), (oidc.viewers, False)):
        if subject in listed or (person.is_verified and email in listed):
            return is_organiser
    if email in (*oidc.organisers, *oidc.viewers):
        raise Refused(Reason.UNVERIFIED, "the provider has not verified the person's address")
    raise Refused(Reason.UNLISTED, "the person is in neither list")


def why_refused(oidc: Oidc, reason: str) -> str:
    """The sentence for the reason in an address to which the browser was sent back; "" for no known reason."""
    host = oidc.host
    sentences = {
        Reason.GONE: f"The sign-in provider {host} does not answer as it should: try again in a minute.",
        Reason.UNTRUSTED: f"What {host} said about this sign-in could not be verified, so nothing was opened: sign in again.",
        Reason.DECLINED: f"The sign-in at {host} was not finished: sign in again.",
        Reason.STALE: f"This sign-in took more than {MINUTES} minutes or was begun in another browser: sign in again.",
        Reason.UNVERIFIED: f"{host} has not verified your e-mail address: verify the address there, then sign in again.",
        Reason.UNLISTED: (
            f"Your account at {host} is not among the organisers and viewers of this dashboard: ask the keeper of the dashboard "
            "to add the account, or sign in with another account."
        ),
    }
    return next((sentence for known, sentence in sentences.items() if known.value == reason), "")


def _go(address: str) -> Response:
    """An answer that sends the browser on, and that no cache keeps."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"cache-control": "no-store"})
