"""Providers against a real server: requests, waits, and a sentence for each way to fail."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import ProviderError, ProviderPaused, ProviderRefused, StudyError
from core.llm import providers
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.settings import CallSettings
from core.settings import Settings
from tests import endpoints
from tests.llm_server import LlmServer
from tests.ports import free_port

KEY = "sk-very-secret-0123456789"
MESSAGES = [{"role": "user", "content": "Number of texts: 3\nLabel: glad"}]


def slot(index: int = 0) -> SlotKey:
    return SlotKey(study="s", task="t", arm="zero-shot", label="glad/sad é", index=index)


def ask(
    provider: Provider, *, times: int = 1, messages: list[Message] = MESSAGES, max_tokens: int | None = None
) -> list[Answer]:
    """The answers to a number of calls side by side. Raises the first error."""

    calls = (provider.complete(messages, slot_key=slot(index), max_tokens=max_tokens) for index in range(times))
    return asyncio.run(endpoints.answers(provider, calls))


def provider_at(url: str, **settings: Any) -> OpenAIProvider:
    given: dict[str, Any] = {"model": "test-model", "api_key": KEY, "first_wait_s": 0.02} | settings
    return endpoints.client(given.pop("model"), base_url=url, **given)


def test_an_answer_carries_what_is_to_be_stored() -> None:
    with LlmServer(key=KEY) as server:
        (answer,) = ask(provider_at(server.url))

    assert answer.content.startswith("1. ") and answer.content.count("\n") == 2
    assert answer.finish_reason == "stop" and answer.model == "test-model" and not answer.is_recorded
    assert answer.tokens_in > 0 and answer.tokens_out > 0 and answer.latency_s > 0
    assert answer.request_id == "req-1"


def test_only_the_parameters_that_were_set_are_sent_and_the_slot_is_named() -> None:
    with LlmServer() as server:
        ask(provider_at(server.url))
        ask(provider_at(server.url, temperature=0.7, max_tokens=50))

    assert set(server.seen.bodies[0]) == {"model", "messages"}
    assert server.seen.bodies[1]["temperature"] == 0.7 and server.seen.bodies[1]["max_tokens"] == 50
    assert server.counts()["by_key"] == {"s/t/zero-shot/glad%2Fsad%20%C3%A9/0": 2}


@pytest.mark.slow
def test_a_429_pauses_all_callers_for_as_long_as_it_asks() -> None:
    with LlmServer(first=["429"], retry_after="0.5") as server:
        started = time.monotonic()
        provider = provider_at(server.url)

        async def first_then_others() -> None:
            first = asyncio.create_task(provider.complete(MESSAGES, slot_key=slot(0)))
            await asyncio.sleep(0.25)
            await asyncio.gather(first, *(provider.complete(MESSAGES, slot_key=slot(index)) for index in range(1, 5)))
            await provider.close()

        asyncio.run(first_then_others())

    waits = [at - started for at in server.seen.asked_at]
    assert len(waits) == 6 and min(waits[1:]) - waits[0] >= 0.49
    assert server.counts()["statuses"] == {"429": 1, "200": 5}


def test_a_long_pause_is_not_waited_for() -> None:
    with (
        LlmServer(rate_429=1.0, retry_after="600") as server,
        pytest.raises(ProviderPaused, match="wait 600 seconds") as found,
    ):
        ask(provider_at(server.url))

    assert found.value.seconds == 600.0


@pytest.mark.slow
def test_an_endpoint_that_only_ever_says_429_ends_in_a_pause() -> None:
    with LlmServer(rate_429=1.0, retry_after=None) as server, pytest.raises(ProviderPaused):
        ask(provider_at(server.url, tries=3), times=4)

    assert server.counts()["requests"] <= 4 * 12  # waits double, so that twelve of them take long


def test_a_500_is_tried_again() -> None:
    with LlmServer(first=["500", "500"]) as server:
        (answer,) = ask(provider_at(server.url))

    assert answer.content and server.counts()["statuses"] == {"500": 2, "200": 1}


def test_an_endpoint_that_only_fails_is_given_up_with_its_own_words() -> None:
    with (
        LlmServer(rate_500=1.0) as server,
        pytest.raises(ProviderError, match="failed 3 times with status 500: The server had"),
    ):
        ask(provider_at(server.url, tries=3))

    assert server.counts()["requests"] == 3


def test_a_slow_endpoint_is_given_up_with_its_time_limit() -> None:
    with (
        LlmServer(latency=0.5) as server,
        pytest.raises(ProviderError, match=r"did not answer within 0\.1 seconds.* may be billed all the same"),
    ):
        ask(provider_at(server.url, timeout_s=0.1, tries=6))

    assert server.counts()["requests"] == 1


def test_a_wrong_key_is_refused_at_once_and_never_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with LlmServer(key="another") as server, pytest.raises(ProviderRefused, match="key was refused by http") as found:
        provider = provider_at(server.url)
        ask(provider)

    assert server.counts()["requests"] == 1
    assert KEY not in str(found.value) and KEY not in repr(provider) and KEY not in caplog.text


def test_an_unknown_model_is_named() -> None:
    with LlmServer() as server, pytest.raises(ProviderRefused, match="does not know the model 'no-such'"):
        ask(provider_at(server.url, model="no-such"))


def test_a_wrong_path_and_a_web_page_are_told_from_an_endpoint() -> None:
    with LlmServer() as server:
        root = server.url.removesuffix("/v1")
        with pytest.raises(ProviderRefused, match="no chat completions .*ends in /v1"):
            ask(provider_at(root))
        with pytest.raises(ProviderRefused, match="something else than a chat completion"):
            ask(provider_at(f"{root}/page"))


@pytest.mark.slow
def test_a_dead_port_is_named_soon() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    started = time.monotonic()

    with pytest.raises(ProviderError, match=f"Nothing answers at {url}"):
        ask(provider_at(url, first_wait_s=0.5))

    assert time.monotonic() - started < 3


def test_a_refused_temperature_is_left_out_from_then_on() -> None:
    with LlmServer(refused_parameters=["temperature"]) as server:
        provider = provider_at(server.url, temperature=1.0)
        answers = ask(provider, times=4) + ask(provider)

    assert len(answers) == 5 and not answers[-1].parameters
    assert server.counts()["statuses"]["400"] <= 4 and "temperature" not in server.seen.bodies[-1]


def test_a_refused_max_tokens_is_sent_under_its_newer_name() -> None:
    with LlmServer(refused_parameters=["max_tokens"]) as server:
        (answer,) = ask(provider_at(server.url, max_tokens=100))

    assert answer.parameters == {"max_completion_tokens": 100}
    assert server.seen.bodies[-1]["max_completion_tokens"] == 100


def test_a_limit_that_no_name_can_set_is_dropped_unless_it_must_hold() -> None:
    with LlmServer(refused_parameters=["max_tokens", "max_completion_tokens"]) as server:
        (answer,) = ask(provider_at(server.url, max_tokens=100))
        with pytest.raises(ProviderRefused, match="budget cannot be kept"):
            ask(provider_at(server.url), max_tokens=100)

    assert answer.parameters == {}


def test_any_other_400_comes_with_the_endpoint_s_own_message() -> None:
    with LlmServer() as server, pytest.raises(ProviderRefused, match="refused the request: 'messages' must hold"):
        ask(provider_at(server.url), messages=[])


def test_recordings_answer_their_slots_in_order_and_at_no_cost(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    lines = [
        {"arm": "zero-shot", "label": "glad/sad é", "content": f"1. text {n}", "finish_reason": "stop"}
        for n in range(2)
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    provider = providers.RecordedProvider(providers.recordings(file))

    answers = [asyncio.run(provider.complete(MESSAGES, slot_key=slot(index))) for index in (1, 0)]

    assert [answer.content for answer in answers] == ["1. text 1", "1. text 0"]
    assert all(answer.is_recorded for answer in answers)
    with pytest.raises(StudyError, match="hold 2 answers for label 'glad/sad é' of arm 'zero-shot' and all are used"):
        asyncio.run(provider.complete(MESSAGES, slot_key=slot(2)))


def test_a_broken_recording_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    file.write_text('{"arm": "a", "label": "b", "content": "c"}\n{"arm": "a"}\n', encoding="utf-8")

    with pytest.raises(StudyError, match="Line 2 of recorded.jsonl"):
        providers.recordings(file)


@pytest.mark.parametrize(
    ("name", "model", "sentence"),
    [
        ("oracle", "m", "no provider 'oracle'. Known are openai, local, recorded"),
        ("openai", None, "No model is chosen"),
        ("openai", "gpt-4o-mini", "Set OPENAI_API_KEY"),
        ("recorded", None, "needs recordings"),
    ],
)
def test_a_provider_that_cannot_be_opened_says_what_is_missing(
    settings: Settings, name: str, model: str | None, sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence):
        providers.open_provider(name, model=model, base_url=None, settings=settings)


@pytest.mark.slow
def test_rate_and_structure_are_passed_on_to_the_endpoint(settings: Settings) -> None:
    with LlmServer() as server:
        provider = providers.open_provider(
            "openai",
            model="test-model",
            base_url=server.url,
            settings=settings,
            calls=CallSettings(rpm=120, structured=True, tries=2),
        )
        (*_, answer) = ask(provider, times=3)

    times = server.seen.asked_at
    assert json.loads(answer.content)["texts"] and answer.parameters["response_format"]["type"] == "json_schema"
    assert max(times) - min(times) >= 0.5  # 1 s, less what a busy machine heard the first one late


def test_a_local_endpoint_needs_no_key(settings: Settings) -> None:
    with LlmServer() as server:
        provider = providers.open_provider("openai", model="test-model", base_url=server.url, settings=settings)
        (answer,) = ask(provider)

    assert answer.content and provider.price is None
