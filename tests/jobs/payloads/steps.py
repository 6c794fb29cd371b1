"""Write a line to a file for every step, and continue after the last written line: `python -m tests.jobs.payloads.steps FILE TOTAL`."""

import os
import sys
import time
from pathlib import Path

from core import settings
from core.jobs import progress
from core.study import store as store_module

if __name__ == "__main__":
    file, total = Path(sys.argv[1]), int(sys.argv[2])
    report = progress.reporter(store_module.open_store(settings.load()))
    done = len(file.read_text().splitlines()) if file.exists() else 0
    while done < total:
        with file.open("a") as log:
            log.write(f"{done} {os.getpid()}\n")
        done += 1
        report(progress.Progress(done=done, total=total, extra={"rejected": {"refused": done}}))
        time.sleep(0.2)
