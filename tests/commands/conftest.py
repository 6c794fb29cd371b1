"""Commands run as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path: Path) -> Any:
    """Runs `python -m core ...` in a home of this test and gives exit code, stdout and stderr."""

    def run(*arguments: object, **environ: str) -> tuple[int, str, str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("LITMUS_", "OPENAI_"))}
        done = subprocess.run(
            [sys.executable, "-m", "core", *map(str, arguments)],
            cwd=ROOT,
            env={**known, "LITMUS_HOME": str(tmp_path / "home"), "LITMUS_GPUS": "0", **environ},
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout, done.stderr

    return run
