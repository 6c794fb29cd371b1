"""Faults of the database at the store: one sentence with the true cause, nothing acknowledged, no text of a study."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import database_faults as faults
from core.errors import StudyError
from core.settings import Settings
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store


def test_a_removed_database_file_refuses_and_is_not_made_anew(settings: Settings, store: Store) -> None:
    file = settings.home / "litmus.db"
    with store.write() as session:
        tasks.study_named(session, "first")
    file.rename(settings.home / "elsewhere.db")

    with (
        pytest.raises(faults.StoreFault, match="was removed while Litmus had it open, so nothing is stored"),
        store.write() as session,
    ):
        tasks.study_named(session, "second")
    with pytest.raises(faults.StoreFault, match="was removed"), store() as session:
        session.scalar(select(func.count()).select_from(Study))
    assert not file.exists()

    (settings.home / "elsewhere.db").rename(file)
    with store.write() as session:
        tasks.study_named(session, "third")
    with store() as session:
        assert set(session.scalars(select(Study.name))) == {"first", "third"}


def test_a_write_is_not_acknowledged_if_the_file_goes_during_the_write(settings: Settings, store: Store) -> None:
    with pytest.raises(faults.StoreFault, match="was removed"), store.write() as session:
        tasks.study_named(session, "lost")
        session.flush()
        (settings.home / "litmus.db").rename(settings.home / "elsewhere.db")


def test_a_lock_of_another_program_is_named_and_the_text_is_not(settings: Settings, store: Store) -> None:
    with closing(sqlite3.connect(settings.home / "litmus.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(faults.StoreFault) as raised, store.write(patience_s=0.2) as session:
            tasks.study_named(session, "my secret text")

    assert "another program holds its lock" in str(raised.value)
    assert "secret" not in repr(raised.value)
    with store.write() as session:
        tasks.study_named(session, "after")


def test_a_damaged_database_is_named_and_a_mended_one_is_used_again(settings: Settings, store: Store) -> None:
    file = settings.home / "litmus.db"
    with store.write() as session:
        tasks.study_named(session, "before")
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = file.read_bytes()
    write = "import sys; open(sys.argv[1], 'r+b').write(sys.stdin.buffer.read())"  # closing it here would drop SQLite's locks
    subprocess.run([sys.executable, "-c", write, file], input=b"\xff" * len(content), check=True)

    with (
        pytest.raises(faults.StoreFault, match="it is damaged. `litmus doctor` says what to do"),
        store.write() as session,
    ):
        tasks.study_named(session, "second")
    subprocess.run([sys.executable, "-c", write, file], input=content, check=True)

    with store.write() as session:
        assert tasks.study_named(session, "before").id == 1


def test_an_error_of_the_database_holds_no_parameters(store: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError) as raised, store.write() as session:
        session.add(Study(name="twice, a secret"))
        session.flush()
        session.add(Study(name="twice, a secret"))

    assert "secret" not in str(raised.value)
    assert not isinstance(raised.value, StudyError)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("database or disk is full", "its disk is full"),
        ('could not extend file "x": No space left on device', "its disk is full"),
        ("attempt to write a readonly database", "it can only be read"),
        ("database disk image is malformed", "it is damaged"),
        ("server closed the connection unexpectedly", "its server cannot be reached"),
        ("no such table: x", ""),
    ],
)
def test_the_cause_is_named_in_one_sentence(said: str, cause: str, tmp_path: Path) -> None:
    found = faults.sentence(sqlite3.OperationalError(said), tmp_path)

    assert cause in found
    assert bool(found) == bool(cause)


def test_an_older_home_that_others_could_read_is_closed_when_it_is_opened(settings: Settings, store: Store) -> None:
    from core.study import store as store_module

    store.close()
    settings.home.chmod(0o755)
    (settings.home / "litmus.db").chmod(0o644)

    store_module.open_store(settings).close()

    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert (settings.home / "litmus.db").stat().st_mode & 0o777 == 0o600
