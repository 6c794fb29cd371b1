"""Arms: another name with its kind, and deletion of those that hold nothing."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.errors import StudyError
from core.jobs import queue
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import ArmKind, BatchState, Slot, TrialKind
from core.study.rows.study import Arm, Batch, Label, Prompt, Study, Task, Trial
from core.study.store import Store
from core.study.upkeep import arms
from core.synthesis.prompts import drafts, versions
from tests.finished_study import add_runs, make_task


def with_prompt(store: Store, task: Task, arm: Arm) -> None:
    with store.write() as session:
        draft = drafts.default(task, tasks.labels_of(session, task.id), kind=arm.kind)
        versions.save(session, arm_id=arm.id, draft=draft)


def test_the_kind_of_an_arm_follows_its_new_name(store: Store, task: Task, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")

    with store.write() as session:
        arms.rename(session, arm.id, "few-shot-3")

    with store() as session:
        assert tasks.get_arm(session, task, "few-shot-3").kind == ArmKind.FEW_SHOT
        assert tasks.find_arm(session, task.id, "zero-shot") is None


@pytest.mark.parametrize("name", ["few-shot", "real", " "])
def test_a_name_that_is_taken_real_or_empty_is_refused(
    store: Store, task: Task, make_arm: Callable[[str], Arm], name: str
) -> None:
    arm, _ = make_arm("zero-shot"), make_arm("few-shot")

    with pytest.raises(StudyError), store.write() as session:
        arms.rename(session, arm.id, name)

    with store() as session:
        assert tasks.find_arm(session, task.id, "zero-shot") is not None


def test_an_arm_is_not_renamed_while_a_job_looks_for_it_by_name(
    store: Store, task: Task, make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        queue.enqueue(
            session, title="Generate", key="generate:1", command=["-m", "core"], slot=Slot.API, study_id=task.study_id
        )

    with pytest.raises(StudyError, match="Generate"), store.write() as session:
        arms.rename(session, arm.id, "zero-shot-2")


def test_a_job_that_is_tried_again_fills_the_arm_under_its_new_name(
    store: Store, task: Task, make_arm: Callable[[str], Arm]
) -> None:
    arm, other = make_arm("zero-shot"), make_arm("few-shot")
    with store.write() as session:
        study = session.get_one(Study, task.study_id)
        asked = [
            train.queue_generation(session, study=study, task=task, arm=each, arguments=["--model", "zero-shot"])
            for each in (arm, other)
        ]
        for job in asked:
            queue.request_cancel(session, job.id)

    with store.write() as session:
        arms.rename(session, arm.id, "zero-shot-2")
        again = [queue.retry(session, job.id) for job in asked]

    names = ["--study", study.name, "--task", task.name, "--arm"]
    assert [job.command for job in again] == [
        ["-m", "core", "generate", *names, name, "--model", "zero-shot"] for name in ("zero-shot-2", "few-shot")
    ]


def test_an_arm_with_prompts_alone_is_deleted_with_them_and_no_other_arm_is(
    store: Store, task: Task, make_arm: Callable[[str], Arm]
) -> None:
    gone, stays = make_arm("zero-shot"), make_arm("zero-shot-2")
    with_prompt(store, task, gone)
    with_prompt(store, task, stays)

    with store.write() as session:
        assert arms.delete_arm(session, gone.id) == "zero-shot"

    with store() as session:
        assert [arm.name for arm in tasks.arms(session, task.id)] == ["zero-shot-2"]
        assert session.scalars(select(Prompt.arm_id)).all() == [stays.id]


def test_an_arm_that_holds_runs_is_kept_and_says_what_would_be_lost(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "tickets")
        task = make_task(session, study, "urgency", test_texts=8, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
        arm = tasks.get_arm(session, task, "zero-shot")

    with pytest.raises(StudyError, match="3 runs"), store.write() as session:
        arms.delete_arm(session, arm.id)

    with store() as session:
        assert arms.why_kept(session, tasks.get_arm(session, task, "real").id) == "8 texts and 3 runs"


def test_what_was_or_may_have_been_paid_for_keeps_an_arm(
    store: Store, task: Task, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    tried, sent, lost = make_arm("zero-shot"), make_arm("zero-shot-2"), make_arm("zero-shot-3")
    with store.write() as session:
        session.add(
            Trial(arm_id=tried.id, label_id=labels[0].id, kind=TrialKind.TRY, draft={}, draft_hash="", provider="p", model="m",
                  request={}, content="", finish_reason="stop", tokens_in=1, tokens_out=1, cost_usd=0.01, latency_s=0.1)
        )  # fmt: skip
        session.add(Batch(arm_id=sent.id, key="k", provider="p", model="m", base_url="u", requests=[]))
        session.get_one(Arm, lost.id).unaccounted_usd = 0.25

    for arm, said in ((tried, "1 paid try"), (sent, "1 set of requests"), (lost, r"up to \$0\.2500")):
        with pytest.raises(StudyError, match=said), store.write() as session:
            arms.delete_arm(session, arm.id)


def test_requests_that_were_only_written_to_a_file_keep_no_arm_and_go_with_it(
    store: Store, make_arm: Callable[[str], Arm]
) -> None:
    gone = make_arm("zero-shot")
    with store.write() as session:
        session.add(
            Batch(arm_id=gone.id, key="k", provider="p", model="m", base_url="", requests=[{"body": {}}],
                  state=BatchState.WRITTEN)
        )  # fmt: skip

    with store.write() as session:
        assert arms.why_kept(session, gone.id) == ""
        arms.delete_arm(session, gone.id)

    with store() as session:
        assert session.scalars(select(Batch)).all() == []


def test_the_real_arm_cannot_be_deleted(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("real")

    with pytest.raises(StudyError, match="measured against"), store.write() as session:
        arms.delete_arm(session, arm.id)


def test_an_arm_that_is_gone_is_neither_renamed_nor_deleted(
    store: Store, task: Task, make_arm: Callable[[str], Arm]
) -> None:
    gone = make_arm("zero-shot")
    with store.write() as session:
        arms.delete_arm(session, gone.id)

    with pytest.raises(StudyError, match="does not exist any more"), store.write() as session:
        arms.rename(session, gone.id, "few-shot")
    with pytest.raises(StudyError, match="does not exist any more"), store.write() as session:
        arms.delete_arm(session, gone.id)
