"""The stamp of the stored rows changes with whatever findings say, names among it."""

import pytest
from sqlalchemy import select

from core.study import state, tasks
from core.study.rows.study import Arm, Label, Study, Task
from core.study.store import Store
from core.study.upkeep import arms, studies


@pytest.mark.parametrize("what", ["study", "arm", "task", "label"])
def test_another_name_makes_another_stamp(store: Store, what: str) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"glad": "", "sad": ""})
        tasks.make_arm(session, task_id=task.id, name="zero-shot")
        before = state.stamp(session)
        assert state.stamp(session) == before

        if what == "study":
            studies.rename(session, session.scalars(select(Study.id)).one(), "notes")
        elif what == "arm":
            arms.rename(session, session.scalars(select(Arm.id).where(Arm.name == "zero-shot")).one(), "plain")
        else:
            session.scalars(select(Task if what == "task" else Label)).first().name = "other"  # type: ignore[union-attr]

        assert state.stamp(session) != before
