"""Ignore every request to stop: `python -m tests.jobs.payloads.stubborn`."""

import time

if __name__ == "__main__":
    while True:
        try:
            time.sleep(60)
        except SystemExit:
            continue
