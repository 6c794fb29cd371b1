"""The REST interface of a Ray cluster: jobs, nodes, logs, and the upload of the code. Every call raises `OSError` if it fails."""

import functools
import hashlib
import http.client
import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

TIMEOUT_SECONDS = 10.0
REST_SECONDS = 5.0
CODE = Path(__file__).resolve().parents[2]
STRANGER = "what answers there is not Ray but another program, such as a proxy or a login page"
Part = TypeVar("Part")
SAME_TIME = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Nodes:
    """The nodes of a cluster that are alive, and what they offer in all; `dead`: nodes that left or died."""

    alive: int = 0
    dead: int = 0
    cpus: float = 0.0
    gpus: float = 0.0


class RayApi:
    """Calls to one cluster. After a call that found nobody, calls fail at once for a few seconds, so that no round hangs."""

    def __init__(self, address: str, token: str | None) -> None:
        self.address, self.token = address.rstrip("/"), token
        self.failed_at, self.failure = 0.0, ""

    def version(self) -> str:
        """The version of Ray."""
        return self._read("/api/version", lambda found: str(found["ray_version"]))

    def nodes(self) -> Nodes:
        """How many nodes there are, and the CPUs and GPUs of those alive."""
        return self._read("/nodes?view=summary", _nodes)

    def submit(self, request: dict[str, Any]) -> None:
        """Submit a job, unless a job of the same `submission_id` is there already."""
        try:
            self._call("POST", "/api/jobs/", json.dumps(request).encode())
        except urllib.error.HTTPError as error:
            if self.job(request["submission_id"]) is None:
                raise OSError(f"Ray refused the job: {last_line(error)}") from error

    def job(self, name: str) -> dict[str, Any] | None:
        """What Ray knows of a job, with `status` and `message`; None if it knows no such job."""
        try:
            return self._read(f"/api/jobs/{name}", lambda found: {**found, "status": found["status"]})
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def try_to_stop(self, name: str) -> None:
        """Ask Ray to end a job; nothing happens if Ray cannot be asked, or if the job has ended."""
        with suppress(OSError):
            self._call("POST", f"/api/jobs/{name}/stop")

    def log(self, name: str) -> str:
        """What a job has printed; "" if Ray knows no such job."""
        try:
            return self._read(f"/api/jobs/{name}/logs", lambda found: str(found["logs"] or ""))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return ""
            raise

    def upload_code(self) -> str:
        """Upload the code of this installation, unless it is there already, and return its address within the cluster."""
        content = _package()
        package = f"_ray_pkg_{hashlib.sha256(content).hexdigest()[:16]}.zip"
        try:
            self._call("GET", f"/api/packages/gcs/{package}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            self._call("PUT", f"/api/packages/gcs/{package}", content)
        return f"gcs://{package}"

    def _read(self, path: str, part: Callable[[Any], Part]) -> Part:
        """A part of what Ray answers. Raises `OSError` if a program other than Ray answers, such as a login page."""
        content = self._call("GET", path)
        try:
            return part(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.failed_at, self.failure = time.monotonic(), STRANGER
            raise OSError(STRANGER) from error

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if time.monotonic() - self.failed_at < REST_SECONDS and self.failure:
            raise OSError(self.failure)
        request = urllib.request.Request(f"{self.address}{path}", data=body, method=method)
        request.add_header("Content-Type", "application/octet-stream" if method == "PUT" else "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                self.failure = ""
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.failed_at, self.failure = (
                time.monotonic(),
                str(getattr(error, "reason", error)) or type(error).__name__,
            )
            raise OSError(self.failure) from error


@functools.cache
def _package() -> bytes:
    """The package `core` as a zip file, the same bytes for the same code."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(CODE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(CODE.parent).as_posix(), SAME_TIME)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    return made.getvalue()


def _nodes(found: Any) -> Nodes:
    """The nodes in an answer of Ray. Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for any other answer."""
    raylets = [node.get("raylet", {}) for node in found["data"]["summary"]]
    alive = [raylet.get("resourcesTotal", {}) for raylet in raylets if raylet.get("state") == "ALIVE"]
    cpus, gpus = (sum(float(total.get(kind, 0.0)) for total in alive) for kind in ("CPU", "GPU"))
    return Nodes(alive=len(alive), dead=len(raylets) - len(alive), cpus=cpus, gpus=gpus)


def last_line(error: urllib.error.HTTPError) -> str:
    """The last line of an error's text, which of a traceback is its reason; the error's own name if its text is a page or none."""
    try:
        lines = error.read().decode(errors="replace").strip().splitlines()
    except (OSError, http.client.HTTPException):
        return error.reason
    return lines[-1][:300] if lines and not lines[-1].startswith("<") else error.reason
