"""Draining: a process that is asked to stop asks nothing new, and takes in the answers that are under way and paid for."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def drained(stop: Callable[[], None]) -> Iterator[None]:
    """Inside an event loop: SIGTERM calls `stop` instead of breaking off, and is raised again when the block is left.

    Elsewhere than in the main thread, and on Windows, signals are left alone.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before, asked = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM), threading.Event()

    def once() -> None:
        asked.set()
        stop()

    loop.add_signal_handler(signal.SIGTERM, once)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
    if asked.is_set():
        signal.raise_signal(signal.SIGTERM)
