"""Write an arm's requests to a file for any Batch API, and read the file of answers back in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.llm.money.prices import Price
from core.study.rows.study import Prompt
from core.study.store import Store
from core.synthesis.batches import jsonl, prepare
from core.synthesis.generation import requests, samples_from_answers

MARK = re.compile(r"^(?P<key>.+)/v(?P<version>\d{1,9})/s(?P<seed>-?\d{1,18})$")
LONGEST_INDEX = 9


def to_batch_file(
    store: Store,
    *,
    arm_id: int,
    per_label: int,
    model: str,
    path: Path,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> int:
    """Write the requests that an arm still needs to a file that any Batch API takes, and return their number.

    Nothing is sent, and no slot is held. Of a conversation, the file holds the next turn alone, as a later turn shows the
    answers before it. The id of a request names its slot, prompt version and seed, so that the answer finds its slot.
    Raises `StudyError` if the file cannot be written.
    """
    plan = requests.plan(store, arm_id=arm_id, seed=seed)
    quotas = requests.quotas(store, plan, per_label=per_label)
    lines = []
    for quota in quotas:
        for slot in prepare.wanted_slots(quota):
            request = requests.request(store, plan, label=quota.label, slot=slot)
            body = {"model": model, "messages": request.messages, **(parameters or {})}
            lines.append((f"{request.key}/v{plan.prompt.version}/s{seed}", body))
    try:
        path.write_bytes(jsonl.written(lines))
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror}. Name a file in a folder that exists.") from error
    return len(lines)


def check_place(path: Path) -> None:
    """Raise `StudyError` if no file can be written at a place, before an arm and its prompt are made for it."""
    try:
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror}. Name a file in a folder that exists.") from error
    if is_folder:
        raise StudyError(f"{path} cannot be written: it is a folder. Name a file in it.")
    if not has_folder:
        raise StudyError(f"{path} cannot be written: its folder does not exist. Name a file in a folder that exists.")


def from_batch_file(
    store: Store, *, arm_id: int, per_label: int, path: Path, now: float, price: Price | None = None
) -> dict[str, int]:
    """Store the answers to a file that `to_batch_file` wrote, one for each slot, and return counts of the replies.

    `price` is the price of the batch; without it the cost of the answers is unknown. `now` is in seconds since 1970. The
    keys of the counts are "answers", "without an answer", "of another arm" and "stored before". Raises `StudyError` if the
    file cannot be read.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read: {error}. Give the file of answers of a batch.") from error
    counts = dict.fromkeys(("answers", "without an answer", "of another arm", "stored before"), 0)
    plans: dict[tuple[int, int], requests.Plan] = {}
    reader = OpenAIProvider(prices.BATCH_FILE, base_url="http://localhost", api_key=None, price=price)
    writer = samples_from_answers.SampleWriter(store, arm_id=arm_id, per_label=per_label)
    for reply in jsonl.replies(content, name=path.name):
        found = _request_of(store, arm_id, reply.custom_id, plans)
        if found is None:
            counts["of another arm"] += 1
        elif reply.body is None:
            counts["without an answer"] += 1
        else:
            plan, request = found
            answer = reader.answer(reply.body, sent={"model": "", "messages": request.messages})
            row = requests.completion(plan, request, answer, provider=reader)
            row.provider, row.request = prices.BATCH_FILE, {"model": answer.model, "messages": request.messages}
            row.cost_usd = price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out) if price else None
            stored = writer.store_answers([row])
            writer.store_texts(stored, now=now)
            counts["answers" if stored else "stored before"] += 1
    return counts


def _request_of(
    store: Store, arm_id: int, custom_id: str, plans: dict[tuple[int, int], requests.Plan]
) -> tuple[requests.Plan, requests.Request] | None:
    """The request that an id of `to_batch_file` names, rendered anew; None if the id names no slot of this arm.

    `plans` caches the plans of the arm, by prompt version and seed.
    """
    mark = MARK.match(custom_id)
    if mark is None:
        return None
    version, seed = int(mark["version"]), int(mark["seed"])
    if (version, seed) not in plans:
        plan = requests.plan(store, arm_id=arm_id, seed=seed)
        with store() as session:
            prompt = _version(session, arm_id, version)
            if prompt is None:
                return None
            plans[version, seed] = requests.with_prompt(session, plan, prompt)
    plan = plans[version, seed]
    index = mark["key"].rpartition("/")[2]
    for label in plan.labels if index.isdecimal() and len(index) <= LONGEST_INDEX else ():
        key = SlotKey(plan.study.name, plan.task.name, plan.arm.name, label.name, int(index))
        if str(key) == mark["key"]:
            return plan, requests.request(store, plan, label=label, slot=int(index))
    return None


def _version(session: Session, arm_id: int, version: int) -> Prompt | None:
    return session.scalar(select(Prompt).where(Prompt.arm_id == arm_id, Prompt.version == version))
