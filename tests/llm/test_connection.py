"""The connection of a study: stored without a key, tested with a sentence as the result, and local servers found."""

import math
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.errors import StudyError
from core.llm import connection, probe, providers
from core.llm.connection import Connection
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money.prices import Price
from core.settings import Settings
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store
from tests.llm_server import LlmServer
from tests.ports import free_port

KEY = "sk-very-secret-0123456789"


def outcome_of(settings: Settings, url: str, *, timeout_s: float = 5.0, **fields: Any) -> probe.Tested:
    wanted = connection.made(**({"models": ("test-model",), "base_url": url} | fields))
    (found,) = connection.test(wanted, settings, timeout_s=timeout_s)
    return found


def test_a_connection_is_kept_with_its_study_and_read_back(store: Store) -> None:
    wanted = connection.made(models=("a", "b@http://127.0.0.1:9/v1"), rpm=30, temperature=0.5, structured=True)
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        study.config = {"seeds": [0, 1]}
        session.flush()
        connection.keep(session, study.id, wanted)

    with store() as session:
        kept = session.get_one(Study, study.id)

    assert connection.of(kept) == wanted and kept.config["seeds"] == [0, 1]


def test_a_study_without_a_connection_has_no_model_yet(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "letters")

    assert connection.of(study) == Connection() and Connection().models == ()


def test_a_connection_becomes_the_options_of_the_command() -> None:
    wanted = connection.made(models=("a", "b"), base_url="http://h/v1", rpm=30, structured=True, max_tokens=9)

    assert connection.arguments(wanted) == [
        *("--provider", "openai", "--base-url", "http://h/v1", "--max-tokens", "9", "--concurrency", "8"),
        *("--rpm", "30.0", "--model", "a", "--model", "b", "--structured"),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Which model"),
        ({"models": ("a", "a")}, "named twice"),
        ({"models": ("a",), "provider": "oracle"}, "provider is to be 'openai', 'local' or 'recorded'; found 'oracle'"),
        ({"models": ("a",), "concurrency": 0}, "concurrency is to be greater than or equal to 1; found 0"),
        ({"models": ("a",), "key": KEY}, "key"),
        ({"models": ("recorded",), "provider": "recorded"}, "Give the path"),
        ({"models": ("a",), "recordings": "x.jsonl"}, "Leave one of them out"),
        ({"models": ("a",), "base_url": "https://me:secret@host/v1"}, "user name or password"),
        ({"models": ("a",), "base_url": "me:secret@host/v1"}, "user name or password"),
        ({"models": ("a",), "base_url": "http:/me:secret@host/v1"}, "user name or password"),
        ({"models": ("a",), "base_url": "http://a..b/v1"}, "begins with http"),
        ({"models": ("a",), "base_url": "https://host/v1?api_key=abc"}, "looks secret"),
        ({"models": ("a@https://host/v1?token=abc",)}, "looks secret"),
        ({"models": ("a",), "base_url": "localhost:11434"}, "begins with http"),
        ({"models": ("a",), "base_url": "http://host:port/v1"}, "begins with http"),
    ],
)
def test_what_cannot_be_a_connection_gets_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence) as found:
        connection.made(**fields)

    assert "\n" not in str(found.value) and "secret@" not in str(found.value)


def test_the_check_opens_nothing_and_says_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    connection.check(connection.made(models=("a",), base_url=f"http://127.0.0.1:{free_port()}/v1"), settings)

    with pytest.raises(StudyError, match="Set OPENAI_API_KEY"):
        connection.check(connection.made(models=("gpt-4o-mini",)), settings)
    with pytest.raises(StudyError, match="There is no recordings file"):
        connection.check(
            connection.made(provider="recorded", models=("recorded",), recordings=str(tmp_path / "no")), settings
        )


def test_a_model_of_another_endpoint_gets_no_key_unless_it_is_for_it(settings: Settings) -> None:
    with LlmServer() as main, LlmServer() as other:
        wanted = connection.made(
            models=("test-model", f"test-model@{other.url}", f"gpt-4o-mini@{main.url}"), base_url=main.url
        )
        assert all(one.ok for one in connection.test(wanted, replace(settings, openai_api_key=KEY)))

    assert [KEY in str(headers) for headers in main.seen.headers] == [True, True]
    assert [KEY in str(headers) for headers in other.seen.headers] == [False]


def test_several_models_are_opened_in_their_order_with_their_prices(settings: Settings) -> None:
    price = Price(model="b", input_usd_per_million=1, output_usd_per_million=2)
    wanted = connection.made(models=("gpt-4o-mini", "b"), base_url="http://127.0.0.1:9/v1", max_tokens=5)

    opened = connection.open_all(wanted, settings, prices={"b": price})

    assert [one.model for one in opened] == ["gpt-4o-mini", "b"] and opened[1].price == price
    assert opened[0].price is not None and opened[0].max_tokens == 5


def test_an_azure_address_sends_its_version_and_its_own_header(settings: Settings) -> None:
    place = providers.address("https://mine.openai.azure.com/openai/deployments/d?api-version=2024-10-21")
    opened = providers.open_provider(
        "openai",
        model="d",
        base_url=f"{place.url}?api-version=2024-10-21",
        settings=replace(settings, openai_api_key=KEY),
    )

    assert isinstance(opened, OpenAIProvider) and KEY not in repr(opened) and "version" not in repr(opened)
    assert opened.client_options()["default_headers"] == {"api-key": KEY}
    assert opened.client_options()["default_query"] == {"api-version": "2024-10-21"}
    with pytest.raises(StudyError, match="A key is needed for https://mine.openai.azure.com"):
        providers.open_provider("openai", model="d", base_url=place.url, settings=settings)


def test_a_query_in_the_base_url_reaches_every_request(settings: Settings) -> None:
    with LlmServer() as server:
        found = outcome_of(settings, f"{server.url}?api-version=2024-10-21")

    assert found.ok and server.seen.paths == ["/v1/chat/completions?api-version=2024-10-21"]


def test_a_working_connection_says_so(settings: Settings) -> None:
    with LlmServer() as server:
        found = outcome_of(settings, server.url, models=("gpt-4o-mini",))

    assert found.ok and "gpt-4o-mini answered in 0." in found.sentence and "price" not in found.sentence
    assert found.models_there == ["test-model", "gpt-4o-mini"] and found.tokens > 0 and found.latency_s > 0
    assert found.is_structured is None and server.counts()["answered"] == 1


def test_an_unknown_price_and_refused_parameters_are_told(settings: Settings) -> None:
    refused = ["temperature", "max_tokens", "max_completion_tokens", "response_format"]
    with LlmServer(refused_parameters=refused) as server:
        found = outcome_of(settings, server.url, temperature=0.7, max_tokens=400, structured=True)

    assert found.ok and found.is_structured is False
    for words in ("takes no temperature", "no limit on the length", "JSON by a schema", "price is unknown"):
        assert words in found.sentence


def test_structured_output_is_seen_when_it_comes(settings: Settings) -> None:
    with LlmServer() as server:
        found = outcome_of(settings, server.url, structured=True)

    assert found.ok and found.is_structured is True


def test_a_wrong_key_a_missing_model_and_a_spent_quota_are_told_apart(settings: Settings) -> None:
    with LlmServer(key="another") as server:
        wrong = outcome_of(replace(settings, openai_api_key=KEY), server.url)
    with LlmServer(models=["llama3.2:1b", "qwen3:4b", "mistral"]) as server:
        missing = outcome_of(settings, server.url, models=("qwen3",))
    with LlmServer(first=["no_quota"]) as server:
        spent = outcome_of(settings, server.url)

    assert not (wrong.ok or missing.ok or spent.ok) and math.isnan(wrong.latency_s)
    assert "key was refused" in wrong.sentence and KEY not in wrong.sentence
    assert "does not know the model 'qwen3'. It offers qwen3:4b, " in missing.sentence
    assert missing.models_there[0] == "qwen3:4b" and "no quota left" in spent.sentence


def test_dead_ports_unknown_names_and_foreign_servers_are_told_apart(settings: Settings) -> None:
    dead = outcome_of(settings, f"http://127.0.0.1:{free_port()}/v1")
    nameless = outcome_of(settings, "http://no-such-host.invalid/v1")
    with LlmServer() as server:
        not_secure = outcome_of(settings, server.url.replace("http:", "https:"))
        root = outcome_of(settings, server.url.removesuffix("/v1"))
        pasted = outcome_of(settings, f"{server.url}/chat/completions")
        page = outcome_of(settings, server.url.replace("/v1", "/page"))

    assert "Nothing answers at http://127.0.0.1" in dead.sentence
    assert "no-such-host.invalid" in nameless.sentence and nameless.sentence != dead.sentence
    assert "does not speak https" in not_secure.sentence
    for found in (root, pasted, page):
        assert not found.ok and f"{server.url} is one. Use that." in found.sentence


def test_a_certificate_that_nobody_vouches_for_is_told(settings: Settings, tmp_path: Path) -> None:
    with untrusted_server(tmp_path) as port:
        found = outcome_of(settings, f"https://127.0.0.1:{port}/v1")

    assert not found.ok and "cannot be trusted" in found.sentence


@pytest.mark.slow
def test_a_slow_endpoint_and_a_busy_one_end_the_test_in_time(settings: Settings) -> None:
    started = time.monotonic()
    with LlmServer(latency=1.5) as server:
        slow = outcome_of(settings, server.url, timeout_s=0.5)
    with LlmServer(rate_429=1.0, retry_after="60") as server:
        busy = outcome_of(settings, server.url, timeout_s=0.5)

    assert "did not answer within 0.5 seconds" in slow.sentence and "loading the model" in slow.sentence
    assert not busy.ok and "Try again" in busy.sentence and time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("outcome", "words"), [("refusal", "refused a harmless request"), ("content_filter", "content filter")]
)
def test_a_refusing_model_is_told(settings: Settings, outcome: str, words: str) -> None:
    with LlmServer(first=[outcome]) as server:
        found = outcome_of(settings, server.url)

    assert not found.ok and words in found.sentence


def test_an_answer_that_the_limit_cuts_is_told(settings: Settings) -> None:
    with LlmServer() as server:
        found = outcome_of(settings, server.url, max_tokens=3)

    assert not found.ok and "3 tokens are too few" in found.sentence


def test_one_bad_model_does_not_hide_the_good_ones(settings: Settings) -> None:
    with LlmServer() as server:
        wanted = connection.made(models=("test-model", "no-such", "x@https://api.openai.com/v1"), base_url=server.url)
        found = connection.test(wanted, settings)

    assert [(one.model, one.ok) for one in found] == [(model, model == "test-model") for model in wanted.models]
    assert "Set OPENAI_API_KEY" in found[2].sentence


def test_recordings_are_counted(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"arm": "zero-shot", "label": "glad", "content": "1. x"}\n')

    (found,) = connection.test(
        connection.made(provider="recorded", models=("recorded",), recordings=str(file)), settings
    )

    assert found.ok and "holds 1 recorded answers, for zero-shot" in found.sentence


def test_local_servers_and_the_environment_are_detected(settings: Settings) -> None:
    with LlmServer(models=["llama3.2:1b"]) as one, silent_port() as silent:
        ports = {"Ollama": port_of(one.url), "LM Studio": free_port(), "vLLM": silent}
        started = time.monotonic()
        found = probe.detect(settings, servers=ports)
        took = time.monotonic() - started
        keyed = probe.detect(replace(settings, openai_api_key=KEY), servers={})
        named = probe.detect(replace(settings, openai_base_url="http://h/v1", openai_api_key=KEY), servers={})

    assert found == [probe.Found("Ollama", f"http://127.0.0.1:{ports['Ollama']}/v1", ("llama3.2:1b",), is_here=True)]
    assert took < 10  # the port that never answers is not waited for
    assert keyed == [probe.Found("OpenAI", "https://api.openai.com/v1")]
    assert named == [probe.Found("OPENAI_BASE_URL", "http://h/v1")]


def port_of(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never sends anything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield int(listening.getsockname()[1])


@contextmanager
def untrusted_server(folder: Path) -> Iterator[int]:
    """A server with a self-signed certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: the client is meant to hang up."""


@pytest.mark.parametrize(
    "address",
    [
        "http://user:planted@127.0.0.1:9/v1", "http://planted@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?api-key=planted",
        "http://127.0.0.1:9/v1#planted", "http://127.0.0.1:99999/v1?api-key=planted", "127.0.0.1:9/v1?key=planted",
    ],
)  # fmt: skip
def test_an_address_with_a_key_in_it_is_refused_and_the_key_is_not_repeated(address: str) -> None:
    with pytest.raises(StudyError) as refused:
        connection.made(provider="openai", models=("m",), base_url=address)

    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("127.0.0.1:8791/v1", "http://127.0.0.1:8791/v1"),
        (" localhost/v1 ", "http://localhost/v1"),
        ("[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("10.0.0.7/v1", "http://10.0.0.7/v1"),
        ("gpu-box:8000/v1", "http://gpu-box:8000/v1"),
        ("api.example.org/v1", "https://api.example.org/v1"),
        ("https://api.example.org:8443/v1", "https://api.example.org:8443/v1"),
        ("http://", "http://"),
        ("host:port/v1", "host:port/v1"),
        ("", ""),
    ],
)
def test_a_scheme_that_was_left_out_is_added(typed: str, address: str) -> None:
    assert connection.with_scheme(typed) == address
