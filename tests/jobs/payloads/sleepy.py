"""Write to a file at the start and at the end, and sleep between: `python -m tests.jobs.payloads.sleepy FILE SECONDS`."""

import os
import sys
import time
from pathlib import Path


def note(file: Path, word: str) -> None:
    with file.open("a") as log:
        log.write(f"{word} {os.getpid()} {os.environ['CUDA_VISIBLE_DEVICES']}\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    note(target, "start")
    time.sleep(float(sys.argv[2]))
    note(target, "end")
