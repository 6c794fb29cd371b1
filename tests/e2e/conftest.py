"""Fixtures with a real server and a real browser; tests are skipped, with the reason, if no browser is found."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.analysis.reports.pack import pictures
from tests.jobs.bench import end_all
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240.0  # a server starts in seconds, but not beside a long measurement


class Server:
    """A dashboard on a free port that can be killed and started again on the same store."""

    def __init__(self, home: Path, environ: dict[str, str], *, bare: bool = False) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/{environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '')}".rstrip("/")
        self.home = home
        self.environ = {**os.environ, "LITMUS_HOME": str(home), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0", **environ}
        self.command = ["streamlit", "run", "app.py"] if bare else ["ui.serve"]
        self.log = home.with_name(f"{home.name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", *self.command, "--server.headless=true"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, f"--server.port={self.port}"],
                cwd=ROOT,
                env=self.environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError("the server did not answer in time")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Kill the dashboard and what it has started: the trainings of a sample study would go on for minutes."""
        self.kill()
        end_all(self.home)


@contextmanager
def dashboard(home: Path, environ: dict[str, str] | None = None, *, bare: bool = False) -> Iterator[Server]:
    """A dashboard on a home folder, which may hold a study; it ends with what it has started."""
    server = Server(home, environ or {}, bare=bare)
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """A function that starts a server with additional environment variables; all servers are killed at the end."""
    started: list[Server] = []

    def start(*, bare: bool = False, **environ: str) -> Server:
        server = Server(tmp_path / "home", environ, bare=bare)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.end()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = pictures.browser()
    if executable is None:
        pytest.skip("no browser was found: browser journeys are left out")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()
