"""The failure of one call to an endpoint: read the cause from status and words, and say the failure in a sentence."""

import email.utils
import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import aiohttp

from core.llm.endpoint import prompt_refusals, responses
from core.llm.text import PROMPT_TOO_LONG

if TYPE_CHECKING:
    import openai

LONGEST_SAID = 300
LONGEST_WAIT_S = 30 * 86_400.0
WORDS = ("message", "detail", "msg", "error_msg", "errorMessage", "status_msg", "error_description")
STATUS_NAMES = (  # HTTP statuses by the names that endpoints give to errors
    (429, r"rate.?limit|too.?many|quota|resource.?exhausted|throttl"),
    (503, r"overload|unavailable|capacity|busy"),
    (401, r"authenticat|invalid.?api.?key|unauthori[sz]ed"),
    (403, r"permission|forbidden|not.?allowed|access"),
    (404, r"not.?found|does not exist"),
    (
        400,
        r"invalid.?(?:request|argument|param|prompt)|bad.?request|context.?length|content.?(?:filter|policy)"
        r"|moderation|sensitive|flagged|safety",
    ),
)
LONGEST_PAGE = 20_000  # characters of an HTML page in which its words are looked for
TAG = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
IN_WORDS = re.compile(
    r"(?:try again in|retry after|retry in|\"retryDelay\":\s*\")\s*(?:(\d+)\s*h(?:ours?)?)?\s*(?:(\d+)\s*m(?!s|illi)(?:in(?:ute)?s?)?)?\s*"
    r"(?:(\d+(?:\.\d+)?)\s*s\w*)?\s*(?:(\d+(?:\.\d+)?)\s*m(?:illi)?s\w*)?",
    re.IGNORECASE,
)
UNITS_S = (3600.0, 60.0, 1.0, 0.001)
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
    "not accept",
    "only accept",
    "only support",
    "not recognized",
    "not recognised",
    "may only be",
    "must be 1",
    "must be set to 1",
    "cannot be set",
    "not configurable",
    "no longer",
    "deprecated",
    "only 1 is allowed",
    "not available",
    "unavailable",
    "must be 'json_schema'",
    "extra_forbidden",
)
NO_SYSTEM = re.compile(
    r"system.{0,60}(?:n[o']t (?:supported|enabled|allowed|permitted|available)|unsupported|not support|invalid|unknown)"
    r"|(?:unsupported|invalid|unknown|not support|only).{0,80}\bsystem\b|roles must alternate|developer instruction"
    r"|only.{0,30}\buser\b.{0,15}\bassistant\b|role.{0,40}(?:must|should) be.{0,40}\buser\b",
    re.IGNORECASE,
)
NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "insufficient_credits")
NO_CREDIT = re.compile(
    r"insufficient (?:quota|credit|balance|fund)|credit balance|out of credit|no credits|payment required|余额不足|欠费",
    re.IGNORECASE,
)
DAILY = re.compile(r"per[\s_-]?(?:1[\s_-]?)?day|daily|\b[RT]PD\b|per 24 ?h|每日|每天|当日", re.IGNORECASE)
LATE = (504, 524)
OF_PROXY = (407, 502, 503, 504)
FORMAT = "response_format"
FORMAT_WORDS = (FORMAT, "response format", "json_schema", "structured output")


class Cause(StrEnum):
    """Why a call failed. `LOST`: the answer broke off or did not arrive in time, and may be billed.

    `ODD`: a body that is no chat completion came from an address that gives them.
    """

    STATUS = "status"
    LOST = "lost"
    ODD = "odd body"
    NO_CONNECTION = "no connection"
    NO_NAME = "no such name"
    NO_TRUST = "no trust"
    NO_ADDRESS = "no address"
    NO_COMPLETION = "no completion"


@dataclass(eq=False)
class Failure(Exception):
    """A call without an answer.

    `said` is the error in the endpoint's own words; `code`, `kind` and `param` are fields of the endpoint's error, empty
    if missing. `retry_after` is the wait in seconds that the endpoint asks for, None if the endpoint asks for no wait.
    `is_daily` says that a quota of the day is used up, `is_billed` that the call is or may be billed.
    `is_json` says that the error was JSON, as an endpoint of a model writes it.
    """

    cause: Cause
    said: str
    status: int | None = None
    code: str = ""
    param: str = ""
    retry_after: float | None = None
    is_timeout: bool = False
    is_daily: bool = False
    kind: str = ""
    is_billed: bool = False
    is_json: bool = False

    def of_prompt(self, *, limit: int | None = None) -> str | None:
        """Return the `finish_reason` to store if this failure refuses one prompt; None for a failure that concerns more than a prompt.

        `limit` is the call's limit on its answer in tokens, None without a limit: the failure may be about that limit.
        """
        if limit is not None and self.is_of_limit():
            return PROMPT_TOO_LONG if self.room_beside_prompt(limit) == 0 else None
        said = self.said if self.is_json else ""  # the page of a firewall speaks of policies too
        return prompt_refusals.ending(status=self.status, code=f"{self.code} {self.kind}", said=said)

    def room_beside_prompt(self, limit: int | None) -> int | None:
        """Return a lower limit, in tokens, for the answer to this call's prompt; 0 if too few tokens are left for an answer.

        None if the failure is not about prompt and answer together: another prompt would not mend it.
        """
        if limit is None or self.status not in (400, 413, 422) or not self.is_of_limit():
            return None
        return prompt_refusals.room_beside_prompt(said=self.said, limit=limit)

    def is_of_limit(self) -> bool:
        """Whether the call failed because its limit on the answer is larger than the endpoint allows."""
        is_taken = not any(word in self.said.lower() for word in UNSUPPORTED)
        return is_taken and prompt_refusals.is_of_limit(param=self.param, said=self.said)

    @property
    def is_lost(self) -> bool:
        """Whether an answer may have been written and billed that broke off or cannot be read."""
        return self.cause == Cause.LOST or (self.cause == Cause.ODD and self.is_billed)

    @property
    def is_late(self) -> bool:
        """Whether the answer did not arrive in time, here or at a gateway, and may still be written and billed."""
        return (self.is_timeout and self.cause == Cause.LOST) or self.status in LATE

    @property
    def has_no_quota(self) -> bool:
        """Whether the account has no credit or quota left; the quota of a minute does not count."""
        named = self.code in NO_QUOTA or self.kind in NO_QUOTA
        return (
            named or self.status == 402 or (self.status in (400, 403, 429) and NO_CREDIT.search(self.said) is not None)
        )

    def refuses_system(self) -> bool:
        """Whether the endpoint says that the role system is not supported."""
        return self.status in (400, 422, 500) and NO_SYSTEM.search(self.said) is not None

    def refused_parameter(self, sent: Collection[str]) -> str | None:
        """Return the parameter among `sent` that the endpoint does not take; None if the failure is about something else."""
        words = f"{self.code.replace('_', ' ')} {self.param} {self.said}".lower()
        if FORMAT in sent and any(word in words for word in FORMAT_WORDS):
            return FORMAT
        if not any(word in words for word in UNSUPPORTED):
            return None
        if self.param in sent:
            return self.param
        return next((name for name in sent if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.said)), None)

    def without(self, key: str | None) -> "Failure":
        """Remove the key from the endpoint's words, cut the words to a length for people, and return this failure."""
        said = self.said.replace(key, "***") if key else self.said
        self.said = said[:LONGEST_SAID].rstrip(".")
        return self


def of_response(status: int, headers: Mapping[str, str], raw: bytes) -> Failure:
    """Return the failure that a response with an error status reports."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    return _of_status(status, headers, body, raw.decode(errors="replace"))


def of_odd_body(raw: bytes) -> Failure:
    """Return the failure of a body with status 200 that is no chat completion, from an address that gives them."""
    return Failure(Cause.ODD, _plain(raw.decode(errors="replace")), is_billed=responses.is_of_model(raw))


def of_aiohttp(error: aiohttp.ClientError | TimeoutError) -> Failure:
    """Return the failure behind an error of aiohttp: no connection, or no complete response."""
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


def of_openai(error: "openai.OpenAIError") -> Failure:
    """Return the failure behind an error of the openai client."""
    import openai  # 1 s: loaded only for batches

    if isinstance(error, openai.APIResponseValidationError):
        return Failure(Cause.NO_COMPLETION, error.message)
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, Mapping) and "error" in error.body else {"error": error.body}
        return _of_status(error.status_code, error.response.headers, body, error.message)
    if isinstance(error, openai.APITimeoutError):
        return Failure(Cause.LOST, error.message, is_timeout=True)
    return Failure(Cause.NO_CONNECTION if isinstance(error, openai.APIConnectionError) else Cause.STATUS, str(error))


def refusal(failure: Failure, *, url: str, model: str) -> str:
    """Return the sentence for a request that the endpoint will never take."""
    status, said = failure.status, failure.said.rstrip(".") or "no reason given"
    if failure.cause == Cause.NO_COMPLETION:
        return no_completion(url, failure.said)
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
    if status == 404 and re.search(r"does not exist|not found|unknown model|no such model", said, re.IGNORECASE):
        return f"{url} does not know the model {model!r}: {said}. Choose one that it offers."
    if status == 404 and ("model" in said.lower() or "endpoint" in said.lower() or failure.code == "model_not_found"):
        return (
            f"{url} does not offer the model {model!r} to this key: {said}. Do what it says, or choose another model."
        )
    if status == 404:
        return f"{url} has no chat completions (status 404): {said}. Check the base URL; it often ends in /v1."
    return f"{url} refused the request: {said}."


def no_quota(failure: Failure, *, url: str) -> str:
    """Return the sentence about the quota that is used up."""
    if failure.is_daily:
        return f"The quota of the day is used up at {url}: {failure.said.rstrip('.')}."
    return f"The key has no quota left at {url}: {failure.said.rstrip('.')}. Add credit there, or use another key."


def no_answer(failure: Failure, *, url: str, timeout: float, tries: int, proxy: str | None = None) -> str:
    """Return the sentence for a call without an answer after `tries` tries.

    `timeout` is in seconds; `proxy` is the proxy that the calls went through, None for direct calls.
    """
    if proxy and (failure.cause in (Cause.NO_CONNECTION, Cause.NO_NAME) or failure.status in OF_PROXY):
        said = f" ({failure.said})" if failure.said else ""
        return (
            f"{url} is not reached through the proxy {proxy}, which this machine's environment names{said}. Check "
            "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or add the endpoint's host to NO_PROXY."
        )
    if failure.status is not None:
        often = "" if tries == 1 else f" {tries} times"
        return f"{url} failed{often} with status {failure.status}: {failure.said}. Try again later."
    often = f", {tries} times" if tries > 1 else ""
    if failure.cause == Cause.ODD:
        return f"{_no_completion(url, failure.said)}{often}. Try again later."
    if failure.is_timeout and failure.cause == Cause.LOST:
        return f"{url} did not answer within {timeout:g} seconds{often}. Try again later, or allow more time."
    if failure.cause == Cause.LOST:
        return f"{url} broke off its answer{often}. Try again later."
    if failure.cause == Cause.NO_NAME:
        return f"Nothing has the name in {url}. Check the spelling of the base URL, and the network."
    return f"Nothing answers at {url}. Start the server there, or check the base URL and the network."


def no_completion(url: str, said: str = "") -> str:
    """Return the sentence for a response that is no chat completion; `said` is the text of the response."""
    return f"{_no_completion(url, said)}. Check the base URL; it often ends in /v1."


def _no_completion(url: str, said: str) -> str:
    shown = _plain(said)[: LONGEST_SAID // 2]
    quoted = f" ({shown})" if shown else ""
    return f"{url} answered with something else than a chat completion{quoted}"


def in_success(body: Any) -> Failure | None:
    """Return the failure that a response with status 200 reports in its JSON body; None for a body without an error."""
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    usage = body.get("usage")
    is_billed = isinstance(usage, Mapping) and any(usage.values())
    for part in (body, choice):
        if error := part.get("error"):
            failure = _of_status(_status_of(error), {}, {"error": error}, json.dumps(error, ensure_ascii=False))
            return replace(failure, is_billed=is_billed)
    if choice.get("finish_reason") == "error":
        return replace(_of_status(502, {}, {"error": "the answer broke off with an error"}, ""), is_billed=is_billed)
    error = {**body, **(body["base_resp"] if isinstance(body.get("base_resp"), Mapping) else {})}
    if not isinstance(choices, list) and any(error.get(name) for name in WORDS):
        return _of_status(_status_of(error), {}, {"error": error}, json.dumps(error, ensure_ascii=False))
    return None


def _status_of(error: Any) -> int:
    """Return the HTTP status that fits an error reported with status 200, by the error's number or name; 502 for an unknown error."""
    fields = error if isinstance(error, Mapping) else {}
    names = [str(fields.get(name) or "") for name in ("code", "status", "status_code", "type", "error_code")]
    for name in names:
        if re.fullmatch(r"[45]\d\d", name):
            return int(name)
    words = " ".join([*names, *(str(fields.get(name) or "") for name in WORDS)])
    return next((status for status, pattern in STATUS_NAMES if re.search(pattern, words, re.IGNORECASE)), 502)


def _of_status(status: int, headers: Mapping[str, str], body: Any, words: str) -> Failure:
    """Return the failure of a response; `body` is the JSON of the response or None, `words` the whole text."""
    body = body[0] if isinstance(body, list) and body else body
    reported = body.get("error", body) if isinstance(body, Mapping) else None
    error = reported if isinstance(reported, Mapping) else {"message": reported}
    message = next((error[name] for name in WORDS if error.get(name)), words)
    details = message[0] if isinstance(message, list) and message and isinstance(message[0], Mapping) else {}
    if details:
        where = details.get("loc")
        message = f"{details.get('msg', '')} ({'.'.join(map(str, where if isinstance(where, list) else [where]))})"
    return Failure(
        Cause.STATUS,
        (_plain(str(message)) + _beneath(error))[: 10 * LONGEST_SAID],
        status=status,
        code=str(error.get("code") or error.get("status_code") or ""),
        kind=str(error.get("type") or ""),
        param=str(error.get("param") or "").split(".")[0],
        is_daily=status in (403, 429) and DAILY.search(words) is not None,
        retry_after=_retry_after(headers, words),
        is_json=body is not None,
    )


def _beneath(error: Mapping[str, Any]) -> str:
    """Return the words of the endpoint behind a router, "" if the router passes no words on."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return f": {' '.join(str(raw).split())}" if raw else ""


def _plain(words: str) -> str:
    """Return words on one line; of an HTML page, only the text."""
    page = TAG.sub(" ", words[:LONGEST_PAGE]) if words.lstrip().startswith("<") else words
    return " ".join(page.split())


def _retry_after(headers: Mapping[str, str], words: str) -> float | None:
    """Return the seconds that a response asks to wait, at most 30 days; None if the response asks for no wait.

    Endpoints give the wait in headers, as milliseconds, seconds or a date, or only in the words of the error.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if SECONDS.fullmatch(value):
            return min(float(value) / unit, LONGEST_WAIT_S)
    try:
        until = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
        return min(max(0.0, until - time.time()), LONGEST_WAIT_S)
    except (ValueError, OverflowError):
        asked = IN_WORDS.search(words)
        parts = [float(part or 0) for part in asked.groups()] if asked else []
        return (
            min(sum(part * unit for part, unit in zip(parts, UNITS_S, strict=True)), LONGEST_WAIT_S)
            if any(parts)
            else None
        )
