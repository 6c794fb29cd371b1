"""Processor time per call of our client of an endpoint, beside the openai package with its two HTTP transports.

    python -m benchmarks.clients --calls 2000 --in-flight 128 --rounds 5

Every round makes the same calls with each client, in an order that turns, against `benchmarks.fast_server`.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import openai

from core.llm.answers import Message, SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider

MESSAGES: list[Message] = [
    {"role": "user", "content": "Number of texts: 10\nLabel: glad\n" + "Write about the sea. " * 20}
]
Call = Callable[[int], Awaitable[str]]


async def ours(url: str, run: Callable[[Call], Awaitable[None]]) -> None:
    provider = OpenAIProvider("test-model", base_url=url, api_key="none")

    async def call(number: int) -> str:
        return (await provider.complete(MESSAGES, slot_key=SlotKey("s", "t", "a", "l", number))).content

    await run(call)
    await provider.close()


async def library(url: str, run: Callable[[Call], Awaitable[None]], *, aiohttp: bool, raw: bool) -> None:
    transport = openai.DefaultAioHttpClient() if aiohttp else openai.DefaultAsyncHttpxClient()
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=transport)

    async def call(number: int) -> str:
        headers = {"Idempotency-Key": str(number)}
        if raw:
            made = client.chat.completions.with_raw_response
            response = await made.create(model="test-model", messages=MESSAGES, extra_headers=headers)  # type: ignore[arg-type]
            return response.http_response.text
        found = await client.chat.completions.create(model="test-model", messages=MESSAGES, extra_headers=headers)  # type: ignore[arg-type]
        return found.choices[0].message.content or ""

    await run(call)
    await client.close()


CLIENTS = {
    "ours (aiohttp)": ours,
    "openai, DefaultAioHttpClient": lambda url, run: library(url, run, aiohttp=True, raw=False),
    "openai, DefaultAioHttpClient, raw response": lambda url, run: library(url, run, aiohttp=True, raw=True),
    "openai, httpx": lambda url, run: library(url, run, aiohttp=False, raw=False),
}


def measured(name: str, url: str, *, calls: int, in_flight: int) -> tuple[float, float]:
    """Calls per second, and milliseconds of processor time per call."""

    async def run(call: Call) -> None:
        numbers = iter(range(calls))

        async def work() -> None:
            for number in numbers:
                assert await call(number)

        await asyncio.gather(*(work() for _ in range(in_flight)))

    started, processor = time.perf_counter(), time.process_time()
    asyncio.run(CLIENTS[name](url, run))
    return calls / (time.perf_counter() - started), 1000 * (time.process_time() - processor) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05)
    given = parser.parse_args()
    command = [sys.executable, "-m", "benchmarks.fast_server", "--latency", str(given.latency)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url, names = server.stdout.readline().strip(), list(CLIENTS)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    try:
        for place in range(given.rounds):
            for name in names[place % len(names) :] + names[: place % len(names)]:
                found[name].append(measured(name, url, calls=given.calls, in_flight=given.in_flight))
    finally:
        server.terminate()
        server.wait()
    for name, rounds in found.items():
        rates, times = zip(*rounds, strict=True)
        print(
            f"{name}: {statistics.median(times):.2f} ms of processor time a call ({min(times):.2f} to {max(times):.2f}), "
            f"{statistics.median(rates):.0f} calls a second ({min(rates):.0f} to {max(rates):.0f})"
        )


if __name__ == "__main__":
    main()
