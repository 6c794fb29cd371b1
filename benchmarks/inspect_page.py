"""The page Inspect over 100,000 samples: how long the server takes after a filter changes, and what it sends.

    python -m benchmarks.inspect_page [--samples 100000]

For each change it prints the milliseconds of the page's run at the server (`AppTest`, in this process), then, with a real
server and a real browser, the milliseconds until the message that ends the run has reached the browser, and the bytes
that were sent to it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, WebSocket, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

from benchmarks import browsing
from core import settings as settings_module
from core.analysis.reports.pack import pictures
from core.study import store as store_module
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
LIMIT_MS, LIMIT_BYTES = 300, 1_000_000
CHANGES = [
    ("Arm", "zero-shot-3"),
    ("Label", "label 1"),
    ("Status", "rejected"),
    ("Status", "all"),
    ("Label", "all"),
    ("Arm", "all"),
]


class Traffic:
    """The page's websocket since the last `reset`: when the browser first sent, when the page's run ended, and the bytes."""

    def __init__(self, page: Page) -> None:
        self.reset()
        page.on("websocket", self._listen)

    def reset(self) -> None:
        self.sent_at, self.ended_at, self.received = 0.0, 0.0, 0

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._came)

    def _sent(self, _payload: "str | bytes") -> None:
        self.sent_at = self.sent_at or time.monotonic()

    def _came(self, payload: "str | bytes") -> None:
        self.received += len(payload)
        if isinstance(payload, bytes) and not self.ended_at:
            message = ForwardMsg.FromString(payload)
            is_end = message.WhichOneof("type") == "script_finished"
            if is_end and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self.ended_at = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = store_module.open_store(settings_module.load({"LITMUS_HOME": folder}))
        browsing.build(store, arms=10, n=asked.samples)
        store.close()
        at_server = _at_server(folder)
        with _served(folder) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
            _measure(browser.new_page(viewport={"width": 1280, "height": 900}), url, at_server)
            browser.close()


def _at_server(home: str) -> list[float]:
    """The milliseconds of the page's run after each change."""
    os.environ["LITMUS_HOME"] = home
    alone = Path(home) / "app" / "app.py"
    alone.parent.mkdir()
    shutil.copy(ROOT / "app.py", alone)
    app = AppTest.from_file(str(alone), default_timeout=60).run()
    app.switch_page(str(ROOT / "pages" / "inspect.py")).run()
    found = []
    for box, choice in CHANGES:
        started = time.perf_counter()
        next(one for one in app.selectbox if one.label == box).set_value(choice).run()
        found.append(1000 * (time.perf_counter() - started))
        assert not app.exception
    return found


def _measure(page: Page, url: str, at_server: list[float]) -> None:
    traffic = Traffic(page)
    page.goto(f"{url}/inspect")
    page.get_by_text("samples. Choose").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    print(f"{'change':20}{'server ms':>12}{'browser ms':>12}{'bytes':>12}")
    most_bytes = 0
    for (box, choice), ms in zip(CHANGES, at_server, strict=True):
        page.get_by_role("combobox", name=box, exact=True).click()
        option = page.get_by_role("option", name=choice, exact=True)
        option.wait_for()
        traffic.reset()
        option.click()
        page.wait_for_timeout(1500)
        most_bytes = max(most_bytes, traffic.received)
        in_browser = 1000 * (traffic.ended_at - traffic.sent_at)
        print(f"{f'{box}: {choice}':20}{ms:12.0f}{in_browser:12.0f}{traffic.received:12,}")
    print(f"worst at the server {max(at_server):.0f} ms of {LIMIT_MS}, {most_bytes:,} bytes of {LIMIT_BYTES:,}")


@contextmanager
def _served(home: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "ui.serve", "--server.headless=true", f"--server.port={port}"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "LITMUS_HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
