"""The title of a training job: how many runs, of which tasks, arms and seeds, and which part of the runs queued together"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study.rows.study import Arm, Run, Task
from core.wording import counted

MOST_NAMED = 2


def of(session: Session, share: Sequence[Run], part: int, parts: int) -> str:
    """The title of the job that trains the runs of `share`, the `part`-th (from 1) of `parts` jobs queued together."""
    arms = session.scalars(select(Arm).where(Arm.id.in_({run.arm_id for run in share}))).all()
    task_names = session.scalars(select(Task.name).where(Task.id.in_({arm.task_id for arm in arms}))).all()
    seeds = sorted({run.seed for run in share})
    said = [
        counted(len(share), "run"),
        _named(sorted(set(task_names)), "task"),
        _named(sorted({arm.name for arm in arms}), "arm"),
        f"seed {seeds[0]}" if len(seeds) == 1 else counted(len(seeds), "seed"),
    ]
    return f"Train {' · '.join(said)}" + (f" (part {part} of {parts})" if parts > 1 else "")


def _named(names: Sequence[str], noun: str) -> str:
    """The names if they are few, else their number with the noun."""
    return " and ".join(names) if len(names) <= MOST_NAMED else counted(len(names), noun)
