"""An installed Litmus: a wheel of the committed files runs the command, the sample study and the dashboard in an empty folder."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import urllib.request
import venv
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment with the wheel; its dependencies are those of the running interpreter."""
    place = tmp_path_factory.mktemp("wheel")
    checkout, wheels, environment = place / "checkout", place / "wheels", place / "environment"
    archive = place / "checkout.tar"
    subprocess.run(["git", "archive", "--format=tar", f"--output={archive}", "HEAD"], cwd=ROOT, check=True)
    with tarfile.open(archive) as files:
        files.extractall(checkout, filter="data")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(wheels), str(checkout)]
    subprocess.run([*pip, *build], cwd=place, check=True, timeout=300)
    (wheel,) = wheels.glob("litmus-*.whl")
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, cwd=place, check=True, timeout=300)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return environment / "bin" / "litmus"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell whose Litmus keeps everything in the test's folder."""
    ours = ("LITMUS_", "OPENAI_", "HF_", "PYTHONPATH")
    known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**known, "LITMUS_HOME": str(tmp_path / "home"), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_same_commit_gives_the_same_wheel_to_the_last_byte(installed: Path, tmp_path: Path) -> None:
    checkout = installed.parents[2] / "checkout"
    digests = set[str]()
    for copy in ("one", "two"):
        shutil.copytree(checkout, tmp_path / copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
        build = ["pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-build-isolation", "--no-deps"]
        subprocess.run(
            [sys.executable, "-m", *build, "--wheel-dir", str(tmp_path / f"{copy}-wheel"), str(tmp_path / copy)],
            env={**os.environ, "SOURCE_DATE_EPOCH": "1795000000"},
            check=True,
            timeout=300,
        )
        (wheel,) = (tmp_path / f"{copy}-wheel").glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())

    assert len(digests) == 1


def test_the_command_lists_its_subcommands(installed: Path, environ: dict[str, str], empty: Path) -> None:
    done = run(installed, environ, empty, "--help")

    assert done.returncode == 0, done.stderr
    assert {"demo", "generate", "agreement"} <= set(done.stdout.split())
    assert list(empty.iterdir()) == []


@pytest.mark.timeout(1800)
def test_the_sample_study_runs_from_the_installed_files(
    installed: Path, environ: dict[str, str], empty: Path, tmp_path: Path
) -> None:
    (study,) = installed.parent.parent.glob("lib/python*/site-packages/core/catalogue/sample/study.yaml")
    whole = study.read_text(encoding="utf-8")
    assert "steps: 20," in whole
    study.write_text(whole.replace("steps: 20,", "steps: 6,"), encoding="utf-8")  # what is trained is not asserted

    done = run(installed, environ, empty, "demo", "--seeds", "0", "--json", seconds=1700)

    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert (len(result["scores"]), len(result["gaps"]), len(result["subjectivity"])) == (12, 8, 4)
    assert len({row["task"] for row in result["scores"]}) == 4
    assert (
        result["sample_data"] and 0 < result["regression"]["n"] <= 8
    )  # without tasks whose real arm has not learned yet
    assert Path(result["report"]).is_relative_to(tmp_path / "home")
    report = Path(result["report"]).read_text(encoding="utf-8")
    assert "Sample data" in report and "not for conclusions" in report


def test_the_dashboard_answers_and_takes_the_settings_that_come_with_it(
    installed: Path, environ: dict[str, str], empty: Path
) -> None:
    port = free_port()
    command = [str(installed), "--server.headless=true", f"--server.port={port}"]
    with subprocess.Popen(command, cwd=empty, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            wait_for_health(process, f"http://127.0.0.1:{port}")

            listening = [open.laddr.ip for open in psutil.Process(process.pid).net_connections("tcp") if not open.raddr]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
                assert answer.read() == b"ok"
        finally:
            process.kill()

    assert listening == ["127.0.0.1"]


def wait_for_health(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Wait until the server answers, at most two minutes; fail with its output if it ends before that."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stdout is not None
            pytest.fail(f"the dashboard ended: {process.stdout.read().decode()[-2000:]}")
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail("the dashboard did not answer within two minutes")


def run(
    installed: Path, environ: dict[str, str], folder: Path, *arguments: str, seconds: float = 120
) -> "subprocess.CompletedProcess[str]":
    """The installed command in a folder."""
    return subprocess.run(
        [str(installed), *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=seconds
    )
