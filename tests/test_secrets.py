"""Keys and passwords that are planted where users put them are found nowhere that Litmus writes, prints, runs or shows."""

import asyncio
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import psutil
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core import settings as settings_module
from core.jobs import queue
from core.study import store as store_module
from core.study.rows.kinds import ACTIVE_JOB_STATES
from tests.command_line import CommandLine, Said
from tests.e2e.conftest import Server, dashboard
from tests.llm_server import LlmServer
from tests.websocket_rater import Tab

PLANTED = {
    "key": "sk-planted-4f1c9a7be2d8",
    "wrong key": "sk-planted-wrong-0b6e5c",
    "password": "planted horse battery 81",
    "viewers' password": "planted staple correct 27",
    "key in the address": "planted-in-address-77d0",
    "key after #": "planted-fragment-3ac1",
    "key of the hub": "hf_planted9d41e0f7",
}
PAGES = (
    "",
    "data",
    "prompts",
    "generate",
    "inspect",
    "train",
    "jobs",
    "analyse",
    "verdict",
    "report",
    "campaigns",
    "help",
)


@pytest.mark.slow
def test_what_is_planted_is_found_nowhere(tmp_path: Path) -> None:
    call, home = CommandLine(tmp_path / "home"), tmp_path / "home"
    shown: dict[str, bytes] = {}
    with command_lines() as seen, LlmServer(models=["m", "judge"], key=PLANTED["key"], latency=0.2) as llm:
        environ = {"OPENAI_API_KEY": PLANTED["key"], "HF_TOKEN": PLANTED["key of the hub"], "LITMUS_LOG": "json"}
        for number, said in enumerate(everything(call, llm, environ, tmp_path)):
            shown[f"command {number}"] = (said.stdout + said.stderr).encode()
        wait_for_jobs(home)
        passwords = {"LITMUS_PASSWORD": PLANTED["password"], "LITMUS_VIEWER_PASSWORD": PLANTED["viewers' password"]}
        with dashboard(home, environ | passwords) as server:
            shown |= asyncio.run(pages(server))

    everywhere = shown | {f"command line of {line[:60]}": line.encode() for line in seen} | files(tmp_path)
    assert any("core.jobs.run" in line for line in seen) and sum("page" in name for name in shown) == len(PAGES)
    assert any(name.endswith("litmus.db") for name in everywhere) and len(llm.seen.bodies) > 4
    assert [
        (what, name)
        for what, secret in PLANTED.items()
        for name, found in everywhere.items()
        if secret.encode() in found
    ] == []


def everything(call: CommandLine, llm: LlmServer, environ: dict[str, str], folder: Path) -> Iterator[Said]:
    """What a user calls in a day, wrong keys and addresses with keys among it; each must end as it should."""
    task, at = ("--task", "mood"), ("--base-url", llm.url)
    rows = [
        f"a letter number {n} about the sea,{'glad' if n % 2 else 'sad'},{'test' if n % 3 else 'train'}"
        for n in range(30)
    ]
    (folder / "real.csv").write_text("\n".join(["text,label,split", *rows]))
    generate = ("generate", *task, "--arm", "zero-shot", "--per-label", 20, "--model", "m")
    for code, words, more in (
        (0, ("import", folder / "real.csv", *task, "--arm", "real"), {}),
        (1, (*generate, *at), {"OPENAI_API_KEY": PLANTED["wrong key"]}),
        (1, (*generate, "--base-url", llm.url.replace("//", f"//me:{PLANTED['key in the address']}@")), {}),
        (1, (*generate, "--base-url", f"{llm.url}#{PLANTED['key after #']}"), {}),
        (1, ("try", *task, "--arm", "zero-shot", "--model", "m", *at), {"OPENAI_API_KEY": PLANTED["wrong key"]}),
        (0, (*generate, *at, "--detach"), {}),
    ):
        yield checked(call(*words, **environ | more), code, words)
    wait_for_jobs(call.home)
    for words in (
        ("judge", *task, "--model", "judge", "--per-label", 3, "--yes", *at),
        ("spent", "--json"),
        ("jobs", "--json"),
        ("export", folder / "export"),
        ("report", folder / "pack"),
        ("backup", folder / "backup.zip"),
        ("doctor", "--json"),
    ):
        said = call(*words, **environ)
        yield said if words[0] == "doctor" else checked(said, 0, words)


def checked(said: Said, code: int, words: tuple[object, ...]) -> Said:
    assert said.code == code, (words, said.stdout[-500:], said.stderr[-500:])
    return said


def wait_for_jobs(home: Path) -> None:
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
    deadline = time.monotonic() + 120
    while True:
        with store() as session:
            if not any(job.state in ACTIVE_JOB_STATES for job in queue.rows(session)):
                break
        assert time.monotonic() < deadline, "the jobs did not end"
        time.sleep(0.3)
    store.close()


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line that this user's processes have during the block, looked at twenty times a second."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    if process.pid != os.getpid():
                        seen.add(" ".join(process.cmdline()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


class Recorded(Tab):
    """A tab that keeps every message of the server as it came."""

    received: bytes = b""

    def _take(self, message: ForwardMsg) -> None:
        self.received += message.SerializeToString()
        super()._take(message)


async def pages(server: Server) -> dict[str, bytes]:
    """What a browser receives on each page, as the organiser who has typed the password."""
    found = {}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for path in PAGES:
            tab = Recorded(http, server.url, path)
            await tab.open()
            await tab.fill("assword", PLANTED["password"])
            button = tab.button("FormSubmitter:frame.login") or tab.button("Sign in")
            assert button is not None, path
            runs = tab.runs_finished
            await tab.click(button)
            await tab.until(lambda tab=tab, runs=runs: tab.runs_finished > runs and not tab.is_running or None)  # type: ignore[misc]
            await tab.settled()
            assert not any("password" in said for said in tab.errors()), (path, tab.errors())
            found[f"page {path or 'overview'}"] = tab.received
            await tab.close()
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and what is inside zips."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as packed:
                    found |= {f"{path.name}/{name}": packed.read(name) for name in packed.namelist()}
    return found
