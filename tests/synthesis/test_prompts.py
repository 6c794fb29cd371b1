"""Prompts: what is filled in, what is refused, and that versions never change."""

from collections.abc import Callable

import pytest

from core.errors import StudyError
from core.study.records import Arm, ArmKind, Label, Task
from core.study.store import Store
from core.synthesis import prompts
from core.synthesis.prompts import Draft

PLAIN = Draft(context="", generation="{n} texts that are {label}", diversity="others", turns=2)


@pytest.fixture
def arm(make_arm: Callable[[str], Arm]) -> Arm:
    return make_arm("zero-shot")


def test_the_default_prompt_says_all_that_a_writer_must_know(task: Task, labels: list[Label]) -> None:
    draft = prompts.default(task, labels, kind=ArmKind.ZERO_SHOT)

    system, user = prompts.render(draft, task=task, label=labels[0], labels=labels, examples=[], previous=[])

    assert system["role"] == "system" and user["role"] == "user"
    assert task.question in system["content"] and "- sad: the writer is unhappy" in system["content"]
    assert all(part in user["content"] for part in ("Number of texts: 10", "glad", "the writer is happy", "30 words"))
    assert not prompts.PLACEHOLDER.search(system["content"] + user["content"])


def test_the_default_few_shot_prompt_shows_three_examples_in_one_turn(task: Task, labels: list[Label]) -> None:
    draft = prompts.default(task, labels, kind=ArmKind.FEW_SHOT)

    messages = prompts.render(
        draft, task=task, label=labels[0], labels=labels, examples=["One\ntwo", "b", "c"], previous=[]
    )

    assert (draft.examples, draft.turns) == (3, 1)
    assert "- One two\n- b\n- c" in messages[-1]["content"]


def test_later_turns_repeat_the_conversation_and_ask_for_something_else(task: Task, labels: list[Label]) -> None:
    messages = prompts.render(
        PLAIN, task=task, label=labels[1], labels=labels, examples=[], previous=["1. a", " ", "1. b"]
    )

    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1]["content"] == "1. a" and messages[3]["content"] == "1. b"
    assert messages[2]["content"] == messages[4]["content"] == "others\n\n10 texts that are sad"


def test_braces_in_texts_and_labels_stay_as_they_are(task: Task) -> None:
    odd = [Label(task_id=task.id, name="{words}", description="{0} %s {label}"), Label(task_id=task.id, name="b")]
    draft = Draft(
        context='{label} as {"a": {"b": 1}} {} {{x}', generation="{description} {examples}", diversity="d", examples=1
    )

    system, user = prompts.render(
        draft, task=task, label=odd[0], labels=odd, examples=["{n} {nothing} \\1"], previous=[]
    )

    assert system["content"] == '{words} as {"a": {"b": 1}} {} {{x}'
    assert user["content"] == "{0} %s {label} - {n} {nothing} \\1"


def test_an_unknown_placeholder_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(
        StudyError, match=r"generation prompt has an unknown placeholder \{lable\}.*\{label\}, .*\{examples\}"
    ):
        prompts.check(Draft(context="", generation="a {lable}", diversity=""))


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        (Draft(context="c", generation=" ", diversity="d"), "generation prompt is empty"),
        (Draft(context="c", generation="g", diversity=""), "needs a diversity prompt"),
        (Draft(context="c", generation="g", diversity="d", examples=2), "never shows them"),
        (Draft(context="c", generation="{examples}", diversity="d"), "number of examples is 0"),
        (
            Draft(context="c", generation="g", diversity="d", texts_per_call=0),
            "texts_per_call may be 1 to 100; it is 0",
        ),
    ],
)
def test_a_draft_that_cannot_work_is_refused_with_a_sentence(draft: Draft, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        prompts.check(draft)


def test_saving_the_same_content_keeps_the_version_and_another_makes_the_next(store: Store, arm: Arm) -> None:
    other = Draft(context="c", generation="g", diversity="d")

    with store.write() as session:
        saved = [prompts.save(session, arm_id=arm.id, draft=draft).version for draft in (PLAIN, PLAIN, other, PLAIN)]

    assert saved == [1, 1, 2, 3]
    with store() as session:
        newest = prompts.latest(session, arm.id)
        assert newest is not None and newest.version == 3 and prompts.as_draft(newest) == PLAIN
        assert [prompt.version for prompt in prompts.versions(session, arm.id)] == [3, 2, 1]


def test_an_arm_without_prompt_has_no_latest_version(store: Store, arm: Arm) -> None:
    with store() as session:
        assert prompts.latest(session, arm.id) is None


def test_a_diff_shows_what_changed_and_nothing_when_nothing_did() -> None:
    changed = prompts.diff(
        PLAIN, Draft(context="", generation="{n} tweets that are {label}", diversity="others", turns=3)
    )

    assert "-{n} texts that are {label}" in changed and "+{n} tweets that are {label}" in changed
    assert "-turns: 2" in changed and "+turns: 3" in changed
    assert prompts.diff(PLAIN, PLAIN) == ""
