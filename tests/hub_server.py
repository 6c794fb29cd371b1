"""A real HTTP server that speaks the few routes of the Hugging Face hub that Litmus uses: data sets, and models sent to it.

It lists, serves and takes files: `with HubServer() as hub: hub.add("owner/name", {"README.md": b"..."}); hub.url`.
Branches are full copies; `hub.sets[name].branches[branch]` maps a path to its bytes.
"""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote

import yaml

MAIN = "main"
KINDS = ("/api/datasets/", "/api/models/")


@dataclass
class DataSet:
    """`key` is what a reader must send; without one everybody may read. A gated one lets nobody read."""

    branches: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    key: str | None = None

    def sha(self, branch: str) -> str:
        parts = "".join(
            f"{path}{hashlib.sha1(data).hexdigest()}" for path, data in sorted(self.branches[branch].items())
        )
        return hashlib.sha1(f"{branch}{parts}".encode()).hexdigest()

    def files(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and files of a branch or of its commit."""
        for branch, files in self.branches.items():
            if revision in (branch, self.sha(branch)):
                return self.sha(branch), files
        return None


class HubServer:
    """The hub in a thread. `key` is what a writer must send; `seen` lists the requests as "METHOD path"."""

    def __init__(self, *, key: str = "hf_writer") -> None:
        self.key = key
        self.sets: dict[str, DataSet] = {}
        self.seen: list[str] = []
        self.http = _Http(("127.0.0.1", 0), _Handler)
        self.http.hub = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.shutdown()
        self.http.server_close()

    def add(self, name: str, files: dict[str, bytes], *, branch: str = MAIN, **more: object) -> DataSet:
        """Put files on a branch of a data set, which is made when it is not there."""
        found = self.sets.setdefault(name, DataSet(branches={MAIN: {}}, **more))  # type: ignore[arg-type]
        found.branches[branch] = files
        return found


def _after_kind(path: str) -> str:
    return next(path.removeprefix(kind) for kind in KINDS if path.startswith(kind))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    hub: HubServer


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self._begin()
        if path.startswith(KINDS):
            name, _, revision = _after_kind(path).partition("/revision/")
            self._list(name, unquote(revision) or MAIN)
        elif path.startswith("/datasets/"):
            name, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
            revision, _, file = rest.partition("/")
            self._serve(name, unquote(revision), unquote(file))
        else:
            self._fail(404, "EntryNotFound")

    def do_POST(self) -> None:
        path = self._begin()
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/validate-yaml":
            self._send(
                {"errors": [], "warnings": []} if yaml.safe_load(json.loads(raw)["content"].split("---")[1]) else {}
            )
        elif self._key() != self.server.hub.key:
            self._fail(401, "")
        elif path == "/api/repos/create":
            self._create(json.loads(raw))
        elif "/preupload/" in path:
            asked = json.loads(raw)["files"]
            known = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            self._send({"files": known})
        elif "/commit/" in path:
            self._commit(_after_kind(path).partition("/commit/")[0], raw)
        else:
            self._fail(404, "EntryNotFound")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests read what was seen, not logs."""

    def _begin(self) -> str:
        path = self.path.partition("?")[0]
        self.server.hub.seen.append(f"{self.command} {path}")
        return path

    def _key(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _found(self, name: str, revision: str) -> tuple[DataSet, str, dict[str, bytes]] | None:
        """The files to show; else the refusal is sent and None given."""
        found = self.server.hub.sets.get(name)
        hidden = found is not None and found.key is not None and self._key() not in (found.key, self.server.hub.key)
        if found is None or hidden:
            self._fail(404 if self._key() else 401, "RepoNotFound")
        elif found.gated:
            self._fail(403, "GatedRepo")
        elif (there := found.files(revision)) is None:
            self._fail(404, "RevisionNotFound")
        else:
            return found, *there
        return None

    def _list(self, name: str, revision: str) -> None:
        if (there := self._found(name, revision)) is not None:
            found, sha, files = there
            listed = [{"rfilename": path, "size": len(data)} for path, data in sorted(files.items())]
            self._send({"id": name, "sha": sha, "private": found.private, "gated": found.gated, "siblings": listed})

    def _serve(self, name: str, revision: str, file: str) -> None:
        if (there := self._found(name, revision)) is None:
            return
        _, sha, files = there
        if file not in files:
            self._fail(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(files[file]).hexdigest()}"'}
        self._write(200, {**headers, "Content-Type": "application/octet-stream"}, files[file])

    def _create(self, asked: dict[str, object]) -> None:
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else str(asked["name"])
        there = name in self.server.hub.sets
        if not there:
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.server.hub.add(name, {}, private=private)
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        url = f"{self.server.hub.url}/{kind}{name}"
        self._write(409 if there else 200, {"Content-Type": "application/json"}, json.dumps({"url": url}).encode())

    def _commit(self, name: str, raw: bytes) -> None:
        files = self.server.hub.sets[name].branches[MAIN]
        for line in raw.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        sha = self.server.hub.sets[name].sha(MAIN)
        self._send({"commitUrl": f"{self.server.hub.url}/datasets/{name}/commit/{sha}", "commitOid": sha})

    def _fail(self, status: int, code: str) -> None:
        headers = {"X-Error-Code": code} if code else {}
        self._write(status, {**headers, "Content-Type": "application/json"}, json.dumps({"error": code}).encode())

    def _send(self, body: dict[str, object]) -> None:
        self._write(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _write(self, status: int, headers: dict[str, str], payload: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)
