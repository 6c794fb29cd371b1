"""Limit the calls under way at a time: halve the limit after a lost answer, then raise the limit slowly.

Additive increase and multiplicative decrease, as congestion control does it (Chiu & Jain 1989), so that a server that
answers one call after the other gets no more calls than it can answer in time.
"""

import math
import time

CAREFUL = 10
MOST_IN_VAIN = 3


class Pace:
    """The limit of calls under way at a time, at first `most`.

    The limit grows by 1 after as many answers as the limit allows, and ten times as slowly near a limit at which an
    answer was lost before.
    """

    def __init__(self, most: int) -> None:
        self._most = self._allowed = float(most)
        self._doubted = math.inf
        self._cut_at = -math.inf
        self._has_answered = False
        self._in_vain = 0

    @property
    def allowed(self) -> int:
        """The number of calls that may be under way now, 1 or more."""
        return int(self._allowed)

    @property
    def is_hopeless(self) -> bool:
        """Whether three answers in a row were lost although calls were made one at a time."""
        return self._in_vain >= MOST_IN_VAIN

    def answered(self) -> None:
        """Count a call that got its answer."""
        self._has_answered, self._in_vain = True, 0
        step = 1 / self._allowed
        careful = self._allowed + 1 > self._doubted
        self._allowed = min(self._most, self._allowed + (step / CAREFUL if careful else step))

    def lost(self, *, started: float) -> None:
        """Count a call that began at `started` (as `time.monotonic`) and got no answer.

        A call that began before the limit was last halved is ignored if another call has been answered since then.
        """
        if started < self._cut_at and self._has_answered:
            return
        if self._allowed < 2 and started >= self._cut_at:
            self._in_vain += 1
        self._doubted = max(2.0, self._allowed)
        self._allowed = max(1.0, self._allowed / 2)
        self._cut_at, self._has_answered = time.monotonic(), False
