"""Fixtures for every test: settings and a store in a folder of the test, a task with arms, the command line, jobs."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import settings as of_hypothesis

from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Label, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from tests import postgresql
from tests.command_line import CommandLine
from tests.jobs.bench import Bench, end_all

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # before torch: threads that wait leave the core to the other worker
os.environ["STREAMLIT_CLIENT_SHOW_ERROR_DETAILS"] = "full"
of_hypothesis.register_profile("busy machine", deadline=None)
of_hypothesis.load_profile("busy machine")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what has been imported, and come less often: it took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"})


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of the newest schema with nothing in it, to be copied: migrating takes longer than most tests."""
    home = tmp_path_factory.mktemp("empty")
    store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)})).close()
    return home / "litmus.db"


@pytest.fixture
def home_folder(tmp_path: Path, empty_database: Path) -> Path:
    """A home folder for one test, with an empty database in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def store(settings: Settings, home_folder: Path) -> Iterator[Store]:
    opened = store_module.open_store(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server, shared by all tests that need PostgreSQL."""
    with postgresql.serve() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: Any) -> str:
    """The URL of a PostgreSQL database for one test, without a schema."""
    return postgresql.new_database(postgresql_server)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a PostgreSQL database of the newest schema with nothing in it."""
    url = postgresql.new_database(postgresql_server)
    home = tmp_path_factory.mktemp("template")
    store_module.open_store(settings_module.load({"LITMUS_HOME": str(home), "LITMUS_DATABASE": url})).close()
    return str(sqlalchemy.make_url(url).database)


@pytest.fixture
def migrated_postgresql_url(postgresql_server: Any, postgresql_template: str) -> str:
    """The URL of a PostgreSQL database for one test, of the newest schema."""
    return postgresql.new_database(postgresql_server, template=postgresql_template)


@pytest.fixture
def call(home_folder: Path) -> Iterator[CommandLine]:
    """A function that runs `python -m core ...` in a home folder for one test."""
    yield CommandLine(home_folder)
    end_all(home_folder)


@pytest.fixture
def bench(settings: Settings, store: Store) -> Iterator[Bench]:
    """A job queue of this test, whose processes are killed when the test ends."""
    made = Bench(settings, store)
    yield made
    made.kill_all()


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        return tasks.make_task(
            session,
            study_id=study.id,
            name="mood",
            question="How does the writer feel?",
            labels={"glad": "the writer is happy", "sad": "the writer is unhappy"},
        )


@pytest.fixture
def labels(store: Store, task: Task) -> list[Label]:
    with store() as session:
        return tasks.labels_of(session, task.id)


@pytest.fixture
def make_arm(store: Store, task: Task) -> Callable[[str], Arm]:
    def make(name: str) -> Arm:
        with store.write() as session:
            return tasks.make_arm(session, task_id=task.id, name=name)

    return make


@pytest.fixture
def add_real(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> Callable[[Split, int], None]:
    """A function that adds a number of real texts of each label to a split of the real arm."""

    def add(split: Split, n: int) -> None:
        arm = make_arm("real")
        with store.write() as session:
            for label in labels:
                texts = [f"A real {split} letter, {label.name}, number {number}" for number in range(n)]
                session.add_all(
                    [
                        Sample(
                            arm_id=arm.id,
                            label_id=label.id,
                            split=split,
                            text=text,
                            text_hash=equal_texts.text_hash(text),
                        )
                        for text in texts
                    ]
                )

    return add


@pytest.fixture
def real_data() -> Path:
    """The folder of real public data that LITMUS_REAL_DATA names; the test is skipped without it."""
    folder = os.environ.get("LITMUS_REAL_DATA")
    if not folder:
        pytest.skip("LITMUS_REAL_DATA is not set: tests on real public data are left out")
    return Path(folder)
