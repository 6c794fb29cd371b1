"""A real Slurm cluster of one node on this machine: munged, slurmctld and slurmd, started directly, without cgroups."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PARTS = ("munged", "slurmctld", "slurmd", "sbatch")
SBIN = "/usr/sbin"
PATIENCE = 60.0
CONFIGURATION = """\
ClusterName=litmus
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmCluster:
    """The daemons of a cluster; `environ` are the variables with which Slurm's commands find it."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir()
        file = folder / "slurm.conf"
        file.write_text(
            CONFIGURATION.format(host=socket.gethostname(), ports=ports, folder=folder, cpus=os.cpu_count() or 1)
        )
        self.environ = {"SLURM_CONF": str(file)}
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def start(self) -> None:
        options = [
            f"--key-file={self.folder}/munge.key",
            f"--socket={self.folder}/munge.socket",
            "--force",
            "--foreground",
        ]
        options += [f"--pid-file={self.folder}/munge.pid", f"--log-file={self.folder}/munge.log"]
        self._start("munged", *options, f"--seed-file={self.folder}/munge.seed")
        self.start_controller()
        self._start("slurmd", "-D", "-N", socket.gethostname())
        self._await("idle")

    def start_controller(self) -> None:
        self._start("slurmctld", "-D")
        self._await("")

    def kill_controller(self) -> None:
        self.daemons["slurmctld"].send_signal(signal.SIGKILL)
        self.daemons.pop("slurmctld").wait()

    def stop(self) -> None:
        with suppress(OSError, subprocess.SubprocessError):
            self._said("scancel", "--state=RUNNING", "--state=PENDING", "--user=root")
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()

    def _start(self, name: str, *options: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(name) or f"{SBIN}/{name}", *options],
                env=os.environ | self.environ,
                stdout=out,
                stderr=out,
            )

    def _await(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            done = self._said("sinfo", "-h", "-o", "%T")
            if done.returncode == 0 and state in done.stdout:
                return
            logs = "".join(path.read_text()[-800:] for path in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, f"Slurm did not start: {done.stdout} {done.stderr} {logs}"
            time.sleep(0.3)

    def _said(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=os.environ | self.environ, capture_output=True, text=True, timeout=30, check=False
        )


@contextmanager
def serve(folder: Path, ports: list[int]) -> Iterator[SlurmCluster]:
    """A running cluster; the test is skipped where Slurm is not installed or the tests are not run by root."""
    missing = [name for name in PARTS if not (shutil.which(name) or Path(SBIN, name).exists())]
    if missing:
        pytest.skip(f"Slurm is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons are started by root only")
    cluster = SlurmCluster(folder, ports)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
