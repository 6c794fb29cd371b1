"""How long it takes to start: the list of commands, commands, a training and the dashboard, beside `import pandas`.

    python -m benchmarks.starting [--rounds 5] [--rows 1000000] [--beside FOLDER]

Whole processes, one after another, each once a round; the table has the median of the rounds and its ratio to `import pandas` in
the same rounds. `agreement` and `rank` read a file of `--rows` answers. With `--beside`, the folder of another checkout of Litmus,
each process of it runs right after ours, and the last column is how many times as long it took.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
RATERS, ITEMS_EACH, TASKS = 500, 10, 30
PATIENCE_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--beside", type=Path, help="the folder of another checkout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = _processes(ROOT, Path(folder), options.rows)
        other = _processes(options.beside.resolve(), Path(folder), options.rows) if options.beside else {}
        found = {(where, name): [] for where, timed in (("", ours), ("beside", other)) for name in timed}
        for _ in range(options.rounds):
            for name, run in ours.items():
                found["", name].append(run())
                if name in other:
                    found["beside", name].append(other[name]())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, median of {options.rounds} rounds\n")
    print("| process | seconds | times `import pandas` | the other checkout, times ours |\n|---|---|---|---|")
    pandas = statistics.median(found["", "import pandas"])
    for name in ours:
        seconds = statistics.median(found["", name])
        times = f"{statistics.median(found['beside', name]) / seconds:.2f}" if name in other else ""
        print(f"| {name} | {seconds:.2f} | {seconds / pandas:.2f} | {times} |")


def _processes(checkout: Path, folder: Path, rows: int) -> dict[str, Callable[[], float]]:
    """Name -> a function that runs the process in a checkout and gives its seconds."""
    ratings, comparisons = _answers(folder, rows)
    commands = {
        "import pandas": ["-c", "import pandas"],
        "litmus --help": ["-m", "core", "--help"],
        "litmus run --help": ["-m", "core", "run", "--help"],
        f"agreement, {rows:,} ratings": ["-m", "core", "agreement", str(ratings)],
        f"rank, {rows:,} comparisons": ["-m", "core", "rank", str(comparisons)],
        "a training, until it looks for its runs": ["-m", "core", "train-runs", "--runs", "1"],
    }
    timed: dict[str, Callable[[], float]] = {
        name: lambda words=words: _seconds(checkout, folder, words)  # type: ignore[misc]
        for name, words in commands.items()
    }
    return timed | {"dashboard, until it answers": lambda: _until_it_answers(checkout, folder)}


def _answers(folder: Path, rows: int) -> tuple[Path, Path]:
    """Files of ratings and of comparisons with so many rows."""
    rng = np.random.default_rng(0)
    ratings, comparisons = folder / "ratings.csv", folder / "comparisons.csv"
    if not ratings.exists():
        rater = rng.integers(RATERS, size=rows)
        label = np.array(["anger", "joy", "fear"])[rng.integers(3, size=rows)]
        pd.DataFrame({"item_id": np.arange(rows) // ITEMS_EACH, "rater_id": rater, "label": label}).to_csv(
            ratings, index=False
        )
        left = rng.integers(TASKS, size=rows)
        right = (left + rng.integers(1, TASKS, size=rows)) % TASKS
        winner = np.where(rng.random(rows) < 0.6, "left", "right")
        named = {
            "rater_id": rater,
            "left": [f"t{k}" for k in left],
            "right": [f"t{k}" for k in right],
            "winner": winner,
        }
        pd.DataFrame(named).to_csv(comparisons, index=False)
    return ratings, comparisons


def _environ(checkout: Path, folder: Path) -> dict[str, str]:
    """The environment of a checkout's processes; ours and the other's have homes of their own."""
    home = folder / ("ours" if checkout == ROOT else "beside")
    return {**os.environ, "LITMUS_HOME": str(home), "LITMUS_LOCAL_SERVERS": "none"}


def _seconds(checkout: Path, folder: Path, words: list[str]) -> float:
    """The seconds of a process. Raises `RuntimeError` where it fails, but for a training, which has no run to train."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=_environ(checkout, folder), capture_output=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode and "train-runs" not in words:
        raise RuntimeError(f"{' '.join(words)} in {checkout}: {done.stderr.decode()[-300:]}")
    return seconds


def _until_it_answers(checkout: Path, folder: Path) -> float:
    port = free_port()
    words = ["-m", "ui.serve", "--server.headless=true", f"--server.port={port}"]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=checkout,
        env=_environ(checkout, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while time.perf_counter() - began < PATIENCE_S:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                        return time.perf_counter() - began
                except OSError:
                    time.sleep(0.02)
        finally:
            process.kill()
    raise TimeoutError("the dashboard did not answer")


if __name__ == "__main__":
    main()
