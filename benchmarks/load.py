"""Load run: raters at two dashboards behind nginx on PostgreSQL, beside a generation and a sweep of tiny runs.

    python -m benchmarks.load [--raters 200] [--minutes 20] [--think 6] [--in-flight 128] [--latency 4] [--seed 0]

Everything runs on this machine: PostgreSQL, two dashboards, nginx with the configuration of `deploy/nginx` (TLS, a path,
a visitor stays with one dashboard), an LLM endpoint that answers after `--latency` seconds, the generation (a job), the
sweep (`core run`, jobs with one slot), and the raters. Each rater is a websocket session as a browser has it: load the
page, agree, answer, and wait before every click for a time drawn from an exponential distribution with a mean of `--think`
seconds. A rater ends after `--items` answers, and another comes, with a new session, so that sessions also come and go.
After a broken session a rater comes back with the personal code.

Printed: answers acknowledged, stored, lost and doubled; the statuses in the log of nginx; quantiles of the seconds from a
click to the next item; the memory of every process and its slope, by least squares, both after `--warm-up` minutes; statements
of the database a click. Memory is what a process holds alone (USS): a part of what it shares would grow when another process
that shares it ends. PostgreSQL's buffers are shared by its own processes alone: they are counted in parts (PSS). Needs nginx
and openssl.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import func, select

from benchmarks import generation, raters
from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.sessions import Rater as RaterRow
from core.study.rows.sessions import Rating
from core.study.rows.study import Completion, Job, Run
from tests import nginx, tiny_encoder
from tests.commands.test_faults import study_file
from tests.e2e.conftest import ROOT, Server
from tests.jobs.bench import end_all
from tests.ports import free_port
from tests.websocket_rater import Gone, Rater, link

CONNECTIONS = 300
SAMPLE_S = 10.0
SEEDS = 2000
COUNTED_CLICKS = 20


@dataclass
class Seen:
    """What the raters saw. `acknowledged`: personal code -> items whose answer was acknowledged; seconds as (time, seconds)."""

    acknowledged: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    clicks: list[tuple[float, float]] = field(default_factory=list)
    arrivals: list[tuple[float, float]] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    ended: int = 0


@dataclass
class Site:
    """The processes under load. `database`: the process of PostgreSQL's server."""

    settings: Settings
    folder: Path
    url: str
    dashboards: list[Server]
    nginx: psutil.Process
    database: psutil.Process
    running: Any

    def browser(self) -> Any:
        return nginx.browser(self.folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, default in (
        ("raters", int, 200), ("minutes", float, 20.0), ("think", float, 6.0), ("items", int, 40), ("in-flight", int, 128),
        ("latency", float, 4.0), ("warm-up", float, 3.0), ("seed", int, 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, site(Path(folder), asked) as (found, token):
        with work(found, asked):
            asyncio.run(under_load(found, token, asked))
        statements(found, token)


@contextmanager
def site(folder: Path, asked: argparse.Namespace) -> Iterator[tuple[Site, str]]:
    """Start PostgreSQL, two dashboards and nginx, and make the campaign; the token is that of its link."""
    with ExitStack() as stack:
        url, database = stack.enter_context(raters.database("postgresql", folder, connections=CONNECTIONS))
        assert database is not None
        environ = {
            "LITMUS_DATABASE": url, "LITMUS_PASSWORD": "correct horse battery", "LITMUS_SLOTS": "1",
            "STREAMLIT_SERVER_BASE_URL_PATH": "litmus",
        }  # fmt: skip
        settings = settings_module.load({"LITMUS_HOME": str(folder / "home"), **environ})
        clicks = asked.raters * asked.minutes * 60 / asked.think
        n = int(1.3 * clicks / raters.RATERS_PER_ITEM) + 2 * asked.items
        token = raters.campaign(settings, n=n, items_per_rater=asked.items)
        dashboards = [Server(folder / "home", environ) for _ in range(2)]
        for dashboard in dashboards:
            dashboard.log, dashboard.url = folder / f"{dashboard.port}.log", f"{dashboard.url}{nginx.PATH}"
            stack.callback(dashboard.kill)
            dashboard.start()
        port = free_port()
        front = nginx.start(folder, port, [each.port for each in dashboards])
        stack.callback(front.wait, 20)
        stack.callback(front.terminate)
        stack.callback(end_all, folder / "home")
        address = f"https://127.0.0.1:{port}{nginx.PATH}"
        yield Site(settings, folder, address, dashboards, psutil.Process(front.pid), database, Psql(url)), token


@dataclass(frozen=True)
class Psql:
    """Statements for the server of a database, each outside a transaction."""

    url: str

    def __call__(self, *statements: str) -> None:
        engine = store_module.make_engine(self.url, immediate=False).execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def work(found: Site, asked: argparse.Namespace) -> Iterator[None]:
    """A generation and a sweep of tiny runs during the block, both with more to do than there is time for."""
    environ = {**found.dashboards[0].environ, "OPENAI_API_KEY": "none"}
    log = (found.folder / "work.log").open("wb")

    def command(*words: object) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "-m", "core", *map(str, words)]
        return subprocess.Popen(line, cwd=ROOT, env=environ, stdout=log, stderr=log)

    file = study_file(found.folder / "sweep", tiny_encoder.build(found.folder / "encoder"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seeds": list(range(SEEDS))}))
    with log, generation.server(asked.latency) as url:
        options = f"--per-label 1000000 --model test-model --base-url {url} --concurrency {asked.in_flight} --detach"
        queued = command("generate", "--study", "benchmark", "--task", "mood", "--arm", "zero-shot", *options.split())
        if queued.wait(120):
            raise SystemExit((found.folder / "work.log").read_text())
        sweep = command("run", file)
        try:
            yield
        finally:
            sweep.kill()
            sweep.wait()
            end_all(found.settings.home)


async def under_load(found: Site, token: str, asked: argparse.Namespace) -> None:
    """Let raters come and go until the time is over, then say what was found."""
    seen, memory = Seen(), Memory(found)
    before, started, cpu = work_done(found), time.monotonic(), processor_seconds(found)
    until = started + 60 * asked.minutes
    watching = asyncio.create_task(memory.watch(until))
    places = [place(found, token, asked, seen, until, random.Random(f"{asked.seed} {k}")) for k in range(asked.raters)]
    await asyncio.gather(*places)
    await watching
    seconds = time.monotonic() - started
    since = started + 60 * asked.warm_up
    print(
        f"{asked.raters} raters at once, think {asked.think:g} s on average, {asked.minutes:g} minutes, "
        f"{os.cpu_count()} cores, load at the end {os.getloadavg()[0]:.1f}"
    )
    answers(found, seen)
    if not seen.clicks:
        raise SystemExit("No rater got to an answer; the line of sessions says what broke.")
    print_clicks(seen, since, seconds)
    after = work_done(found)
    for name in after:
        done = after[name] - before[name]
        print(f"  {name:28} {done:,} ({done / seconds:.1f} a second)")
    spent = {name: now - cpu[name] for name, now in processor_seconds(found).items()}
    for name, used in spent.items():
        print(f"  {name:28} {used / seconds:.2f} cores, {1000 * used / len(seen.clicks):.1f} ms of a processor a click")
    memory.print(since)


def processor_seconds(found: Site) -> dict[str, float]:
    """The processor seconds used so far, also by child processes; those of PostgreSQL serve all work, not clicks alone."""
    dashboards = [psutil.Process(each.process.pid) for each in found.dashboards if each.process is not None]
    machine = psutil.cpu_times()
    return {
        "dashboards": sum(raters.processor_time(each) for each in dashboards),
        "postgresql, for all work": raters.processor_time(found.database),
        "nginx": raters.processor_time(found.nginx),
        "the raters": time.process_time(),
        "the whole machine": machine.user + machine.system + machine.nice,
    }


async def place(
    found: Site, token: str, asked: argparse.Namespace, seen: Seen, until: float, rng: random.Random
) -> None:
    """Raters one after another until the time is over; whose session breaks comes back with the personal code."""
    await asyncio.sleep(rng.uniform(0, min(30.0, 10 * asked.minutes)))
    code = ""
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            async with Rater(link(found.url, token, code), found.browser()) as rater:
                await rater.come()
                code = rater.code
                seen.arrivals.append((began, time.monotonic() - began))
                while not rater.is_done and time.monotonic() < until:
                    await asyncio.sleep(rng.expovariate(1 / asked.think))
                    item = rater.answers()[0].key.split(".")[2]
                    click = await rater.answer(rng.randrange(2))
                    seen.acknowledged[code].append(item)
                    seen.clicks.append((time.monotonic(), click.seconds))
                if rater.is_done:
                    code, seen.ended = "", seen.ended + 1
        except (Gone, TimeoutError, LookupError, IndexError) as error:
            seen.broken[type(error).__name__] += 1
            await asyncio.sleep(1)


def work_done(found: Site) -> dict[str, int]:
    """The numbers of stored completions and finished runs."""
    store = store_module.open_store(found.settings)
    with store() as session:
        completions = session.scalar(select(func.count(Completion.id))) or 0
        finished = session.scalar(select(func.count(Run.id)).where(Run.finished_at.is_not(None))) or 0
    store.close()
    return {"completions stored": completions, "runs finished": finished}


def answers(found: Site, seen: Seen) -> None:
    """Compare the acknowledged answers with the stored ones, and print the statuses that nginx has logged."""
    store = store_module.open_store(found.settings)
    with store() as session:
        rows = session.execute(select(RaterRow.code, Rating.item_id).join(RaterRow, RaterRow.id == Rating.rater_id))
        stored = Counter((code, str(item)) for code, item in rows)
    store.close()
    acknowledged = [(code, item) for code, items in seen.acknowledged.items() for item in items]
    lost = sum(1 for answer in acknowledged if answer not in stored)
    per_item = Counter(item for _, item in stored)
    logged = [line.split() for line in (found.folder / "nginx.log").read_text().splitlines()]
    statuses = Counter(words[2] for words in logged if len(words) > 3 and words[2].isdigit())
    print(f"  answers acknowledged         {len(acknowledged):,} by {len(seen.acknowledged):,} raters")
    print(f"  answers stored               {stored.total():,}, lost {lost}, doubled {stored.total() - len(stored)}")
    print(f"  most raters on an item       {max(per_item.values(), default=0)} of {raters.RATERS_PER_ITEM}")
    print(
        f"  sessions                     {len(seen.arrivals):,} came, {seen.ended:,} to the end, broken {dict(seen.broken)}"
    )
    print(f"  answers of nginx             {dict(sorted(statuses.items()))}")
    print(f"  5xx                          {sum(n for status, n in statuses.items() if status.startswith('5'))}")


def print_clicks(seen: Seen, since: float, seconds: float) -> None:
    after = [took for at, took in seen.clicks if at >= since]
    print(f"  clicks                       {len(seen.clicks):,}, {len(seen.clicks) / seconds:.1f} a second")
    for name, times in (("click to next item", after), ("link to first item", [took for _, took in seen.arrivals])):
        p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99])
        print(f"  {name:28} p50 {p50:.3f}  p95 {p95:.3f}  p99 {p99:.3f}  max {max(times):.3f} s")


@dataclass
class Memory:
    """The memory of every process over time: name -> [(time, MB)]."""

    found: Site
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    names: dict[int, str] = field(default_factory=dict)

    async def watch(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.to_thread(self.sample)
            await asyncio.sleep(SAMPLE_S)

    def sample(self) -> None:
        at, total = time.monotonic(), Counter[str]()
        for name, process in self.processes():
            with suppress(psutil.Error):
                held = process.memory_full_info()
                total[name] += held.pss if name == "postgresql" else held.uss
        for name, size in total.items():
            self.samples[name].append((at, size / 2**20))

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Every process of the run; those of PostgreSQL and of nginx have one name each."""
        for number, dashboard in enumerate(self.found.dashboards, start=1):
            assert dashboard.process is not None
            yield f"dashboard {number}", psutil.Process(dashboard.process.pid)
        for name, parent in (("postgresql", self.found.database), ("nginx", self.found.nginx)):
            yield name, parent
            for child in parent.children(recursive=True):
                yield name, child
        yield "the raters (this process)", psutil.Process()
        for process in psutil.process_iter():
            if name := self.job(process):
                yield name, process

    def job(self, process: psutil.Process) -> str:
        """The name of the runner, a job or the command of the sweep; "" for any other process."""
        if process.pid not in self.names:
            self.names[process.pid] = ""
            with suppress(psutil.Error):
                line = process.cmdline()
                if process.environ().get("LITMUS_HOME") == str(self.found.settings.home) and "-m" in line:
                    module, *rest = line[line.index("-m") + 1 :]
                    known = {"core.jobs.runner": "runner", "core": "command run", "core.jobs.run": f"job {rest[:1]}"}
                    self.names[process.pid] = known.get(module, "")
        return self.names[process.pid]

    def print(self, since: float) -> None:
        store = store_module.open_store(self.found.settings)
        with store() as session:
            titles = {f"job {[str(job.id)]}": f"job: {job.title}" for job in session.scalars(select(Job))}
        store.close()
        print("  memory after the warm-up     MB first, last, slope in MB an hour, slope of the last half")
        for name, samples in self.samples.items():
            late = [(at, size) for at, size in samples if at >= since]
            if len(late) < 3:
                continue
            slopes = "  ".join(f"{slope(part):+8.1f}" for part in (late, late[len(late) // 2 :]))
            print(f"    {titles.get(name, name)[:40]:40} {late[0][1]:7.0f} {late[-1][1]:7.0f} {slopes}  n {len(late)}")


def slope(samples: list[tuple[float, float]]) -> float:
    """The slope of (Unix seconds, MB) in MB an hour, by least squares; nan with fewer than two."""
    if len(samples) < 2:
        return float("nan")
    return float(np.polyfit([at / 3600 for at, _ in samples], [size for _, size in samples], 1)[0])


def statements(found: Site, token: str) -> None:
    """Print how many statements the database gets a click, when one rater is alone with the dashboards."""
    log = found.folder / "postgresql" / "data" / "log"
    time.sleep(3)

    async def counted() -> int:
        async with Rater(link(found.url, token), found.browser()) as rater:
            await rater.come()
            await rater.answer()
            found.running("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
            await asyncio.sleep(1)
            begun = log.stat().st_size
            for _ in range(COUNTED_CLICKS):
                await rater.answer()
            with log.open() as lines:
                lines.seek(begun)
                return sum(1 for line in lines if "LOG:  statement:" in line or "LOG:  execute" in line)

    print(f"  statements a click           {asyncio.run(counted()) / COUNTED_CLICKS:.1f}, with BEGIN and COMMIT")


if __name__ == "__main__":
    main()
