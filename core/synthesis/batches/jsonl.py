"""Requests and replies of a Batch API as JSON lines."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import StudyError
from core.llm.endpoint import failures
from core.llm.endpoint.failures import Failure

ENDPOINT = "/v1/chat/completions"


@dataclass(frozen=True)
class Reply:
    """The reply to one request: the JSON of a chat completion as `body`, or the `failure` in its place."""

    custom_id: str
    body: Mapping[str, Any] | None
    failure: Failure | None


def written(requests: Iterable[tuple[str, Mapping[str, Any]]]) -> bytes:
    """The content of a file of requests, each given as its id and body."""
    lines = ({"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body} for custom_id, body in requests)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()


def ids_and_bodies(requests: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The id and body of each stored request."""
    return [(str(request["custom_id"]), request["body"]) for request in requests]


def replies(content: str, *, name: str = "The file of answers") -> Iterator[Reply]:
    """The replies in the content of a file, in its order. Raises `StudyError` naming the first line that is not a reply."""
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _reply(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StudyError(
                f"Line {number} of {name} is no answer of a batch. Give the file as it was sent."
            ) from error


def _reply(line: Mapping[str, Any]) -> Reply:
    custom_id, response = str(line["custom_id"]), line.get("response")
    body = response.get("body") if response else None
    if (
        response
        and response["status_code"] == 200
        and isinstance(body, Mapping)
        and isinstance(body.get("choices"), list)
    ):
        return Reply(custom_id, body, None)
    if response:
        raw = json.dumps(body).encode()
        return Reply(custom_id, None, failures.of_response(int(response["status_code"]), {}, raw).without(None))
    reported = line.get("error")
    error = reported if isinstance(reported, Mapping) else {"message": reported}
    said = str(error.get("message") or "no answer")
    return Reply(custom_id, None, Failure(failures.Cause.LOST, said, code=str(error.get("code") or "")))
