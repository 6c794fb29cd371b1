"""The endpoint: spaced requests, structured answers, and answers that get lost."""

import asyncio
import gc
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest

from core.errors import ProviderError, ProviderPaused, ProviderRefused
from core.llm import text as llm_text
from core.llm.answers import Answer, AnswerLost, SlotKey
from core.llm.endpoint import failures
from core.llm.endpoint.endpoint import FORMAT, STRUCTURED, OpenAIProvider
from core.synthesis.parsing import texts
from tests import endpoints
from tests.llm_server import LlmServer

KEY = "sk-very-secret-0123456789"
MESSAGES = [{"role": "user", "content": "Number of texts: 3\nLabel: glad"}]


def provider_at(url: str, **settings: Any) -> OpenAIProvider:
    return endpoints.client("test-model", **({"base_url": url, "api_key": KEY, "first_wait_s": 0.02} | settings))


def ask(provider: OpenAIProvider, *, times: int = 1, max_tokens: int | None = None) -> list[Answer]:
    """The answers to a number of calls side by side. Raises the first error."""

    keys = [SlotKey(study="s", task="t", arm="a", label="glad", index=index) for index in range(times)]
    calls = (provider.complete(MESSAGES, slot_key=key, max_tokens=max_tokens) for key in keys)
    return asyncio.run(endpoints.answers(provider, calls))


@contextmanager
def cut_off(reply: bytes, heads: list[bytes] | None = None) -> Iterator[str]:
    """A server that answers every request with these bytes and closes the connection; `heads` collects the heads of the requests."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(65536)
                    if heads is not None:
                        heads.append(asked)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_closed_provider_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(str(found.object)))

    with LlmServer() as server, cut_off(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{") as half:
        ask(provider_at(server.url), times=4)
        for refused in (provider_at(half), provider_at("http://127.0.0.1:9/v1", tries=1)):
            with pytest.raises((ProviderError, AnswerLost)):
                ask(refused, times=4)
    gc.collect()

    assert left == []


@pytest.mark.slow
def test_requests_a_minute_space_the_starts_of_all_callers_evenly() -> None:
    with LlmServer() as server:
        provider = provider_at(server.url, rpm=240)  # one every 250 ms

        ask(provider, times=5)
        ask(provider, times=2)

    # A busy machine may hear the first late: the turns together are what counts.
    gaps = [after - before for before, after in zip(server.seen.asked_at, server.seen.asked_at[1:], strict=False)]
    assert len(gaps) == 6 and 1.0 < sum(gaps) < 4.5 and sorted(gaps)[1] > 0.05


@pytest.mark.slow
def test_a_retry_takes_its_turn_too() -> None:
    with LlmServer(first=["500", "500", "500"]) as server:
        ask(provider_at(server.url, rpm=120, first_wait_s=0.001))  # one every 500 ms

    gaps = [after - before for before, after in zip(server.seen.asked_at, server.seen.asked_at[1:], strict=False)]
    assert len(gaps) == 3 and sum(gaps) > 0.75


def test_a_structured_answer_is_asked_for_in_the_request_that_is_stored() -> None:
    with LlmServer() as server:
        (answer,) = ask(provider_at(server.url, structured=True))

    sent = server.seen.bodies[-1]
    assert sent == {"model": "test-model", "messages": answer.messages, **answer.parameters}
    assert sent["messages"][-1]["content"] == MESSAGES[-1]["content"] + STRUCTURED
    assert json.loads(json.dumps(answer.parameters))[FORMAT]["json_schema"]["strict"] is True
    parsed = texts.parse(answer.content, finish_reason=answer.finish_reason, expected=3)
    assert list(json.loads(answer.content)) == ["texts"] and len(parsed.texts) == 3 and not parsed.rejected


def test_an_endpoint_without_structured_answers_is_asked_plainly_from_then_on() -> None:
    with LlmServer(refused_parameters=["response_format"]) as server:
        provider = provider_at(server.url, structured=True)
        (answer,) = ask(provider)
        ask(provider)

    assert answer.messages == MESSAGES and answer.parameters == {}
    assert server.counts()["statuses"] == {"400": 1, "200": 2}


@pytest.mark.parametrize(
    ("outcome", "finish_reason", "reason"),
    [
        ("refusal", "stop", llm_text.REFUSAL),
        ("content_filter", "content_filter", llm_text.FILTERED),
        ("length", "length", llm_text.CUT),
    ],
)
def test_answers_that_say_no_or_break_off_are_told_apart(outcome: str, finish_reason: str, reason: str) -> None:
    with LlmServer(first=[outcome]) as server:
        (answer,) = ask(provider_at(server.url))

    parsed = texts.parse(answer.content, finish_reason=answer.finish_reason, refusal=answer.refusal, expected=3)
    assert answer.finish_reason == finish_reason
    assert reason in {parsed.reason, *(why for _, why in parsed.rejected)}


def test_an_answer_that_comes_too_late_is_lost_when_a_limit_must_hold() -> None:
    with LlmServer(latency=0.5) as server:
        with pytest.raises(AnswerLost, match=r"did not answer within 0\.1 seconds.*may be billed"):
            ask(provider_at(server.url, timeout_s=0.1), max_tokens=50)

        assert server.counts()["requests"] == 1


def test_an_answer_that_breaks_off_is_asked_for_again_and_then_given_up() -> None:
    reply = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"id": '
    with cut_off(reply) as url, pytest.raises(ProviderError, match="broke off its answer, 2 times"):
        ask(provider_at(url, tries=2))


def test_a_name_that_no_machine_has_is_told_from_a_dead_port() -> None:
    with pytest.raises(ProviderError, match=r"Nothing has the name in http://no-such-host\.invalid/v1"):
        ask(provider_at("http://no-such-host.invalid/v1"))


def test_an_address_without_a_certificate_is_not_trusted() -> None:
    with cut_off(b"HTTP/1.1 200 OK\r\n\r\n") as url, pytest.raises(ProviderError, match="https://127"):
        ask(provider_at(url.replace("http:", "https:"), tries=1))


def test_odd_completions_are_read_or_refused_but_never_crash() -> None:
    provider = provider_at("http://127.0.0.1:1/v1")
    sent = provider.body(MESSAGES)

    for odd in ({}, {"choices": None}, [], {"choices": {}}):
        with pytest.raises(ProviderRefused, match="something else than a chat completion"):
            provider.answer(odd, sent=sent)
    empty = provider.answer({"choices": []}, sent=sent)
    listed = provider.answer({"choices": [{"message": {"content": [{"type": "text"}]}}], "usage": {}}, sent=sent)
    bare = provider.answer({"choices": [{"message": "hello"}], "usage": [1], "model": 7}, sent=sent)
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "1. A letter"}, " from the sea"]
    split = provider.answer({"choices": [{"message": {"content": parts}}]}, sent=sent)

    assert (empty.content, empty.finish_reason, empty.model) == ("", "unknown", "test-model")
    assert listed.content == "" and listed.tokens_in > 0 and listed.tokens_out == 0
    assert (bare.content, bare.model) == ("", "7") and split.content == "1. A letter from the sea"


@pytest.mark.parametrize("odd", [-1_000_000, 10**30, True, "many", float("nan")])
def test_a_number_of_tokens_that_can_be_none_is_counted_anew(odd: Any) -> None:
    provider = provider_at("http://127.0.0.1:1/v1")
    usage = {"prompt_tokens": odd, "completion_tokens": odd}

    answer = provider.answer(
        {"choices": [{"message": {"content": "x" * 40}}], "usage": usage}, sent=provider.body(MESSAGES)
    )

    assert answer.tokens_in == 8 and answer.tokens_out == 10


def test_characters_that_no_database_takes_are_left_out_of_every_field() -> None:
    provider = provider_at("http://127.0.0.1:1/v1")
    choice = {"message": {"content": "a\ud800b", "refusal": "no\udfff"}, "finish_reason": "st\x00op"}

    answer = provider.answer({"choices": [choice], "model": "m\ud800", "id": "\x00i"}, sent=provider.body(MESSAGES))

    assert (answer.content, answer.refusal, answer.finish_reason) == ("ab", "no", "stop")
    assert (answer.model, answer.request_id) == ("m", "i")


@pytest.mark.parametrize(("status", "sentence"), [(200, "something else than a chat"), (400, "refused the request")])
def test_json_that_is_nested_without_end_is_no_completion(status: int, sentence: str) -> None:
    body = b"[" * 100_000
    reply = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)

    with cut_off(reply) as url, pytest.raises(ProviderRefused, match=sentence):
        ask(provider_at(url))


@pytest.mark.parametrize("status", [302, 307])
def test_texts_and_keys_do_not_follow_a_redirection(status: int) -> None:
    reply = b"HTTP/1.1 %d Moved\r\nLocation: %s/chat/completions\r\nContent-Length: 0\r\n\r\n"
    with LlmServer() as elsewhere, cut_off(reply % (status, elsewhere.url.encode())) as url:
        with pytest.raises(ProviderRefused, match=f"points elsewhere .status {status}"):
            ask(provider_at(url))

        assert elsewhere.counts()["requests"] == 0


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", b"?!\r\n\r\n"]
)
def test_a_call_whose_connection_ends_without_an_answer_may_be_billed(reply: bytes) -> None:
    with cut_off(reply) as url, pytest.raises(AnswerLost, match="may be billed"):
        ask(provider_at(url), max_tokens=50)


def test_a_key_that_an_endpoint_repeats_is_taken_out_before_its_words_are_cut() -> None:
    body = json.dumps({"error": {"message": f"{'x' * 290} {KEY}"}}).encode()
    reply = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    with cut_off(reply) as url, pytest.raises(ProviderRefused) as found:
        ask(provider_at(url))

    assert KEY[:6] not in str(found.value) and "xxx ***" in str(found.value)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("9" * 400, 30 * 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 30 * 86_400),
        ("\u00b2", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_wait_without_sense_is_bounded_or_left_out(asked: str, seconds: float | None) -> None:
    assert failures.of_response(429, {"retry-after": asked}, b"{}").retry_after == seconds


def test_an_error_whose_place_is_missing_is_read_all_the_same() -> None:
    assert "wrong" in failures.of_response(422, {}, b'{"detail": [{"msg": "wrong", "loc": null}]}').said


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("Please try again in 45 milliseconds.", 0.045), ("try again in 800ms", 0.8), ("retry after 2 minutes", 120.0)],
)
def test_a_wait_in_words_is_read_in_its_unit(said: str, seconds: float) -> None:
    assert failures.of_response(429, {}, said.encode()).retry_after == pytest.approx(seconds)


def test_headers_and_query_go_with_every_request_and_a_key_is_never_shown() -> None:
    heads: list[bytes] = []
    with cut_off(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", heads) as url:
        base = url.replace("http://", "http://me:password@")
        provider = provider_at(base, headers={"api-key": "hidden"}, query={"api-version": "2024-10-21"})
        with pytest.raises(ProviderRefused, match="no chat completions") as found:
            ask(provider)

    assert heads[0].startswith(b"POST /v1/chat/completions?api-version=2024-10-21 HTTP/1.1")
    assert b"api-key: hidden" in heads[0] and f"Authorization: Bearer {KEY}".encode() in heads[0]
    shown = f"{provider!r} {found.value}"
    assert "password" not in shown and "hidden" not in shown and KEY not in shown


def test_errors_of_the_openai_client_are_answered_with_the_same_sentences() -> None:
    provider = provider_at("http://127.0.0.1:1/v1", tries=2)
    request = httpx2.Request("POST", "http://127.0.0.1:1/v1/batches")

    def error(status: int, **headers: str) -> openai.APIStatusError:
        response = httpx2.Response(status, headers=headers, request=request)
        return openai.APIStatusError("went wrong", response=response, body={"message": f"no {KEY}"})

    waits = [provider.wait_after(error(500), 1), provider.wait_after(error(429, **{"retry-after": "2"}), 1)]
    with pytest.raises(ProviderRefused, match="key was refused"):
        provider.wait_after(error(401), 1)
    with pytest.raises(ProviderError, match=r"failed 2 times with status 500: no \*\*\*"):
        provider.wait_after(error(500), 2)
    with pytest.raises(ProviderPaused, match="wait 600 seconds"):
        provider.wait_after(error(429, **{"retry-after": "600"}), 1)

    assert waits[0] == 0.02 and 1.5 < waits[1] <= 2.0
