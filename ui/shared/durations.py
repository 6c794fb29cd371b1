"""Durations in words."""

import math


def duration(seconds: float) -> str:
    """A duration as "45 s", "12 min", "3.5 h" or "4 days", in the largest unit that is exceeded by half; "–" for nan or inf."""
    if not math.isfinite(seconds):
        return "–"
    if seconds <= 90:
        return f"{seconds:.0f} s"
    if seconds <= 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds <= 36 * 3600:
        return f"{f'{seconds / 3600:.1f}'.removesuffix('.0')} h"
    return f"{seconds / 86400:.0f} days"


def minutes(number: float) -> str:
    """A number of minutes, rounded to whole ones and at least 1, as "1 minute" or "12 minutes"."""
    whole = max(1, round(number))
    return f"{whole} minute{'s' if whole > 1 else ''}"
