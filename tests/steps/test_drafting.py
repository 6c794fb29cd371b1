"""The prompt that a study file describes: saved once, and not again after a fallback to one text a call."""

import pytest

from core.steps import drafting
from core.study import spec, tasks
from core.study.rows.study import Task
from core.study.store import Store
from core.synthesis.prompts import versions
from tests.texts import texts_a_call


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        return tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"yes": "", "no": ""})


def test_a_prompt_that_fell_back_to_one_text_a_call_is_not_asked_again_by_the_same_file(
    store: Store, task: Task
) -> None:
    wanted = spec.GenerateSpec(per_label=4, model="m", texts_per_call=10)
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot")
        drafting.ready(session, task, arm, wanted)
        newest = versions.latest(session, arm.id)
        assert newest is not None
        versions.save(session, arm_id=arm.id, draft=versions.of_one_text(versions.as_draft(newest)))

    with store.write() as session:
        drafting.ready(session, task, arm, wanted)
    assert texts_a_call(store, arm) == [10, 1]

    with store.write() as session:
        drafting.ready(session, task, arm, wanted.model_copy(update={"texts_per_call": 5}))
    assert texts_a_call(store, arm) == [10, 1, 5]


def test_a_file_that_asks_for_more_texts_a_call_than_before_is_followed(store: Store, task: Task) -> None:
    one = spec.GenerateSpec(per_label=4, model="m", texts_per_call=1)
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot")
        for wanted in (one, one.model_copy(update={"texts_per_call": 10})):
            drafting.ready(session, task, arm, wanted)

    assert texts_a_call(store, arm) == [1, 10]
