"""A chat completions endpoint that takes little processor time: a fixed latency for every answer, every text new.

    python -m benchmarks.fast_server --latency 0.2

It prints its URL and serves until it is stopped. GET /counts gives the number of answered requests and of texts, and the
requests in flight now and at most. A text is a sentence with three words chosen by its number, and the number itself.
"""

import argparse
import asyncio
import json
import re
from typing import cast

import uvloop

ASKED = re.compile(rb"[Nn]umber of texts: ?(\d+)")
LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: ?(\d+)")
WORDS = ("harbour", "kettle", "violin", "snow", "letter", "garden", "ladder", "orange", "canoe", "clock", "mirror")
COUNTS = {"answered": 0, "in_flight": 0, "most_in_flight": 0, "texts": 0}


class Connection(asyncio.Protocol):
    """One HTTP connection: splits the received bytes into requests and answers each request after `latency` seconds."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            self.take(head, body)

    def take(self, head: bytes, body: bytes) -> None:
        """Answer a GET at once with the counts, and a POST after the latency."""
        if not head.startswith(b"POST"):
            self.send(json.dumps(COUNTS).encode())
            return
        COUNTS["in_flight"] += 1
        COUNTS["most_in_flight"] = max(COUNTS["most_in_flight"], COUNTS["in_flight"])
        asyncio.get_running_loop().call_later(self.latency, self.answer, body)

    def answer(self, body: bytes) -> None:
        """Send a chat completion with as many texts as the request asks for."""
        asked = ASKED.search(body)
        texts = [text_number(COUNTS["texts"] + n) for n in range(int(asked[1]) if asked else 1)]
        COUNTS["texts"] += len(texts)
        COUNTS["answered"] += 1
        COUNTS["in_flight"] -= 1
        content = "\\n".join(f"{n}. {text}" for n, text in enumerate(texts, start=1))
        self.send(
            f'{{"id":"chatcmpl-{COUNTS["answered"]}","object":"chat.completion","created":1,"model":"test-model",'
            f'"choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"{content}",'
            f'"refusal":null}}}}],"usage":{{"prompt_tokens":100,"completion_tokens":{len(content) // 4},'
            f'"total_tokens":{100 + len(content) // 4}}}}}'.encode()
        )

    def send(self, body: bytes) -> None:
        """Send JSON with status 200, unless the client has gone."""
        if not self.transport.is_closing():
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.transport.write(head % len(body) + body)


def text_number(number: int) -> str:
    """A sentence of about 60 characters, different for every number."""
    size = len(WORDS)
    first, second, third = WORDS[number % size], WORDS[number // size % size], WORDS[number // size**2 % size]
    return f"The {first} and the {second} stood beside the {third} on day {number}."


async def serve(latency: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(latency), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.2)
    uvloop.run(serve(parser.parse_args().latency))
