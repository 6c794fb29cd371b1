"""An arm that was made for tries which came to nothing: taken back, unless somebody has saved a prompt in it meanwhile."""

import pytest
from sqlalchemy import select

from core.errors import StudyError
from core.steps import try_prompt
from core.study import tasks
from core.study.rows.study import Arm, Task
from core.study.store import Store
from core.synthesis.prompts import drafts, versions


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        return tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"yes": "", "no": ""})


@pytest.mark.parametrize("is_saved", [False, True])
def test_an_arm_is_taken_back_only_while_it_holds_no_prompt(store: Store, task: Task, is_saved: bool) -> None:
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="new")
    with pytest.raises(StudyError, match="no answer"), try_prompt.or_no_arm(store, arm.id, is_new=True):
        if is_saved:
            with store.write() as session:
                draft = drafts.default(task, tasks.labels_of(session, task.id), kind=arm.kind)
                versions.save(session, arm_id=arm.id, draft=draft)
        raise StudyError("There was no answer.")

    with store() as session:
        assert (session.scalar(select(Arm.id).where(Arm.name == "new")) is not None) == is_saved
