"""Load test of the rating page: many raters at once in real websocket sessions against a server process.

    python -m benchmarks.raters [--raters 50] [--items 20] [--think 0] [--database sqlite|postgresql] [--seed 0]

`--think 0` clicks as soon as an item is shown, the highest load. `--think 3` waits before every click for a time drawn
from an exponential distribution with a mean of 3 seconds, as people do. Prints the time from sending a click to receiving
the message with the next item's progress, the processor time of the server and of the database, and whether every answer
is stored exactly once.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import select

from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind, Split
from core.study.rows.sessions import Rater as RaterRow
from core.study.rows.sessions import Rating
from core.study.rows.study import Sample
from core.study.splits import equal_texts
from core.subjectivity.sessions import campaigns
from core.subjectivity.sessions.campaigns import Plan
from tests import postgresql
from tests.e2e.conftest import Server
from tests.websocket_rater import Click, Rater, link

LABELS = {"glad": "the writer is happy", "sad": "the writer is unhappy"}
LIMIT_S = 1.0
RATERS_PER_ITEM = 5


@dataclass
class Way:
    """The session of a rater. `started`: seconds from opening the link to the first item. `received`: bytes."""

    code: str
    started: float
    clicks: list[Click] = field(default_factory=list)
    acknowledged: int = 0
    received: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--think", type=float, default=0.0)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(asked.database, Path(folder)) as (url, watched):
        home = Path(folder) / "home"
        settings = settings_module.load({"LITMUS_HOME": str(home), "LITMUS_DATABASE": url})
        spare = asked.items  # so that every rater has unseen items until the end
        n = asked.raters * asked.items // RATERS_PER_ITEM + spare
        token = campaign(settings, n=n, items_per_rater=asked.items)
        server = Server(home, {"LITMUS_DATABASE": url})
        server.start()
        try:
            measure(server, token, asked, watched)
        finally:
            server.kill()
        check(settings, asked)


@contextmanager
def database(kind: str, folder: Path, *, connections: int | None = None) -> Iterator[tuple[str, psutil.Process | None]]:
    """Start a new database; yield its URL ("" for SQLite) and the process of its server (None for SQLite).

    `connections`: the number of connections that PostgreSQL accepts; by default PostgreSQL's default.
    """
    if kind == "sqlite":
        yield "", None
        return
    files = folder / "postgresql"
    files.mkdir()
    if connections is not None:
        with postgresql.serve(files) as running:
            running.psql(f"ALTER SYSTEM SET max_connections = {connections};")
    with postgresql.serve(files) as running:
        pid = int((files / "data" / "postmaster.pid").read_text().split()[0])
        yield postgresql.new_database(running), psutil.Process(pid)


def campaign(
    settings: Settings,
    *,
    n: int,
    items_per_rater: int,
    raters_per_item: int = RATERS_PER_ITEM,
    kind: CampaignKind = CampaignKind.LABEL,
) -> str:
    """Create a campaign about `n` texts in a new database, and return the token of its link."""
    store = store_module.open_store(settings)
    with store.write() as session:
        study = tasks.study_named(session, "benchmark")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="How is the writer?", labels=LABELS)
        real = tasks.make_arm(session, task_id=task.id, name="real")
        labels = tasks.labels_of(session, task.id)
        session.add_all(_sample(real.id, labels[place % len(labels)].id, place) for place in range(n))
        session.flush()
        plan = Plan(
            name="load",
            kind=kind,
            task=task,
            per_class=n,
            raters_per_item=raters_per_item,
            items_per_rater=items_per_rater,
        )
        token = campaigns.make(session, study_id=study.id, plan=plan).token
    store.close()
    return token


def _sample(arm_id: int, label_id: int, place: int) -> Sample:
    text = f"Letter {place}: " + "what was said and what was meant were not the same thing that day. " * (1 + place % 4)
    return Sample(arm_id=arm_id, label_id=label_id, split=Split.TEST, text=text, text_hash=equal_texts.text_hash(text))


def measure(server: Server, token: str, asked: argparse.Namespace, watched: psutil.Process | None) -> None:
    """Let the raters answer and print the measured times; `watched`: the process of the database server."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    first = asyncio.run(walk(link(server.url, token), raters=1, items=1, think=0, seed=-1))[0]
    before, client, started = processor_time(process), time.process_time(), time.monotonic()
    of_database = processor_time(watched) if watched else 0.0
    ways = asyncio.run(
        walk(link(server.url, token), raters=asked.raters, items=asked.items, think=asked.think, seed=asked.seed)
    )
    seconds = time.monotonic() - started
    clicks = [click for way in ways for click in way.clicks]
    spent = processor_time(process) - before
    print(
        f"{asked.raters} raters, {asked.items} items each, think {asked.think:g} s, {asked.database}, {os.cpu_count()} cores"
    )
    print(f"  load before        {os.getloadavg()[0]:.1f}")
    print(f"  first visitor      {first.started:.2f} s from link to first item")
    show("click to next item", [click.seconds for click in clicks])
    show("link to first item", [way.started for way in ways])
    print(f"  clicks             {len(clicks)} in {seconds:.1f} s, {len(clicks) / seconds:.1f} a second")
    print(f"  server's processor {1000 * spent / len(clicks):.1f} ms a click, {spent / seconds:.2f} cores")
    if watched:
        print(f"  database's         {1000 * (processor_time(watched) - of_database) / len(clicks):.1f} ms a click")
    print(f"  this client's      {1000 * (time.process_time() - client) / len(clicks):.1f} ms a click")
    print(f"  bytes to a rater   {sum(way.received for way in ways) / len(clicks):,.0f} a click")
    print(f"  server's memory    {process.memory_info().rss / 2**20:.0f} MB")
    p95 = float(np.quantile([click.seconds for click in clicks], 0.95))
    print(f"  p95 {p95:.3f} s of {LIMIT_S:g} s: {'met' if p95 < LIMIT_S else 'MISSED'}")
    assert all(way.acknowledged == asked.items for way in ways), "someone did not get to the end"


def show(what: str, seconds: list[float]) -> None:
    """Print quantiles of times in seconds."""
    p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99])
    print(f"  {what} p50 {p50:.3f}  p95 {p95:.3f}  p99 {p99:.3f}  max {max(seconds):.3f} s")


def processor_time(process: psutil.Process) -> float:
    """Processor seconds of a process and its child processes."""
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))


async def walk(address: str, *, raters: int, items: int, think: float, seed: int) -> list[Way]:
    """Let the raters come at once and answer their items; they begin together when every rater has a first item."""
    ready = asyncio.Barrier(raters)
    return list(
        await asyncio.gather(*(_one(address, ready, items, think, random.Random(f"{seed} {k}")) for k in range(raters)))
    )


async def _one(address: str, ready: asyncio.Barrier, items: int, think: float, rng: random.Random) -> Way:
    async with Rater(address) as rater:
        began = time.perf_counter()
        await rater.come()
        way = Way(rater.code, time.perf_counter() - began)
        await ready.wait()
        received = rater.tab.bytes_received
        for _ in range(items):
            if think:
                await asyncio.sleep(rng.expovariate(1 / think))
            way.clicks.append(await rater.answer(rng.randrange(len(rater.answers()))))
        way.received = rater.tab.bytes_received - received
        way.acknowledged = rater.acknowledged + (1 if rater.is_done else 0)
        return way


def check(settings: Settings, asked: argparse.Namespace) -> None:
    """Check that every answer is stored once and that no item was given to more raters than wanted."""
    store = store_module.open_store(settings)
    with store() as session:
        rows = session.execute(select(Rating.rater_id, Rating.item_id)).all()
        joined = session.scalars(select(RaterRow.id)).all()
    store.close()
    per_rater, per_item = Counter(row.rater_id for row in rows), Counter(row.item_id for row in rows)
    expected = asked.raters * asked.items + 1
    twice = len(rows) - len(set(rows))
    print(
        f"  stored             {len(rows)} of {expected} ratings, {twice} twice, most on one item {max(per_item.values())}"
    )
    assert len(rows) == expected
    assert twice == 0
    assert len(per_rater) == len(joined)
    assert max(per_item.values()) <= RATERS_PER_ITEM


if __name__ == "__main__":
    main()
