"""Measure many raters at the store at once, without pages: each takes an item and records an answer, again and again.

    python -m benchmarks.writers [--writers 200] [--items 10] [--processes 1,8] [--databases sqlite,postgresql]

Every rater is a thread; with `--processes 8` the threads are spread over eight processes. The campaign has fewer places
than the raters would fill, so that the raters meet at its last items. Afterwards the benchmark checks that every answer
whose transaction was committed is stored once, and that no item went to more raters than the campaign asks for.
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
class Clicks:
    """The committed answers of one rater as (rater id, item id), the seconds to the first item, and the seconds of each click."""

    answers: list[tuple[int, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    first_s: float = 0.0


@dataclass(frozen=True)
class Stored:
    """What the database holds: the number of answers of each (rater id, item id), and the most raters of one item."""

    pairs: Counter[tuple[int, int]]
    most_on_an_item: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=200)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--processes", type=lambda option: [int(part) for part in option.split(",")], default=[1, 8])
    parser.add_argument("--databases", type=lambda option: option.split(","), default=["sqlite", "postgresql"])
    options = parser.parse_args()
    print(f"{options.writers} writers, {options.items} items each at most, {os.cpu_count()} cores")
    for kind in options.databases:
        for processes in options.processes:
            with (
                tempfile.TemporaryDirectory() as folder,
                raters.database(kind, Path(folder), connections=CONNECTIONS) as (url, _),
            ):
                settings = settings_module.load({"LITMUS_HOME": f"{folder}/home", "LITMUS_DATABASE": url})
                token = raters.campaign(
                    settings, n=options.writers * options.items // (RATERS_PER_ITEM + 1), items_per_rater=options.items
                )
                measure(settings, token, f"{kind}, processes {processes}", options.writers, processes)


def measure(settings: Settings, token: str, name: str, writers: int, processes: int) -> None:
    """Let raters click, print their rates and times, and check that every committed answer is stored once."""
    by_rater = spread(settings, token, writers=writers, processes=processes)
    n = sum(len(clicks.answers) for clicks in by_rater)
    busy = max(clicks.first_s + sum(clicks.seconds) for clicks in by_rater)
    print(f"{name}: {n} answers in {busy:.1f} s, {n / busy:.0f} a second, load {os.getloadavg()[0]:.1f}")
    raters.show("first item", [clicks.first_s for clicks in by_rater])
    raters.show("answer and next item", [seconds for clicks in by_rater for seconds in clicks.seconds])
    found = stored(settings)
    lost = sum(1 for clicks in by_rater for pair in clicks.answers if pair not in found.pairs)
    twice = sum(count - 1 for count in found.pairs.values())
    print(f"  lost {lost}, twice {twice}, stored {found.pairs.total()}, most on one item {found.most_on_an_item}")
    assert (lost, twice, found.pairs.total()) == (0, 0, n)
    assert found.most_on_an_item <= RATERS_PER_ITEM


def spread(settings: Settings, token: str, *, writers: int, processes: int) -> list[Clicks]:
    """Let raters click, spread over `processes` processes (1 is this process), and return the clicks of each rater."""
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
    by_rater: list[Clicks] = []
    while len(by_rater) < writers:
        try:
            by_rater += results.get(timeout=5)
        except queue.Empty:
            if any(process.exitcode not in (None, 0) for process in started):
                raise ChildProcessError("a process of writers has ended early") from None
    for process in started:
        process.join()
    return by_rater


def _in_a_process(settings: Settings, token: str, writers: int, start: Any, results: Any) -> None:
    results.put(at_once(settings, token, writers=writers, start=start))


def at_once(settings: Settings, token: str, *, writers: int, start: Any) -> list[Clicks]:
    """Let a number of threads rate with one store; `start` is the barrier at which the threads wait for one another."""
    store = store_module.open_store(settings)
    with ThreadPoolExecutor(writers) as threads:
        by_rater = list(threads.map(lambda _: rate(store, token, start=start), range(writers)))
    store.close()
    return by_rater


def rate(store: Store, token: str, *, start: Any) -> Clicks:
    """Join the campaign and answer items until no item is left, and return the clicks.

    As on the page, one transaction holds the joining or the answer together with the choice of the next item.
    """
    clicks = Clicks()
    with store() as session:
        possible = campaigns.allowed(session, campaigns.by_token(session, token))
    start.wait(PATIENCE_S)
    began = time.perf_counter()
    with store.write() as session:
        rater = enrolment.join(session, campaigns.by_token(session, token), now=time.time())
        rng = random.Random(rater.id)
        item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
    clicks.first_s = time.perf_counter() - began
    while item is not None:
        answered, answer, began = item.id, rng.choice(possible), time.perf_counter()
        with store.write() as session:
            turn = assignment.answer_and_go_on(
                session, rater_id=rater.id, item_id=answered, answer=answer, now=time.time(), rng=rng
            )
            item = turn.item if turn is not None else None
        clicks.seconds.append(time.perf_counter() - began)
        clicks.answers.append((rater.id, answered))
    return clicks


def stored(settings: Settings) -> Stored:
    """The answers that the database holds."""
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
