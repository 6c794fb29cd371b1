"""How quickly every page answers, and what sessions weigh: a real server, and websocket sessions as browsers have them.

    python -m benchmarks.pages [--large | --home HOME] [--reruns 5] [--sessions 10] [--growth 500]

On the sample study, which is run first (some minutes; `--home` names a home in which it is finished), or with `--large` on the
study of `benchmarks.findings`: 10 tasks, 600 runs, 1,000,000 predictions, 100,000 ratings and the samples behind them. Printed
for each page: the seconds of the first run (nothing cached) and, as medians, the milliseconds from a rerun's request to its last
message and the processor's share of them at the server; then the memory of the server with sessions on all pages, and after many
reruns more. Pages that refresh themselves are not asked to.
"""

import argparse
import asyncio
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from benchmarks import findings
from core import settings as settings_module
from core.study import store as store_module
from tests.e2e.conftest import ROOT, Server
from tests.websocket_rater import Tab

PAGES = (
    "overview", "data", "prompts", "generate", "inspect", "campaigns", "train", "jobs", "compare", "analyse", "verdict", "plan",
    "report", "present", "help",
)  # fmt: skip
GROWING = ("overview", "analyse", "inspect", "compare")
MB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--home", type=Path)
    for name, default in (("reruns", 5), ("sessions", 10), ("growth", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, asked)
        server = Server(home, {"LITMUS_LOCAL_SERVERS": "none"})
        try:
            server.start()
            asyncio.run(measure(server, asked))
        finally:
            server.end()


def fill(home: Path, asked: argparse.Namespace) -> None:
    """Put the study into a new home."""
    if asked.home is not None:
        shutil.copytree(asked.home, home)
    elif asked.large:
        store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
        with store.write() as session:
            findings.build(session, 1667)
        store.close()
    else:
        subprocess.run(
            [sys.executable, "-m", "core", "demo"], cwd=ROOT, env={**os.environ, "LITMUS_HOME": str(home)},
            stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip


async def measure(server: Server, asked: argparse.Namespace) -> None:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        print(f"server alone {process.memory_full_info().pss / MB:.0f} MB")
        print("| page | first run s | rerun ms | processor ms |\n|---|---|---|---|")
        tabs = {}
        for page in PAGES:
            tabs[page], first = await opened(http, server, page)
            took = [await rerun(tabs[page], process) for _ in range(asked.reruns)]
            seconds, used = (statistics.median(each) for each in zip(*took, strict=True))
            print(f"| {page} | {first:.2f} | {1000 * seconds:.0f} | {1000 * used:.0f} |", flush=True)
        for tab in list(tabs.values())[asked.sessions :]:
            await tab.close()
        print(f"{asked.sessions} sessions: {process.memory_full_info().pss / MB:.0f} MB")
        before = process.memory_full_info().pss
        for number in range(asked.growth):
            await rerun(tabs[GROWING[number % len(GROWING)]], process)
        gc.collect()
        print(f"after {asked.growth} reruns more: {(process.memory_full_info().pss - before) / MB:+.1f} MB")
        for tab in tabs.values():
            await tab.close()


async def opened(http: aiohttp.ClientSession, server: Server, page: str) -> tuple[Tab, float]:
    """A tab on the page, and the seconds until its first run had ended."""
    tab = Tab(http, server.url, "" if page == "overview" else page)
    began = time.perf_counter()
    await tab.open()
    await tab.settled()
    return tab, time.perf_counter() - began


async def rerun(tab: Tab, process: psutil.Process) -> tuple[float, float]:
    """Ask for a run; return the seconds until its last message and the processor seconds of the server meanwhile."""
    runs, cpu, began = tab.runs_finished, process.cpu_times(), time.perf_counter()
    await tab.rerun()
    await tab.until(lambda: tab.runs_finished > runs and not tab.is_running or None)
    now = process.cpu_times()
    return time.perf_counter() - began, now.user + now.system - cpu.user - cpu.system


if __name__ == "__main__":
    main()
