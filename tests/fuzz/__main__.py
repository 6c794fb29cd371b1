"""Run the kinds of cases one after another, each in a process of its own, and print the table of counts."""

import argparse
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from core.errors import StudyError
from tests import memory
from tests.fuzz import calls, importers, others
from tests.jobs.bench import end_all

KINDS = (
    "texts.csv", "texts.tsv", "texts.json", "texts.jsonl", "texts.parquet", "answers", "comparisons", "study.jsonl", "study.csv",
    "study.parquet", "study.zip", "yaml", "completions", "commands",
)  # fmt: skip
LIMIT_S, LIMIT_MB, SHOWN = 20.0, 4096, 25
HEADS = "kind cases refused taken tracebacks hangs half-written peak_MB seconds".split()


class Hang(BaseException):
    """A case took longer than its time; no handler for errors catches this class."""


@dataclass
class Found:
    """The counts of a kind. `faults`: descriptions of the first findings, each with its number."""

    kind: str
    cases: int = 0
    refused: int = 0
    taken: int = 0
    tracebacks: int = 0
    hangs: int = 0
    half: int = 0
    peak_mb: float = 0.0
    seconds: float = 0.0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    def note(self, number: int, what: str) -> None:
        if len(self.faults) < SHOWN:
            self.faults.append(f"{self.kind} {number}: {what}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--factor", default="completions=10", help="kind=times: so many times more cases of this kind")
    parser.add_argument("--one", action="store_true", help="run the first kind in this process and print JSON")
    asked = parser.parse_args()
    kinds, (more, _, times) = asked.kinds.split(","), asked.factor.partition("=")
    if asked.one:
        _limit_memory()
        print(json.dumps(asdict(run(kinds[0], asked.first, asked.cases))))
        return
    print("| " + " | ".join(HEADS) + " |\n|---|" + "---|" * (len(HEADS) - 1), flush=True)
    faults: list[str] = []
    for kind in kinds:
        cases = asked.cases * (int(times or 1) if kind == more else 1)
        command = [sys.executable, "-m", "tests.fuzz", "--one", "--kinds", kind, "--cases", str(cases)]
        said = subprocess.run([*command, "--first", str(asked.first)], stdout=subprocess.PIPE, text=True, check=True)
        found = Found(**json.loads(said.stdout.splitlines()[-1]))
        faults += found.faults
        print(*found.faults, sep="\n", file=sys.stderr, flush=True)  # at once: a later kind may take an hour
        numbers = [found.cases, found.refused, found.taken, found.tracebacks, found.hangs, found.half]
        print(
            f"| {kind} | " + " | ".join(map(str, numbers)) + f" | {found.peak_mb:.0f} | {found.seconds:.0f} |",
            flush=True,
        )
        print(f"{kind}: slowest case {found.slowest_s:.1f} s", file=sys.stderr)
    print("\n".join(["", *faults]))
    sys.exit(bool(faults))


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_MB << 20, LIMIT_MB << 20))


def run(kind: str, first: int, cases: int) -> Found:
    """Run the cases of a kind with the numbers from `first` on."""
    found = Found(kind, cases=cases)
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="litmus-fuzz-", dir=root))
    previous = signal.signal(signal.SIGALRM, _ring)
    started = time.monotonic()
    bench = importers.Bench(folder)
    try:
        case = _case_of(kind, bench)
        for number in range(first, first + cases):
            began = time.monotonic()
            _one(case, bench, found, number)
            found.slowest_s = max(found.slowest_s, time.monotonic() - began)
            bench.renew()
    finally:
        signal.signal(signal.SIGALRM, previous)
        end_all(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)
    found.seconds = time.monotonic() - started
    found.peak_mb = memory.peak_mb()
    return found


def _case_of(kind: str, bench: importers.Bench) -> Callable[[int, random.Random], Any]:
    """The function for one case of a kind, called with its number and its random numbers."""
    family, _, ending = kind.partition(".")
    if family == "commands":
        return calls.Calls(bench).case
    if family == "completions":
        return lambda _, rng: others.completion(rng)
    if family == "yaml":
        others.prepare(bench)
        return lambda _, rng: others.study(bench, rng)
    if family == "texts":
        return lambda _, rng: importers.texts(bench, ending, rng)
    if family == "study":
        archive = importers.Archive(bench, "jsonl" if ending == "zip" else ending)
        case = archive.zipped_case if ending == "zip" else archive.case
        return lambda _, rng: case(bench, rng)
    plain = {"answers": importers.answers, "comparisons": importers.comparisons}[family]
    return lambda _, rng: plain(bench, rng)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise Hang


def _one(case: Callable[[int, random.Random], Any], bench: importers.Bench, found: Found, number: int) -> None:
    """Run a case and count how it ended."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    is_refusal = False
    try:
        ended = case(number, random.Random(f"{found.kind} {number}"))
        is_refusal = isinstance(ended, tuple) and ended[0] in (1, 2)
    except StudyError as error:
        is_refusal = True
        if wrong := importers.refused(error):
            found.note(number, f"{wrong}: {str(error)[:200]!r}")
            found.tracebacks += 1
    except Hang:
        found.hangs += 1
        found.note(number, f"took longer than {LIMIT_S:g} s at {_place(sys.exc_info()[2])}")
    except Exception as error:  # noqa: BLE001  every other class of error is a finding
        found.tracebacks += 1
        found.note(number, f"{type(error).__name__}: {str(error)[:200]!r} at {_place(error.__traceback__)}")
    else:
        found.taken += not is_refusal
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    found.refused += is_refusal
    _check_rows(bench, found, number, is_refusal=is_refusal)


def _check_rows(bench: importers.Bench, found: Found, number: int, *, is_refusal: bool) -> None:
    """After a refusal the database must be as it was: nothing was committed, or at least no row is new or gone."""
    if not bench.has_changed():
        return
    rows = bench.count()
    if is_refusal and rows != bench.rows:
        found.half += 1
        found.note(number, f"rows were left: {[(a, b) for a, b in zip(bench.rows, rows, strict=True) if a != b]}")
    bench.rows = rows


def _place(trace: Any) -> str:
    """The last lines of code of the project in a traceback."""
    frames = [frame for frame in traceback.extract_tb(trace) if "site-packages" not in frame.filename]
    ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "/core/" in frame.filename]
    last = traceback.extract_tb(trace)[-1:]
    return " < ".join([*(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last), *reversed(ours[-4:])])


if __name__ == "__main__":
    main()
