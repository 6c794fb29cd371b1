"""Take some seconds to store what there is before a stop: `python -m tests.jobs.payloads.storing FILE SECONDS`."""

import sys
import time
from pathlib import Path

from core import stopping

if __name__ == "__main__":
    with Path(sys.argv[1]).open("a", buffering=1) as log:
        try:
            log.write("start\n")
            time.sleep(60)
        except stopping.Stopped:
            log.write("asked\n")
            time.sleep(float(sys.argv[2]))
            log.write("stored\n")
            raise
