"""`python -m core ...` in a home of its own: in this process, which saves seconds of imports, or as one of its own."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from core import __main__ as commands

ROOT = Path(__file__).parents[1]


class Said(NamedTuple):
    """What a command ended with."""

    code: int
    stdout: str
    stderr: str


class CommandLine:
    """Calls commands in `folder`, whose store, models and logs are in one home; nothing of this machine's settings reaches them."""

    def __init__(self, home: Path, *, folder: Path = ROOT) -> None:
        self.home, self.folder = home, folder

    def __call__(self, *arguments: object, **environ: str) -> Said:
        """The command in this process."""
        before, out, err = dict(os.environ), io.StringIO(), io.StringIO()
        os.environ.clear()
        os.environ.update(self._environ(environ))
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = _code(list(map(str, arguments)))
        finally:
            os.environ.clear()
            os.environ.update(before)
        return Said(code, out.getvalue(), err.getvalue())

    def apart(self, *arguments: object, **environ: str) -> Said:
        """The command as a user's shell runs it; for what is read once in a process, and for the exit itself."""
        with self.start(*arguments, **environ) as process:
            stdout, stderr = process.communicate(timeout=300)
        return Said(process.returncode, stdout, stderr)

    def start(self, *arguments: object, **environ: str) -> subprocess.Popen[str]:
        """The same, while it runs."""
        return subprocess.Popen(
            [sys.executable, "-m", "core", *map(str, arguments)],
            cwd=ROOT, env=self._environ(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _environ(self, given: dict[str, str]) -> dict[str, str]:
        ours = ("LITMUS_", "OPENAI_", "HF_")
        known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**known, "LITMUS_HOME": str(self.home), "LITMUS_SLOTS": "1", "LITMUS_GPUS": "0", **given}


def _code(arguments: list[str]) -> int:
    try:
        commands.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
