"""Send calls to an OpenAI-compatible endpoint: retries, pauses shared by all callers, refused parameters.

The calls go through aiohttp: with 128 calls in flight, the openai client takes ten times as much processor time per
call, which leaves too little for storing the answers (measured in docs/decisions.md).
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import truststore
from yarl import URL

from core.errors import ProviderError, ProviderPaused, ProviderRefused
from core.llm import answers
from core.llm.answers import Answer, AnswerLost, Message, SlotKey
from core.llm.endpoint import failures, proxies, responses
from core.llm.endpoint.failures import FORMAT, Cause, Failure
from core.llm.endpoint.prompt_refusals import FEWEST_TOKENS
from core.llm.money import prices
from core.llm.settings import USUAL, CallSettings

if TYPE_CHECKING:
    import openai

LONGEST_PAUSE_S = 120.0
LONGEST_WAIT_S = 30.0
LONGEST_CONNECT_S = 60.0
QUOTA_S = 3600.0
LONGEST_BUSY = 400  # times the first wait: so long without an answer, and the job pauses
BUSY = (429, 503, 529)
SYSTEM = "a system message (its text begins the first message instead)"
LIMITS = ("max_tokens", "max_completion_tokens")
PASSING = (408, 409, 425)
TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA = {"type": "object", "properties": {"texts": TEXTS}, "required": ["texts"], "additionalProperties": False}
STRUCTURE = {"type": "json_schema", "json_schema": {"name": "texts", "strict": True, "schema": SCHEMA}}
STRUCTURED = (
    '\n\nGive the answer as one JSON object whose key "texts" holds the list of texts, each a string without a number. '
    "This takes the place of any other form of answer asked for above."
)


class OpenAIProvider:
    """Completes messages with one model of the endpoint at `base_url`, by the settings of calls.

    A parameter that is not set is not sent. A parameter that the endpoint refuses is left out of later calls and named
    in `not_taken`. A 429 pauses every caller of this provider for as long as the endpoint asks. `headers` and `query`
    go with every request. `price` None looks the price up in the table that comes with Litmus.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str | None,
        settings: CallSettings = USUAL,
        price: prices.Price | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.price = price or prices.price(model)
        self.max_tokens = settings.max_tokens
        self.settings = settings
        self._url = base_url
        self._key = api_key
        self._gap_s = 60.0 / settings.rpm if settings.rpm else 0.0
        self._headers = dict(headers or {})
        self._query = dict(query or {})
        self._parameters: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
        self._limit_name: str | None = LIMITS[0]
        self._is_structured = settings.structured
        self._takes_system = True
        self.not_taken: list[str] = []
        self._most_tokens = responses.MOST_TOKENS
        self._next_start = 0.0
        self._paused_until = 0.0
        self._pauses, self._busy_since = 0, 0.0
        self._has_answered = False
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAIProvider({self.model!r}, base_url={self.shown_url!r})"

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """Return the endpoint's answer to the messages.

        If the endpoint refuses the prompt for its content or its length, the answer is that refusal. Raises
        `ProviderRefused` if the endpoint will never answer this request, `ProviderPaused` if the endpoint asks for a
        long wait, and `ProviderError` after all tries. Raises `AnswerLost`, without another try, if the answer did not
        arrive in time and may still be billed; also if the answer broke off, except at the
        first try of a call without `max_tokens`.
        """
        count, limit = 0, max_tokens
        while True:
            await self._wait_for_turn()
            sent = self.body(messages, max_tokens=limit)
            try:
                return await self._send(sent, slot_key)
            except Failure as failure:
                if why := failure.of_prompt(limit=_limit(sent)):
                    return self._refusal_as_answer(failure, sent, why)
                if room := failure.room_beside_prompt(_limit(sent)):
                    limit = room  # of this call alone: other prompts are shorter
                elif failure.status in BUSY or failure.has_no_quota:
                    self._pause(failure)
                elif failure.status in (400, 422) or refuses_system(failure, sent):
                    self.adapt(failure, sent, must_limit=max_tokens is not None)
                elif (
                    failure.is_late
                    or (failure.is_billed and max_tokens is not None)
                    or (failure.is_lost and (max_tokens is not None or count))
                ):
                    raise AnswerLost(
                        f"{self._no_answer(failure, count + 1)} The call may be billed all the same."
                    ) from None
                else:
                    count += 1
                    await asyncio.sleep(self._wait_after(failure, count))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def shown_url(self) -> str:
        """The endpoint's address without a user, a password or a query."""
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    @property
    def paused_s(self) -> float:
        """Seconds until the pause shared by all callers ends; 0 outside of a pause."""
        return max(0.0, self._paused_until - time.monotonic())

    @property
    def proxy(self) -> str | None:
        """The proxy for calls to this endpoint, None for a direct call. Raises `ProviderRefused` for an unusable proxy."""
        return proxies.proxy_for(self._address)

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of an openai client for the same endpoint."""
        return {
            "base_url": self._url,
            "api_key": self._key or "none",
            "timeout": self.settings.timeout_s,
            "max_retries": 0,
            "default_headers": self._headers,
            "default_query": self._query,
        }

    def body(self, messages: Sequence[Message], *, max_tokens: int | None = None) -> dict[str, Any]:
        """Return the JSON body of a call for these messages, without the parts that the endpoint has refused so far."""
        limit = max_tokens or self.max_tokens
        limit = min(limit, self._most_tokens) if limit else limit
        messages = list(messages) if self._takes_system else answers.without_system(messages)
        sent: dict[str, Any] = {"model": self.model, "messages": messages, **self._parameters}
        if limit and self._limit_name:
            sent[self._limit_name] = limit
        if self._is_structured and messages:
            last = messages[-1]
            sent["messages"] = [*messages[:-1], {**last, "content": last["content"] + STRUCTURED}]
            sent[FORMAT] = STRUCTURE
        return sent

    def answer(self, response: Mapping[str, Any], *, sent: Mapping[str, Any], latency_s: float = 0.0) -> Answer:
        """Return the answer in the JSON of a chat completion, to a call with the body `sent`.

        Raises `ProviderRefused` if the JSON is no chat completion.
        """
        if not responses.is_completion(response):
            raise self._no_completion(json.dumps(response, ensure_ascii=False))
        choices = response["choices"]
        choice = choices[0] if choices and isinstance(choices[0], Mapping) else {}
        message, usage = responses.mapping(choice.get("message")), responses.mapping(response.get("usage"))
        content = responses.text(message.get("content"))
        tokens_in, tokens_out = responses.count(usage.get("prompt_tokens")), responses.tokens_out(usage)
        if tokens_in is None:
            tokens_in = sum(prices.approximate_tokens(part["content"]) for part in sent["messages"])
        return Answer(
            content=content,
            finish_reason=responses.storable(choice.get("finish_reason")) or "unknown",
            tokens_in=tokens_in,
            tokens_out=prices.approximate_tokens(content) if tokens_out is None else tokens_out,
            request_id=responses.storable(response.get("id")) or None,
            model=responses.storable(response.get("model")) or self.model,
            latency_s=latency_s,
            refusal=responses.storable(message.get("refusal")) or None,
            parameters={name: value for name, value in sent.items() if name not in ("model", "messages")},
            messages=sent["messages"],
        )

    def adapt(self, failure: Failure, sent: Mapping[str, Any], *, must_limit: bool) -> None:
        """Leave out or lower the part of a call that a 400 refuses, for this call's next try and all later calls.

        Raises `ProviderRefused` if the failure names no such part; with `must_limit`, also if the endpoint takes no
        limit on the length of an answer.
        """
        if refuses_system(failure, sent):
            self._takes_system = False
            self._leave_out(SYSTEM)
            return
        if self._lower_limit(failure, sent):
            return
        refused = failure.refused_parameter(sent.keys() - {"model", "messages"})
        if refused is None:
            raise ProviderRefused(failures.refusal(failure, url=self.shown_url, model=self.model)) from None
        if refused == FORMAT:
            self._is_structured = False
            self._leave_out(refused)
        elif refused == LIMITS[0]:
            self._limit_name = LIMITS[1] if self._limit_name == LIMITS[0] else self._limit_name
        elif refused == LIMITS[1] and must_limit:
            raise ProviderRefused(
                f"{self.shown_url} takes no limit on the length of an answer, so a budget cannot be kept. "
                "Run without a budget, or use another model."
            ) from None
        elif refused == LIMITS[1]:
            self._limit_name = None
            self._leave_out(refused)
        else:
            self._parameters.pop(refused, None)
            self._leave_out(refused)

    def wait_after(self, error: "openai.OpenAIError", failed: int) -> float:
        """Return the seconds to wait after the openai client failed the `failed`-th time; raises as `complete` if no try should follow."""
        failure = failures.of_openai(error).without(self._key)
        if failure.status in BUSY or failure.has_no_quota:
            self._pause(failure)
            return self.paused_s
        return self._wait_after(failure, failed)

    def _leave_out(self, part: str) -> None:
        if part not in self.not_taken:
            self.not_taken.append(part)

    def _lower_limit(self, failure: Failure, sent: Mapping[str, Any]) -> bool:
        """Halve the limit on answers if the endpoint calls the limit too large; return whether the limit was halved."""
        limit = _limit(sent)
        if limit is None or limit <= FEWEST_TOKENS or not failure.is_of_limit():
            return False
        self._most_tokens = limit // 2
        return True

    def _refusal_as_answer(self, failure: Failure, sent: Mapping[str, Any], finish_reason: str) -> Answer:
        return answers.to_refused_prompt(
            finish_reason,
            said=responses.storable(failure.said),
            model=self.model,
            messages=sent["messages"],
            parameters={name: value for name, value in sent.items() if name not in ("model", "messages")},
        )

    def _no_completion(self, said: str) -> ProviderRefused:
        """Return the error for a response that is no chat completion, whose words are quoted without the key."""
        failure = Failure(Cause.NO_COMPLETION, said).without(self._key)
        return ProviderRefused(failures.no_completion(self.shown_url, failure.said))

    async def _wait_for_turn(self) -> None:
        """Wait until the shared pause is over and, with `rpm`, until enough time has passed since the last request."""
        while True:
            while self.paused_s:
                await asyncio.sleep(self.paused_s)
            if not self._gap_s:
                return
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self._gap_s
            await asyncio.sleep(start - now)
            if not self.paused_s:
                return

    async def _send(self, sent: Mapping[str, Any], slot_key: SlotKey) -> Answer:
        """Make one HTTP request with the body `sent` and return the answer. Raises `Failure` or `ProviderRefused`."""
        session = self._open_session()
        started = time.monotonic()
        try:
            async with session.post(
                self._address,
                data=json.dumps(sent).encode(),
                headers={"Idempotency-Key": str(slot_key)},
                allow_redirects=False,  # texts and keys go to no other address
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise failures.of_aiohttp(error).without(self._key) from None
        latency = time.monotonic() - started
        if response.status >= 300:
            raise failures.of_response(response.status, response.headers, raw).without(self._key)
        body = responses.read(raw)
        if (failure := failures.in_success(body)) is not None:
            raise failure.without(self._key)
        if self._has_answered and not responses.is_completion(body):  # the address is right
            raise failures.of_odd_body(raw).without(self._key)
        if body is None:
            raise self._no_completion(raw.decode(errors="replace"))
        answer = self.answer(body, sent=sent, latency_s=latency)
        self._has_answered, self._pauses = True, 0
        named = response.headers.get("x-request-id")
        return answer if named is None else replace(answer, request_id=responses.storable(named))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            connect = min(self.settings.timeout_s, LONGEST_CONNECT_S)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=trust),
                timeout=aiohttp.ClientTimeout(total=self.settings.timeout_s, sock_connect=connect),
                headers={"Content-Type": "application/json", **key, **self._headers},
                proxy=self.proxy,
            )
        return self._session

    @property
    def _address(self) -> URL:
        """The URL of chat completions; with a key, without the user and password of the base URL."""
        base = URL(self._url)
        base = base.with_user(None) if self._key else base
        return (base / "chat/completions").update_query({**base.query, **self._query})

    def _wait_after(self, failure: Failure, count: int) -> float:
        """Return the seconds to wait before the next try of a call, after `count` failures of the call.

        Raises `ProviderRefused` if another try cannot help, `ProviderError` after the last try.
        """
        no_connection = failure.cause in (Cause.NO_CONNECTION, Cause.NO_NAME)
        if not (no_connection or failure.cause in (Cause.LOST, Cause.ODD) or _is_passing(failure.status)):
            raise ProviderRefused(failures.refusal(failure, url=self.shown_url, model=self.model)) from None
        is_new = no_connection and not self._has_answered
        if count >= (min(2, self.settings.tries) if is_new else self.settings.tries):
            raise ProviderError(self._no_answer(failure, count)) from None
        return self._growing_wait(count)

    def _no_answer(self, failure: Failure, count: int) -> str:
        proxy = proxies.shown(self._address)
        return failures.no_answer(
            failure, url=self.shown_url, timeout=self.settings.timeout_s, tries=count, proxy=proxy
        )

    def _pause(self, failure: Failure) -> None:
        """Pause all callers for as long as a busy endpoint asks; pauses in a row grow like the waits between tries.

        Raises `ProviderPaused`, which pauses the whole job, if the account has no quota or credit left, if one pause
        is longer than two minutes, or after a long time of pauses without an answer.
        """
        now = time.monotonic()
        if not self._pauses:
            self._busy_since = now
        self._pauses += now >= self._paused_until
        wait = max(self._growing_wait(self._pauses), failure.retry_after or 0.0)
        if failure.has_no_quota or failure.is_daily:
            said = failures.no_quota(failure, url=self.shown_url)
            raise ProviderPaused(said, seconds=max(wait, QUOTA_S)) from None
        patience = LONGEST_BUSY * self.settings.first_wait_s if self.settings.tries > 1 else 0.0
        is_long = self._pauses > self.settings.tries and now + wait - self._busy_since > patience
        if wait > LONGEST_PAUSE_S or is_long:
            raise ProviderPaused(
                f"{self.shown_url} asks to wait {wait:.0f} seconds before the next request: "
                f"{failure.said.rstrip('.')}. Go on after that.",
                seconds=wait,
            ) from None
        self._paused_until = max(self._paused_until, now + wait)

    def _growing_wait(self, count: int) -> float:
        """Return the wait in seconds after `count` failures: doubling from `first_wait_s`, at most 30."""
        return min(self.settings.first_wait_s * 2.0 ** (count - 1), LONGEST_WAIT_S)


def refuses_system(failure: Failure, sent: Mapping[str, Any]) -> bool:
    """Whether a call failed because the endpoint takes no message with the role system."""
    roles = {part["role"] for part in sent["messages"]}
    return failure.refuses_system() and "system" in roles and len(roles) > 1


def _limit(sent: Mapping[str, Any]) -> int | None:
    """The most tokens of an answer that the body of a call allows; None without a limit."""
    return next((sent[name] for name in LIMITS if name in sent), None)


def _is_passing(status: int | None) -> bool:
    return status is not None and (status >= 500 or status in PASSING)
