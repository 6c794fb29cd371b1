"""Queue a few tried calls with a prompt, and take back an arm that was made for tries which came to nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import queue
from core.llm import connection
from core.llm.connection import Connection
from core.steps import train
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Arm, Job, Prompt, Study, Task
from core.study.store import Store
from core.study.upkeep import arms
from core.synthesis.prompts.drafts import Draft

CALLS = 5
MOST_CALLS = 50


def queue_try(
    session: Session, *, study: Study, task: Task, arm: Arm, wanted: Connection, draft: Draft, kinds: int | None = None
) -> Job:
    """Queue a try of a draft, or with `kinds` a request for a list of `kinds` kinds of texts for each label."""
    command = ["-m", "core", "try", "--study", study.name, "--task", task.name, "--arm", arm.name]
    command += ["--draft", json.dumps(asdict(draft)), *connection.arguments(wanted)]
    command += (
        ["--calls", str(min(MOST_CALLS, CALLS * len(wanted.models)))] if kinds is None else ["--kinds", str(kinds)]
    )
    return queue.enqueue(
        session,
        title=f"{'Try' if kinds is None else 'List kinds for'} {task.name} · {arm.name}",
        command=command,
        key=(Work.TRY if kinds is None else Work.KINDS).key(arm.id),
        slot=train.worker_slot() if wanted.provider == "local" else Slot.API,
        study_id=study.id,
    )


@contextmanager
def or_no_arm(store: Store, arm_id: int, *, is_new: bool) -> Iterator[None]:
    """Delete an arm that was made for what runs inside, if that ends with a `StudyError` and the arm holds nothing, not even a prompt
    that somebody saved meanwhile."""
    try:
        yield
    except StudyError:
        if is_new:
            with suppress(StudyError), store.write() as session:
                if session.scalar(select(Prompt.id).where(Prompt.arm_id == arm_id).limit(1)) is None:
                    arms.delete_arm(session, arm_id)
        raise
