"""Numbers for Prometheus, if LITMUS_METRICS is set: jobs, calls, dollars, ratings, websockets, and seconds of requests."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import StudyError
from core.upkeep import counts
from core.upkeep.counts import Counts
from ui.door import passwords
from ui.shared import resources

ROUTE = "metrics"
OPEN = ("1", "on", "true", "yes")
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass
class Seconds:
    """How long requests took, by their kind: how many ended within each of `BOUNDS`, and their sum."""

    _within: dict[str, list[int]] = field(default_factory=dict)
    _sums: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, kind: str, seconds: float) -> None:
        """Count a request."""
        with self._lock:
            counted = self._within.setdefault(kind, [0] * (len(BOUNDS) + 1))
            counted[bisect_left(BOUNDS, seconds)] += 1
            self._sums[kind] = self._sums.get(kind, 0.0) + seconds

    def lines(self, name: str) -> Iterator[str]:
        """The requests as a histogram in the text format of Prometheus."""
        yield f"# TYPE {name} histogram"
        with self._lock:
            for kind, counted in self._within.items():
                for place, bound in enumerate((*map(str, BOUNDS), "+Inf")):
                    yield f'{name}_bucket{{kind="{kind}",le="{bound}"}} {sum(counted[: place + 1])}'
                yield f'{name}_sum{{kind="{kind}"}} {self._sums[kind]:.6f}'
                yield f'{name}_count{{kind="{kind}"}} {sum(counted)}'


@dataclass(frozen=True)
class Metrics:
    """The answer to Prometheus. `setting`: LITMUS_METRICS, "on", or a token that Prometheus has to send as a bearer."""

    setting: str
    seconds: Seconds
    websockets: Callable[[], int]

    async def answer(self, request: Request) -> Response:
        """Every number as text; 401 without the token, 503 while the database cannot be read."""
        given = request.headers.get("authorization", "")
        if self.setting.lower() not in OPEN and not passwords.same(given, f"Bearer {self.setting}"):
            return PlainTextResponse("Send the token of LITMUS_METRICS as a bearer.\n", HTTPStatus.UNAUTHORIZED)
        try:
            counted = await run_in_threadpool(_counted)
        except StudyError:
            return PlainTextResponse("The database cannot be read.\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return PlainTextResponse(self.text(counted), media_type="text/plain; version=0.0.4")

    def text(self, counted: Counts) -> str:
        """The numbers in the text format of Prometheus."""
        calls = counted.calls
        lines = [
            *_family("litmus_jobs", "gauge", "state", counted.jobs),
            *_family("litmus_calls", "gauge", "way", {name: each.n for name, each in calls.items()}),
            *_family("litmus_calls_unpriced", "gauge", "way", {name: each.unpriced for name, each in calls.items()}),
            *_family("litmus_dollars", "gauge", "way", {name: each.usd for name, each in calls.items()}),
            *_family("litmus_ratings", "gauge", "rater", counted.ratings),
            "# TYPE litmus_websockets gauge",
            f"litmus_websockets {self.websockets()}",
            *self.seconds.lines("litmus_request_seconds"),
        ]
        return "\n".join([*lines, ""])


def _family(name: str, kind: str, label: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    for value, number in values.items():
        yield f'{name}{{{label}="{value}"}} {number:g}' if number < 1e6 else f'{name}{{{label}="{value}"}} {number:.0f}'


def _counted() -> Counts:
    with resources.whole_store()() as session:
        return counts.of(session)
