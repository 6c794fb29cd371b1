"""Limit how often the organiser's password may be guessed: from an address, by growing waits, and from all addresses together."""

import ipaddress
from collections import deque
from dataclasses import dataclass, field
from threading import Lock

FREE, LONGEST_WAIT = 3, 300.0
IN_ALL, WINDOW = 30, 60.0
FORGOTTEN = 3600.0


@dataclass
class _Failures:
    count: int = 0
    last: float = 0.0


@dataclass
class Guesses:
    """The wrong guesses of every address or browser. Times are seconds on one clock that never goes back.

    Each gets `FREE` guesses, then waits 1, 2, 4 ... seconds, at most `LONGEST_WAIT`, after each further guess. Beyond `IN_ALL`
    guesses in `WINDOW` seconds, whoever has guessed wrong before waits for the window to pass; whoever has not is let through,
    so that guessers elsewhere never slow the organiser.
    """

    _failures: dict[str, _Failures] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, who: str, now: float) -> float:
        """0 if a guess may be checked now, which counts as wrong until `succeeded`; else the seconds to wait."""
        with self._lock:
            self._forget(now)
            mine = self._failures.get(who, _Failures())
            wait = max(self._own_wait(mine, now), self._wait_in_all(mine, now))
            if wait <= 0:
                self._failures[who] = _Failures(mine.count + 1, now)
                self._recent.append(now)
            return max(wait, 0.0)

    def succeeded(self, who: str) -> None:
        """Forget the wrong guesses of an address or browser whose guess was right."""
        with self._lock:
            self._failures.pop(who, None)
            if self._recent:
                self._recent.pop()

    def count(self, who: str) -> int:
        """The number of wrong guesses in a row."""
        with self._lock:
            return self._failures.get(who, _Failures()).count

    def _own_wait(self, mine: _Failures, now: float) -> float:
        if mine.count < FREE:
            return 0.0
        return mine.last + min(2.0 ** min(mine.count - FREE, 20), LONGEST_WAIT) - now

    def _wait_in_all(self, mine: _Failures, now: float) -> float:
        return self._recent[0] + WINDOW - now if mine.count and len(self._recent) >= IN_ALL else 0.0

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        for who in [who for who, mine in self._failures.items() if mine.last <= now - FORGOTTEN]:
            del self._failures[who]


def network(address: str | None) -> str:
    """The address under which a visitor's guesses are counted: an IPv6 address counts as its /64 network.

    No address, as Streamlit reports it for a visitor on loopback and in tests without a server, counts as "this machine".
    """
    try:
        found = ipaddress.ip_address(str(address).partition("%")[0])
    except ValueError:
        return "this machine"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
