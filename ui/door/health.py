"""The health address for probes: 200 if database and disk can be written, else 503, with a word for each and nothing else."""

import asyncio
import time
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import StudyError
from core.settings import Settings
from core.upkeep import health
from ui.shared import resources

ROUTE = "healthz"
KEPT_S, PATIENCE_S = 2.0, 5.0


class Health:
    """The answer to probes. However many probes ask, one check runs at a time, and its result holds for two seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._check: asyncio.Task[dict[str, bool]] | None = None
        self._began = 0.0

    async def answer(self, _request: Request) -> Response:
        """Answer a probe; a check that takes longer than five seconds counts as down."""
        is_old = time.monotonic() - self._began > KEPT_S
        if self._check is None or (self._check.done() and is_old):
            self._began = time.monotonic()
            self._check = asyncio.create_task(run_in_threadpool(_checked, self._settings))
        try:
            found = await asyncio.wait_for(asyncio.shield(self._check), PATIENCE_S)
        except TimeoutError:
            found = {"database": False, "disk": False}
        text = "".join(f"{name} {'ok' if is_up else 'down'}\n" for name, is_up in found.items())
        status = HTTPStatus.OK if all(found.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        return PlainTextResponse(text, status, headers={"cache-control": "no-store"})


def _checked(settings: Settings) -> dict[str, bool]:
    try:
        is_up = health.database(resources.whole_store())
    except StudyError:
        is_up = False
    return {"database": is_up, "disk": health.disk(settings.home)}
