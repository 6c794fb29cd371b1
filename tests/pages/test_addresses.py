"""Addresses of pages: whatever stands in the query of a request, the page behind it is reached."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from core.study.store import Store
from ui import serve

QUERIES = [
    b"",
    b"study=plain",
    b"study=%E8%AF%AD%E6%B0%94%20study&task=%E8%AF%AD",
    b"study=caf%E9",
    "study=语气".encode(),
    b"campaign=%E8%AF%AD",
    b"campaign=%ff%00",
    b"study=%zz&campaign=",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_page_is_reached_whatever_its_address_holds(home: Store, query: bytes) -> None:
    reached: list[Scope] = []

    async def page(scope: Scope, _receive: Receive, send: Send) -> None:
        reached.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/train",
        "query_string": query,
        "headers": [],
        "scheme": "http",
    }
    asyncio.run(serve.RaterMark(page, name="mark", path="/")(scope, receive, send))

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert len(reached) == 1
    assert sent[0]["headers"] == []
