"""Write an arm's requests to a file for any Batch API, and read the file of answers back in."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import files as whole_files
from core.errors import StudyError
from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.llm.money.prices import Price
from core.study import tasks
from core.study.rows.kinds import BatchState
from core.study.rows.study import Arm, Batch, Completion, Prompt
from core.study.store import Store
from core.synthesis.batches import collect, jsonl, prepare
from core.synthesis.generation import requests, samples_from_answers, standing

MARK = re.compile(r"^(?P<key>.+)/v(?P<version>\d{1,9})/s(?P<seed>-?\d{1,18})(?:/f(?P<file>[0-9a-f]{12}))?$")
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
    answers before it. The requests are stored as they were written: the id of a request names its slot, prompt version, seed
    and file, so that the answer finds it. Raises `StudyError` if the file cannot be written.
    """
    plan = requests.plan(store, arm_id=arm_id, seed=seed)
    quotas = requests.quotas(store, plan, per_label=per_label)
    key = uuid4().hex[:12]
    rows = []
    for quota in quotas:
        for slot in prepare.wanted_slots(quota):
            request = requests.request(store, plan, label=quota.label, slot=slot)
            body = {"model": model, "messages": request.messages, **(parameters or {})}
            custom_id = f"{request.key}/v{plan.prompt.version}/s{seed}/f{key}"
            rows.append(prepare.stored(plan, request, body, custom_id=custom_id))
    written = Batch(
        arm_id=arm_id, key=key, provider=prices.BATCH_FILE, model=model, base_url="", requests=rows,
        state=BatchState.WRITTEN, counts={"requests": len(rows)},
    )  # fmt: skip
    try:
        content = jsonl.written(jsonl.ids_and_bodies(rows))
        with (
            whole_files.prepared(path, content) as put_in_place,
            store.write() as session,
        ):  # no writer waits for a disk
            session.add_all([written] if rows else [])
            session.flush()
            put_in_place()
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror}. Name a file in a folder that exists.") from error
    return len(rows)


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
    keys of the counts are "answers", "without an answer", "of another arm" and "stored before". Requests for a label that was
    removed meanwhile count as "of another arm". Raises `StudyError` if the file cannot be read.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read: {error}. Give the file of answers of a batch.") from error
    counts = dict.fromkeys(("answers", "without an answer", "of another arm", "stored before"), 0)
    asked = _Requests(store, arm_id, price=price)
    writer = samples_from_answers.SampleWriter(store, arm_id=arm_id, per_label=per_label)
    for reply in jsonl.replies(content, name=path.name):
        completion_of = asked.find(reply.custom_id)
        if completion_of is None:
            counts["of another arm"] += 1
        elif reply.body is None:
            counts["without an answer"] += 1
        else:
            row = completion_of(reply.body)
            stored = writer.store_answers([row]) if row else []
            writer.store_texts(stored, now=now)
            counts["answers" if stored else "stored before"] += 1
    asked.forget_answered()
    return counts


class _Requests:
    """The requests of an arm that the ids in a file of answers name, as they were stored when their file was written.

    Requests of which nothing is stored are rendered anew: files from before 2026-11-30, and files written in another home.
    """

    def __init__(self, store: Store, arm_id: int, *, price: Price | None) -> None:
        self.store, self.arm_id, self.price = store, arm_id, price
        self.reader = OpenAIProvider(prices.BATCH_FILE, base_url="http://localhost", api_key=None, price=price)
        self._plans: dict[tuple[int, int], requests.Plan] = {}
        self._files: dict[str, Batch | None] = {}
        self._by_id: dict[str, dict[str, Any]] = {}
        self._makers: dict[str, collect.CompletionMaker] = {}
        with store() as session:
            task_id = session.get_one(Arm, arm_id).task_id
            self._labels = {label.id: label.name for label in tasks.labels_of(session, task_id)}

    def find(self, custom_id: str) -> Callable[[Mapping[str, Any]], Completion | None] | None:
        """What makes the row of the answer to a request from the JSON of a chat completion; None for a request of another arm.

        It gives None in place of a row if the request is answered already.
        """
        mark = MARK.match(custom_id)
        if mark is None:
            return None
        batch = self._file(mark["file"] or "")
        if batch is None:
            found = self._rendered_anew(mark)
            return functools.partial(self._completion, *found) if found else None
        row = self._by_id.get(custom_id)
        return functools.partial(self._stored, batch, row) if row and self._has_label(row) else None

    def forget_answered(self) -> None:
        """Store no longer what the requests with an answer said: their answers are stored with it."""
        with self.store.write() as session:
            answered = standing.slots(session, self.arm_id).answered
            for batch in self._files.values():
                if batch is not None and batch.arm_id == self.arm_id:
                    session.get_one(Batch, batch.id).requests = [
                        _slot_alone(row)
                        if self._has_label(row) and row["slot"] in answered.get(row["label_id"], {})
                        else row
                        for row in batch.requests
                    ]

    def _file(self, key: str) -> Batch | None:
        """The stored requests of a file, by its key; None for a file of which nothing is stored."""
        if key not in self._files:
            with self.store() as session:
                written = select(Batch).where(Batch.key == key, Batch.state == BatchState.WRITTEN)
                self._files[key] = batch = session.scalar(written)
            if batch is not None and batch.arm_id == self.arm_id:
                self._by_id |= {row["custom_id"]: row for row in batch.requests}
        return self._files[key]

    def _has_label(self, row: Mapping[str, Any]) -> bool:
        """Whether the label of a request is still there; a label made later may have the id of one that was removed.

        Requests from before 2026-11-30 are stored without the name of their label: the id decides.
        """
        name = self._labels.get(row["label_id"])
        return name is not None and name == row.get("label", name)

    def _stored(self, batch: Batch, row: Mapping[str, Any], body: Mapping[str, Any]) -> Completion | None:
        if "body" not in row:
            return None
        if batch.key not in self._makers:
            plan = requests.plan(self.store, arm_id=self.arm_id)
            self._makers[batch.key] = collect.CompletionMaker(
                self.store, plan, batch, provider=self.reader, price=self.price
            )
        completion = self._makers[batch.key].make(row, body)
        completion.provider = prices.BATCH_FILE
        return completion

    def _completion(self, plan: requests.Plan, request: requests.Request, body: Mapping[str, Any]) -> Completion:
        answer = self.reader.answer(body, sent={"model": "", "messages": request.messages})
        row = requests.completion(plan, request, answer, provider=self.reader)
        row.provider, row.request = prices.BATCH_FILE, {"model": answer.model, "messages": request.messages}
        row.cost_usd = self.price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out) if self.price else None
        return row

    def _rendered_anew(self, mark: re.Match[str]) -> tuple[requests.Plan, requests.Request] | None:
        """The request that the parts of an id name, rendered anew; None if they name no slot of this arm."""
        version, seed = int(mark["version"]), int(mark["seed"])
        if (version, seed) not in self._plans:
            plan = requests.plan(self.store, arm_id=self.arm_id, seed=seed)
            with self.store() as session:
                prompt = _version(session, self.arm_id, version)
                if prompt is None:
                    return None
                self._plans[version, seed] = requests.with_prompt(session, plan, prompt)
        plan = self._plans[version, seed]
        index = mark["key"].rpartition("/")[2]
        for label in plan.labels if index.isdecimal() and len(index) <= LONGEST_INDEX else ():
            key = SlotKey(plan.study.name, plan.task.name, plan.arm.name, label.name, int(index))
            if str(key) == mark["key"]:
                return plan, requests.request(self.store, plan, label=label, slot=int(index))
        return None


def _slot_alone(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("custom_id", "label_id", "label", "slot", "prompt_id") if name in row}


def _version(session: Session, arm_id: int, version: int) -> Prompt | None:
    return session.scalar(select(Prompt).where(Prompt.arm_id == arm_id, Prompt.version == version))
