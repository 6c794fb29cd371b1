"""The batch side of the test server: files of requests, and batches of them that pass through their states when looked at."""

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable
from typing import Any

STATES = ("validating", "in_progress", "finalizing")
WAYS = {
    "completed": STATES,
    "expired": ("validating", "in_progress"),
    "cancelled": ("validating", "in_progress", "cancelling"),
    "failed": ("validating",),
}


class Batches:
    """Files and batches in memory. A batch answers its lines once, on the look at which it ends."""

    def __init__(self, respond: Callable[..., tuple[int, dict[str, str], dict[str, Any]]], behaviour: Any) -> None:
        self.respond, self.behaviour = respond, behaviour
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.ways: dict[str, list[str]] = {}
        self.keys: dict[str, str] = {}
        self.lock = threading.RLock()

    def upload(self, raw: bytes, content_type: str) -> dict[str, Any]:
        """Store the file of a multipart body."""
        message = email.message_from_bytes(
            f"Content-Type: {content_type}\r\n\r\n".encode() + raw, policy=email.policy.HTTP
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        return self._shown(self._store(parts["file"].get_payload(decode=True)))

    def file(self, file_id: str, what: str = "") -> bytes | dict[str, Any] | None:
        if file_id not in self.files:
            return None
        return self.files[file_id] if what == "content" else self._shown(file_id)

    def create(self, body: dict[str, Any], sent_key: str) -> dict[str, Any] | None:
        if body["input_file_id"] not in self.files:
            return None
        with self.lock:
            batch_id, number = f"batch-{len(self.batches) + 1}", len(self.batches)
            ends = self.behaviour.batches
            end = ends[number] if number < len(ends) else "completed"
            polls = max(1, self.behaviour.batch_polls)
            self.ways[batch_id] = [*(state for state in WAYS[end] for _ in range(polls)), end]
            self.keys[batch_id] = sent_key
            self.batches[batch_id] = {
                "id": batch_id,
                "object": "batch",
                "endpoint": body["endpoint"],
                "completion_window": body["completion_window"],
                "input_file_id": body["input_file_id"],
                "metadata": body.get("metadata"),
                "created_at": int(time.time()),
                "status": self.ways[batch_id].pop(0),
                "output_file_id": None,
                "error_file_id": None,
                "errors": None,
                "request_counts": {"total": len(self._lines(body["input_file_id"])), "completed": 0, "failed": 0},
            }
            return self.batches[batch_id]

    def look(self, batch_id: str) -> dict[str, Any] | None:
        """The batch, one step further than at the last look."""
        with self.lock:
            batch = self.batches.get(batch_id)
            if batch is not None and self.ways[batch_id]:
                batch["status"] = self.ways[batch_id].pop(0)
                if not self.ways[batch_id]:
                    self._end(batch)
            return batch

    def cancel(self, batch_id: str) -> dict[str, Any] | None:
        with self.lock:
            batch = self.batches.get(batch_id)
            if batch is not None and self.ways[batch_id]:
                batch["status"], self.ways[batch_id] = "cancelling", ["cancelled"]
            return batch

    def all(self) -> dict[str, Any]:
        with self.lock:
            found = list(self.batches.values())[::-1]
        return {"object": "list", "data": found, "has_more": False, "first_id": None, "last_id": None}

    def _end(self, batch: dict[str, Any]) -> None:
        lines = self._lines(batch["input_file_id"])
        end = batch["status"]
        if end == "failed":
            problem = {"code": "invalid_json_line", "message": "This line is not parseable as valid JSON.", "line": 1}
            batch["errors"] = {"object": "list", "data": [problem]}
            return
        reached = len(lines) if end == "completed" else round(len(lines) * self.behaviour.batch_share)
        answered, failed = [], []
        for number, line in enumerate(lines):
            response, error = None, None
            if number < reached:
                sent = self.keys[batch["id"]]
                status, headers, body = self.respond(line["body"], key=line["custom_id"], sent_key=sent, is_batch=True)
                response = {"status_code": status, "request_id": headers.get("x-request-id", ""), "body": body}
            else:
                error = {"code": f"batch_{end}", "message": "This request could not be executed in time."}
            entry = {
                "id": f"{batch['id']}-{number}",
                "custom_id": line["custom_id"],
                "response": response,
                "error": error,
            }
            (answered if response and response["status_code"] == 200 else failed).append(entry)
        told = answered[self.behaviour.batch_drops :]
        for name, entries in (("output_file_id", told), ("error_file_id", failed)):
            if entries:
                batch[name] = self._store("".join(f"{json.dumps(entry)}\n" for entry in reversed(entries)).encode())
        batch["request_counts"] = {"total": len(lines), "completed": len(answered), "failed": len(failed)}

    def _lines(self, file_id: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[file_id].decode().split("\n") if line.strip()]

    def _store(self, content: bytes) -> str:
        with self.lock:
            file_id = f"file-{len(self.files) + 1}"
            self.files[file_id] = content
        return file_id

    def _shown(self, file_id: str) -> dict[str, Any]:
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(self.files[file_id]),
            "created_at": int(time.time()),
            "filename": "requests.jsonl",
            "purpose": "batch",
            "status": "processed",
        }
