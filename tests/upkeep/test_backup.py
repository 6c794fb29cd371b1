"""Backup and restore: a copy while fifty raters answer, any damaged byte refused, and no home overwritten."""

import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import func, select

from benchmarks import raters
from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue
from core.settings import Settings
from core.study import migrate
from core.study import store as store_module
from core.study.rows.kinds import JobState, Slot, Split
from core.study.rows.sessions import Rating
from core.study.rows.study import Arm, Job, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.subjectivity.sessions import assignment, campaigns, enrolment
from core.upkeep import archive, backup, doctor, restore
from tests import postgresql
from tests.command_line import CommandLine
from ui.door import ended, tokens, view_links

RATERS, ITEMS = 50, 40


def settings_of(home: Path, database: str = "") -> Settings:
    return settings_module.load({"LITMUS_HOME": str(home), "LITMUS_DATABASE": database})


def write_text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


class Crowd:
    """Fifty raters, a thread each, who answer until they are stopped; `stored` holds the answers that were acknowledged."""

    def __init__(self, store: Store, token: str) -> None:
        self.store, self.token = store, token
        self.stored: set[tuple[int, int]] = set()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._rate, args=(number,)) for number in range(RATERS)]

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.stored) < answers and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.stored) >= answers

    def _rate(self, number: int) -> None:
        rng = random.Random(number)
        with self.store.write() as session:
            campaign = campaigns.by_token(session, self.token)
            rater = enrolment.join(session, campaign, now=time.time(), panel={}, passed_screening=True)
            item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
        while item is not None and not self.ended.is_set():
            answered = item.id
            with self.store.write() as session:
                assignment.record(session, rater_id=rater.id, item_id=answered, answer="glad", now=time.time())
                item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
            self.stored.add((rater.id, answered))
            time.sleep(rng.uniform(0, 0.05))


def ratings(settings: Settings) -> set[tuple[int, int]]:
    store = store_module.open_store(settings)
    with store() as session:
        found = {(rater, item) for rater, item in session.execute(select(Rating.rater_id, Rating.item_id))}
        assert len(found) == session.scalar(select(func.count()).select_from(Rating))
    store.close()
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def new_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Settings]]:
    """A function that gives the settings of a new home, with a database of its own, on SQLite or on PostgreSQL."""

    def make(name: str) -> Settings:
        if request.param == "sqlite":
            return settings_of(tmp_path / name)
        return settings_of(tmp_path / name, postgresql.new_database(request.getfixturevalue("postgresql_server")))

    yield make


@pytest.mark.slow
def test_a_backup_while_fifty_raters_answer_holds_every_answer_acknowledged_before(
    new_home: Callable[[str], Settings], tmp_path: Path
) -> None:
    old, new, file = new_home("home"), new_home("restored"), tmp_path / "kept" / "b.zip"
    token = raters.campaign(old, n=RATERS * ITEMS // 2, items_per_rater=ITEMS)
    store = store_module.open_store(old)

    with Crowd(store, token) as crowd:
        crowd.wait_for(150)
        before = set(crowd.stored)
        made = subprocess_backup(old, file)
        crowd.wait_for(len(before) + 50)
    everything = ratings(old)
    store.close()
    restore.restore(new, file)

    found = ratings(new)
    assert crowd.stored <= everything
    assert before <= found <= everything
    assert len(before) >= 150
    assert made["checksum"] == archive.checksum(file)


def subprocess_backup(settings: Settings, file: Path) -> dict[str, object]:
    """The command in a process of its own, as a keeper calls it."""
    said = CommandLine(settings.home).apart("backup", file, "--json", LITMUS_DATABASE=settings.database_url)
    assert said.code == 0, said.stderr
    found: dict[str, object] = json.loads(said.stdout)
    return found


@pytest.mark.slow
def test_a_restored_home_goes_on_numbering_and_holds_what_the_old_one_held(
    new_home: Callable[[str], Settings], tmp_path: Path
) -> None:
    old, new = new_home("home"), new_home("restored")
    raters.campaign(old, n=4, items_per_rater=2)
    text = "\\N tab\t newline\n quote' \" zero-width\u200b 语气 🎭 \\."
    store = store_module.open_store(old)
    with store.write() as session:
        sample = session.scalars(select(Sample).order_by(Sample.id)).all()[-1]
        sample.text, sample.text_hash = text, equal_texts.text_hash(text)
        session.add(Sample(arm_id=sample.arm_id, label_id=sample.label_id, split=Split.POOL, text="x", text_hash="x"))
    store.close()
    write_text(old.home / "organiser.key", "key")
    write_text(old.home / "measures/task-1.json", "{}")
    write_text(old.home / "embeddings/x.db", "cache")

    made = backup.write(old, tmp_path / "b.zip")
    found = restore.restore(new, tmp_path / "b.zip")

    store = store_module.open_store(new)
    with store.write() as session:
        texts = {row.id: row.text for row in session.scalars(select(Sample))}
        assert text in texts.values()
        again = Sample(arm_id=sample.arm_id, label_id=sample.label_id, split=Split.POOL, text="y", text_hash="y")
        session.add(again)
        session.flush()
        assert again.id > max(texts)
    store.close()
    assert (new.home / "organiser.key").read_text() == "key"
    assert (new.home / "measures/task-1.json").is_file()
    assert not (new.home / "embeddings").exists()
    assert made.left_out["stored embeddings, which are computed again"] == 1
    assert made.secrets == ["home/organiser.key"]
    assert found.moved_aside == []
    assert stat.S_IMODE(new.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600


@pytest.mark.slow
def test_replace_moves_the_old_home_and_its_database_aside(new_home: Callable[[str], Settings], tmp_path: Path) -> None:
    old, other = new_home("home"), new_home("other")
    raters.campaign(old, n=4, items_per_rater=2)
    raters.campaign(other, n=9, items_per_rater=2)
    write_text(other.home / "note.txt", "mine")
    backup.write(old, tmp_path / "b.zip")

    with pytest.raises(StudyError, match="--replace"):
        restore.restore(other, tmp_path / "b.zip")
    found = restore.restore(other, tmp_path / "b.zip", replace=True)

    store = store_module.open_store(other)
    with store() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 4
    store.close()
    assert (Path(found.moved_aside[-1]) / "note.txt").read_text() == "mine"
    if other.database_url.startswith("sqlite"):
        aside = settings_of(Path(found.moved_aside[0]))
        aside_store = store_module.open_store(aside)
        with aside_store() as session:
            assert session.scalar(select(func.count()).select_from(Sample)) == 9
        aside_store.close()
        return
    schema = found.moved_aside[0].split()[1]
    engine = store_module.make_engine(other.database_url, immediate=False)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text(f"SELECT count(*) FROM {schema}.sample")) == 9
    engine.dispose()


@pytest.mark.parametrize("fault", ["no place for a database", "a name that is taken", "a full disk"])
def test_a_restore_that_fails_leaves_the_old_home_and_the_old_database_where_they_are(
    small: Path, tmp_path: Path, fault: str
) -> None:
    home, elsewhere = tmp_path / "other", tmp_path / "elsewhere"
    write_text(home / "note.txt", "mine")
    write_text(home / "runner.lock", "")
    target = elsewhere / "litmus.db"
    said = "could not be restored: .* Nothing was changed"
    if fault == "no place for a database":
        write_text(elsewhere, "a file where a folder should be")
    else:
        elsewhere.mkdir()
    if fault == "a name that is taken":
        now = time.time()
        for second in range(120):
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now + second))
            (elsewhere / f"litmus.db.before-restore-{stamp}-shm").mkdir()
    is_mounted = False
    try:
        if fault == "a full disk":
            mount = [shutil.which("mount") or "false", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(elsewhere)]
            if subprocess.run(mount, check=False).returncode:
                pytest.skip("mounting a disk is not allowed here")
            is_mounted, said = True, "the disk of .*litmus.db has .* free. Free some disk space"
        if fault != "no place for a database":
            with closing(sqlite3.connect(target)) as connection:
                connection.execute("CREATE TABLE mine (id)")
            write_text(Path(f"{target}-shm"), "mine")
        before = tree(tmp_path)

        with pytest.raises(StudyError, match=said):
            restore.restore(settings_of(home, f"sqlite:///{target}"), small, replace=True)

        assert tree(tmp_path) == before
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(elsewhere)], check=True)


def tree(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, and nothing for every folder."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in found}


@pytest.fixture
def small(store: Store, settings: Settings, make_arm: Callable[[str], Arm], tmp_path: Path) -> Path:
    """The backup of a home with a task."""
    make_arm("real")
    write_text(settings.home / "organiser.key", "key")
    backup.write(settings, tmp_path / "small.zip")
    return tmp_path / "small.zip"


def test_every_flipped_byte_of_a_sample_and_every_cut_is_refused(small: Path, tmp_path: Path) -> None:
    content, target = small.read_bytes(), settings_of(tmp_path / "new")
    rng = random.Random(1)
    ends = {*range(20), *range(len(content) - 400, len(content))}  # the local header, the directory and the seal
    places = sorted(ends | set(rng.sample(range(len(content)), 300)))
    damaged = tmp_path / "damaged.zip"
    refused = 0

    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        damaged.write_bytes(flipped)
        with pytest.raises(StudyError, match=r"damaged|missing"):
            restore.restore(target, damaged)
        refused += 1
    for length in [0, 1, 70, *rng.sample(range(len(content)), 100), len(content) - 1]:
        damaged.write_bytes(content[:length])
        with pytest.raises(StudyError, match=r"no whole backup|damaged"):
            restore.restore(target, damaged)

    assert refused >= 600
    assert not target.home.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    restore.restore(target, small)


def sealed(path: Path, members: dict[str, bytes], /, **changed: object) -> Path:
    """An archive with a valid seal, a manifest of its members, and changed values in the manifest."""
    with archive.writing(path) as writer:
        for name, content in members.items():
            writer.add(name, [content])
        known = archive.Manifest(
            version=1, litmus="0", schema_revision="0001", made=0.0, database="sqlite", members=writer.members,
            tables={}, left_out={},
        )  # fmt: skip
        writer.finish(known.model_copy(update=changed))
    return path


@pytest.mark.parametrize(
    ("members", "changed", "sentence"),
    [
        ({"home/../../evil": b"x"}, {}, "outside of the home"),
        ({"/etc/evil": b"x"}, {}, "outside of the home"),
        ({"home//evil": b"x"}, {}, "outside of the home"),
        ({"home\\..\\evil": b"x"}, {}, "outside of the home"),
        ({"home/a": b"x"}, {"version": 9}, "newer version of Litmus"),
        ({"home/a": b"x"}, {"schema_revision": "9999"}, "does not know"),
        ({"home/a": b"x"}, {"members": {}}, "other files than"),
        ({"home/a": b"x"}, {"members": {"home/a": archive.Member(size=1, sha256="0" * 64)}}, "no database of the kind"),
        ({"database/litmus.db": b"no database"}, {"schema_revision": "0009"}, "cannot be read"),
    ],
)
def test_a_hostile_or_newer_archive_is_refused_and_nothing_is_written(
    tmp_path: Path, members: dict[str, bytes], changed: dict[str, object], sentence: str
) -> None:
    if "schema_revision" not in changed:
        changed["schema_revision"] = settings_revision()
    file = sealed(tmp_path / "odd.zip", members, **changed)

    with pytest.raises(StudyError, match=sentence):
        restore.restore(settings_of(tmp_path / "inner" / "new"), file)

    written = {path.name for path in tmp_path.rglob("*")} - {"inner"}
    assert written == {"odd.zip"}


def settings_revision() -> str:
    return str(migrate.newest())


def test_a_member_that_differs_from_its_digest_is_refused(small: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small) as zipped:
        content = zipped.read("database/litmus.db")
    wrong = {"members": {"database/litmus.db": archive.Member(size=len(content), sha256="0" * 64)}}
    file = sealed(tmp_path / "odd.zip", {"database/litmus.db": content}, **wrong, schema_revision=settings_revision())

    for tried in (lambda: restore.check(file), lambda: restore.restore(settings_of(tmp_path / "new"), file)):
        with pytest.raises(StudyError, match="differs from its SHA-256"):
            tried()
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_home_in_use_is_not_replaced(small: Path, settings: Settings, store: Store) -> None:
    with store() as session:
        session.scalar(select(func.count()).select_from(Task))
        with pytest.raises(StudyError, match="is in use"):
            restore.restore(settings, small, replace=True)

    assert (settings.home / "organiser.key").is_file()


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(
    settings: Settings, store: Store, make_arm: Callable[[str], Arm], tmp_path: Path
) -> None:
    make_arm("real")
    store.close()
    file = settings.home / "litmus.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'arm'").fetchone()[0]
    with file.open("r+b") as opened:
        opened.seek((page - 1) * 4096)
        opened.write(b"\xff" * 4096)

    with pytest.raises(StudyError, match="damaged|malformed"):
        backup.write(settings, tmp_path / "b.zip")

    assert not list(tmp_path.glob("*.zip*"))


def test_jobs_under_way_are_paused_in_the_restored_home(settings: Settings, store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        job = queue.enqueue(session, title="Train", command=["-m", "core"], key="a", slot=Slot.CPU)
        job.state, job.pause_requested = JobState.RUNNING, True
    backup.write(settings, tmp_path / "b.zip")
    new = settings_of(tmp_path / "new")

    found = restore.restore(new, tmp_path / "b.zip")

    opened = store_module.open_store(new)
    with opened() as session:
        assert session.scalars(select(Job.state)).all() == [JobState.PAUSED]
        assert session.scalars(select(Job.pause_requested)).all() == [
            False
        ]  # or it would pause again when it is resumed
    opened.close()
    assert found.paused_jobs == 1


def test_the_commands_say_what_is_in_the_file_and_what_is_not(call: CommandLine, tmp_path: Path) -> None:
    write_text(call.home / "organiser.key", "key")
    write_text(call.home / "checkpoints/run-1.safetensors", "x")

    made = call("backup", tmp_path / "b.zip")
    twice = call("backup", tmp_path / "b.zip")
    checked = call("restore", tmp_path / "b.zip", "--check", "--json")
    there = call("restore", tmp_path / "b.zip")
    back = call("restore", tmp_path / "b.zip", "--replace", "--json")

    assert made.code == 0
    assert "Left out: 1 checkpoints of unfinished trainings." in made.stdout
    assert "organiser.key" in made.stdout
    assert (twice.code, there.code) == (1, 1)
    assert "There is a file" in twice.stderr
    assert "is not empty" in there.stderr
    assert json.loads(checked.stdout)["files"] == ["database/litmus.db", "home/organiser.key"]
    assert json.loads(back.stdout)["checksum"] == archive.checksum(tmp_path / "b.zip")
    assert Path(json.loads(back.stdout)["moved_aside"][0]).is_dir()


def test_any_name_that_a_file_may_have_is_kept_or_counted(settings: Settings, store: Store, tmp_path: Path) -> None:
    odd = ["exports/study 12:30.csv", "exports/a\\b.csv", "exports/..c.csv", "exports/é\u202e.csv"]
    for name in odd:
        write_text(settings.home / name, name)
    (settings.home / "exports" / os.fsdecode(b"caf\xe9.csv")).write_text("x")

    made = backup.write(settings, tmp_path / "b.zip")
    restore.restore(settings_of(tmp_path / "new"), tmp_path / "b.zip")

    assert made.left_out["files whose name is no text (UTF-8)"] == 1
    assert [(tmp_path / "new" / name).read_text() for name in odd] == odd


def test_a_folder_that_cannot_be_listed_ends_the_backup_with_a_sentence(
    settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(settings.home / "models/run-1/w.safetensors", "x")
    listing, asking = os.scandir, os.access

    def scandir(path: str) -> object:
        if str(path).endswith("models"):
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("models") and asking(path, mode))

    with pytest.raises(StudyError, match="Permission denied"):
        backup.write(settings, tmp_path / "b.zip")

    assert list(tmp_path.glob("*b.zip*")) == []
    assert any("models" in found.what for found in doctor.examine(settings, now=time.time()))


def test_what_was_ended_since_the_backup_stays_ended(settings: Settings, store: Store, tmp_path: Path) -> None:
    home, now = settings.home, time.time()
    ended_link, kept_link = (view_links.make(home, name=name, now=now, days=9) for name in ("a", "b"))
    token = tokens.sign(home, "secret", expires=now + 3600)
    backup.write(settings, tmp_path / "b.zip")
    store.close()
    view_links.end(home, next(link.id for link in view_links.links(home) if link.name == "a"))
    ended.end(home, token, expires=int(now + 3600), now=now)
    assert not view_links.is_open(home, ended_link, now=now)

    found = restore.restore(settings, tmp_path / "b.zip", replace=True)

    assert found.shut_links == 1 and view_links.is_open(home, kept_link, now=now)
    assert not view_links.is_open(home, ended_link, now=now)
    assert ended.has_ended(home, token, expires=int(now + 3600))


def test_a_full_disk_leaves_no_half_backup(settings: Settings, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount") or "false"
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    write_text(settings.home / "logs/job-1.log", str(random.Random(1).randbytes(400_000)))
    try:
        with pytest.raises(StudyError, match="Free some disk space"):
            backup.write(settings, folder / "b.zip")
        left = list(folder.iterdir())
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

    assert left == []
