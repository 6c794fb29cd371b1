"""A power cut at any byte of the write-ahead log, and commands killed at a random write: all or nothing, and a repeat ends well.

LITMUS_KILLS is the number of kills for each command (3 unless told).
"""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, select, text

from benchmarks import raters
from core import settings as settings_module
from core.settings import Settings
from core.study import migrate
from core.study import store as store_module
from core.study.rows.sessions import Campaign, Rating
from core.subjectivity.sessions import assignment, enrolment
from tests.command_line import CommandLine

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("LITMUS_KILLS", "3"))
CUTS, ANSWERS, TEXTS = 200, 40, 3000
WRITES = "pwrite64,write,ftruncate,fsync,fdatasync,rename,renameat,unlink,unlinkat"


@pytest.mark.slow
def test_after_a_power_cut_at_any_byte_of_the_log_every_acknowledged_answer_is_there(
    settings: Settings, tmp_path: Path
) -> None:
    raters.campaign(settings, n=ANSWERS, items_per_rater=ANSWERS)
    states = [(b"", b"")]  # by the number of answers
    store = store_module.open_store(settings)
    rng = random.Random(0)
    with store.write() as session:
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL: a commit returns when the disk has it
        rater = enrolment.join(session, session.scalars(select(Campaign)).one(), now=1.0)
    for number in range(ANSWERS):
        with store.write() as session:
            item = assignment.next_item(session, rater_id=rater.id, now=2.0 + number, rng=rng)
            assert item is not None
            assert assignment.record(session, rater_id=rater.id, item_id=item.id, answer="glad", now=2.5 + number)
        states.append(state(settings))
    store.close()

    for number in range(CUTS):
        answers = rng.randrange(1, ANSWERS)
        (database, log), (_, longer) = states[answers], states[answers + 1]
        assert len(log) < len(longer) and longer.startswith(log)
        torn = longer[: rng.randint(len(log), len(longer))] + rng.randbytes(rng.choice((0, 0, 100, 5000)))
        assert answers <= answers_after_a_cut(tmp_path / f"cut{number}", database, torn) <= answers + 1


def state(settings: Settings) -> tuple[bytes, bytes]:
    """What the disk has of the database and of its write-ahead log."""
    log = settings.home / "litmus.db-wal"
    return (settings.home / "litmus.db").read_bytes(), log.read_bytes() if log.exists() else b""


def answers_after_a_cut(home: Path, database: bytes, log: bytes) -> int:
    """Start on what a cut has left, and count the answers in it."""
    home.mkdir()
    (home / "litmus.db").write_bytes(database)
    (home / "litmus.db-wal").write_bytes(log)
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
    with store() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        found = session.query(Rating).count()
    store.close()
    shutil.rmtree(home)
    return found


class Killed:
    """Runs a command under strace and kills it at one of its writes, whose number is drawn."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng, self.writes = folder, random.Random(1), 0

    def count(self, call: CommandLine, *arguments: object) -> None:
        """Run the command to its end, and keep the number of its writes."""
        assert self._run(call, arguments) == 0
        lines = (self.folder / "writes.log").read_text(errors="replace").splitlines()
        by_process = Counter(line.split(maxsplit=1)[0] for line in lines)
        self.writes = max(by_process.values())

    def __call__(self, call: CommandLine, *arguments: object) -> bool:
        """Whether the command was killed; it may also have been at its end."""
        place = self.rng.randint(1, self.writes)
        return self._run(call, arguments, f"inject={WRITES}:signal=KILL:when={place}") != 0

    def _run(self, call: CommandLine, arguments: tuple[object, ...], *more: str) -> int:
        traced = [word for each in (f"trace={WRITES}", *more) for word in ("-e", each)]
        line = ["strace", "-f", "-o", str(self.folder / "writes.log"), *traced, sys.executable, "-m", "core"]
        environ = {**os.environ, "LITMUS_HOME": str(call.home), "LITMUS_SLOTS": "1", "LITMUS_GPUS": "0"}
        done = subprocess.run(
            [*line, *map(str, arguments)], cwd=ROOT, env=environ, capture_output=True, check=False, timeout=300
        )
        return done.returncode


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    if (
        shutil.which("strace") is None
        or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not there or may not trace: kills at a write are left out")
    return Killed(tmp_path)


@pytest.fixture
def new_home(tmp_path: Path, empty_database: Path) -> Callable[[], CommandLine]:
    """A function that makes one home after another, each with an empty database."""

    def make() -> CommandLine:
        home = tmp_path / f"home{len(list(tmp_path.glob('home*')))}"
        home.mkdir()
        shutil.copy(empty_database, home)
        return CommandLine(home)

    return make


@pytest.fixture
def filled(new_home: Callable[[], CommandLine], texts_file: Path) -> CommandLine:
    """A home with a study of one task."""
    call = new_home()
    assert call("import", texts_file, "--task", "mood", "--arm", "real").code == 0
    return call


@pytest.fixture
def texts_file(tmp_path: Path) -> Path:
    rows = [f"letter number {n},{'glad' if n % 2 else 'sad'},{'test' if n % 4 > 1 else 'train'}" for n in range(TEXTS)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label,split", *rows]))
    return tmp_path / "texts.csv"


def texts_in(home: Path) -> int:
    """The number of texts in the database of a home, which must be sound; 0 without a database."""
    with closing(sqlite3.connect(home / "litmus.db")) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master")]
        return int(opened.execute("SELECT count(*) FROM sample").fetchone()[0]) if "sample" in tables else 0


@pytest.mark.slow
def test_an_import_killed_at_any_write_stores_all_or_nothing(
    killed: Killed, new_home: Callable[[], CommandLine], texts_file: Path
) -> None:
    arguments = ("import", texts_file, "--task", "mood", "--arm", "real")
    killed.count(new_home(), *arguments)

    for _ in range(KILLS):
        call = new_home()
        killed(call, *arguments)
        assert texts_in(call.home) in (0, TEXTS)
        assert call(*arguments).code == 0
        assert texts_in(call.home) == TEXTS


@pytest.mark.slow
def test_a_backup_killed_at_any_write_is_whole_or_not_there(
    killed: Killed, filled: CommandLine, tmp_path: Path
) -> None:
    killed.count(filled, "backup", tmp_path / "first.zip")

    for number in range(KILLS):
        file = tmp_path / f"backup{number}.zip"
        killed(filled, "backup", file)
        assert not file.exists() or filled("restore", file, "--check").code == 0
        file.unlink(missing_ok=True)
        assert filled("backup", file).code == 0
        assert filled("restore", file, "--check").code == 0


@pytest.mark.slow
def test_an_export_killed_at_any_write_is_whole_or_refused(
    killed: Killed, filled: CommandLine, new_home: Callable[[], CommandLine], tmp_path: Path
) -> None:
    killed.count(filled, "export", tmp_path / "first")

    for number in range(KILLS):
        folder, other = tmp_path / f"export{number}", new_home()
        killed(filled, "export", folder)
        if folder.exists():
            said = other("import", folder)
            assert texts_in(other.home) == (0 if said.code else TEXTS)
            assert "Traceback" not in said.stderr
        repeated = filled("export", folder)
        assert repeated.code == 0, repeated.stderr
        another = new_home()
        assert another("import", folder).code == 0
        assert texts_in(another.home) == TEXTS


@pytest.mark.slow
def test_a_restore_killed_at_any_write_can_be_repeated(killed: Killed, filled: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    assert filled("backup", file).code == 0
    killed.count(CommandLine(tmp_path / "restored"), "restore", file)

    for number in range(KILLS):
        call = CommandLine(tmp_path / f"restored{number}")
        killed(call, "restore", file)
        again = call("restore", file)
        if again.code:
            assert "Traceback" not in again.stderr and again.stderr.count("\n") == 1, again.stderr
            assert call("restore", file, "--replace").code == 0
        assert texts_in(call.home) == TEXTS


@pytest.mark.slow
def test_a_migration_killed_at_any_write_keeps_every_row_and_ends_when_repeated(killed: Killed, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    engine = create_engine(f"sqlite:///{old}/litmus.db")
    with engine.begin() as connection:
        command.upgrade(migrate.config_for(connection), "0001")
        rows = [{"name": f"study {n}"} for n in range(50)]
        connection.execute(
            text("INSERT INTO study (name, config, is_sample, created_at) VALUES (:name, '{}', false, 0)"), rows
        )
    engine.dispose()
    shutil.copytree(old, tmp_path / "counted")
    killed.count(CommandLine(tmp_path / "counted"), "jobs")

    for number in range(KILLS):
        call = CommandLine(shutil.copytree(old, tmp_path / f"migrated{number}"))
        killed(call, "jobs")
        said = call("doctor", "--json")
        with closing(sqlite3.connect(call.home / "litmus.db")) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert opened.execute("SELECT count(*) FROM study").fetchone() == (50,)
        assert "Traceback" not in said.stderr
        assert call("jobs").code == 0
        with closing(sqlite3.connect(call.home / "litmus.db")) as opened:
            assert opened.execute("SELECT count(*) FROM study").fetchone() == (50,)
            assert opened.execute("SELECT version_num FROM alembic_version").fetchone() == (migrate.newest(),)
