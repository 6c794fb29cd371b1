"""Examples and sources: the splits they are drawn from, and the same draw for the same call."""

from collections import Counter
from collections.abc import Callable

import pytest

from core.errors import StudyError
from core.llm.answers import SlotKey
from core.study.rows.kinds import Split
from core.study.rows.study import Label, Sample, Task
from core.study.store import Store
from core.synthesis.prompts import examples


def key(index: int) -> SlotKey:
    return SlotKey(study="s", task="t", arm="rewrite", label="glad", index=index)


def test_sources_are_texts_of_the_other_labels_and_the_same_for_the_same_call(
    store: Store, task: Task, labels: list[Label], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.POOL, 6)
    with store() as session:
        pool = examples.pool(session, task=task, labels=labels, per_call=0, sources=3, seed=0)

    drawn = [pool.draw_sources(labels[0].id, key(index)) for index in range(20)]

    assert all(sample.label_id == labels[1].id for call in drawn for sample in call)
    assert all(len({sample.id for sample in call}) == 3 for call in drawn)
    assert drawn[4] == pool.draw_sources(labels[0].id, key(4)) and len({call[0].id for call in drawn}) > 1
    assert pool.draw(labels[0].id, key(0)) == []


def test_sources_never_come_from_the_test_split_and_their_absence_is_said(
    store: Store, task: Task, labels: list[Label], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.TEST, 50)

    with (
        store() as session,
        pytest.raises(StudyError, match="rewrites 2 real texts of other labels into 'glad'.* has 0"),
    ):
        examples.pool(session, task=task, labels=labels, per_call=0, sources=2, seed=0)


def test_without_a_pool_split_a_tenth_of_the_train_split_is_shown_but_never_fewer_than_a_call_needs(
    store: Store, task: Task, labels: list[Label], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.TRAIN, 40)

    with store() as session:
        few = examples.pool(session, task=task, labels=labels, per_call=3, seed=0)
        many = examples.pool(session, task=task, labels=labels, per_call=0, sources=9, seed=0)

    assert {len(texts) for texts in few.texts.values()} == {4}
    assert {len(texts) for texts in many.texts.values()} == {9}


def test_sources_take_turns_among_the_other_labels(labels: list[Label], store: Store, task: Task) -> None:
    def some(label_id: int, n: int) -> list[Sample]:
        return [
            Sample(arm_id=1, label_id=label_id, split="pool", text=f"{label_id}/{at}", text_hash=f"{label_id}/{at}")
            for at in range(n)
        ]

    pool = examples.Pool({1: some(1, 5), 2: some(2, 100), 3: some(3, 4), 4: some(4, 1)}, per_call=0, sources=6, seed=0)

    drawn = Counter(sample.label_id for sample in pool.draw_sources(1, key(0)))

    assert drawn[4] == 1 and drawn[1] == 0 and min(drawn[2], drawn[3]) >= 2
