"""The bench of this room: a fresh queue whose processes are ended with the test."""

from collections.abc import Iterator

import pytest

from core.settings import Settings
from core.study.store import Store
from tests.jobs.bench import Bench


@pytest.fixture
def bench(settings: Settings, store: Store) -> Iterator[Bench]:
    made = Bench(settings, store)
    yield made
    made.kill_all()
