"""Frozen plans: stored with a hash, never changed, and every departure from them is listed."""

import pytest
from sqlalchemy import select

from core.analysis import findings
from core.analysis.points import Metric
from core.analysis.reports import report
from core.analysis.trust import checks, frozen
from core.analysis.trust.frozen import Decision, Headline
from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import Purpose, Split
from core.study.rows.study import FrozenPlan, Sample, Study, Task
from core.study.splits import equal_texts
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_ratings

SEEN_AT = 1_790_000_000.0


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        made = tasks.study_named(session, "s")
        made.config = made.config | {"training": {"steps": 100}}
        make_task(session, made, "t", test_texts=20, arms=["zero-shot"])
    return made


def freeze(store: Store, study: Study, **changes: object) -> FrozenPlan:
    with store.write() as session:
        asked = {"question": "Does it cost more?", "headline": Headline.GAP, "metric": Metric.MACRO_F1, "margin": 0.05}
        decision = Decision(**(asked | changes))  # type: ignore[arg-type]
        return frozen.freeze(session, session.get_one(Study, study.id), decision, now=SEEN_AT)


def departures(store: Store, plan: FrozenPlan, **shown: object) -> list[str]:
    with store() as session:
        return frozen.deviations(session, session.get_one(FrozenPlan, plan.id), **shown)  # type: ignore[arg-type]


def train(store: Store, **changes: int) -> None:
    with store.write() as session:
        task = session.scalars(select(Task)).one()
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8}, **changes)
        for run in session.scalars(select(frozen.Run)):
            run.config = run.config | {"test": "other texts", "code": 1}


def test_a_plan_has_everything_that_decides_its_date_and_its_hash(store: Store, study: Study) -> None:
    plan = freeze(store, study)

    assert plan.version == 1 and plan.sha256 == frozen.digest(plan.content)
    assert plan.content["frozen_at"] == "2026-09-21T14:13:20Z"
    assert plan.content["tasks"]["t"]["arms"] == ["real", "zero-shot"] and plan.content["seeds"] == [0, 1, 2]
    assert plan.content["tasks"]["t"]["test_texts"] == 20 and len(plan.content["tasks"]["t"]["test"]) == 64
    with store() as session:
        stored = frozen.latest(session, study.id)
        assert stored and frozen.digest(stored.content) == plan.sha256
        assert "Plan 1 was frozen on 2026-09-21" in frozen.words(stored)


def test_freezing_again_makes_a_new_version_and_leaves_the_old_one(store: Store, study: Study) -> None:
    first = freeze(store, study)
    second = freeze(store, study, margin=0.02)

    with store() as session:
        assert [plan.sha256 for plan in frozen.versions(session, study.id)] == [second.sha256, first.sha256]
        assert [plan.content["margin"] for plan in frozen.versions(session, study.id)] == [0.02, 0.05]


def test_a_study_that_keeps_to_its_plan_has_no_deviation(store: Store, study: Study) -> None:
    plan = freeze(store, study)
    with store.write() as session:
        task = session.scalars(select(Task)).one()
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8})
        digest = plan.content["tasks"]["t"]["test"]
        for run in session.scalars(select(frozen.Run)):
            run.config = run.config | {"test": digest}

    assert departures(store, plan, metric=Metric.MACRO_F1, margin=0.05) == []


def test_every_departure_is_listed(store: Store, study: Study) -> None:
    plan = freeze(store, study)
    train(store, seeds=4, steps=50)
    with store.write() as session:
        task = session.scalars(select(Task)).one()
        real = tasks.get_arm(session, task, "real")
        extra = "one more text of the test split"
        session.add(
            Sample(
                arm_id=real.id, label_id=tasks.labels_of(session, task.id)[0].id, split=Split.TEST, text=extra,
                text_hash=equal_texts.text_hash(extra),
            )
        )  # fmt: skip
        tasks.make_arm(session, task_id=task.id, name="few-shot")
        add_runs(session, task, {"few-shot": 0.8}, seeds=1)
        new = make_task(session, session.get_one(Study, study.id), "new", arms=["zero-shot"])
        add_runs(session, new, {"real": 0.9}, seeds=1)

    said = departures(store, plan, metric=Metric.ACCURACY, margin=0.1)

    assert said == [
        "The score shown is accuracy; planned was Macro-F1.",
        "The margin is 10 points; planned were 5.",
        "t: the test split has changed (21 texts; planned were 20).",
        "t: arm few-shot was not planned, and has runs.",
        "t: seed 3 was not planned, and has runs.",
        "t: 8 of 9 runs have other training settings than planned.",
        "t: 9 of 9 runs were scored on other test texts than planned.",
        "new: it was not planned, and has runs.",
    ]


def test_only_runs_of_the_comparison_are_held_against_the_plan(store: Store, study: Study) -> None:
    plan = freeze(store, study)
    with store.write() as session:
        task = session.scalars(select(Task)).one()
        others = {Purpose.STEPS_CHECK: 50, Purpose.LEARNING_CURVE: 200, Purpose.SEED_STUDENT: 300}
        for purpose, steps in others.items():
            before = set(session.scalars(select(frozen.Run.id)))
            add_runs(session, task, {"real": 0.9, "zero-shot": 0.8}, steps=steps)
            for run in session.scalars(select(frozen.Run).where(frozen.Run.id.not_in(before))):
                run.purpose = purpose
        assert frozen.deviations(session, session.get_one(FrozenPlan, plan.id)) == ["t: no run has finished yet."]
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8}, seeds=2)

    assert departures(store, plan) == ["t: seed 2 was planned, and has no finished run."]


def test_what_is_planned_and_not_done_and_runs_before_the_plan_are_said(store: Store, study: Study) -> None:
    train(store, seeds=2)
    plan = freeze(store, study)

    said = departures(store, plan)

    assert "4 runs were finished before the plan was frozen." in said
    assert "t: seed 2 was planned, and has no finished run." in said


def test_a_plan_that_was_changed_in_the_store_is_found_out(store: Store, study: Study) -> None:
    plan = freeze(store, study)
    with store.write() as session:
        stored = session.get_one(FrozenPlan, plan.id)
        stored.content = stored.content | {"margin": 0.5}

    assert departures(store, plan)[0] == "The stored plan does not fit its hash: it was changed."


@pytest.mark.parametrize(("changes", "said"), [({"question": " "}, "the question"), ({"margin": 0.0}, "above 0")])
def test_a_plan_without_question_or_margin_is_refused(
    store: Store, study: Study, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(StudyError, match=said):
        freeze(store, study, **changes)


def test_a_study_without_tasks_cannot_be_planned(store: Store) -> None:
    with store.write() as session:
        empty = tasks.study_named(session, "empty")

    with pytest.raises(StudyError, match="no task yet"):
        freeze(store, empty)


def test_the_list_says_what_was_not_tested_and_then_what_was_found(store: Store, study: Study) -> None:
    with store() as session:
        task = session.scalars(select(Task)).one()
        before = checks.of_task(session, task)
        plan, _ = checks.of_plan(session, study)
    assert [check.is_tested for check in (*before, plan)] == [False] * 6
    assert before[0].line.startswith("Baselines: In macro-F1, always the commonest label 0.33")
    assert (
        before[1].line == "Contamination: not tested: whether an LLM knows the real test texts by heart is not known."
    )
    assert before[3].line == "Calibration: not tested: no run has finished."
    assert before[4].line == "Labels: not tested: no test text has two ratings by people."

    train(store)
    freeze(store, study)
    with store.write() as session:
        add_ratings(session, task, noise=0.8)

    with store() as session:
        after = checks.of_task(session, task)
        plan, said = checks.of_plan(session, study, metric=Metric.MACRO_F1, margin=0.05)
    assert after[3].is_tested is False and "needs 40 test texts; there are 20" in after[3].line
    assert after[4].is_tested and after[4].line.startswith(
        "Labels: one rater agrees with the majority of the others on 0."
    )
    assert "of 20 labels differ from the majority of their raters." in after[4].line
    assert plan.is_tested and plan.line.startswith("Frozen plan: version 1 of 2026-09-21, SHA-256 ")
    assert len(said) == 2 and "2 deviations" in plan.line


@pytest.mark.slow
def test_the_report_lists_the_checks_the_plan_and_its_deviations(store: Store, study: Study) -> None:
    train(store)
    plan = freeze(store, study)

    with store() as session:
        written = report.render(session, findings.collect(session, session.get_one(Study, study.id)))

    assert plan.sha256[:12] in written and "Does it cost more?" in written
    assert "6 runs were finished before the plan was frozen." in written and "Contamination: not tested" in written
