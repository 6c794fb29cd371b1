"""Send, find, read and cancel batches at an endpoint with a Batch API; passing failures are tried again."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from core.errors import ProviderRefused
from core.llm.endpoint.endpoint import OpenAIProvider

if TYPE_CHECKING:
    import openai
    from openai.types import Batch as RemoteBatch
    from openai.types import FileObject

KEY = "litmus_key"
ENDED = ("completed", "expired", "cancelled", "failed")
UPLOAD_S = 600.0
NOT_READY = ("pending", "running", "queued")
READY_POLL_S = 2.0
READY_TRIES = 60
CLOCKS_APART_S = 86_400.0

T = TypeVar("T")


class NoBatches(ProviderRefused):
    """The endpoint has no Batch API, or does not know the batch."""


class Remote:
    """A client of the Batch API at a provider's endpoint. Every method raises `ProviderError` as the provider does."""

    def __init__(self, provider: OpenAIProvider) -> None:
        import openai  # 1 s: loaded only for batches

        self._provider = provider
        self._http = openai.DefaultHttpxClient(proxy=provider.proxy, trust_env=False)
        self._client = openai.OpenAI(**provider.client_options(), http_client=self._http)

    def close(self) -> None:
        self._client.close()

    def submit(self, content: bytes, *, key: str, made_at: float) -> "RemoteBatch":
        """Upload a file of requests and create a batch over it, marked with `key`.

        If creating the batch fails in passing, the batch is searched for before it is created again, as the endpoint may
        have it. `made_at` is in seconds since 1970.
        """
        import openai
        from openai.types import FileObject

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

    def find(self, key: str, *, made_at: float) -> "RemoteBatch | None":
        """The batch marked with a key, among the batches created since `made_at` (seconds since 1970); None if not found."""

        def search() -> "RemoteBatch | None":
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(KEY) == key:
                    return batch
                if (batch.created_at or made_at) < made_at - CLOCKS_APART_S:
                    break
            return None

        return self._again(search)

    def look(self, remote_id: str) -> "RemoteBatch":
        """A batch with its present state, by the endpoint's id."""
        return self._checked(self._again(lambda: self._client.batches.retrieve(remote_id)))

    def cancel(self, remote_id: str) -> "RemoteBatch":
        """Ask the endpoint to end a batch, and return the batch with its present state."""
        return self._again(lambda: self._client.batches.cancel(remote_id))

    def text(self, file_id: str) -> str:
        """The content of a file."""
        return self._again(lambda: self._client.files.content(file_id, timeout=UPLOAD_S).content.decode("utf-8"))

    def _checked(self, found: "RemoteBatch") -> "RemoteBatch":
        """The same batch. Raises `NoBatches` if the endpoint sent something else, which the client does not check."""
        from openai.types import Batch as RemoteBatch

        if not isinstance(found, RemoteBatch) or not all(isinstance(value, str) for value in (found.id, found.status)):
            raise NoBatches(self._no_batches())
        return found

    def _await_file(self, file: "FileObject") -> None:
        """Wait until the endpoint has read a file: some endpoints take a file into a batch only then."""
        status = str(file.status)
        for _ in range(READY_TRIES):
            if status not in NOT_READY:
                return
            time.sleep(READY_POLL_S)
            status = str(self._again(lambda: self._client.files.retrieve(file.id)).status)

    def _again(self, call: Callable[[], T]) -> T:
        """The result of a call, made again after passing failures."""
        import openai

        failed = 0
        while True:
            try:
                return call()
            except openai.OpenAIError as error:
                failed += 1
                self._wait(error, failed)

    def _wait(self, error: "openai.OpenAIError", failed: int) -> None:
        """Wait before the next attempt. Raises if another attempt is of no use."""
        import openai

        if isinstance(error, openai.NotFoundError):
            raise NoBatches(self._no_batches()) from error
        time.sleep(self._provider.wait_after(error, failed))

    def _no_batches(self) -> str:
        return f"{self._provider.shown_url} offers no Batch API, or has lost a batch. Generate without a batch."
