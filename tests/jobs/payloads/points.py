"""Write a line for every step, and "kept" before a pause: `python -m tests.jobs.payloads.points FILE`."""

import sys
import time
from pathlib import Path

from core import stopping

if __name__ == "__main__":
    with stopping.at_points() as is_to_pause, Path(sys.argv[1]).open("a", buffering=1) as log:
        for number in range(300):
            log.write(f"{number}\n")
            time.sleep(0.4)
            if is_to_pause.is_set():
                log.write("kept\n")
                raise stopping.Stopped
