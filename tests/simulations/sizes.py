"""How many studies a simulation draws, and how far its rates may lie from what is true."""

import math
import os

WHOLE = 1000
STUDIES = int(os.environ.get("LITMUS_SIMULATE", WHOLE // 10))


def slack(share: float, *, n: int = 0) -> float:
    """Three standard errors of a rate in percent over `n` studies (by default as many as are drawn)."""
    return 300 * math.sqrt(share / 100 * (1 - share / 100) / (n or STUDIES))
