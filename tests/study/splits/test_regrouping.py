"""Near-duplicates across splits: found, counted, kept out of examples, and moved whole to one side and back."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.errors import StudyError
from core.study import state
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Label, Sample, Task
from core.study.splits import across, equal_texts, regrouping
from core.study.store import Store
from core.synthesis.prompts import examples

SAME = "The ferry left the harbour at dawn and came back full of salt and rope"
TWIN = "the ferry left the harbour at dawn, and came back full of salt and rope!"
KIN = "The ferry left the harbour at dawn and came home full of salt and rope"
OTHERS = ["A retired pilot sold two violins in the rain", "The night nurse painted a paper kite for her cousin"]


@pytest.fixture
def real(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> Arm:
    """Real texts of both labels: a test text with near-duplicates in train and pool, and texts that are like no other."""
    arm = make_arm("real")
    texts = [
        (Split.TEST, SAME), (Split.TRAIN, TWIN), (Split.POOL, KIN), (Split.TEST, OTHERS[0]), (Split.TRAIN, OTHERS[1]),
        (Split.POOL, "Our landlord weighed the church organ with one hand and a smile"),
    ]  # fmt: skip
    more = [
        (split, f"{label.name} {word} letter")
        for label in labels
        for split in (Split.TEST, Split.TRAIN)
        for word in (f"{split}xyz", f"{split}qqq")
    ]
    with store.write() as session:
        for number, (split, text) in enumerate([*texts, *more]):
            label = labels[0] if number < len(texts) else next(label for label in labels if text.startswith(label.name))
            session.add(
                Sample(arm_id=arm.id, label_id=label.id, split=split, text=text, text_hash=equal_texts.text_hash(text))
            )
    return arm


def splits(store: Store) -> dict[str, str]:
    with store() as session:
        return {row.text: str(row.split) for row in session.scalars(select(Sample))}


def test_test_texts_with_a_near_duplicate_elsewhere_are_counted_and_said(store: Store, task: Task, real: Arm) -> None:
    with store() as session:
        found = across.across(session, task.id)

    assert list(found.pairs["other_text"]) == [TWIN, KIN] and set(found.pairs["test_text"]) == {SAME}
    assert (len(found.tested), found.n_test, found.n_others) == (1, 6, 8)
    assert found.share.value == pytest.approx(1 / 6)
    assert (
        "1 of 6 test texts beside 8 real texts of other splits has a near-duplicate there (1 in train, 1 in pool)"
        in (across.reading(found))
    )


def test_a_task_without_texts_of_both_sides_says_that_nothing_was_looked_for(store: Store, task: Task) -> None:
    with store() as session:
        found = across.across(session, task.id)

    assert across.reading(found) == "Near-duplicates were not looked for: the task has no real test text."


@pytest.mark.parametrize(("side", "moved"), [(Split.TEST, {TWIN, KIN}), (Split.TRAIN, {SAME})])
def test_whole_groups_move_to_one_side_and_back(
    store: Store, task: Task, real: Arm, side: Split, moved: set[str]
) -> None:
    before = splits(store)
    with store() as session:
        stamp = state.stamp(session)

    with store.write() as session:
        made = regrouping.regroup(session, task, side)

    after = splits(store)
    assert {text for text, split in after.items() if split != before[text]} == moved
    assert {after[text] for text in moved} == {side}
    with store() as session:
        assert regrouping.propose(session, task, side).moved == {}
        assert state.stamp(session) != stamp
        assert regrouping.words(regrouping.standing(session, task.id)[0]).startswith(
            f"Near-duplicates moved into {side}: "
        )
    with store.write() as session:
        assert regrouping.undo(session, made.id, now=9.0) == len(moved)
    assert splits(store) == before
    with store.write() as session, pytest.raises(StudyError, match="undone already"):
        regrouping.undo(session, made.id, now=10.0)


def test_nothing_moves_without_groups_or_where_a_label_would_lose_its_last_text(
    store: Store, task: Task, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("real")
    with store.write() as session:
        for split, label, text in (
            (Split.TEST, 0, SAME),
            (Split.TRAIN, 0, TWIN),
            (Split.TEST, 1, OTHERS[0]),
            (Split.TRAIN, 1, OTHERS[1]),
        ):
            session.add(
                Sample(
                    arm_id=arm.id,
                    label_id=labels[label].id,
                    split=split,
                    text=text,
                    text_hash=equal_texts.text_hash(text),
                )
            )

    with (
        store.write() as session,
        pytest.raises(StudyError, match="the test split of task 'mood' would hold no text labelled 'glad'"),
    ):
        regrouping.regroup(session, task, Split.TRAIN)
    with store.write() as session, pytest.raises(StudyError, match="go to test or train"):
        regrouping.regroup(session, task, Split.POOL)
    with store.write() as session:
        session.scalars(
            select(Sample).where(Sample.text == TWIN)
        ).one().text = "Nothing like the other letter of this task"
    with (
        store.write() as session,
        pytest.raises(StudyError, match="No near-duplicates of task 'mood' lie on both sides"),
    ):
        regrouping.regroup(session, task, Split.TRAIN)


def test_prompts_never_show_a_near_duplicate_of_a_test_text(
    store: Store, task: Task, labels: list[Label], real: Arm
) -> None:
    with store() as session:
        pool = examples.pool(session, task=task, labels=labels[:1], per_call=1, seed=0)
        with pytest.raises(StudyError, match="that are no near-duplicates of test texts"):
            examples.pool(session, task=task, labels=labels[:1], per_call=2, seed=0)

    assert [sample.text for sample in pool.texts[labels[0].id]] == [
        "Our landlord weighed the church organ with one hand and a smile"
    ]
