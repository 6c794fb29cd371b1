"""The limits that a caller sets for a generation, a batch or a try, as values: money, calls side by side."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of a generation or of a judge.

    `budget_usd` is in US dollars over all attempts, None for no limit. `concurrency` is the most calls side by side, 1
    or more.
    """

    budget_usd: float | None = None
    concurrency: int = 8


@dataclass(frozen=True)
class BatchLimits:
    """Limits of a generation through a Batch API.

    `budget_usd` is in US dollars over all attempts, None for no limit. One batch holds at most `most_requests` requests,
    1 or more. Its state is read at least every `poll_s` seconds.
    """

    budget_usd: float | None = None
    most_requests: int = 50_000
    poll_s: float = 30.0


@dataclass(frozen=True)
class TryLimits:
    """Limits of the tries of a prompt.

    `budget_usd` is in US dollars for all tries and lists of kinds of an arm, over all attempts; None for no limit.
    `concurrency` is the most calls side by side, 1 or more. How long an answer may take is a setting of the provider.
    """

    budget_usd: float | None = None
    concurrency: int = 8


NO_BUDGET = Limits()
BATCH_WITHOUT_BUDGET = BatchLimits()
TRY_WITHOUT_BUDGET = TryLimits()
