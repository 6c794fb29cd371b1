"""Failures: what went wrong with one call to an endpoint, read from its status and its words, whoever made the call."""

import email.utils
import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
import openai

from core.study.llm_text import PROMPT_REFUSED, PROMPT_TOO_LONG

LONGEST_SAID = 300
LONGEST_WAIT_S = 30 * 86_400.0
SECONDS = re.compile(r"\d+\.?\d*", re.ASCII)
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
    "deprecated",
    "only 1 is allowed",
    "not available",
    "unavailable",
    "must be 'json_schema'",
    "extra_forbidden",
)
SYSTEM = "system"
TOO_LONG_WORDS = (
    "context length",
    "context_length",
    "maximum context",
    "context window",
    "context size",
    "too many tokens",
    "prompt is too long",
    "input is too long",
    "prompt too long",
    "reduce the length",
    "string_above_max_length",
)
FILTER_WORDS = (
    "content_filter",
    "content filter",
    "content management policy",
    "content_policy",
    "content policy",
    "responsibleaipolicy",
    "moderation",
    "flagged",
    "usage polic",
    "safety",
    "inappropriate content",
    "data_inspection_failed",
    "sensitive words",
    "prohibited_content",
)
DAILY = re.compile(r"per[\s_-]?day|daily|requests?perday", re.IGNORECASE)
FORMAT = "response_format"
FORMAT_WORDS = (FORMAT, "response format", "json_schema", "structured output")


class Cause(StrEnum):
    """`LOST` is an answer that broke off or did not come in time, though it was asked for and may be billed."""

    STATUS = "status"
    LOST = "lost"
    NO_CONNECTION = "no connection"
    NO_NAME = "no such name"
    NO_TRUST = "no trust"
    NO_ADDRESS = "no address"
    NO_COMPLETION = "no completion"


@dataclass(eq=False)
class Failure(Exception):
    """A call without an answer. `said` is in the endpoint's own words; `retry_after` in seconds, None if not asked."""

    cause: Cause
    said: str
    status: int | None = None
    code: str = ""
    param: str = ""
    retry_after: float | None = None
    is_timeout: bool = False
    is_daily: bool = False
    kind: str = ""

    def of_prompt(self) -> str | None:
        """The `finish_reason` under which this refusal of one prompt is kept as its answer; None when it concerns more."""
        if self.status not in (400, 403, 413, 422, 451):
            return None
        words = f"{self.code} {self.kind} {self.said}".lower()
        if any(word in words for word in FILTER_WORDS):
            return PROMPT_REFUSED
        is_limit = "max_tokens" in self.param or "max_completion_tokens" in self.param
        return PROMPT_TOO_LONG if not is_limit and any(word in words for word in TOO_LONG_WORDS) else None

    def refuses_system(self) -> bool:
        """Whether the endpoint takes no message of the role system."""
        words = self.said.lower()
        return SYSTEM in words and any(word in words for word in (*UNSUPPORTED, "only user and assistant"))

    def refused_parameter(self, sent: Collection[str]) -> str | None:
        """The sent parameter that the endpoint does not take; None when it objects to something else."""
        words = f"{self.code.replace('_', ' ')} {self.param} {self.said}".lower()
        if FORMAT in sent and any(word in words for word in FORMAT_WORDS):
            return FORMAT
        if not any(word in words for word in UNSUPPORTED):
            return None
        if self.param in sent:
            return self.param
        return next((name for name in sent if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.said)), None)

    def without(self, key: str | None) -> "Failure":
        """The same, with the key taken out of the endpoint's words before they are cut to a length for people."""
        said = self.said.replace(key, "***") if key else self.said
        self.said = said[:LONGEST_SAID].rstrip(".")
        return self


def of_response(status: int, headers: Mapping[str, str], raw: bytes) -> Failure:
    """What a response that is no success says."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    return _of_status(status, headers, body, raw.decode(errors="replace"))


def of_aiohttp(error: aiohttp.ClientError | TimeoutError) -> Failure:
    """What went wrong before there was a response."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Failure(Cause.NO_TRUST, str(error))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure(Cause.NO_NAME, str(error))
    if isinstance(error, aiohttp.InvalidURL):
        return Failure(Cause.NO_ADDRESS, str(error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failure(Cause.NO_CONNECTION, str(error), is_timeout=True)
    if isinstance(error, TimeoutError):
        return Failure(Cause.LOST, str(error), is_timeout=True)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return Failure(Cause.NO_CONNECTION, str(error))
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError):
        return Failure(Cause.LOST, str(error))
    if isinstance(error, aiohttp.ClientOSError):
        return Failure(Cause.LOST, str(error))
    return Failure(Cause.NO_CONNECTION, str(error))


def of_openai(error: openai.OpenAIError) -> Failure:
    """The same, of an error of the openai client."""
    if isinstance(error, openai.APIResponseValidationError):
        return Failure(Cause.NO_COMPLETION, error.message)
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, Mapping) and "error" in error.body else {"error": error.body}
        return _of_status(error.status_code, error.response.headers, body, error.message)
    if isinstance(error, openai.APITimeoutError):
        return Failure(Cause.LOST, error.message, is_timeout=True)
    return Failure(Cause.NO_CONNECTION if isinstance(error, openai.APIConnectionError) else Cause.STATUS, str(error))


def refusal(failure: Failure, *, url: str, model: str) -> str:
    """Why the endpoint will not take a request however often it is sent."""
    status, said = failure.status, failure.said.rstrip(".") or "no reason given"
    if failure.cause == Cause.NO_COMPLETION:
        return no_completion(url)
    if failure.cause == Cause.NO_ADDRESS:
        return f"{url!r} is no address. Write the base URL like http://localhost:11434/v1."
    if failure.cause == Cause.NO_TRUST:
        return f"The certificate of {url} is not trusted: {said}. Check the address and this machine's certificates."
    if status is not None and 300 <= status < 400:
        return f"{url} points elsewhere (status {status}); nothing is sent on. Give the address it points to."
    if status == 401:
        return f"The key was refused by {url} (status 401): {said}. Set OPENAI_API_KEY to one that it takes."
    if status == 403:
        return f"{url} does not allow this request (status 403): {said}. Check what the key, its account and this place may use."
    if status == 402:
        return f"{url} asks for payment (status 402): {said}. Add credit there, then start again."
    if status == 404 and re.search(r"does not exist|not found|unknown model|no such model", said, re.IGNORECASE):
        return f"{url} does not know the model {model!r}: {said}. Choose one that it offers."
    if status == 404 and ("model" in said.lower() or "endpoint" in said.lower() or failure.code == "model_not_found"):
        return (
            f"{url} does not offer the model {model!r} to this key: {said}. Do what it says, or choose another model."
        )
    if status == 404:
        return f"{url} has no chat completions (status 404): {said}. Check the base URL; it often ends in /v1."
    return f"{url} refused the request: {said}."


def no_answer(failure: Failure, *, url: str, timeout: float, tries: int) -> str:
    """Why no answer came after so many tries."""
    if failure.status is not None:
        return f"{url} failed {tries} times with status {failure.status}: {failure.said}. Try again later."
    if failure.is_timeout and failure.cause == Cause.LOST:
        often = f", {tries} times" if tries > 1 else ""
        return f"{url} did not answer within {timeout:g} seconds{often}. Try again later, or allow more time."
    if failure.cause == Cause.LOST:
        return f"{url} broke off its answer, {tries} times. Try again later."
    if failure.cause == Cause.NO_NAME:
        return f"Nothing has the name in {url}. Check the spelling of the base URL, and the network."
    return f"Nothing answers at {url}. Start the server there, or check the base URL and the network."


def no_completion(url: str) -> str:
    return f"{url} answered with something else than a chat completion. Check the base URL; it often ends in /v1."


def in_success(body: Any) -> Failure | None:
    """The failure that an answer with status 200 tells of in its body; None when it tells of none."""
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    for told in (body, choice):
        error = told.get("error")
        if error:
            code = error.get("code") if isinstance(error, Mapping) else None
            status = int(str(code)) if re.fullmatch(r"[45]\d\d", str(code)) else 502
            return _of_status(status, {}, {"error": error}, str(error))
    return None


def _of_status(status: int, headers: Mapping[str, str], body: Any, words: str) -> Failure:
    body = body[0] if isinstance(body, list) and body else body
    found = body.get("error", body) if isinstance(body, Mapping) else None
    error = found if isinstance(found, Mapping) else {"message": found}
    message = error.get("message") or error.get("detail") or words
    details = message[0] if isinstance(message, list) and message and isinstance(message[0], Mapping) else {}
    if details:
        message = f"{details.get('msg', '')} ({'.'.join(map(str, details.get('loc', [])))})"
    return Failure(
        Cause.STATUS,
        " ".join(str(message).split())[: 10 * LONGEST_SAID],
        status=status,
        code=str(error.get("code") or ""),
        kind=str(error.get("type") or ""),
        param=str(error.get("param") or "").split(".")[0],
        is_daily=status == 429 and DAILY.search(words) is not None,
        retry_after=_retry_after(headers),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a response asks to wait, at most 30 days; None when it does not say.

    It is given in milliseconds, in seconds or as a date.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if SECONDS.fullmatch(value):
            return min(float(value) / unit, LONGEST_WAIT_S)
    try:
        until = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
        return min(max(0.0, until - time.time()), LONGEST_WAIT_S)
    except (ValueError, OverflowError):
        return None
