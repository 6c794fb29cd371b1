"""Turn SIGTERM into an orderly end: start no new call, store the answers under way, then end the process."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def drained(stop: Callable[[], None]) -> Iterator[None]:
    """Inside an event loop: SIGTERM calls `stop`, and is raised again with its usual effect when the block is left.

    On Windows, and outside of the main thread, SIGTERM keeps its usual effect.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before, received = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM), threading.Event()

    def on_signal() -> None:
        received.set()
        stop()

    loop.add_signal_handler(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
    if received.is_set():
        signal.raise_signal(signal.SIGTERM)
