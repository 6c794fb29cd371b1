"""Outages under a rater in a real session: the network cut in mid-answer, PostgreSQL stopped or crashed, a clock that jumps."""

import asyncio
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import raters
from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.sessions import Rating
from tests import postgresql
from tests.e2e.test_rating_faults import ITEMS as FEW_ITEMS
from tests.e2e.test_rating_faults import stored, through
from tests.websocket_rater import Rater, link
from ui.rate.retry import UNREACHED, UNSAVED

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CUTS = 20
DAY = 24 * 3600
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static long offset(void) {
  static volatile long *at;
  if (!at) at = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, open(getenv("CLOCK_OFFSET"), O_RDONLY), 0);
  return *at;
}
int clock_gettime(clockid_t which, struct timespec *found) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int said = real(which, found);
  if (!said && which == CLOCK_REALTIME) found->tv_sec += offset();
  return said;
}
time_t time(time_t *found) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (found) *found = now.tv_sec;
  return now.tv_sec;
}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})


def ratings(settings: Settings) -> Counter[tuple[int, int]]:
    """How often each answer (rater, item) is stored."""
    store = store_module.open_store(settings)
    with store() as session:
        found = Counter((row.rater_id, row.item_id) for row in session.query(Rating))
    store.close()
    return found


class Wire:
    """A connection between browsers and a dashboard that can be cut at any moment."""

    def __init__(self, port: int) -> None:
        self.port, self.ends = port, set[asyncio.StreamWriter]()

    async def __aenter__(self) -> "Wire":
        self.server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection at once; what is on its way is lost."""
        for end in self.ends:
            end.transport.abort()
        self.ends.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self.port)
        self.ends |= {writer, to_there}
        await asyncio.gather(self._carry(reader, to_there), self._carry(there, writer))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()


def test_twenty_cuts_of_the_network_in_mid_answer_lose_and_double_nothing(serve: Any, settings: Settings) -> None:
    token = raters.campaign(settings, n=CUTS + 10, items_per_rater=CUTS + 10)
    server = serve()

    async def with_cuts() -> tuple[list[tuple[int, int]], int]:
        rng, seen = random.Random(0), []
        async with Wire(server.port) as wire:
            async with Rater(link(wire.url, token)) as rater:
                await rater.come()
                for _ in range(CUTS):
                    await rater.tab.click(rater.answers()[0])
                    await asyncio.sleep(rng.choice((0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)))
                    wire.cut()
                    await asyncio.sleep(0.3)
                    await rater.tab.connect()
                    await rater.tab.until(lambda: True if rater.answers() and not rater.tab.is_running else None)
                    seen.append(((rater.progress or (0, 0))[0], ratings(settings).total()))
                code = rater.code
            async with Rater(link(wire.url, token, code)) as again:
                await again.come()
                return seen, (again.progress or (0, 0))[0]

    seen, shown_at_last = asyncio.run(with_cuts())

    shown, kept = zip(*seen, strict=True)
    found = ratings(settings)
    assert all(stored >= on_page for on_page, stored in seen)  # what a rater has seen counted is stored
    assert list(shown) == sorted(shown) and kept[-1] > CUTS // 4
    assert shown_at_last == found.total() <= CUTS
    assert max(found.values()) == 1


class Outage:
    """A PostgreSQL server that is stopped, orderly or as by a crash, and in the end started again."""

    def __init__(self, server: Any, folder: Path, *, is_crash: bool) -> None:
        self.server, self.is_crash = server, is_crash
        self.pid_file = folder / "data" / "postmaster.pid"

    def begin(self, _home: Path) -> None:
        if self.is_crash:
            os.kill(int(self.pid_file.read_text().split()[0]), signal.SIGQUIT)
            while self.pid_file.exists():
                pass
        else:
            self.server.stop()

    def end(self, _home: Path) -> None:
        self.server.start()


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A PostgreSQL server of this test alone, and its folder."""
    with postgresql.serve() as server:
        yield server, Path(server.pgdata).parent


@pytest.mark.parametrize("is_crash", [False], ids=["stopped"])
def test_a_rater_sits_out_a_restart_of_postgresql(
    serve: Any, database: tuple[Any, Path], tmp_path: Path, is_crash: bool
) -> None:
    server, folder = database
    url = postgresql.new_database(server)
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": url})
    token = raters.campaign(settings, n=FEW_ITEMS, items_per_rater=FEW_ITEMS)
    dashboard = serve(LITMUS_DATABASE=url)

    seen = asyncio.run(through(dashboard, token, Outage(server, folder, is_crash=is_crash), tmp_path))

    assert seen["said"] in ([UNSAVED], [UNREACHED])
    assert seen["progress"] == (3, FEW_ITEMS) and seen["item"] and seen["after"] == []
    assert stored(settings) == FEW_ITEMS


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[tuple[dict[str, str], Callable[[int], None]]]:
    """The environment for a process whose clock can jump, and a function that lets it jump to so many seconds from now."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: jumps of the clock are left out")
    (tmp_path / "clock.c").write_text(CLOCK)
    library, offset = tmp_path / "clock.so", tmp_path / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    offset.write_bytes(struct.pack("l", 0))
    with offset.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:

        def jump(seconds: int) -> None:
            shared[:8] = struct.pack("l", seconds)

        yield {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}, jump


def test_a_clock_that_jumps_by_days_loses_and_doubles_no_answer(
    serve: Any, settings: Settings, clock: tuple[dict[str, str], Callable[[int], None]]
) -> None:
    environ, jump = clock
    token = raters.campaign(settings, n=20, items_per_rater=20)
    server = serve(**environ)

    async def with_jumps() -> int:
        async with Rater(link(server.url, token)) as rater:
            await rater.come()
            for seconds in (0, 3 * DAY, -3 * DAY, 3600, -40 * 365 * DAY, 0):
                jump(seconds)
                for _ in range(3):
                    await rater.answer()
            return rater.acknowledged

    acknowledged = asyncio.run(with_jumps())

    found = ratings(settings)
    store = store_module.open_store(settings)
    with store() as session:
        times = [row.created_at for row in session.query(Rating).order_by(Rating.id)]
    store.close()
    assert (acknowledged, found.total(), max(found.values())) == (18, 18, 1)
    assert times[3] - times[2] > 2 * DAY and times[6] < times[3] - 5 * DAY
