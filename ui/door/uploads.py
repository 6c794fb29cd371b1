"""Who may upload files: Streamlit keeps each file in the server's memory, and asks nobody who they are."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ADDRESS = "_stcore/upload_file"
REFUSAL = "Only an organiser may upload files. Sign in, then try again.\n"


class Uploads:
    """Middleware that answers 403 to files from anybody but an organiser.

    `path`: of the dashboard. `may_upload`: whether cookies and headers are an organiser's.
    """

    def __init__(
        self, app: ASGIApp, *, path: str, may_upload: Callable[[Mapping[str, str], Mapping[str, str]], bool]
    ) -> None:
        self.app, self.address, self.may_upload = app, path + ADDRESS, may_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http" and scope["path"].startswith(self.address) and scope["method"] != "OPTIONS":
            request = Request(scope)
            if not await run_in_threadpool(self.may_upload, request.cookies, request.headers):
                app = PlainTextResponse(REFUSAL, HTTPStatus.FORBIDDEN)
        await app(scope, receive, send)
