"""Many raters at the store at once, without pages: take an item, record an answer, again and again.

    python -m benchmarks.writers [--writers 200] [--items 10] [--processes 1,8] [--databases sqlite,postgresql]

Every writer is a thread of its own; with `--processes 8` they are spread over eight processes. The campaign has fewer
places than the raters would fill, so that they meet at its last items. Checked afterwards: every answer whose transaction
was committed is stored, none twice, and no item went to more raters than the campaign asks for.
"""

import argparse
import multiprocessing
import os
import queue
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks import raters
from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.sessions import Comparison, Rating
from core.study.store import Store
from core.subjectivity.sessions import assignment, campaigns, enrolment

CONNECTIONS, PATIENCE_S = 300, 120
RATERS_PER_ITEM = 5


@dataclass
class Given:
    """What one writer was told is stored, as (rater, item), and the seconds to the first item and of each click."""

    answers: list[tuple[int, int]] = field(default_factory=list)
    clicks: list[float] = field(default_factory=list)
    first: float = 0.0


@dataclass(frozen=True)
class Stored:
    """What the database holds: rows, distinct (rater, item) pairs, and the most raters on one item."""

    pairs: Counter[tuple[int, int]]
    most_on_an_item: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=200)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--processes", type=lambda given: [int(part) for part in given.split(",")], default=[1, 8])
    parser.add_argument("--databases", type=lambda given: given.split(","), default=["sqlite", "postgresql"])
    asked = parser.parse_args()
    print(f"{asked.writers} writers, {asked.items} items each at most, {os.cpu_count()} cores")
    for kind in asked.databases:
        for processes in asked.processes:
            with (
                tempfile.TemporaryDirectory() as folder,
                raters.database(kind, Path(folder), connections=CONNECTIONS) as (url, _),
            ):
                settings = settings_module.load({"LITMUS_HOME": f"{folder}/home", "LITMUS_DATABASE": url})
                token = raters.campaign(
                    settings, n=asked.writers * asked.items // (RATERS_PER_ITEM + 1), items_per_rater=asked.items
                )
                measure(settings, token, f"{kind}, processes {processes}", asked.writers, processes)


def measure(settings: Settings, token: str, name: str, writers: int, processes: int) -> None:
    given = spread(settings, token, writers=writers, processes=processes)
    n = sum(len(one.answers) for one in given)
    busy = max(one.first + sum(one.clicks) for one in given)
    print(f"{name}: {n} answers in {busy:.1f} s, {n / busy:.0f} a second, load {os.getloadavg()[0]:.1f}")
    raters.show("first item", [one.first for one in given])
    raters.show("answer and next item", [second for one in given for second in one.clicks])
    found = stored(settings)
    lost = sum(1 for one in given for pair in one.answers if pair not in found.pairs)
    twice = sum(count - 1 for count in found.pairs.values())
    print(f"  lost {lost}, twice {twice}, stored {found.pairs.total()}, most on one item {found.most_on_an_item}")
    assert (lost, twice, found.pairs.total()) == (0, 0, n)
    assert found.most_on_an_item <= RATERS_PER_ITEM


def spread(settings: Settings, token: str, *, writers: int, processes: int) -> list[Given]:
    """What so many writers in so many processes were told is stored; 1 is this process."""
    if processes == 1:
        return at_once(settings, token, writers=writers, start=threading.Barrier(writers))
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(writers), context.Queue()
    shares = [len(range(place, writers, processes)) for place in range(processes)]
    started = [
        context.Process(target=_in_a_process, args=(settings, token, share, start, results), daemon=True)
        for share in shares
    ]
    for process in started:
        process.start()
    given: list[Given] = []
    while len(given) < writers:
        try:
            given += results.get(timeout=5)
        except queue.Empty:
            if any(process.exitcode not in (None, 0) for process in started):
                raise ChildProcessError("a process of writers has ended early") from None
    for process in started:
        process.join()
    return given


def _in_a_process(settings: Settings, token: str, writers: int, start: Any, results: Any) -> None:
    results.put(at_once(settings, token, writers=writers, start=start))


def at_once(settings: Settings, token: str, *, writers: int, start: Any) -> list[Given]:
    """Let so many threads rate with one store; `start` is where they wait for each other when all have joined."""
    store = store_module.open_store(settings)
    with ThreadPoolExecutor(writers) as threads:
        given = list(threads.map(lambda _: rate(store, token, start=start), range(writers)))
    store.close()
    return given


def rate(store: Store, token: str, *, start: Any) -> Given:
    """One rater's way until nothing is left. As on the page, joining or an answer is one transaction with the next item."""
    given = Given()
    with store() as session:
        possible = campaigns.allowed(session, campaigns.by_token(session, token))
    start.wait(PATIENCE_S)
    began = time.perf_counter()
    with store.write() as session:
        rater = enrolment.join(session, campaigns.by_token(session, token), now=time.time())
        rng = random.Random(rater.id)
        item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
    given.first = time.perf_counter() - began
    while item is not None:
        answered, answer, began = item.id, rng.choice(possible), time.perf_counter()
        with store.write() as session:
            assignment.record(session, rater_id=rater.id, item_id=answered, answer=answer, now=time.time())
            item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
        given.clicks.append(time.perf_counter() - began)
        given.answers.append((rater.id, answered))
    return given


def stored(settings: Settings) -> Stored:
    store = store_module.open_store(settings)
    with store() as session:
        pairs: Counter[tuple[int, int]] = Counter()
        most = 0
        for table in (Rating, Comparison):
            pairs.update((row.rater_id, row.item_id) for row in session.execute(select(table.rater_id, table.item_id)))
            counts = session.execute(select(func.count(func.distinct(table.rater_id))).group_by(table.item_id))
            most = max([most, *(row[0] for row in counts)])
    store.close()
    return Stored(pairs, most)


if __name__ == "__main__":
    main()
