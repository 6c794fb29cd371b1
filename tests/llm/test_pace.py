"""The pace of calls: a server with one slot gets no more calls than it can answer, and no call is made twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select

from core.errors import ProviderError
from core.llm import connection
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.pace import Pace
from core.llm.settings import LONGEST_ANSWER_S
from core.settings import Settings
from core.steps.study_file import generation_request
from core.study import spec
from core.study.rows.study import Arm, Completion
from core.study.store import Store
from core.synthesis.generation import generation
from core.synthesis.limits import Limits
from tests import endpoints
from tests.llm.endpoint.test_bad_habits import endpoint, listed, written


@contextmanager
def one_slot(seconds: float) -> Iterator[tuple[str, Counter[str]]]:
    """A server that answers one request after the other, also if its client has hung up."""
    asked: Counter[str] = Counter()
    slot = threading.Lock()

    def reply(_number: int, _body: dict[str, Any], key: str) -> Any:
        with slot:
            asked[key] += 1
            time.sleep(seconds)
        return 200, written(listed(key)), {}

    with endpoint(reply) as (url, _):
        yield url, asked


@pytest.mark.slow
def test_a_slow_server_with_one_slot_is_asked_for_every_answer_once(
    store: Store, make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")

    with one_slot(0.3) as (url, asked):
        made = generation.generate(
            store, arm_id=arm.id, per_label=30, provider=endpoints.client("m", base_url=url, api_key=None)
        )

    assert made.kept == 60 and set(asked.values()) == {1}


@pytest.mark.slow
def test_once_answers_come_too_late_fewer_are_asked_for_at_a_time(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")

    with one_slot(0.1) as (url, asked):
        provider = endpoints.client("m", base_url=url, api_key=None, timeout_s=0.55)
        made = generation.generate(store, arm_id=arm.id, per_label=100, provider=provider)

    with store() as session:
        answered = session.scalar(select(func.count(Completion.id)))
    assert made.kept == 200 and answered
    assert asked.total() < 2 * answered and max(asked.values()) <= 2


@pytest.mark.slow
def test_a_server_that_never_answers_is_asked_little(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")

    with one_slot(30.0) as (url, _), pytest.raises(ProviderError, match="did not answer within"):
        provider = endpoints.client("m", base_url=url, api_key=None, timeout_s=0.2)
        generation.generate(store, arm_id=arm.id, per_label=100, provider=provider, limits=Limits(concurrency=4))


@pytest.mark.slow
def test_a_slot_whose_answer_never_comes_is_left_and_the_rest_goes_on(
    store: Store, make_arm: Callable[[str], Arm]
) -> None:
    arm, asked = make_arm("zero-shot"), Counter[str]()
    over = threading.Event()

    def reply(_number: int, _body: dict[str, Any], key: str) -> Any:
        asked[key] += 1
        return 200, written(listed(key)), {}

    def hang(key: str) -> None:
        if key.endswith("/glad/1"):
            over.wait(5)

    with endpoint(reply, before=hang) as (url, _):
        provider = endpoints.client("m", base_url=url, api_key=None, timeout_s=0.5)
        made = generation.generate(store, arm_id=arm.id, per_label=30, provider=provider)
        over.set()

    assert made.kept == 60
    with store() as session:
        slots = session.scalars(select(Completion.slot).where(Completion.arm_id == arm.id)).all()
    assert 3 in slots


def test_calls_at_a_time_halve_when_one_is_lost_and_grow_again_with_answers() -> None:
    pace = Pace(8)
    now = time.monotonic()

    pace.lost(started=now)
    assert pace.allowed == 4
    for _ in range(5):
        pace.answered()
    assert pace.allowed == 5
    pace.lost(started=now)  # from before the cut: others were answered since
    assert pace.allowed == 5


def test_losses_one_at_a_time_are_hopeless_and_an_answer_is_hope() -> None:
    pace = Pace(1)
    for _ in range(3):
        pace.lost(started=time.monotonic())
    assert pace.is_hopeless

    pace.answered()
    assert not pace.is_hopeless and pace.allowed == 1


def test_the_time_for_an_answer_is_an_option_of_every_way_of_asking(settings: Settings) -> None:
    wanted = connection.made(models=("m",), base_url="http://localhost:9/v1", timeout=900)
    given = spec.GenerateSpec(per_label=3, model="m", timeout_s=900)

    assert tuple(connection.arguments(wanted)[connection.arguments(wanted).index("--timeout") :][:2]) == (
        "--timeout",
        "900.0",
    )
    assert generation_request(given).connection.timeout == 900
    for one, seconds in ((wanted, 900), (wanted.model_copy(update={"timeout": None}), LONGEST_ANSWER_S)):
        (client,) = connection.open_all(one, settings)
        assert isinstance(client, OpenAIProvider) and client.client_options()["timeout"] == seconds
