"""Faults of the database under a rater in a real session: nothing is acknowledged that is not stored, and no reload is needed."""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks import raters
from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.sessions import Rating
from tests.websocket_rater import Rater, link
from ui.rate.retry import UNREACHED, UNSAVED

pytestmark = pytest.mark.e2e
ITEMS = 8
Act = Callable[[Path], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB for the home, which can be filled or made read-only; skipped where no disk can be mounted."""
    folder = tmp_path / "home"
    folder.mkdir()
    mount = shutil.which("mount") or "false"
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def settings(disk: Path) -> Settings:
    return settings_module.load({"LITMUS_HOME": str(disk)})


@pytest.fixture
def token(settings: Settings) -> str:
    return raters.campaign(settings, n=ITEMS, items_per_rater=ITEMS)


def stored(settings: Settings) -> int:
    store = store_module.open_store(settings)
    with store() as session:
        n = session.query(Rating).count()
    store.close()
    return n


class Locked:
    """Another program that holds the write lock."""

    def begin(self, home: Path) -> None:
        self.connection = sqlite3.connect(home / "litmus.db", isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    def end(self, _home: Path) -> None:
        self.connection.close()


class Full:
    """A disk without a free byte."""

    def begin(self, home: Path) -> None:
        with (home / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
            except OSError:
                return

    def end(self, home: Path) -> None:
        (home / "filler").unlink()


class Removed:
    """A database file that was moved away and, in the end, back."""

    def begin(self, home: Path) -> None:
        (home / "litmus.db").rename(home / "elsewhere.db")

    def end(self, home: Path) -> None:
        assert not (home / "litmus.db").exists()
        (home / "elsewhere.db").rename(home / "litmus.db")


class Damaged:
    """A database whose first page was overwritten and, in the end, mended."""

    def begin(self, home: Path) -> None:
        with closing(sqlite3.connect(home / "litmus.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file = home / "litmus.db"
        self.content = file.read_bytes()
        with file.open("r+b") as opened:
            opened.write(b"\xff" * len(self.content))

    def end(self, home: Path) -> None:
        with (home / "litmus.db").open("r+b") as opened:
            opened.write(self.content)


async def through(server: Any, token: str, fault: Any, home: Path) -> dict[str, Any]:
    """Three answers, one click during the fault, then the end of the fault and the rest of the way, in one session."""
    seen: dict[str, Any] = {}
    async with Rater(link(server.url, token)) as rater:
        await rater.come()
        for _ in range(3):
            await rater.answer()
        shown = rater.answers()[0].key
        fault.begin(home)
        await rater.tab.click(rater.answers()[0])
        await rater.tab.until(
            lambda: next((words for words in rater.tab.errors() if words in (UNSAVED, UNREACHED)), None),
            patience_s=60,
        )
        await rater.tab.settled()
        seen["said"], seen["progress"] = rater.tab.errors(), rater.progress
        seen["item"] = shown == rater.answers()[0].key
        fault.end(home)
        async with asyncio.timeout(60):
            while (rater.progress or (0, 0))[0] < 4:
                await asyncio.sleep(1)
                await rater.tab.pass_time()
        await rater.tab.settled()
        seen["after"] = rater.tab.errors()
        while not rater.is_done:
            await rater.answer()
    return seen


@pytest.mark.parametrize("fault", [Locked(), Full(), Removed(), Damaged()], ids=lambda fault: type(fault).__name__)
def test_a_rater_keeps_the_item_during_a_fault_and_goes_on_after_it_without_a_reload(
    serve: Any, settings: Settings, token: str, disk: Path, fault: Any
) -> None:
    server = serve()

    seen = asyncio.run(through(server, token, fault, disk))

    assert seen["said"] == [UNSAVED]
    assert seen["progress"] == (3, ITEMS)
    assert seen["item"]
    assert seen["after"] == []
    assert stored(settings) == ITEMS


def test_no_answer_is_acknowledged_once_another_file_has_the_database_s_name(
    serve: Any, settings: Settings, token: str, disk: Path
) -> None:
    server = serve()

    async def answers() -> tuple[int, list[str], int]:
        async with Rater(link(server.url, token)) as rater:
            await rater.come()
            await rater.answer()
            with (
                closing(sqlite3.connect(disk / "litmus.db")) as source,
                closing(sqlite3.connect(disk / "new.db")) as new,
            ):
                source.backup(new)
            (disk / "new.db").replace(disk / "litmus.db")
            for _ in range(3):
                await rater.tab.click(rater.answers()[0])
                await rater.tab.until(lambda: True if rater.tab.errors() else None)
                await rater.tab.settled()
            return (rater.progress or (0, 0))[0], rater.tab.errors(), rater.acknowledged

    progress, said, acknowledged = asyncio.run(answers())
    server.kill()
    for ending in ("-wal", "-shm"):
        (disk / f"litmus.db{ending}").unlink(missing_ok=True)

    assert (progress, said, acknowledged) == (1, [UNSAVED], 1)
    assert stored(settings) == 1
