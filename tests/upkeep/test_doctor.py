"""The doctor: a sound home has no finding, and every planted defect is named with the way to mend it."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from core import settings as settings_module
from core.jobs import queue
from core.llm import connection
from core.llm.connection import Connection
from core.settings import Settings
from core.study import store as store_module
from core.study import trash
from core.study.rows.kinds import JobState, Slot, Split
from core.study.rows.study import Arm, Job, Label, Run, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.upkeep import doctor
from tests.command_line import CommandLine


def whats(settings: Settings) -> str:
    return "\n".join(finding.what for finding in doctor.examine(settings, now=time.time()))


def test_a_sound_home_is_no_ruin_to_a_user_who_may_not_read_it(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = os.access
    for closed in (settings.home, settings.home / "litmus.db"):
        monkeypatch.setattr(os, "access", lambda path, mode, closed=closed: Path(path) != closed and asking(path, mode))

        found = doctor.examine(settings, now=time.time())

        assert [finding.how_to_mend for finding in found] == [doctor.AS_ITS_USER] and "restore" not in found[0].what


def test_a_new_home_is_private_and_sound(call: CommandLine) -> None:
    assert call("jobs").code == 0

    said = call("doctor", "--json")

    assert (said.code, json.loads(said.stdout)) == (0, {"findings": []})


@pytest.fixture
def broken(
    settings: Settings, store: Store, task: Task, labels: list[Label], make_arm: Callable[[str], Arm]
) -> Settings:
    """A home with fourteen defects."""
    arm, home = make_arm("real"), settings.home
    with store.write() as session:
        connection.keep(session, task.study_id, Connection(models=("gpt-4o-mini",)))  # no key
        session.add(Run(arm_id=arm.id, encoder="/nowhere/encoder", seed=0, n_train=2, config={}, fingerprint="a"))
        row = Sample(
            arm_id=arm.id, label_id=labels[0].id, split=Split.TRAIN, text="t", text_hash=equal_texts.text_hash("t")
        )
        session.add(row)
        session.flush()
        row.created_at = time.time() + 90_000
        job = queue.enqueue(session, title="Train", command=["-m", "core"], key="a", slot=Slot.CPU)
        session.execute(update(Job).where(Job.id == job.id).values(state=JobState.RUNNING, beat_at=time.time() - 900))
    store.close()
    with closing(sqlite3.connect(home / "litmus.db")) as loose:  # without foreign keys
        loose.execute("UPDATE sample SET label_id = 999")
        loose.commit()
    for name, content in {
        "organiser.key": b"key",
        "checkpoints/run-77.safetensors": b"x",
        "models/run-78/model.safetensors": b"x",
        f".organiser.key.{'0' * 16}": b"half",
        "embeddings/minilm-0.db": b"no database at all, but long enough to be read as one" * 30,
        "measures/task-1.json": b"{",
        "backups/litmus-20260101-000000.db": b"",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    old = time.time() - 90_000
    os.utime(home / f".organiser.key.{'0' * 16}", (old, old))
    (home / "logs" / "job-1.log").mkdir(parents=True)
    (home / "organiser.key").chmod(0o644)
    home.chmod(0o755)
    return settings


def test_every_planted_defect_is_named_with_a_way_to_mend_it(broken: Settings) -> None:
    said = CommandLine(broken.home)("doctor", "--json")

    findings = json.loads(said.stdout)["findings"]
    named = "\n".join(finding["what"] for finding in findings)
    for words in (
        "a row of sample refers to a missing row of label",
        "1 job (1) says that it runs",
        "no runner works in this home",
        "checkpoint (run-77.safetensors) belongs to a run that has finished or is gone",
        "kept model (run-78) belongs to a run that is gone",
        "The encoder /nowhere/encoder of unfinished runs is missing",
        "The connection of study 'letters' to its language models cannot be opened",
        "written in the future, by the clock of this machine: 1 of sample",
        "Other users of this machine can enter the home",
        "Other users may read 1 private file (organiser.key)",
        "left behind by a write that was stopped",
        "A migration was interrupted",
        "1 log (job-1.log) cannot be read",
        "2 cache files",
    ):
        assert words in named, words
    assert len(findings) == 14
    assert all(finding["how_to_mend"] for finding in findings)
    assert said.code == 1


def test_what_is_in_the_trash_needs_neither_key_nor_encoder(
    settings: Settings, store: Store, task: Task, make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("real")
    with store.write() as session:
        connection.keep(session, task.study_id, Connection(models=("gpt-4o-mini",)))  # no key
        session.add(Run(arm_id=arm.id, encoder="/nowhere/encoder", seed=0, n_train=2, config={}, fingerprint="a"))
    assert "cannot be opened" in whats(settings) and "/nowhere/encoder" in whats(settings)

    with store.write() as session:
        trash.put_study(session, task.study_id, name="letters", now=1.0)

    assert "cannot be opened" not in whats(settings) and "/nowhere/encoder" not in whats(settings)


def test_the_person_s_table_numbers_the_findings(broken: Settings) -> None:
    said = CommandLine(broken.home)("doctor")

    assert said.code == 1
    assert said.stdout.startswith("1. ")
    assert f"Run: chmod 700 {broken.home}" in said.stdout


def test_a_damaged_or_missing_or_newer_or_older_database_is_named(settings: Settings, home_folder: Path) -> None:
    file, whole = settings.home / "litmus.db", (settings.home / "litmus.db").read_bytes()
    found = {}
    for revision in ("9999", "0008"):
        with closing(sqlite3.connect(file)) as opened:
            opened.execute("UPDATE alembic_version SET version_num = ?", [revision])
            opened.commit()
        found[revision] = whats(settings)
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    found["damaged"] = whats(settings)
    file.unlink()
    found["missing"] = whats(settings)

    assert "revision 9999, which this version of Litmus does not know" in found["9999"]
    assert "older revision 0008" in found["0008"]
    assert "is damaged" in found["damaged"]
    assert "is missing" in found["missing"]


def test_a_database_that_was_replaced_under_an_open_store_is_named(settings: Settings, store: Store) -> None:
    file = settings.home / "litmus.db"
    with store() as session:
        session.get(Task, 1)
        shutil.copy(file, settings.home / "copy.db")
        (settings.home / "copy.db").replace(file)

        assert f"Process {os.getpid()} has an older database open" in whats(settings)


def test_a_long_write_ahead_log_is_named(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, make_arm: Callable[[str], Arm]
) -> None:
    make_arm("real")
    monkeypatch.setattr(doctor, "LARGEST_WAL", 1000)

    assert "write-ahead log litmus.db-wal" in whats(settings)


def test_the_doctor_reads_postgresql_too(migrated_postgresql_url: str, tmp_path: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": migrated_postgresql_url})
    store = store_module.open_store(settings)
    with store.write() as session:
        queue.enqueue(session, title="Train", command=["-m", "core"], key="a", slot=Slot.CPU)
        session.execute(update(Job).values(state=JobState.RUNNING, beat_at=time.time() - 900))
    store.close()

    assert whats(settings).startswith("1 job (1) says that it runs")
