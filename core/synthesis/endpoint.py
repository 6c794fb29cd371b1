"""An LLM endpoint that speaks OpenAI's chat completions: one client, own retries, and a pause shared by all callers."""

import asyncio
import email.utils
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletion

from core.errors import ProviderError, ProviderPaused, ProviderRefused
from core.synthesis import budget
from core.synthesis.answers import Answer, SlotKey
from core.synthesis.prompts import Message

LONGEST_PAUSE_S = 120.0
LONGEST_WAIT_S = 30.0
LIMITS = ("max_tokens", "max_completion_tokens")
UNSUPPORTED = (
    "unsupported",
    "not supported",
    "does not support",
    "unrecognized",
    "unknown",
    "unexpected",
    "not permitted",
    "not allowed",
    "extra input",
    "extra field",
    "only the default",
)
PASSING = (408, 409, 425)
NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")


class OpenAIProvider:
    """Completes messages at `base_url`. Parameters that were not set are not sent.

    `tries` bounds the attempts of one call; waits between them double from `first_wait` seconds. A 429 pauses every
    caller of this provider for as long as the endpoint asks.
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
        timeout: float = 60.0,
        tries: int = 6,
        first_wait: float = 0.5,
        price: budget.Price | None = None,
    ) -> None:
        self.model = model
        self.price = price or budget.price(model)
        self.max_tokens = max_tokens
        self._url = base_url
        self._key = api_key
        self._timeout = timeout
        self._tries = tries
        self._first_wait = first_wait
        self._parameters: dict[str, float | int] = {} if temperature is None else {"temperature": temperature}
        self._limit_name: str | None = LIMITS[0]
        self._paused_until = 0.0
        self._pauses = 0
        self._has_answered = False
        self._client: openai.AsyncOpenAI | None = None

    def __repr__(self) -> str:
        return f"OpenAIProvider({self.model!r}, base_url={self._shown_url!r})"

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """The endpoint's answer to the messages.

        Raises `ProviderRefused` when it will never answer this request, `ProviderPaused` when it asks to wait for
        long, and `ProviderError` when it does not answer after all tries.
        """
        failures = 0
        while True:
            await self._unpaused()
            sent = self._sent(max_tokens)
            try:
                return await self._once(messages, slot_key, sent)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                self._adapt(error, sent, must_limit=max_tokens is not None)
            except openai.RateLimitError as error:
                self._pause(error)
            except openai.OpenAIError as error:
                failures += 1
                await asyncio.sleep(self._wait_after(error, failures))
            except json.JSONDecodeError:
                raise ProviderRefused(self._not_a_completion()) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    @property
    def _shown_url(self) -> str:
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    def _sent(self, max_tokens: int | None) -> dict[str, float | int]:
        limit = max_tokens or self.max_tokens
        return self._parameters | ({self._limit_name: limit} if limit and self._limit_name else {})

    async def _unpaused(self) -> None:
        while (left := self._paused_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def _once(self, messages: Sequence[Message], slot_key: SlotKey, sent: dict[str, float | int]) -> Answer:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                base_url=self._url, api_key=self._key or "none", max_retries=0, timeout=self._timeout
            )
        started = time.monotonic()
        create: Any = self._client.chat.completions.create
        response = await create(
            model=self.model, messages=list(messages), extra_headers={"Idempotency-Key": str(slot_key)}, **sent
        )
        latency = time.monotonic() - started
        if not isinstance(response, ChatCompletion) or response.choices is None:
            raise ProviderRefused(self._not_a_completion())
        self._has_answered, self._pauses = True, 0
        return replace(_answer(response, messages, self.model), latency_s=latency, parameters=sent)

    def _wait_after(self, error: openai.OpenAIError, failures: int) -> float:
        """Seconds this caller waits before its next try; raises when there is none."""
        wait = self._growing(failures)
        if isinstance(error, openai.APIConnectionError):
            is_known = self._has_answered or isinstance(error, openai.APITimeoutError)
            tries = self._tries if is_known else min(2, self._tries)
            if failures >= tries:
                raise ProviderError(self._no_answer(error, failures)) from None
            return wait
        if isinstance(error, openai.APIStatusError) and (error.status_code >= 500 or error.status_code in PASSING):
            if failures >= self._tries:
                raise ProviderError(
                    f"{self._shown_url} failed {failures} times with status {error.status_code}: {self._said(error)}. "
                    "Try again later."
                ) from None
            return wait
        raise ProviderRefused(self._refusal(error)) from None

    def _pause(self, error: openai.RateLimitError) -> None:
        """Pause all callers for as long as a 429 asks; too many pauses without an answer in between are an error."""
        if error.code in NO_QUOTA:
            raise ProviderRefused(f"The key has no quota left at {self._shown_url}: {self._said(error)}.") from None
        now = time.monotonic()
        self._pauses += now >= self._paused_until
        asked = _retry_after(error)
        wait = self._growing(self._pauses) if asked is None else asked
        if wait > LONGEST_PAUSE_S or self._pauses > self._tries:
            raise ProviderPaused(
                f"{self._shown_url} asks to wait {wait:.0f} seconds before the next request. Go on after that.",
                seconds=wait,
            ) from None
        self._paused_until = max(self._paused_until, now + wait)

    def _growing(self, failures: int) -> float:
        return min(self._first_wait * 2.0 ** (failures - 1), LONGEST_WAIT_S)

    def _adapt(self, error: openai.APIStatusError, sent: dict[str, float | int], *, must_limit: bool) -> None:
        """Stop sending the parameter that a 400 refuses, so that the call can be made again; else raise."""
        said = self._said(error)
        refused = _refused_parameter(error, said, sent)
        if refused is None:
            raise ProviderRefused(f"{self._shown_url} refused the request: {said}.") from None
        if refused == LIMITS[0]:
            self._limit_name = LIMITS[1] if self._limit_name == LIMITS[0] else self._limit_name
        elif refused == LIMITS[1] and must_limit:
            raise ProviderRefused(
                f"{self._shown_url} takes no limit on the length of an answer, so a budget cannot be kept. "
                "Run without a budget, or use another model."
            ) from None
        elif refused == LIMITS[1]:
            self._limit_name = None
        else:
            self._parameters.pop(refused, None)

    def _refusal(self, error: openai.OpenAIError) -> str:
        said = self._said(error)
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        if status in (401, 403):
            return (
                f"The key was refused by {self._shown_url} (status {status}). Set OPENAI_API_KEY to one that it takes."
            )
        if status == 404 and ("model" in said.lower() or getattr(error, "code", "") == "model_not_found"):
            return f"{self._shown_url} does not know the model {self.model!r}. Choose one that it offers."
        if status == 404:
            return f"{self._shown_url} has no chat completions (status 404). Check the base URL; it often ends in /v1."
        if isinstance(error, openai.APIResponseValidationError):
            return self._not_a_completion()
        return f"{self._shown_url} refused the request: {said}."

    def _no_answer(self, error: openai.APIConnectionError, tries: int) -> str:
        if isinstance(error, openai.APITimeoutError):
            return f"{self._shown_url} did not answer within {self._timeout:g} seconds, {tries} times. Try again later."
        return f"Nothing answers at {self._shown_url}. Start the server there, or check the base URL and the network."

    def _not_a_completion(self) -> str:
        return (
            f"{self._shown_url} answered with something else than a chat completion. "
            "Check the base URL; it often ends in /v1."
        )

    def _said(self, error: openai.OpenAIError) -> str:
        """The endpoint's own words, on one line and without the key."""
        body = error.body if isinstance(error, openai.APIError) else None
        words = body.get("message") if isinstance(body, dict) else None
        said = " ".join(str(words or error).split())[:300].rstrip(".")
        return said.replace(self._key, "***") if self._key else said


def _answer(response: ChatCompletion, messages: Sequence[Message], model: str) -> Answer:
    message = response.choices[0].message if response.choices else None
    content = (message.content if message else None) or ""
    usage = response.usage
    asked = sum(budget.approximate_tokens(part["content"]) for part in messages)
    return Answer(
        content=content,
        finish_reason=(response.choices[0].finish_reason if response.choices else None) or "unknown",
        tokens_in=usage.prompt_tokens if usage and usage.prompt_tokens is not None else asked,
        tokens_out=usage.completion_tokens
        if usage and usage.completion_tokens is not None
        else budget.approximate_tokens(content),
        request_id=getattr(response, "_request_id", None) or response.id,
        model=response.model or model,
        latency_s=0.0,
        refusal=message.refusal if message else None,
    )


def _refused_parameter(error: openai.APIStatusError, said: str, sent: dict[str, float | int]) -> str | None:
    """The sent parameter that the endpoint does not take; None when it objects to something else."""
    code = str(error.code or "")
    words = f"{code.replace('_', ' ')} {said}".lower()
    if not any(word in words for word in UNSUPPORTED):
        return None
    if error.param in sent:
        return error.param
    return next((name for name in sent if f"'{name}'" in said or f" {name} " in f" {said} "), None)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that a response asks to wait, given in milliseconds, seconds or as a date; None when it does not say."""
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.replace(".", "", 1).isdigit():
            return float(value) / unit
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None
