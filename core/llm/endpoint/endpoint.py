"""An LLM endpoint that speaks OpenAI's chat completions: one client, own retries, and a pause shared by all callers.

The calls go through aiohttp: at 128 calls in flight the openai client takes ten times as much processor time a call,
which leaves too little for storing what comes back. Its types and errors are not needed for this one route.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import openai
import truststore
from yarl import URL

from core.errors import ProviderError, ProviderPaused, ProviderRefused
from core.llm.answers import Answer, AnswerLost, Message, SlotKey
from core.llm.endpoint import failures, proxies, responses
from core.llm.endpoint.failures import FORMAT, Cause, Failure
from core.llm.money import budget

LONGEST_PAUSE_S = 120.0
LONGEST_WAIT_S = 30.0
LONGEST_CONNECT_S = 60.0
LONGEST_ANSWER_S = 600.0
QUOTA_S = 3600.0
LONGEST_BUSY = 400  # first waits: two minutes and more without an answer, then the job pauses
BUSY = (429, 503, 529)
FEWEST_TOKENS = 16
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
    """Completes messages at `base_url`. Parameters that were not set are not sent, nor those the endpoint refuses.

    `tries` bounds the attempts of one call; waits between them double from `first_wait` seconds. A 429 pauses every
    caller of this provider for as long as the endpoint asks. `rpm` spaces the starts of all requests, retries
    included, evenly over a minute. `structured` asks for JSON where the endpoint offers it. `headers` and `query` go
    with every request. `not_taken` names what the endpoint refused, so that calls go without.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str | None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float = LONGEST_ANSWER_S,
        tries: int = 6,
        first_wait: float = 0.5,
        price: budget.Price | None = None,
        rpm: float | None = None,
        structured: bool = False,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.price = price or budget.price(model)
        self.max_tokens = max_tokens
        self._url = base_url
        self._key = api_key
        self._timeout = timeout
        self._tries = tries
        self._first_wait = first_wait
        self._gap_s = 60.0 / rpm if rpm else 0.0
        self._headers = dict(headers or {})
        self._query = dict(query or {})
        self._parameters: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
        self._limit_name: str | None = LIMITS[0]
        self._is_structured = structured
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
        """The endpoint's answer to the messages.

        Raises `ProviderRefused` when it will never answer this request, `ProviderPaused` when it asks to wait for
        long, and `ProviderError` when it does not answer after all tries. A prompt that the endpoint refuses for what it
        says, or for its length, gets that refusal as its answer. An answer that did not come in time may still be
        written and billed, so it is not asked for again but raises `AnswerLost`; so does, with a `max_tokens` that must
        hold, one that broke off.
        """
        count = 0
        while True:
            await self._turn()
            sent = self.body(messages, max_tokens=max_tokens)
            try:
                return await self._once(sent, slot_key)
            except Failure as failure:
                if why := failure.of_prompt(has_limit=any(name in sent for name in LIMITS)):
                    return self._declined(failure, sent, why)
                if failure.status in BUSY or failure.has_no_quota:
                    self._pause(failure)
                elif failure.status in (400, 422) or refuses_system(failure, sent):
                    self.adapt(failure, sent, must_limit=max_tokens is not None)
                elif (
                    failure.is_late
                    or (failure.is_billed and max_tokens is not None)
                    or (failure.cause == Cause.LOST and (max_tokens is not None or count))
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
        """The address without a password or a query."""
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    @property
    def paused_s(self) -> float:
        """Seconds until the pause that all callers share ends; 0 when there is none."""
        return max(0.0, self._paused_until - time.monotonic())

    @property
    def proxy(self) -> str | None:
        """The proxy that calls go through. Raises `ProviderRefused` for one that cannot be used."""
        return proxies.proxy_for(self._address)

    def client_options(self) -> dict[str, Any]:
        """What an openai client needs to speak to the same endpoint."""
        return {
            "base_url": self._url,
            "api_key": self._key or "none",
            "timeout": self._timeout,
            "max_retries": 0,
            "default_headers": self._headers,
            "default_query": self._query,
        }

    def body(self, messages: Sequence[Message], *, max_tokens: int | None = None) -> dict[str, Any]:
        """The JSON that a call for these messages sends now."""
        limit = max_tokens or self.max_tokens
        limit = min(limit, self._most_tokens) if limit else limit
        messages = list(messages) if self._takes_system else _without_system(messages)
        sent: dict[str, Any] = {"model": self.model, "messages": messages, **self._parameters}
        if limit and self._limit_name:
            sent[self._limit_name] = limit
        if self._is_structured and messages:
            last = messages[-1]
            sent["messages"] = [*messages[:-1], {**last, "content": last["content"] + STRUCTURED}]
            sent[FORMAT] = STRUCTURE
        return sent

    def answer(self, response: Mapping[str, Any], *, sent: Mapping[str, Any], latency_s: float = 0.0) -> Answer:
        """The answer in a chat completion's JSON, to a call that sent `sent`. Raises `ProviderRefused` if it is none."""
        choices = response.get("choices") if isinstance(response, Mapping) else None
        if not isinstance(choices, list):
            raise ProviderRefused(failures.no_completion(self.shown_url, json.dumps(response, ensure_ascii=False)))
        choice = choices[0] if choices and isinstance(choices[0], Mapping) else {}
        message, usage = responses.mapping(choice.get("message")), responses.mapping(response.get("usage"))
        content = responses.text(message.get("content"))
        tokens_in, tokens_out = responses.count(usage.get("prompt_tokens")), responses.tokens_out(usage)
        if tokens_in is None:
            tokens_in = sum(budget.approximate_tokens(part["content"]) for part in sent["messages"])
        return Answer(
            content=content,
            finish_reason=responses.storable(choice.get("finish_reason")) or "unknown",
            tokens_in=tokens_in,
            tokens_out=budget.approximate_tokens(content) if tokens_out is None else tokens_out,
            request_id=responses.storable(response.get("id")) or None,
            model=responses.storable(response.get("model")) or self.model,
            latency_s=latency_s,
            refusal=responses.storable(message.get("refusal")) or None,
            parameters={name: value for name, value in sent.items() if name not in ("model", "messages")},
            messages=sent["messages"],
        )

    def adapt(self, failure: Failure, sent: Mapping[str, Any], *, must_limit: bool) -> None:
        """Stop sending the parameter that a 400 refuses, so that the call can be made again; else raise."""
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

    def wait_after(self, error: openai.OpenAIError, failed: int) -> float:
        """Seconds to wait before the next try after the openai client failed for the `failed`-th time.

        Raises the same sentences as `complete` when there is no next try.
        """
        failure = failures.of_openai(error).without(self._key)
        if failure.status in BUSY or failure.has_no_quota:
            self._pause(failure)
            return self.paused_s
        return self._wait_after(failure, failed)

    def _leave_out(self, part: str) -> None:
        if part not in self.not_taken:
            self.not_taken.append(part)

    def _lower_limit(self, failure: Failure, sent: Mapping[str, Any]) -> bool:
        """Halve the limit of an answer that the endpoint calls too large; False when it says something else."""
        limit = next((sent[name] for name in LIMITS if name in sent), None)
        if limit is None or limit <= FEWEST_TOKENS or not failure.is_of_limit():
            return False
        self._most_tokens = limit // 2
        return True

    def _declined(self, failure: Failure, sent: Mapping[str, Any], finish_reason: str) -> Answer:
        """The refusal of one prompt as its answer: nothing was written, so nothing is counted."""
        return Answer(
            content="",
            finish_reason=finish_reason,
            tokens_in=0,
            tokens_out=0,
            request_id=None,
            model=self.model,
            latency_s=0.0,
            refusal=responses.storable(failure.said) or finish_reason,
            parameters={name: value for name, value in sent.items() if name not in ("model", "messages")},
            messages=sent["messages"],
        )

    async def _turn(self) -> None:
        """Wait until a request may start: after the pause, and some time after the start of the one before."""
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

    async def _once(self, sent: Mapping[str, Any], slot_key: SlotKey) -> Answer:
        session = self._opened()
        started = time.monotonic()
        try:
            async with session.post(
                self._address,
                data=json.dumps(sent).encode(),
                headers={"Idempotency-Key": str(slot_key)},
                allow_redirects=False,  # texts and keys go nowhere else than asked for
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise failures.of_aiohttp(error).without(self._key) from None
        latency = time.monotonic() - started
        if response.status >= 300:
            raise failures.of_response(response.status, response.headers, raw).without(self._key)
        try:
            found = responses.streamed(raw) or json.loads(raw)
        except (ValueError, TypeError, RecursionError):
            raise ProviderRefused(failures.no_completion(self.shown_url, raw.decode(errors="replace"))) from None
        if (failure := failures.in_success(found)) is not None:
            raise failure.without(self._key)
        answer = self.answer(found, sent=sent, latency_s=latency)
        self._has_answered, self._pauses = True, 0
        named = response.headers.get("x-request-id")
        return answer if named is None else replace(answer, request_id=responses.storable(named))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            connect = min(self._timeout, LONGEST_CONNECT_S)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=trust),
                timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=connect),
                headers={"Content-Type": "application/json", **key, **self._headers},
                proxy=self.proxy,
            )
        return self._session

    @property
    def _address(self) -> URL:
        """Where completions are asked for; a user and password in the URL give way to a key."""
        base = URL(self._url)
        base = base.with_user(None) if self._key else base
        return (base / "chat/completions").update_query({**base.query, **self._query})

    def _wait_after(self, failure: Failure, count: int) -> float:
        """Seconds this caller waits before its next try; raises when there is none."""
        no_connection = failure.cause in (Cause.NO_CONNECTION, Cause.NO_NAME)
        if not (no_connection or failure.cause == Cause.LOST or _is_passing(failure.status)):
            raise ProviderRefused(failures.refusal(failure, url=self.shown_url, model=self.model)) from None
        is_new = no_connection and not self._has_answered
        if count >= (min(2, self._tries) if is_new else self._tries):
            raise ProviderError(self._no_answer(failure, count)) from None
        return self._growing(count)

    def _no_answer(self, failure: Failure, count: int) -> str:
        proxy = proxies.shown(self._address)
        return failures.no_answer(failure, url=self.shown_url, timeout=self._timeout, tries=count, proxy=proxy)

    def _pause(self, failure: Failure) -> None:
        """Pause all callers for as long as a busy endpoint asks, and at least as long as waits have grown to.

        Too long a time of pauses without an answer, a quota of the day and an account without credit pause the whole job.
        """
        now = time.monotonic()
        if not self._pauses:
            self._busy_since = now
        self._pauses += now >= self._paused_until
        wait = max(self._growing(self._pauses), failure.retry_after or 0.0)
        if failure.has_no_quota or failure.is_daily:
            raise ProviderPaused(
                f"{failures.no_quota(failure, url=self.shown_url)} It is tried again in an hour.",
                seconds=max(wait, QUOTA_S),
            ) from None
        patience = LONGEST_BUSY * self._first_wait if self._tries > 1 else 0.0
        is_long = self._pauses > self._tries and now + wait - self._busy_since > patience
        if wait > LONGEST_PAUSE_S or is_long:
            raise ProviderPaused(
                f"{self.shown_url} asks to wait {wait:.0f} seconds before the next request: "
                f"{failure.said.rstrip('.')}. Go on after that.",
                seconds=wait,
            ) from None
        self._paused_until = max(self._paused_until, now + wait)

    def _growing(self, count: int) -> float:
        return min(self._first_wait * 2.0 ** (count - 1), LONGEST_WAIT_S)


def refuses_system(failure: Failure, sent: Mapping[str, Any]) -> bool:
    """Whether a call failed for its message of the role system; others under way may fail for it as well."""
    roles = {part["role"] for part in sent["messages"]}
    return failure.refuses_system() and "system" in roles and len(roles) > 1


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same messages for a model that takes no role system: its text begins the first message of the user."""
    told = "\n\n".join(part["content"] for part in messages if part["role"] == "system")
    others = [part for part in messages if part["role"] != "system"]
    if not told or not others:
        return list(messages)
    return [{**others[0], "content": f"{told}\n\n{others[0]['content']}"}, *others[1:]]


def _is_passing(status: int | None) -> bool:
    return status is not None and (status >= 500 or status in PASSING)
