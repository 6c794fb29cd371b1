"""The remote side of a batch: files and batches at an endpoint, asked for again when it fails in passing."""

import time
from collections.abc import Callable
from typing import TypeVar

import openai
from openai.types import Batch as RemoteBatch
from openai.types import FileObject

from core.errors import ProviderRefused
from core.llm.endpoint.endpoint import OpenAIProvider

KEY = "litmus_key"
ENDED = ("completed", "expired", "cancelled", "failed")
UPLOAD_S = 600.0
NOT_READY = ("pending", "running", "queued")
READY_POLL_S = 2.0
READY_TRIES = 60
CLOCKS_APART_S = 86_400.0

T = TypeVar("T")


class NoBatches(ProviderRefused):
    """The endpoint has no Batch API, or not the batch that was asked for."""


class Remote:
    """Speaks to the Batch API of a provider's endpoint. Raises the provider's own errors (`ProviderError`)."""

    def __init__(self, provider: OpenAIProvider) -> None:
        self._provider = provider
        self._http = openai.DefaultHttpxClient(proxy=provider.proxy, trust_env=False)
        self._client = openai.OpenAI(**provider.client_options(), http_client=self._http)

    def close(self) -> None:
        self._client.close()

    def submit(self, content: bytes, *, key: str, made_at: float) -> RemoteBatch:
        """A batch over a file of requests, marked with `key`.

        When an attempt to create it fails in passing, it is looked for before it is created again, as it may be there.
        """
        file = self._again(
            lambda: self._client.files.create(
                file=(f"{key}.jsonl", content, "application/jsonl"), purpose="batch", timeout=UPLOAD_S
            )
        )
        if not isinstance(file, FileObject):
            raise NoBatches(self._no_batches())
        self._await_file(file)
        failed = 0
        while True:
            try:
                return self._checked(
                    self._client.batches.create(
                        input_file_id=file.id,
                        endpoint="/v1/chat/completions",
                        completion_window="24h",
                        metadata={KEY: key},
                    )
                )
            except openai.OpenAIError as error:
                failed += 1
                self._wait(error, failed)
            if found := self.find(key, made_at=made_at):
                return found

    def find(self, key: str, *, made_at: float) -> RemoteBatch | None:
        """The batch marked with a key, among those created since `made_at` (seconds since 1970)."""

        def looked_for() -> RemoteBatch | None:
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(KEY) == key:
                    return batch
                if (batch.created_at or made_at) < made_at - CLOCKS_APART_S:
                    break
            return None

        return self._again(looked_for)

    def look(self, remote_id: str) -> RemoteBatch:
        return self._checked(self._again(lambda: self._client.batches.retrieve(remote_id)))

    def cancel(self, remote_id: str) -> RemoteBatch:
        return self._again(lambda: self._client.batches.cancel(remote_id))

    def text(self, file_id: str) -> str:
        """The content of a file."""
        return self._again(lambda: self._client.files.content(file_id, timeout=UPLOAD_S).content.decode("utf-8"))

    def _checked(self, found: RemoteBatch) -> RemoteBatch:
        """The same, if it is a batch: the client lets pass whatever an endpoint sends."""
        if not isinstance(found, RemoteBatch) or not all(isinstance(one, str) for one in (found.id, found.status)):
            raise NoBatches(self._no_batches())
        return found

    def _await_file(self, file: FileObject) -> None:
        """Some endpoints take a file into a batch only after they have read it."""
        status = str(file.status)
        for _ in range(READY_TRIES):
            if status not in NOT_READY:
                return
            time.sleep(READY_POLL_S)
            status = str(self._again(lambda: self._client.files.retrieve(file.id)).status)

    def _again(self, call: Callable[[], T]) -> T:
        failed = 0
        while True:
            try:
                return call()
            except openai.OpenAIError as error:
                failed += 1
                self._wait(error, failed)

    def _wait(self, error: openai.OpenAIError, failed: int) -> None:
        """Wait before the next try; raises when there is none."""
        if isinstance(error, openai.NotFoundError):
            raise NoBatches(self._no_batches()) from error
        time.sleep(self._provider.wait_after(error, failed))

    def _no_batches(self) -> str:
        return f"{self._provider.shown_url} offers no Batch API, or has lost a batch. Generate without a batch."
