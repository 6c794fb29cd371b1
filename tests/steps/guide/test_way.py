"""The way from real texts to a verdict: what is next, in every state of a task."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.jobs import queue
from core.steps.guide import ten_tasks, way
from core.study import state, tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import RaterKind, Slot, TrialKind, Work
from core.study.rows.sessions import Rater
from core.study.rows.study import Job, Run, Study, Task, Trial
from core.study.store import Store
from core.synthesis.prompts import catalogued, drafts, versions
from tests.finished_study import add_runs, make_task
from tests.study.archive import whole_study

MADE = "text,label\nso glad,yes\nnot at all,no\n"


def bring_in(store: Store, task: Task, arm: str, text: str, folder: Path) -> None:
    path = folder / f"{arm}.csv"
    path.write_text(text)
    with store.write() as session:
        own = tasks.make_arm(session, task_id=task.id, name=arm)
        importing.bring_in(session, task=task, arm=own, table=tables.read(path), options=importing.Options())


def next_of(store: Store, study: Study) -> way.Step:
    with store() as session:
        return way.ways(session, study.id)[0].next


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        return tasks.study_named(session, "tickets")


@pytest.fixture
def urgency(store: Store, study: Study) -> Task:
    with store.write() as session:
        return make_task(session, study, "urgency", test_texts=0)


def real(split: str, n: int = 8) -> str:
    return "text,label,split\n" + "\n".join(f"{split} {i},{('yes', 'no')[i % 2]},{split}" for i in range(n))


def test_every_step_follows_the_one_before(store: Store, study: Study, urgency: Task, tmp_path: Path) -> None:
    seen = [next_of(store, study).page]
    bring_in(store, urgency, "real", real("train"), tmp_path)
    assert "test texts" in next_of(store, study).wanted
    bring_in(store, urgency, "real", real("test"), tmp_path)
    seen.append(next_of(store, study).page)
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=urgency.id, name="zero-shot")
        draft = drafts.default(urgency, tasks.labels_of(session, urgency.id), kind=arm.kind)
        versions.save(session, arm_id=arm.id, draft=draft)
    seen.append(next_of(store, study).page)
    bring_in(store, urgency, "zero-shot", MADE, tmp_path)
    seen.append(next_of(store, study).page)
    with store.write() as session:
        add_runs(session, urgency, {"real": 0.9, "zero-shot": 0.7})
    seen.append(next_of(store, study).page)

    assert seen == ["data", "prompts", "generate", "train", "verdict"]


def test_texts_of_a_file_need_no_prompt(store: Store, study: Study, urgency: Task, tmp_path: Path) -> None:
    bring_in(store, urgency, "real", real("train") + "\n" + real("test").split("\n", 1)[1], tmp_path)
    bring_in(store, urgency, "zero-shot", MADE, tmp_path)

    assert next_of(store, study).page == "train"


@pytest.mark.parametrize(
    ("seeds", "page", "said"), [(1, "train", "1 is done"), (2, "train", "2 are done"), (3, "verdict", "")]
)
def test_fewer_than_three_seeds_are_not_enough(store: Store, study: Study, seeds: int, page: str, said: str) -> None:
    with store.write() as session:
        task = make_task(session, study, "urgency", test_texts=8, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9}, seeds=3)
        add_runs(session, task, {"zero-shot": 0.7}, seeds=seeds)
    with store() as session:
        train = next(step for step in way.ways(session, study.id)[0].steps if step.page == "train")

    assert train.is_done == (page == "verdict")
    assert said in train.wanted


def test_an_optional_step_is_never_next_and_is_offered_meanwhile(
    store: Store, study: Study, urgency: Task, tmp_path: Path
) -> None:
    bring_in(store, urgency, "real", real("train") + "\n" + real("test").split("\n", 1)[1], tmp_path)
    bring_in(store, urgency, "zero-shot", MADE, tmp_path)
    with store.write() as session:
        queue.enqueue(session, title="Train", key="train:1", command=["-m", "core"], slot=Slot.CPU, study_id=study.id)

    with store() as session:
        found = way.ways(session, study.id)[0]

    assert found.next.is_running
    assert found.meanwhile is not None
    assert found.meanwhile.page == "inspect"


def test_the_first_open_way_is_that_of_the_first_task_without_a_verdict(
    store: Store, study: Study, finished: Callable[[str], Task]
) -> None:
    finished("done")
    with store.write() as session:
        make_task(session, study, "begun", test_texts=8)

    with store() as session:
        found = way.first_open(way.ways(session, study.id))

    assert found is not None
    assert found.task == "begun"
    assert way.first_open([]) is None


@pytest.fixture
def finished(store: Store, study: Study, tmp_path: Path) -> Callable[[str], Task]:
    def make(name: str) -> Task:
        with store.write() as session:
            task = make_task(session, study, name, test_texts=8, arms=["zero-shot"])
            add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
        bring_in(store, task, "real", real("train"), tmp_path)
        bring_in(store, task, "zero-shot", MADE, tmp_path)
        return task

    return make


def test_the_ten_tasks_are_made_with_labels_and_two_prompts_each_and_begin_at_real_texts(store: Store) -> None:
    titles = [task.title for task in catalogued.catalogue_tasks()]

    with store.write() as session:
        study = ten_tasks.make(session, "ten-tasks", titles)
        again = ten_tasks.make(session, "ten-tasks", titles[:2])

    with store() as session:
        found = way.ways(session, study.id)
        known = tasks.tasks(session, study.id)
        saved = [versions.versions(session, arm.id) for task in known for arm in tasks.arms(session, task.id)]
    assert again.id == study.id
    assert len(known) == 10
    assert {each.next.page for each in found} == {"data"}
    assert [len(prompts) for prompts in saved] == [1] * 20


def test_the_stamps_change_with_every_step(store: Store, study: Study, urgency: Task, tmp_path: Path) -> None:
    def stamp() -> tuple[object, ...]:
        with store() as session:
            return (*state.stamp(session), *way.stamp(session, study.id))

    seen = [stamp()]
    bring_in(store, urgency, "real", real("train"), tmp_path)
    seen.append(stamp())
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=urgency.id, name="zero-shot")
        draft = drafts.default(urgency, tasks.labels_of(session, urgency.id), kind=arm.kind)
        versions.save(session, arm_id=arm.id, draft=draft)
    seen.append(stamp())
    with store.write() as session:
        queue.enqueue(session, title="Train", key="train:1", command=["-m", "core"], slot=Slot.CPU, study_id=study.id)
    seen.append(stamp())
    with store.write() as session:
        make_task(session, study, "second", test_texts=0)
    seen.append(stamp())

    assert len(set(seen)) == 5


def test_a_tried_prompt_is_to_be_saved(store: Store, study: Study, urgency: Task, tmp_path: Path) -> None:
    bring_in(store, urgency, "real", real("train") + "\n" + real("test").split("\n", 1)[1], tmp_path)
    before = next_of(store, study).wanted
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=urgency.id, name="zero-shot")
        label = tasks.labels_of(session, urgency.id)[0]
        session.add(
            Trial(
                arm_id=arm.id,
                label_id=label.id,
                kind=TrialKind.TRY,
                draft={},
                draft_hash="d",
                provider="recorded",
                model="m",
                request={},
                content="",
                finish_reason="stop",
                tokens_in=1,
                tokens_out=1,
                cost_usd=None,
                latency_s=0.1,
            )  # fmt: skip
        )

    assert "connect a model" in before and "save it as a new version" in before
    assert next_of(store, study).wanted.startswith("Save the prompt for urgency as a new version")


def test_paused_trainings_are_paused_and_not_going_on(store: Store, study: Study, urgency: Task) -> None:
    with store.write() as session:
        job = queue.enqueue(session, title="T", key="train:1", command=["-m", "c"], slot=Slot.CPU, study_id=study.id)
        queue.enqueue(session, title="S", key="sample", command=["-m", "c"], slot=Slot.API, study_id=study.id)

    def train() -> way.Step:
        with store() as session:
            return next(step for step in way.ways(session, study.id)[0].steps if step.page == "train")

    assert train().is_running and not train().is_paused
    with store.write() as session:
        queue.request_pause(session, job.id)
    assert train().is_paused and not train().is_running


def test_no_text_is_to_be_looked_at_before_one_is_written(store: Store, study: Study, urgency: Task) -> None:
    with store() as session:
        found = way.ways(session, study.id)[0]

    assert found.meanwhile is None


def steps_of(store: Store, study: Study, task: str) -> dict[str, way.Step]:
    with store() as session:
        return {step.page: step for found in way.ways(session, study.id) if found.task == task for step in found.steps}


def test_a_job_is_told_of_the_task_that_it_works_on_alone(store: Store, study: Study, urgency: Task) -> None:
    with store.write() as session:
        other = make_task(session, study, "topic", test_texts=4, arms=["zero-shot"])
        arm = tasks.make_arm(session, task_id=urgency.id, name="zero-shot")
        add_runs(session, other, {"real": 0.9}, seeds=1)
        job = queue.enqueue(
            session, title="G", key=Work.GENERATE.key(arm.id), command=["-m", "c"], slot=Slot.API, study_id=study.id
        )
        train = queue.enqueue(session, title="T", key="train:x", command=["-m", "c"], slot=Slot.CPU, study_id=study.id)
        for run in session.scalars(select(Run)):
            run.job_id, run.finished_at = train.id, None

    mine, others = steps_of(store, study, "urgency"), steps_of(store, study, "topic")
    assert mine["generate"].is_running and mine["generate"].doing.is_waiting and not others["generate"].is_running
    assert others["train"].is_running and not mine["train"].is_running
    with store.write() as session:
        queue.request_pause(session, job.id)
    assert steps_of(store, study, "urgency")["generate"].is_paused
    with store.write() as session:
        session.get_one(Job, job.id).resume_at = 2e9
    assert steps_of(store, study, "urgency")["generate"].doing.resumes_at == 2e9


@pytest.mark.slow
def test_answers_of_models_and_of_excluded_raters_are_no_ratings(store: Store) -> None:
    with store.write() as session:
        made = whole_study.fill(session)
        session.execute(update(Rater).values(kind=RaterKind.PERSON, excluded_at=None))
        study_id = made.id

    def answers() -> int:
        with store() as session:
            found = [
                step.has for each in way.ways(session, study_id) for step in each.steps if step.page == "campaigns"
            ]
        return sum(int(has.split()[0]) for has in found if has)

    by_people = answers()
    with store.write() as session:
        session.execute(update(Rater).values(kind=RaterKind.LLM))
    by_models = answers()
    with store.write() as session:
        session.execute(update(Rater).values(kind=RaterKind.PERSON, excluded_at=1.0))
    assert (by_people > 0, by_models, answers()) == (True, 0, 0)
