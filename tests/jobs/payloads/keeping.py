"""Report work that was kept before, then one unit more, and wait: `python -m tests.jobs.payloads.keeping`."""

import time

from core import settings
from core.jobs import progress
from core.study import store as store_module

if __name__ == "__main__":
    report = progress.reporter(store_module.open_store(settings.load()))
    for kept in (3, 4):
        report(progress.Progress(done=0, total=9, extra={"kept": kept}))
    time.sleep(60)
