"""A real HTTP server that speaks the chat completions protocol, for tests and for trying things without a key.

    python -m tests.llm_server --port 8001 --latency 0.2 --rate-429 0.05 --rate-500 0.02 --rate-malformed 0.05 --seed 0

It answers POST /v1/chat/completions with numbered lists of distinct sentences whose mood follows the label asked for (as
JSON when `response_format` asks for it), GET /v1/models, and batches of such requests (`llm_batches.py`). A model whose
name begins with "judge" or "rater" picks one of the answers listed in its prompt instead (`llm_choice.py`); one named
like a shape of `llm_shapes.py` answers in that odd shape. GET /counts
tells what happened: requests, answered, tokens charged, by_key (Idempotency-Key or custom_id -> times answered), statuses.
"""

import argparse
import json
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests import llm_choice, llm_shapes
from tests.llm_batches import Batches

WHO = [
    "My neighbour",
    "The old librarian",
    "Our bus driver",
    "A retired pilot",
    "The new intern",
    "My cousin from Leeds",
    "The night nurse",
    "Our landlord",
    "A street musician",
    "The chess champion",
    "My piano teacher",
    "The florist",
    "An amateur astronomer",
    "The baker downstairs",
    "Our football coach",
    "A travelling vet",
    "The mayor's driver",
    "My first manager",
    "The lighthouse keeper",
    "A tired accountant",
    "The class clown",
    "My dentist",
    "A beekeeper",
    "The ferry captain",
    "Our postwoman",
    "The museum guard",
    "A young plumber",
    "My aunt",
    "The stage hand",
]
DID = [
    "repaired",
    "painted",
    "sold",
    "borrowed",
    "photographed",
    "dropped",
    "described",
    "cleaned",
    "forgot",
    "unpacked",
    "auctioned",
    "decorated",
    "measured",
    "hid",
    "replaced",
    "weighed",
    "reviewed",
    "assembled",
    "returned",
    "polished",
    "inherited",
    "rescued",
    "sketched",
]
WHAT = [
    "the green bicycle",
    "a crate of oranges",
    "the village clock",
    "an antique radio",
    "the kitchen table",
    "a paper kite",
    "the garden gate",
    "two violins",
    "the broken lift",
    "a map of Lisbon",
    "the wedding cake",
    "an empty aquarium",
    "the church organ",
    "a box of letters",
    "the snow plough",
    "a silver kettle",
    "the tent",
    "a wooden canoe",
    "the office printer",
    "an umbrella stand",
    "the school piano",
]
WHEN = [
    "before breakfast",
    "during the storm",
    "last Tuesday",
    "after the meeting",
    "on the first day of spring",
    "at half past nine",
    "while the town slept",
    "without a word",
    "in front of everybody",
    "for the third time",
    "between two trains",
    "on a borrowed ladder",
    "under a full moon",
    "in record time",
    "with one hand",
    "to general surprise",
    "in the pouring rain",
    "over the weekend",
    "during lunch",
]
MOODS = (
    ("and it was wonderful", "and everyone cheered", "what a delightful surprise", "I could not be happier"),
    ("and it was dreadful", "and everyone complained", "what a bitter disappointment", "I am still furious"),
    ("and nothing much came of it", "as the report notes", "according to the minutes", "as is done every year"),
    (
        "oh sure, exactly what we needed",
        "because of course that helps",
        "truly the plan of a genius",
        "how very clever",
    ),
    (
        "call now to claim a prize",
        "click the link before midnight",
        "you have won a voucher",
        "limited offer, reply yes",
    ),
    ("see you at home later", "bring some milk please", "tell mum I said hello", "running ten minutes late"),
)
SPACE = len(WHO) * len(DID) * len(WHAT) * len(WHEN)
STEP = 104_729  # a prime that shares no factor with SPACE, so that the counter visits every sentence once

REFUSAL = "I'm sorry, but I can't help with that."
MALFORMED = (
    "",
    "I'm sorry, but I can't help with that request.",
    "There are many ways to think about such texts, and each depends on the writer.",
    '["The first of these was never fini',
)
ASKED = re.compile(r"(?:number of texts:\s*(\d+)|(?:write|list|give|generate)\D{0,40}?(\d+))", re.IGNORECASE)
LABEL = re.compile(r"label:?\s*[\"“']?([^\"”'\n]+)", re.IGNORECASE)


@dataclass
class Behaviour:
    """How the server behaves. `first` forces the outcomes of the first requests.

    Outcomes are "ok", "429", "500", "malformed", "refusal", "content_filter", "length" (cut half-way) and "no_quota".
    `batches` forces the ends of the first batches: "completed", "expired", "cancelled" or "failed" (in validation); an
    expired or cancelled one has answered `batch_share` of its lines. A batch takes `batch_polls` looks per state, and leaves `batch_drops`
    answers out of its files.
    """

    latency: float = 0.0
    rate_429: float = 0.0
    rate_500: float = 0.0
    rate_malformed: float = 0.0
    rate_refusal: float = 0.0
    rate_filter: float = 0.0
    rate_cut: float = 0.0
    retry_after: str | None = "1"
    seed: int = 0
    key: str | None = None
    models: Sequence[str] = ("test-model", "gpt-4o-mini")
    refused_parameters: Sequence[str] = ()
    first: Sequence[str] = ()
    texts: Sequence[str] | None = None
    state: Path | None = None
    batches: Sequence[str] = ()
    batch_share: float = 0.5
    batch_polls: int = 1
    batch_drops: int = 0


@dataclass
class Counts:
    requests: int = 0
    answered: int = 0
    sentences: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    by_key: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    by_model: Counter[str] = field(default_factory=Counter)
    asked_at: list[float] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answered": self.answered,
            "sentences": self.sentences,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "by_key": dict(self.by_key),
            "statuses": dict(self.statuses),
        }


class LlmServer:
    """The server in a thread: `with LlmServer(latency=0.1) as server: server.url, server.counts()`."""

    def __init__(self, *, port: int = 0, **behaviour: Any) -> None:
        self.behaviour = Behaviour(**behaviour)
        self.seen = Counts()
        self.labels: list[str] = []
        self.tries: Counter[str] = Counter()
        self.chosen: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.batches = Batches(self.respond, self.behaviour)
        self._load()
        self.http = _Http(("127.0.0.1", port), _Handler)
        self.http.llm = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)

    def __enter__(self) -> "LlmServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._save()

    def counts(self) -> dict[str, Any]:
        with self.lock:
            return self.seen.as_json()

    def respond(
        self, body: dict[str, Any], *, key: str, sent_key: str, is_batch: bool = False
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and JSON of one chat completion; counts it. A line of a batch is answered without delay."""
        with self.lock:
            self.seen.requests += 1
            self.seen.asked_at.append(time.monotonic())
            self.seen.bodies.append(body)
            number = self.seen.requests
            self.seen.by_model[str(body.get("model"))] += 1
            of_model = self.seen.by_model[str(body.get("model"))]
            self.tries[key or str(number)] += 1
            turn = self.tries[key or str(number)]
        time.sleep(0 if is_batch else self.behaviour.latency)
        refused = self._refusal(body, sent_key)
        outcome = self._outcome(number, random.Random(f"{self.behaviour.seed}/{key or number}/{turn}"))
        with self.lock:
            odd = None if refused else self._odd(body, key, of_model)
            status, headers, answer = refused or odd or self._answer(body, outcome, key)
            self.seen.statuses[str(status)] += 1
        self._save(every=200)
        return status, headers, answer

    def _refusal(self, body: dict[str, Any], sent_key: str) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        settings = self.behaviour
        if wrong := self.wrong_key(sent_key):
            return wrong
        if body.get("model") not in (*settings.models, *llm_shapes.SHAPES):
            message = f"The model `{body.get('model')}` does not exist or you do not have access to it."
            return 404, {}, _error(message, "invalid_request_error", "model_not_found")
        if not body.get("messages"):
            return (
                400,
                {},
                _error("'messages' must hold at least one message.", "invalid_request_error", None, "messages"),
            )
        for name in settings.refused_parameters:
            if name in body:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return 400, {}, _error(message, "invalid_request_error", "unsupported_parameter", name)
        return None

    def wrong_key(self, sent_key: str) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        if self.behaviour.key is None or sent_key == self.behaviour.key:
            return None
        return 401, {}, _error(f"Incorrect API key provided: {sent_key}.", "invalid_request_error", "invalid_api_key")

    def _odd(self, body: dict[str, Any], key: str, number: int) -> llm_shapes.Reply | None:
        """The reply of an odd shape, counted like any other; None where the model answers as usual."""
        shape = llm_shapes.SHAPES.get(str(body["model"]))
        if shape is None:
            return None
        texts = [self._sentence(_label_in(body)) for _ in range(_wanted(body))]
        found = shape(llm_shapes.Asked(body, key, number, texts))
        if found is not None and found[0] == 200 and found[2].get("usage"):
            self.seen.answered += 1
            self.seen.by_key[key] += 1
            self.seen.tokens_in += found[2]["usage"]["prompt_tokens"]
            self.seen.tokens_out += found[2]["usage"]["total_tokens"] - found[2]["usage"]["prompt_tokens"]
        return found

    def _outcome(self, number: int, rng: random.Random) -> str:
        if number <= len(self.behaviour.first):
            return self.behaviour.first[number - 1]
        draw = rng.random()
        for outcome, rate in (
            ("429", self.behaviour.rate_429),
            ("500", self.behaviour.rate_500),
            ("malformed", self.behaviour.rate_malformed),
            ("refusal", self.behaviour.rate_refusal),
            ("content_filter", self.behaviour.rate_filter),
            ("length", self.behaviour.rate_cut),
        ):
            if draw < rate:
                return outcome
            draw -= rate
        return "ok"

    def _answer(self, body: dict[str, Any], outcome: str, key: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        if outcome == "429":
            wait = {"Retry-After": self.behaviour.retry_after} if self.behaviour.retry_after else {}
            return 429, wait, _error("Rate limit reached for requests.", "requests", "rate_limit_exceeded")
        if outcome == "500":
            return 500, {}, _error("The server had an error while processing your request.", "server_error", None)
        if outcome == "no_quota":
            return 429, {}, _error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
        self.seen.answered += 1
        self.seen.by_key[key] += 1
        content = MALFORMED[self.seen.answered % len(MALFORMED)] if outcome == "malformed" else self._content(body)
        answer = _completion(body, content, self.seen.answered)
        self.seen.tokens_in += answer["usage"]["prompt_tokens"]
        self.seen.tokens_out += answer["usage"]["completion_tokens"]
        choice = answer["choices"][0]
        if outcome == "refusal":
            choice["message"] = {"role": "assistant", "content": None, "refusal": REFUSAL}
        elif outcome == "content_filter":
            choice["message"]["content"], choice["finish_reason"] = "", "content_filter"
        elif outcome == "length":
            choice["message"]["content"], choice["finish_reason"] = content[: len(content) // 2], "length"
        return 200, {"x-request-id": f"req-{self.seen.answered}"}, answer

    def _content(self, body: dict[str, Any]) -> str:
        if str(body["model"]).startswith(llm_choice.NAMES):
            about = llm_choice.subject(body)
            self.chosen[about] += 1
            return llm_choice.chosen(body, seed=self.behaviour.seed, turn=self.chosen[about])
        texts = [self._sentence(_label_in(body)) for _ in range(_wanted(body))]
        if (body.get("response_format") or {}).get("type") == "json_schema":
            return json.dumps({"texts": texts})
        return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))

    def _sentence(self, label: str) -> str:
        if label not in self.labels:
            self.labels.append(label)
        count = self.seen.sentences
        self.seen.sentences += 1
        if self.behaviour.texts is not None:
            return self.behaviour.texts[count % len(self.behaviour.texts)]
        place, parts = count * STEP % SPACE, []
        for words in (WHO, DID, WHAT, WHEN):
            place, at = divmod(place, len(words))
            parts.append(words[at])
        mood = MOODS[self.labels.index(label) % len(MOODS)]
        return f"{' '.join(parts)}, {mood[count % len(mood)]}."

    def _load(self) -> None:
        state = self.behaviour.state
        if state is None or not state.exists():
            return
        saved = json.loads(state.read_text(encoding="utf-8"))
        self.seen = Counts(
            saved["requests"],
            saved["answered"],
            saved["sentences"],
            by_key=Counter(saved["by_key"]),
            statuses=Counter(saved["statuses"]),
        )

    def _save(self, *, every: int = 1) -> None:
        state = self.behaviour.state
        if state is not None and (self.seen.requests % every == 0 or self.seen.requests < every):
            with self.lock:
                draft = state.with_suffix(".tmp")
                draft.write_text(json.dumps(self.seen.as_json()), encoding="utf-8")
                draft.replace(state)


def _wanted(body: dict[str, Any]) -> int:
    """How many texts a request asks for."""
    asked = ASKED.search(str(body["messages"][-1]["content"]))
    return min(int(asked[1] or asked[2]), 100) if asked else 10


def _label_in(body: dict[str, Any]) -> str:
    found = LABEL.search(str(body["messages"][-1]["content"]))
    return found[1].strip() if found else ""


def _completion(body: dict[str, Any], content: str, number: int) -> dict[str, Any]:
    """A completion as the protocol has it, cut where `max_tokens` (4 characters each) ends it."""
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    finish = "length" if content.startswith("[") else "stop"
    if limit and len(content) > 4 * limit:
        content, finish = content[: 4 * limit], "length"
    tokens_in = sum(len(str(message["content"])) // 4 + 4 for message in body["messages"])
    tokens_out = -(-len(content) // 4)
    choice = {
        "index": 0,
        "finish_reason": finish,
        "logprobs": None,
        "message": {"role": "assistant", "content": content, "refusal": None},
    }
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def _error(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    llm: LlmServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http

    def do_GET(self) -> None:
        llm, path, sent = self.server.llm, self._path(), self._key()
        if path == "/counts":
            self._send(200, {}, llm.counts())
        elif path == "/v1/models" and (wrong := llm.wrong_key(sent)):
            self._send(*wrong)
        elif path.startswith(("/v1/files/", "/v1/batches")):
            self._send_batch(path, b"", sent)
        elif path == "/v1/models":
            models = [
                {"id": model, "object": "model", "created": 0, "owned_by": "tests"} for model in llm.behaviour.models
            ]
            self._send(200, {}, {"object": "list", "data": models})
        elif path in ("/page/chat/completions", "/page/models"):
            self._send_page()
        else:
            self._send(404, {}, _error(f"Invalid URL (GET {self.path})", "invalid_request_error", None))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, sent = self._path(), self._key()
        if path == "/page/chat/completions":
            self._send_page()
        elif path == "/v1/chat/completions":
            llm = self.server.llm
            llm.seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            llm.seen.paths.append(self.path)
            key = self.headers.get("Idempotency-Key", "")
            self._send(*llm.respond(json.loads(raw), key=key, sent_key=sent))
        elif path.startswith(("/v1/files", "/v1/batches")):
            self._send_batch(path, raw, sent)
        else:
            self._send(404, {}, _error(f"Invalid URL (POST {path})", "invalid_request_error", None))

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _key(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _send_batch(self, path: str, raw: bytes, sent: str) -> None:
        llm = self.server.llm
        if wrong := llm.wrong_key(sent):
            self._send(*wrong)
            return
        parts = path.removeprefix("/v1/").split("/")
        kind, found = self.headers.get("Content-Type", ""), None
        if parts[0] == "files":
            found = llm.batches.upload(raw, kind) if raw else llm.batches.file(parts[1], *parts[2:])
        elif len(parts) == 3:
            found = llm.batches.cancel(parts[1])
        elif len(parts) == 2:
            found = llm.batches.look(parts[1])
        else:
            found = llm.batches.create(json.loads(raw), sent) if raw else llm.batches.all()
        if found is None:
            self._send(404, {}, _error(f"No such object: {path}", "invalid_request_error", None))
        elif isinstance(found, bytes):
            self._write(200, {"Content-Type": "application/octet-stream"}, found)
        else:
            self._send(200, {}, found)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read counts, not logs."""

    def _send_page(self) -> None:
        self._write(200, {"Content-Type": "text/html"}, b"<html><body>Welcome</body></html>")

    def _send(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        self._write(status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())

    def _write(self, status: int, headers: dict[str, str], payload: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--key")
    parser.add_argument("--retry-after", default="1")
    parser.add_argument("--state", type=Path)
    for name in ("latency", *(f"rate-{what}" for what in ("429", "500", "malformed", "refusal", "filter", "cut"))):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    for name in ("models", "refused-parameters", "first", "batches"):
        given = list(getattr(Behaviour(), name.replace("-", "_")))
        parser.add_argument(f"--{name}", type=lambda value: value.split(","), default=given)
    parser.add_argument("--batch-share", type=float, default=0.5)
    parser.add_argument("--batch-polls", type=int, default=1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LlmServer(**vars(parser.parse_args())) as server:
        print(server.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
