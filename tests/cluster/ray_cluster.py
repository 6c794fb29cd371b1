"""A real Ray cluster on this machine: a head that runs no job, and nodes that can be killed one by one.

Ray's own files lie in a folder with a short path: its sockets may have names of at most 107 bytes.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.ports import free_port, free_ports

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-thirty-two-letters-00"
PATIENCE = 90.0


class RayCluster:
    """A cluster whose processes are found by a variable of their environment."""

    def __init__(self, folder: Path, short: str, environ: Mapping[str, str]) -> None:
        self.folder, self.short = folder, short
        self.port, self.dashboard = free_ports(2)
        self.address = f"http://127.0.0.1:{self.dashboard}"
        self.environ = {
            **environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_JOB_START_TIMEOUT_SECONDS": "31536000",
            "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def start_head(self) -> None:
        self._ray(
            "head", "--head", f"--port={self.port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard}",
            f"--temp-dir={self.short}", "--num-cpus=0",
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                asked = urllib.request.Request(
                    f"{self.address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN}"}
                )
                urllib.request.urlopen(asked, timeout=5)
                return
            assert time.monotonic() < deadline, "Ray did not start"
            time.sleep(0.5)

    def start_node(self, name: str) -> None:
        self._ray(name, f"--address=127.0.0.1:{self.port}", "--num-cpus=1")

    def kill(self, name: str) -> None:
        """Kill the processes of a node and of its jobs, as if its power were cut."""
        for process in self.processes(name):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        for _ in range(5):
            self.kill("")
            for process in psutil.process_iter():  # Ray's agents overwrite their environment, but name its folder
                with suppress(psutil.Error):
                    if any(self.short in part for part in process.cmdline()):
                        process.send_signal(signal.SIGKILL)

    def processes(self, name: str) -> list[psutil.Process]:
        """The processes of a node and of its jobs; of the whole cluster if the name is empty."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                place = process.environ().get("LITMUS_TEST_NODE", "")
                if place == f"{self.folder} {name}" or (not name and place.startswith(f"{self.folder} ")):
                    found.append(process)
        return found

    def _ray(self, name: str, *options: str) -> None:
        home = self.folder / f"home-{name}"  # nodes share no folder for their files
        home.mkdir(exist_ok=True)
        agent = f"--dashboard-agent-listen-port={free_port()}"  # without its port, an agent lives and gives no log
        subprocess.run(
            [str(Path(sys.executable).with_name("ray")), "start", *options, agent, "--disable-usage-stats"],
            env=self.environ | {"LITMUS_TEST_NODE": f"{self.folder} {name}", "HOME": str(home)}, cwd="/", check=True, timeout=PATIENCE,
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, preexec_fn=os.setsid,
        )  # fmt: skip


@contextmanager
def serve(folder: Path, environ: Mapping[str, str]) -> Iterator[RayCluster]:
    """A cluster of a head and the nodes "first" and "second", each with one processor for jobs."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as short:
        cluster = RayCluster(folder, short, environ)
        try:
            cluster.start_head()
            cluster.start_node("first")
            cluster.start_node("second")
            yield cluster
        finally:
            cluster.stop()
