"""Raise `ProviderPaused` in the first attempts, as a command does: `python -m tests.jobs.payloads.waiting FILE TIMES SECONDS`."""

import sys
from pathlib import Path

from core.commands import output
from core.errors import ProviderPaused

if __name__ == "__main__":
    file, times, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with file.open("a") as log:
        log.write("start\n")
    with output.answering():
        if len(file.read_text().splitlines()) <= times:
            raise ProviderPaused(f"The endpoint asks to wait {seconds:g} seconds.", seconds=seconds)
