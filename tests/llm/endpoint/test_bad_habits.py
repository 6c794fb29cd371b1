"""Endpoints with bad habits: refusals of one prompt, errors inside a success, waits, refused parameters."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import func, select

from core.errors import ProviderError, ProviderPaused, ProviderRefused
from core.llm import choices, text
from core.llm import text as llm_text
from core.llm.answers import Answer, AnswerLost, SlotKey
from core.study.rows.study import Arm, Completion
from core.study.store import Store
from core.synthesis.generation import generation
from core.synthesis.parsing import texts
from tests import endpoints

Reply = tuple[int, Any, dict[str, str]]
MESSAGES = [{"role": "system", "content": "You write letters."}, {"role": "user", "content": "Write three."}]


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def written(content: str | None, finish: str | None = "stop", **usage: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    counted = usage or {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    return {"id": "a", "choices": [{"index": 0, "finish_reason": finish, "message": message}], "usage": counted}


@contextmanager
def endpoint(
    reply: Callable[[int, dict[str, Any], str], Reply], *, before: Callable[[str], None] = lambda _key: None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server whose answers `reply` makes from the number of the call, the body of the request, and the slot's key.

    `before` is called with the key first, side by side.
    """
    asked: list[dict[str, Any]] = []
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            before(self.headers.get("Idempotency-Key", ""))
            with turn:
                asked.append(body)
                status, answer, headers = reply(len(asked), body, self.headers.get("Idempotency-Key", ""))
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            with contextlib.suppress(OSError):  # the caller may have gone
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(url: str, **settings: Any) -> Answer:
    limit = settings.pop("limit", None)

    async def once() -> Answer:
        provider = endpoints.client("m", base_url=url, first_wait_s=0.01, **settings)
        try:
            return await provider.complete(MESSAGES, slot_key=SlotKey("s", "t", "a", "l", 0), max_tokens=limit)
        finally:
            await provider.close()

    return asyncio.run(once())


def listed(key: str) -> str:
    return "\n".join(f"{n}. A letter of {key} with the number {n}" for n in range(1, 11))


REFUSALS = {
    "glad/0": (400, said("The response was filtered due to the prompt triggering our content management policy.")),
    "glad/1": (400, said("This model's maximum context length is 4096 tokens.", code="context_length_exceeded")),
    "sad/1": (403, said("The model requires moderation. Your input was flagged for hate.")),
}


def test_refusals_of_single_prompts_are_their_slots_answers_and_the_rest_goes_on(
    store: Store, make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")

    def reply(_number: int, _body: dict[str, Any], key: str) -> Reply:
        known = next((answer for name, answer in REFUSALS.items() if key.endswith(f"/{name}")), None)
        return (*known, {}) if known else (200, written(listed(key)), {})

    with endpoint(reply) as (url, asked):
        provider = endpoints.client("m", base_url=url, api_key=None)
        first = generation.generate(store, arm_id=arm.id, per_label=30, provider=provider)
        before = len(asked)
        again = generation.generate(store, arm_id=arm.id, per_label=30, provider=provider)

    assert first.kept == again.kept == 60 and not first.stopped
    assert first.rejected == {"content filter": 2, "prompt too long": 1} | {
        reason: n for reason, n in first.rejected.items() if reason not in ("content filter", "prompt too long")
    }
    assert len(asked) == before == first.completions
    with store() as session:
        refused = session.scalars(select(Completion).where(Completion.reject_reason.is_not(None))).all()
        assert {row.content for row in refused} >= {
            answer[1]["error"]["message"].rstrip(".") for answer in REFUSALS.values()
        }
        assert (
            session.scalar(
                select(func.sum(Completion.tokens_out)).where(Completion.id.in_([row.id for row in refused]))
            )
            == 0
        )


@pytest.mark.parametrize(
    "broken",
    [
        said("upstream is rate-limited", code=429),
        {"id": None, "choices": None, **said("Upstream error: overloaded", code=502)},
        {
            "choices": [
                {
                    "finish_reason": "error",
                    "error": {"code": 502, "message": "idle timeout"},
                    "message": {"content": "1. A let"},
                }
            ]
        },
    ],
)
def test_an_error_inside_a_success_is_tried_again_like_its_own_status(broken: dict[str, Any]) -> None:
    with endpoint(lambda number, *_: (200, broken if number == 1 else written("1. fine"), {})) as (url, asked):
        answer = ask(url)

    assert answer.content == "1. fine" and len(asked) == 2


def test_the_words_of_an_error_inside_a_success_are_quoted() -> None:
    with (
        endpoint(lambda *_: (200, said("Key limit exceeded for this key", code=403), {})) as (url, _),
        pytest.raises(ProviderRefused, match="Key limit exceeded"),
    ):
        ask(url)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (404, "Your organization must be verified to use the model `m`", "model_not_found"),
        (404, "No endpoints found matching your data policy", None),
        (403, "Country, region, or territory not supported", "unsupported_country_region_territory"),
        (401, "Incorrect API key provided", "invalid_api_key"),
    ],
)
def test_the_endpoints_own_sentence_stands_in_the_message(status: int, message: str, code: str | None) -> None:
    with (
        endpoint(lambda *_: (status, said(message, code=code), {})) as (url, asked),
        pytest.raises(ProviderRefused) as found,
    ):
        ask(url)

    assert message.rstrip(".") in str(found.value) and len(asked) == 1


@pytest.mark.parametrize("headers", [{"retry-after-ms": "6"}, {"retry-after": "0"}, {}])
@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_wait_of_nothing_has_a_floor_that_grows(status: int, headers: dict[str, str]) -> None:
    with endpoint(
        lambda number, *_: (status, said("slow down"), headers) if number < 5 else (200, written("1. fine"), {})
    ) as (url, asked):
        answer = ask(url)

    assert answer.content == "1. fine" and len(asked) == 5


def test_a_wait_asked_with_a_503_pauses_the_job() -> None:
    with (
        endpoint(lambda *_: (503, said("Model is loading"), {"retry-after": "900"})) as (url, asked),
        pytest.raises(ProviderPaused, match="Model is loading") as found,
    ):
        ask(url)

    assert found.value.seconds == 900 and len(asked) == 1


def test_a_quota_of_the_day_pauses_at_the_first_refusal_and_is_named() -> None:
    quota = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject-FreeTier"}]}
    body = [{"error": {"code": 429, "message": "You exceeded your current quota", "details": [quota]}}]
    with (
        endpoint(lambda *_: (429, body, {})) as (url, asked),
        pytest.raises(ProviderPaused, match="quota of the day .*You exceeded your current quota") as found,
    ):
        ask(url)

    assert found.value.seconds >= 3600 and len(asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, said("You exceeded your current quota.", type="insufficient_quota", code=None)),
        (429, said("You exceeded your current quota.", code="insufficient_quota")),
        (402, said("Insufficient credits. Add more credits", code=402)),
        (400, said("Your credit balance is too low to access the API.", type="invalid_request_error")),
        (200, said("Insufficient Balance", code=402)),
    ],
)
def test_an_account_without_quota_is_named_and_pauses_the_job(status: int, body: dict[str, Any]) -> None:
    words = body["error"]["message"].rstrip(".")
    with (
        endpoint(lambda *_: (status, body, {})) as (url, asked),
        pytest.raises(ProviderPaused, match=f"no quota left .*{words}") as found,
    ):
        ask(url)

    assert len(asked) == 1 and found.value.seconds >= 3600
    assert str(found.value).endswith("or use another key.")  # when it is tried again, only a job can say


def test_a_quota_of_a_minute_is_waited_for() -> None:
    body = [
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota, please check your plan and billing details.",
            }
        }
    ]
    with endpoint(lambda number, *_: (429, body, {}) if number < 3 else (200, written("1. fine"), {})) as (url, _):
        assert ask(url).content == "1. fine"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            400,
            said(
                "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
                code="invalid_prompt",
            ),
        ),
        (400, said("Your request was rejected as a result of our safety system.", code="moderation_blocked")),
        (400, said("Input data may contain inappropriate content.", code="data_inspection_failed")),
        (403, said("Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO")),
        (400, said("The request was rejected because it was considered high risk")),
        (400, said("系统检测到输入或生成内容可能包含不安全或敏感内容", code="1301")),
        (
            200,
            said("Provider returned error", code=400, metadata={"raw": "output blocked by content filtering policy"}),
        ),
        (200, {"base_resp": {"status_code": 1026, "status_msg": "input contains sensitive content"}}),
    ],
)
def test_every_word_for_a_filtered_prompt_is_that_prompts_answer(status: int, error: dict[str, Any]) -> None:
    with endpoint(lambda *_: (status, error, {})) as (url, asked):
        answer = ask(url)

    assert answer.finish_reason == text.PROMPT_REFUSED and len(asked) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, said("The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).")),
        (400, said("Range of input length should be [1, 30720]")),
        (413, said("Request Entity Too Large")),
        (
            422,
            said(
                "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 100 `max_new_tokens`"
            ),
        ),
        (400, said("prompt is too long: 208310 tokens > 200000 maximum")),
        (
            400,
            said("the request exceeds the available context size, try increasing it", type="exceed_context_size_error"),
        ),
        (
            429,
            said(
                "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000.",
                code="rate_limit_exceeded",
            ),
        ),
        (200, said("This endpoint's maximum context length is 8192 tokens", code="context_length_exceeded")),
    ],
)
def test_every_word_for_a_prompt_that_is_too_long_is_that_prompts_answer(status: int, error: dict[str, Any]) -> None:
    with endpoint(lambda *_: (status, error, {})) as (url, asked):
        answer = ask(url, max_tokens=100)

    assert answer.finish_reason == text.PROMPT_TOO_LONG and len(asked) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Your account was suspended for violating our usage policies"),
        (400, "Your organization has been disabled."),
        (403, "You must accept the terms of the content policy in the settings of your account"),
        (403, "Key limit exceeded (total limit). Manage it in the settings"),
        (400, "User location is not supported for the API use."),
    ],
)
def test_a_refusal_of_the_account_is_no_answer_to_a_prompt(status: int, message: str) -> None:
    with endpoint(lambda *_: (status, said(message), {})) as (url, _), pytest.raises(ProviderRefused) as found:
        ask(url)

    assert message.rstrip(".") in str(found.value)


def test_the_page_of_a_firewall_is_no_answer_to_a_prompt() -> None:
    page = b"<html><h1>Web Page Blocked!</h1>This address is in violation of your Internet usage policy.</html>"
    with endpoint(lambda *_: (403, page, {})) as (url, _), pytest.raises(ProviderRefused, match="usage policy"):
        ask(url)


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens must be less than or equal to `512`, the maximum value for this model",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 512]",
        "max_tokens: 1000 > 512, which is the maximum allowed number of output tokens",
        "This model's maximum context length is 700 tokens. However, you requested 1100 tokens (100 in the messages, 1000 in "
        "the completion). Please reduce the length of the messages or completion.",
    ],
)
def test_a_limit_that_is_too_large_is_lowered(message: str) -> None:
    def reply(_number: int, body: dict[str, Any], _key: str) -> Reply:
        return (400, said(message), {}) if body["max_tokens"] > 512 else (200, written("1. fine"), {})

    with endpoint(reply) as (url, asked):
        assert ask(url, max_tokens=1000).content == "1. fine"

    assert asked[-1]["max_tokens"] == 500


def in_context(body: dict[str, Any]) -> Reply:
    """The reply of a model whose context holds 4,096 tokens, to a prompt of as many tokens as its last message says."""
    asked, limit = int(body["messages"][-1]["content"]), body["max_tokens"]
    if asked + limit <= 4096:
        return 200, written("1. fine"), {}
    message = f"This model's maximum context length is 4096 tokens. However, you requested {asked + limit} tokens ({asked} in the "
    return 400, said(f"{message}messages, {limit} in the completion). Please reduce the length of the messages."), {}


def test_a_long_prompt_lowers_the_limit_of_its_own_answer_alone() -> None:
    async def each(url: str) -> list[Answer]:
        provider = endpoints.client("m", base_url=url, max_tokens=1600)
        prompts = [[{"role": "user", "content": str(asked)}] for asked in (4000, 10, 4090, 10)]
        found = [await provider.complete(prompt, slot_key=SlotKey("s", "t", "a", "l", 0)) for prompt in prompts]
        await provider.close()
        return found

    with endpoint(lambda _n, body, _k: in_context(body)) as (url, asked):
        answers = asyncio.run(each(url))

    assert [body["max_tokens"] for body in asked] == [1600, 96, 1600, 1600, 1600]
    assert [answer.finish_reason for answer in answers] == ["stop", "stop", text.PROMPT_TOO_LONG, "stop"]


def test_a_limit_that_is_refused_without_numbers_is_halved_for_the_long_prompt_alone() -> None:
    def reply(_number: int, body: dict[str, Any], _key: str) -> Reply:
        is_long = body["messages"][-1]["content"] == "long" and body["max_tokens"] > 300
        return (400, said("prompt and max_tokens exceed the maximum"), {}) if is_long else (200, written("1. fine"), {})

    async def each(url: str) -> None:
        provider = endpoints.client("m", base_url=url, max_tokens=1000)
        for content in ("long", "short"):
            await provider.complete(
                [{"role": "user", "content": content}], slot_key=SlotKey("s", "t", "a", "l", 0), max_tokens=800
            )
        await provider.close()

    with endpoint(reply) as (url, asked):
        asyncio.run(each(url))

    assert [body["max_tokens"] for body in asked] == [800, 400, 200, 800]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, "Developer instruction is not enabled for models/gemma"),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (500, "System role not supported"),
        (422, "Only user and assistant roles are supported!"),
    ],
)
def test_every_word_for_a_role_that_is_not_taken_is_understood(status: int, message: str) -> None:
    def reply(_number: int, body: dict[str, Any], _key: str) -> Reply:
        refused = body["messages"][0]["role"] == "system"
        return (status, said(message), {}) if refused else (200, written("1. fine"), {})

    with endpoint(reply) as (url, asked):
        assert ask(url).content == "1. fine"

    assert len(asked) == 2


@pytest.mark.slow
def test_calls_side_by_side_all_learn_that_a_role_is_not_taken() -> None:
    def reply(_number: int, body: dict[str, Any], _key: str) -> Reply:
        refused = body["messages"][0]["role"] == "system"
        return (400, said("System role not supported"), {}) if refused else (200, written("1. fine"), {})

    async def together(url: str) -> list[Answer]:
        provider = endpoints.client("m", base_url=url, api_key=None)
        keys = [SlotKey("s", "t", "a", "l", n) for n in range(8)]
        return await endpoints.answers(provider, (provider.complete(MESSAGES, slot_key=key) for key in keys))

    with endpoint(reply) as (url, _):
        assert [answer.content for answer in asyncio.run(together(url))] == ["1. fine"] * 8


@pytest.mark.parametrize("status", [504, 524])
def test_an_answer_that_is_late_at_a_gateway_is_not_asked_for_again(status: int) -> None:
    with (
        endpoint(lambda *_: (status, said("upstream timed out"), {})) as (url, asked),
        pytest.raises(AnswerLost) as found,
    ):
        ask(url)

    assert len(asked) == 1 and f"failed with status {status}: upstream timed out" in str(found.value)


def test_an_answer_that_is_streamed_unasked_is_put_together() -> None:
    parts = [{"choices": [{"delta": {"content": part}}]} for part in ("1. fi", "ne")]
    ended = {
        "choices": [{"delta": {}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }
    raw = "".join(f"data: {json.dumps(part)}\n\n" for part in [*parts, ended]) + "data: [DONE]\n\n"
    with endpoint(lambda *_: (200, raw.encode(), {})) as (url, _):
        answer = ask(url)

    assert (answer.content, answer.finish_reason, answer.tokens_out) == ("1. fine", "length", 7)


@pytest.mark.parametrize("before", ["", ": PING\n\n", "event: message\nid: 1\n"])
def test_a_stream_is_read_whatever_its_first_line_and_the_separators_in_its_texts(before: str) -> None:
    part = {"choices": [{"delta": {"content": "1. one\u2028two\x85three"}}]}
    raw = f"{before}data: {json.dumps(part, ensure_ascii=False)}\r\n\r\ndata: [DONE]\r\n\r\n"
    with endpoint(lambda *_: (200, raw.encode(), {})) as (url, _):
        answer = ask(url)

    assert (answer.content, answer.finish_reason) == ("1. one\u2028two\x85three", "stop")


@pytest.mark.parametrize(
    "odd", [b"\n\n", b'{"choices": [{"mess', {"choices": None, "usage": {"completion_tokens": 9}}, b": PING\n\n"]
)
@pytest.mark.parametrize("limit", [None, 100])
def test_one_odd_body_among_answers_is_a_lost_answer(odd: Any, limit: int | None) -> None:
    async def calls(url: str) -> list[Answer | BaseException]:
        provider = endpoints.client("m", base_url=url, first_wait_s=0.01)
        keys = [SlotKey("s", "t", "a", "l", number) for number in range(2)]
        came: list[Answer | BaseException] = []
        try:
            for key in keys:
                call = provider.complete(MESSAGES, slot_key=key, max_tokens=limit)
                came += await asyncio.gather(call, return_exceptions=True)
        finally:
            await provider.close()
        return came

    with endpoint(lambda number, *_: (200, odd if number == 2 else written("1. A letter"), {})) as (url, asked):
        _, found = asyncio.run(calls(url))

    if limit is None:
        assert isinstance(found, Answer) and len(asked) == 3
    else:
        assert isinstance(found, AnswerLost) and "may be billed" in str(found) and len(asked) == 2


@pytest.mark.parametrize(
    ("odd", "error", "sentence", "calls"),
    [
        (
            b"<html><body><h1>Back soon, sk-SECRET</h1></body></html>",
            ProviderError,
            r"\(Back soon, \*\*\*\), 3 times",
            4,
        ),
        (b"upstream is away", ProviderError, r"\(upstream is away\), 3 times", 4),
        (b'{"choices": [{"mess', AnswerLost, r"\(.\"choices\": ..\"mess\)\. Try again later\. .* may be billed", 2),
    ],
)
def test_an_odd_body_is_quoted_and_billed_only_if_a_model_may_have_written_it(
    odd: bytes, error: type[Exception], sentence: str, calls: int
) -> None:
    async def two_calls(url: str) -> None:
        provider = endpoints.client("m", base_url=url, api_key="sk-SECRET", first_wait_s=0.01, tries=3)
        try:
            for number in range(2):
                await provider.complete(MESSAGES, slot_key=SlotKey("s", "t", "a", "l", number), max_tokens=100)
        finally:
            await provider.close()

    with (
        endpoint(lambda number, *_: (200, odd if number > 1 else written("1. A letter"), {})) as (url, asked),
        pytest.raises(error, match=f"something else than a chat completion {sentence}"),
    ):
        asyncio.run(two_calls(url))

    assert len(asked) == calls


def test_what_is_no_completion_is_quoted() -> None:
    with (
        endpoint(lambda *_: (200, {"welcome": "Ollama is running"}, {})) as (url, _),
        pytest.raises(ProviderRefused, match="Ollama is running.*Check the base URL"),
    ):
        ask(url)


@pytest.mark.parametrize("body", [{"headers": {"Authorization": "Bearer sk-SECRET123"}}, b"key=sk-SECRET123"])
def test_a_key_in_what_is_no_completion_is_not_quoted(body: Any) -> None:
    with (
        endpoint(lambda *_: (200, body, {})) as (url, _),
        pytest.raises(ProviderRefused, match=r"something else.*\*\*\*") as found,
    ):
        ask(url, api_key="sk-SECRET123")

    assert "SECRET" not in str(found.value)


def test_a_wait_that_is_asked_in_words_is_kept_to() -> None:
    body = said("Rate limit reached for requests. Please try again in 7m12s.")
    with endpoint(lambda *_: (429, body, {})) as (url, asked), pytest.raises(ProviderPaused, match="wait 432 seconds"):
        ask(url)

    assert len(asked) == 1


@pytest.mark.parametrize("finish", ["SAFETY", "PROHIBITED_CONTENT", "content_filter", "sensitive"])
def test_an_empty_answer_that_a_filter_held_back_says_so(finish: str) -> None:
    assert texts.parse("", finish_reason=finish).reason == llm_text.FILTERED
    assert choices.read("", [choices.Choice("a", ("a",))], finish_reason=finish) == (None, text.FILTERED)


def test_what_a_model_does_not_take_is_left_out() -> None:
    def reply(_number: int, body: dict[str, Any], _key: str) -> Reply:
        if any(part["role"] == "system" for part in body["messages"]):
            return 400, {"object": "error", "message": "System role not supported", "code": 400}, {}
        if "temperature" in body:
            return 400, said("`temperature` is deprecated for this model."), {}
        if body.get("max_tokens", 0) > 600:
            return (
                400,
                said(
                    "'max_tokens' is too large: 1000. This model's maximum context length is 700.", param="max_tokens"
                ),
                {},
            )
        return 200, written("1. fine"), {}

    with endpoint(reply) as (url, asked):
        answer = ask(url, temperature=0.7, limit=1000)

    assert answer.content == "1. fine" and asked[-1]["max_tokens"] == 500
    assert asked[-1]["messages"] == [{"role": "user", "content": "You write letters.\n\nWrite three."}]


def test_an_extra_input_that_is_forbidden_is_left_out() -> None:
    forbidden = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]
    }
    with endpoint(
        lambda _n, body, _k: (422, forbidden, {}) if "temperature" in body else (200, written("1. fine"), {})
    ) as (url, _):
        assert ask(url, temperature=1.0).content == "1. fine"


def test_thinking_that_stands_in_the_total_alone_is_counted() -> None:
    body = written("1. fine", prompt_tokens=50, completion_tokens=80, total_tokens=1630)
    with endpoint(lambda *_: (200, body, {})) as (url, _):
        assert ask(url).tokens_out == 1580


def test_a_proxy_without_a_scheme_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "127.0.0.1:9")

    with pytest.raises(ProviderRefused, match=r"proxy 127\.0\.0\.1:9 .*write it as http://host:port"):
        ask("http://models.example.org/v1")


def test_a_proxy_that_is_not_there_is_named_and_the_address_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://someone:secret@127.0.0.1:9")

    with pytest.raises(ProviderError, match=r"models\.example\.org.*proxy http://127\.0\.0\.1:9") as found:
        ask("http://models.example.org/v1")

    assert "secret" not in str(found.value) and "base URL" not in str(found.value)


def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with endpoint(lambda *_: (200, written("1. fine"), {})) as (url, _):
        assert ask(url).content == "1. fine"

    with pytest.raises(ProviderRefused, match=r"proxy socks5://127\.0\.0\.1:9"):
        ask("http://models.example.org/v1")


@pytest.mark.parametrize(
    "finish", ["length", "MAX_TOKENS", "max_tokens", "model_length", "content_filter", "abort", "incomplete"]
)
def test_what_was_not_finished_is_never_kept(finish: str) -> None:
    parsed = texts.parse(
        "1. The kettle sings at six\n2. The waiter brought us the wro", finish_reason=finish, expected=2
    )

    assert parsed.texts == ["The kettle sings at six"] and parsed.rejected == [
        ("The waiter brought us the wro", llm_text.CUT)
    ]


@pytest.mark.parametrize("finish", ["stop", "STOP", "end_turn", "eos_token", "COMPLETE", "unknown", ""])
def test_a_usual_end_cuts_nothing(finish: str) -> None:
    parsed = texts.parse("1. The kettle sings at six\n2. The waiter brought us soup", finish_reason=finish, expected=2)

    assert len(parsed.texts) == 2


LIST = "1. The kettle sings at six\n2. The waiter brought us soup"
DRAFT = "Two texts.\n1. maybe one about trains\n2. or one about boats"


@pytest.mark.parametrize(
    "content",
    [
        f"<think>{DRAFT}</think>\n{LIST}",
        f"{DRAFT}</think>\n{LIST}",
        f"[THINK]{DRAFT}[/THINK]\n{LIST}",
        f"◁think▷{DRAFT}◁/think▷\n{LIST}",
        f"<seed:think>{DRAFT}</seed:think>{LIST}",
        f"<thought>{DRAFT}</thought>\n<think>{DRAFT}</think>\n{LIST}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{LIST}<|return|>",
        f"{LIST}<|im_end|>\n<|im_start|>user\n1. A turn that nobody asked for",
        f"{LIST}</s>",
        f'<think time="3">{DRAFT}</think>\n{LIST}',
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{LIST}<|END_RESPONSE|>",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>\n<|begin_of_solution|>\n{LIST}\n<|end_of_solution|>",
        f"<unused94>thought\n{DRAFT}<unused95>{LIST}",
        f"<reasoning>{DRAFT}</reasoning>\n<answer>\n{LIST}\n</answer>",
        f"<inner_monologue>{DRAFT}</inner_monologue>{LIST}",
        f"Thinking...\n{DRAFT}\n...done thinking.\n\n{LIST}",
        f"analysis{DRAFT}assistantfinal{LIST}",
        f'<details type="reasoning" done="true">{DRAFT}</details>\n{LIST}',
        f"{LIST}<end_of_turn>\n<start_of_turn>user\n1. A turn that nobody asked for",
        f"{LIST}<|eot|>",
        f"{LIST}[/INST]",
        f"<|start_header_id|>assistant<|end_header_id|>\n{LIST}<|eot_id|>",
        f"{LIST}<｜end▁of▁sentence｜>",
    ],
)
def test_thinking_and_the_marks_of_a_template_are_never_texts(content: str) -> None:
    parsed = texts.parse(content, finish_reason="stop", expected=2)

    assert parsed.texts == ["The kettle sings at six", "The waiter brought us soup"]


@pytest.mark.parametrize("content", [f"<think>{DRAFT}", f"[THINK]{DRAFT}", f"<|channel|>analysis<|message|>{DRAFT}"])
def test_an_answer_that_only_thinks_holds_no_text(content: str) -> None:
    parsed = texts.parse(content, finish_reason="length", expected=2)

    assert parsed.texts == [] and parsed.reason == texts.CUT_EARLY


def test_a_refused_prompt_names_no_choice_whatever_its_sentence_says() -> None:
    offered = [choices.Choice("hate", ("hate",)), choices.Choice("fine", ("fine",))]

    found = choices.read("hate", offered, finish_reason=text.PROMPT_REFUSED)

    assert found == (None, text.FILTERED)
