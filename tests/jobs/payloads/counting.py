"""Report three steps at once, then wait: `python -m tests.jobs.payloads.counting SECONDS`."""

import math
import sys
import time

from core import settings
from core.jobs import progress
from core.study import store as store_module

if __name__ == "__main__":
    store = store_module.open_store(settings.load())
    report = progress.reporter(store)
    for done in range(3):
        report(progress.Progress(done=done, total=3, message=f"step {done}", extra={"loss": 0.5, "bad": math.nan}))
    time.sleep(float(sys.argv[1]))
