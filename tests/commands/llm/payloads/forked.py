"""Starts commands by forking, so that a start takes no imports: a JSON object a line in, the child's number and its end out.

{"home": FOLDER, "errors": FILE, "arguments": [...]} runs `python -m core ...`; {"batch": {...}} in place of `arguments`
calls `generate_by_batch` with little time between its looks. The child is there to be killed.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from core import __main__ as commands
from core import settings as settings_module
from core.commands import output
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.llm.settings import CallSettings
from core.study import store as store_module
from core.synthesis.batches import batch_generation
from core.synthesis.limits import BatchLimits

CRASHED = 70


def by_batch(*, url: str, model: str, arm_id: int, budget: float, max_tokens: int) -> None:
    """Batches of six requests."""
    settings = settings_module.load()
    price = prices.find(settings.home, model)
    calls = CallSettings(max_tokens=max_tokens)
    provider = OpenAIProvider(model, base_url=url, api_key=None, price=price, settings=calls)
    with output.answering():
        batch_generation.generate_by_batch(
            store_module.open_store(settings), arm_id=arm_id, per_label=100_000, provider=provider,
            limits=BatchLimits(budget, most_requests=6, poll_s=0.02),
        )  # fmt: skip


def child(asked: dict[str, Any]) -> int:
    """What a forked process does; gives its exit code."""
    os.environ["LITMUS_HOME"] = asked["home"]
    with Path(asked["errors"]).open("w", encoding="utf-8") as errors, Path(os.devnull).open("w") as nowhere:
        os.dup2(errors.fileno(), 2)
        os.dup2(nowhere.fileno(), 1)
        try:
            if "batch" in asked:
                by_batch(**asked["batch"])
            else:
                commands.main(asked["arguments"])
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            sys.stderr.flush()
    return 0


for line in sys.stdin:
    number = os.fork()
    if number == 0:
        code = CRASHED
        try:
            code = child(json.loads(line))
        finally:
            os._exit(code)
    print(number, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
