"""A few cases of every kind of fuzzing, in a process of its own: `python -m tests.fuzz` runs thousands."""

import json
import subprocess
import sys

import pytest

from tests.command_line import ROOT
from tests.fuzz.__main__ import KINDS, Found

TESTED = {*(kind for kind in KINDS if kind.startswith("texts.")), "answers", "comparisons"}  # by tests of their own


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in TESTED])
def test_no_case_ends_in_a_traceback_a_hang_or_half_a_study(kind: str) -> None:
    cases = 20 if kind == "commands" else 40
    command = [sys.executable, "-m", "tests.fuzz", "--one", "--kinds", kind, "--cases", str(cases), "--first", "20000"]

    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=300)

    found = Found(**json.loads(said.stdout.splitlines()[-1]))
    assert (found.tracebacks, found.hangs, found.half) == (0, 0, 0), "\n".join(found.faults)
    assert found.cases == cases and found.peak_mb < 1200
