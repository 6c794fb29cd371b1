"""Measure how close generation comes to the rate that concurrency and latency allow, with everything stored.

    python -m benchmarks.generation [--seconds 25] [--latency 0.2] [--concurrency 32,128] [--texts 1,10] [--labels 2,77]

For each case, one endpoint in a process of its own (`benchmarks.fast_server`) is called by a bare loop over the same
client that stores nothing, then by `generation.generate` into a new SQLite database on disk. Rates count whole runs, from
the call of the function to its return, so they include start-up, the last answers and the closing totals. `ratio` is the
rate divided by concurrency / latency; `cpu ms` is the processor time of this process for one request.
"""

import argparse
import asyncio
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from core import settings as settings_module
from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Completion, Sample
from core.study.store import Store
from core.synthesis.generation import generation
from core.synthesis.limits import Limits
from core.synthesis.prompts import drafts, versions


@dataclass(frozen=True)
class Case:
    """How many calls are in flight, how many texts each asks for, and how many labels the task has."""

    concurrency: int
    texts: int
    labels: int


@dataclass(frozen=True)
class Measured:
    """One timed run: the number of requests, its wall time and the processor time of this process, in seconds."""

    requests: int
    seconds: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--latency", type=float, default=0.2)
    for name, default in (("concurrency", [32, 128]), ("texts", [1, 10]), ("labels", [2, 77])):
        parser.add_argument(f"--{name}", type=lambda option: [int(part) for part in option.split(",")], default=default)
    options = parser.parse_args()
    print(
        "in flight  texts/call  labels  what      requests  seconds   req/s  ideal  ratio  cpu ms  completions  samples"
    )
    for concurrency, texts, labels in itertools.product(options.concurrency, options.texts, options.labels):
        measure(Case(concurrency, texts, labels), latency=options.latency, seconds=options.seconds)


def measure(case: Case, *, latency: float, seconds: float) -> None:
    """Print a line for the bare client and one for the generation of the same case."""
    ideal, texts, concurrency = case.concurrency / latency, case.texts, case.concurrency
    per_label = max(1, int(ideal * seconds) // case.labels)
    requests = per_label * case.labels
    with server(latency) as url, tempfile.TemporaryDirectory() as folder:
        bare = timed(requests, lambda: asyncio.run(ask_only(url, requests, concurrency=concurrency, texts=texts)))
        show(bare, "bare", case, ideal=ideal, stored="")
        store = store_module.open_store(settings_module.load({"LITMUS_HOME": folder}))
        arm_id = ready_arm(store, case)
        ours = timed(requests, lambda: fill(store, arm_id, url, per_label=per_label * texts, concurrency=concurrency))
        show(ours, "stored", case, ideal=ideal, stored=counted(store))
        store.close()


def timed(requests: int, work: Callable[[], None]) -> Measured:
    """Time a function that makes a number of requests."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    work()
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(requests, ended - started, cpu_s)


def show(found: Measured, what: str, case: Case, *, ideal: float, stored: str) -> None:
    rate = found.requests / found.seconds
    print(
        f"{case.concurrency:9d}  {case.texts:10d}  {case.labels:6d}  {what:8s}  {found.requests:8d}  {found.seconds:7.2f}  "
        f"{rate:6.1f}  {ideal:5.0f}  {rate / ideal:5.3f}  {1e3 * found.cpu_s / found.requests:6.2f}  {stored}",
        flush=True,
    )


async def ask_only(url: str, requests: int, *, concurrency: int, texts: int) -> None:
    """Make the calls with the client of the generation, `concurrency` calls side by side, and store nothing."""
    provider = OpenAIProvider("test-model", base_url=url, api_key="none")
    draft = drafts.Draft(context="You write texts.", generation=f"Number of texts: {texts}\nLabel: glad", diversity="")
    messages = [{"role": "system", "content": draft.context}, {"role": "user", "content": draft.generation}]
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            key = SlotKey(study="bench", task="mood", arm="zero-shot", label="glad", index=number)
            await provider.complete(messages, slot_key=key)

    await asyncio.gather(*(work() for _ in range(concurrency)))
    await provider.close()


def ready_arm(store: Store, case: Case) -> int:
    """The id of a new arm of a task with as many labels, whose prompt asks for as many texts a call."""
    labels = {
        f"mood {number} of card_{number * 7 % 13}": f"the writer is in mood {number}" for number in range(case.labels)
    }
    with store.write() as session:
        study = tasks.study_named(session, "bench")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="Which mood?", labels=labels)
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot")
        draft = drafts.default(task, tasks.labels_of(session, task.id), kind=ArmKind.ZERO_SHOT)
        versions.save(session, arm_id=arm.id, draft=replace(draft, texts_per_call=case.texts, turns=1))
        return arm.id


def fill(store: Store, arm_id: int, url: str, *, per_label: int, concurrency: int) -> None:
    provider = OpenAIProvider("test-model", base_url=url, api_key="none")
    generation.generate(
        store, arm_id=arm_id, per_label=per_label, provider=provider, limits=Limits(concurrency=concurrency)
    )


def counted(store: Store) -> str:
    """The numbers of stored completions and kept samples, as columns of the printed table."""
    with store() as session:
        completions = session.scalar(select(func.count(Completion.id)))
        kept = session.scalar(select(func.count(Sample.id)).where(Sample.status == SampleStatus.KEPT))
    return f"{completions:11d}  {kept:7d}"


@contextmanager
def server(latency: float) -> Iterator[str]:
    """Run the fast endpoint in a process of its own, and give its URL."""
    command = [sys.executable, "-m", "benchmarks.fast_server", "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close() if process.stdout else None


if __name__ == "__main__":
    main()
