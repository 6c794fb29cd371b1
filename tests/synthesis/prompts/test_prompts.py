"""Prompts: filled placeholders, refused drafts, and versions that never change."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.errors import StudyError
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Label, Prompt, Task
from core.study.store import Store
from core.synthesis.prompts import drafts, versions
from core.synthesis.prompts.drafts import Draft

PLAIN = Draft(context="", generation="{n} texts that are {label}", diversity="others", turns=2)


@pytest.fixture
def arm(make_arm: Callable[[str], Arm]) -> Arm:
    return make_arm("zero-shot")


def test_the_default_prompt_says_all_that_a_writer_must_know(task: Task, labels: list[Label]) -> None:
    draft = drafts.default(task, labels, kind=ArmKind.ZERO_SHOT)

    system, user = versions.render(draft, task=task, label=labels[0], labels=labels)

    assert system["role"] == "system" and user["role"] == "user"
    assert task.question in system["content"] and "- sad: the writer is unhappy" in system["content"]
    assert all(part in user["content"] for part in ("Number of texts: 10", "glad", "the writer is happy", "30 words"))
    assert not versions.PLACEHOLDER.search(system["content"] + user["content"])


def test_the_default_few_shot_prompt_shows_three_examples_in_one_turn(task: Task, labels: list[Label]) -> None:
    draft = drafts.default(task, labels, kind=ArmKind.FEW_SHOT)

    messages = versions.render(
        draft, task=task, label=labels[0], labels=labels, drawn=versions.Drawn(examples=["One\ntwo", "b", "c"])
    )

    assert (draft.examples, draft.turns) == (3, 1)
    assert "- One two\n- b\n- c" in messages[-1]["content"]


def test_later_turns_repeat_the_conversation_and_ask_for_something_else(task: Task, labels: list[Label]) -> None:
    messages = versions.render(PLAIN, task=task, label=labels[1], labels=labels, previous=["1. a", " ", "1. b"])

    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1]["content"] == "1. a" and messages[3]["content"] == "1. b"
    assert messages[2]["content"] == messages[4]["content"] == "others\n\n10 texts that are sad"


def test_braces_in_texts_and_labels_stay_as_they_are(task: Task) -> None:
    odd = [Label(task_id=task.id, name="{words}", description="{0} %s {label}"), Label(task_id=task.id, name="b")]
    draft = Draft(
        context='{label} as {"a": {"b": 1}} {} {{x}', generation="{description} {examples}", diversity="d", examples=1
    )

    system, user = versions.render(
        draft, task=task, label=odd[0], labels=odd, drawn=versions.Drawn(examples=["{n} {nothing} \\1"])
    )

    assert system["content"] == '{words} as {"a": {"b": 1}} {} {{x}'
    assert user["content"] == "{0} %s {label} - {n} {nothing} \\1"


def test_an_unknown_placeholder_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(
        StudyError, match=r"generation prompt has an unknown placeholder \{lable\}.*\{label\}, .*\{examples\}"
    ):
        versions.check(Draft(context="", generation="a {lable}", diversity=""))


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        (Draft(context="c", generation=" ", diversity="d"), "generation prompt is empty"),
        (Draft(context="c", generation="g", diversity=""), "needs a diversity prompt"),
        (Draft(context="c", generation="g", diversity="d", examples=2), "never shows them"),
        (Draft(context="c", generation="{examples}", diversity="d"), "number of examples is 0"),
        (Draft(context="c", generation="g", diversity="d", turns=1, sources=2), "2 texts to rewrite but never shows"),
        (Draft(context="c", generation="{sources}", diversity="d"), "number of texts to rewrite is 0"),
        (Draft(context="c", generation="{sources}", diversity="d", turns=2, sources=1), "set turns to 1"),
        (Draft(context="c", generation="{attributes}", diversity="d"), "shows {attributes}, but it has no attributes"),
        (Draft(context="c", generation="g", diversity="d", attributes={"a": ["x"]}), "never shows its attribute 'a'"),
        (Draft(context="c", generation="{a}", diversity="d", attributes={"a": []}), "Attribute 'a' has no values"),
        (Draft(context="c", generation="{a}", diversity="d", attributes={"a": "xy"}), "must be a list"),
        (Draft(context="c", generation="{a}", diversity="d", attributes={"a": ["x", "x"]}), "different values"),
        (Draft(context="c", generation="{n}", diversity="d", attributes={"n": ["x"]}), "cannot be called 'n'"),
        (
            Draft(context="c", generation="g", diversity="d", texts_per_call=0),
            "texts_per_call may be 1 to 100; it is 0",
        ),
    ],
)
def test_a_draft_that_cannot_work_is_refused_with_a_sentence(draft: Draft, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        versions.check(draft)


def test_saving_the_same_content_keeps_the_version_and_another_makes_the_next(store: Store, arm: Arm) -> None:
    other = Draft(context="c", generation="g", diversity="d")

    with store.write() as session:
        saved = [versions.save(session, arm_id=arm.id, draft=draft).version for draft in (PLAIN, PLAIN, other, PLAIN)]

    assert saved == [1, 1, 2, 3]
    with store() as session:
        newest = versions.latest(session, arm.id)
        assert newest is not None and newest.version == 3 and versions.as_draft(newest) == PLAIN
        assert [prompt.version for prompt in versions.versions(session, arm.id)] == [3, 2, 1]


def test_an_arm_without_prompt_has_no_latest_version(store: Store, arm: Arm) -> None:
    with store() as session:
        assert versions.latest(session, arm.id) is None


def test_a_diff_shows_what_changed_and_nothing_when_nothing_did() -> None:
    changed = versions.diff(
        PLAIN, Draft(context="", generation="{n} tweets that are {label}", diversity="others", turns=3)
    )

    assert "-{n} texts that are {label}" in changed and "+{n} tweets that are {label}" in changed
    assert "-turns: 2" in changed and "+turns: 3" in changed
    assert versions.diff(PLAIN, PLAIN) == ""


GRID = Draft(
    context="",
    generation="{n} by {persona}:\n{attributes}",
    diversity="others",
    turns=1,
    attributes={"persona": ["a nurse", "a pilot", "{n}"], "kind": {"glad": ["praise", "thanks"], "sad": ["loss"]}},
)


def test_attributes_are_shown_together_and_each_by_its_name(task: Task, labels: list[Label]) -> None:
    drawn = {"persona": "{n}", "kind": "praise"}

    [message] = versions.render(GRID, task=task, label=labels[0], labels=labels, drawn=versions.Drawn(attributes=drawn))

    assert message["content"] == "10 by {n}:\n- persona: {n}\n- kind: praise"


def test_texts_to_rewrite_are_numbered(task: Task, labels: list[Label]) -> None:
    draft = drafts.technique("rewrite", task, labels)

    messages = versions.render(
        draft, task=task, label=labels[0], labels=labels, drawn=versions.Drawn(sources=["One\ntwo", "b"])
    )

    assert "1. One two\n2. b\n" in messages[-1]["content"]


def test_each_label_draws_its_own_values_and_all_combinations_before_one_comes_again(labels: list[Label]) -> None:
    drawn = {
        label.name: [tuple(versions.draw(GRID, label=label, slot=slot, seed=1).items()) for slot in range(6)]
        for label in labels
    }

    assert len(set(drawn["glad"])) == 6
    assert len(set(drawn["sad"][:3])) == len(set(drawn["sad"][3:])) == 3
    assert all(dict(values)["kind"] == "loss" for values in drawn["sad"])


def test_the_turns_of_a_conversation_share_their_attributes(labels: list[Label]) -> None:
    long = replace(GRID, turns=3)

    drawn = [versions.draw(long, label=labels[0], slot=slot, seed=0) for slot in range(6)]

    assert drawn[0] == drawn[1] == drawn[2] != drawn[3] == drawn[4] == drawn[5]
    assert drawn[3] == versions.draw(GRID, label=labels[0], slot=1, seed=0)


def test_a_draft_is_checked_against_the_labels_of_its_arm(store: Store, arm: Arm) -> None:
    for given, sentence in (
        ({"glad": ["praise"]}, "'kind' for label 'sad' has no values"),
        ({"glad": ["a"], "sad": ["b"], "odd": ["c"]}, "'odd', which is no label"),
    ):
        with store.write() as session, pytest.raises(StudyError, match=sentence):
            versions.save(
                session,
                arm_id=arm.id,
                draft=Draft(context="", generation="{kind}", diversity="d", attributes={"kind": given}),
            )


def test_equal_prompts_have_equal_digests_also_after_being_stored(store: Store, arm: Arm) -> None:
    with store.write() as session:
        saved = versions.save(session, arm_id=arm.id, draft=GRID)
    with store() as session:
        read = session.get_one(Prompt, saved.id)

    assert versions.digest(read) == versions.digest(GRID) != versions.digest(replace(GRID, words=31))
    assert len(versions.digest(GRID)) == 32 and versions.as_draft(read) == GRID


@pytest.mark.parametrize("name", drafts.TECHNIQUES)
def test_every_technique_is_ready_to_be_sent(
    name: str, task: Task, labels: list[Label], store: Store, arm: Arm
) -> None:
    draft = drafts.technique(name, task, labels)
    if name == "taxonomy":
        draft = replace(draft, attributes={"kind": {"glad": ["praise"], "sad": ["loss"]}})

    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=draft)
    messages = versions.render(
        draft,
        task=task,
        label=labels[1],
        labels=labels,
        drawn=versions.Drawn(
            examples=["An example"] * draft.examples,
            sources=["A source"] * draft.sources,
            attributes=versions.draw(draft, label=labels[1], slot=0, seed=0),
        ),
    )

    sent = " ".join(message["content"] for message in messages)
    assert not versions.PLACEHOLDER.search(sent)
    assert all(part in sent for part in (task.question, "Label: sad", f"Number of texts: {draft.texts_per_call}"))


def test_a_taxonomy_without_kinds_is_not_sent_and_an_unknown_technique_is_named(
    task: Task, labels: list[Label]
) -> None:
    with pytest.raises(StudyError, match="ask a model for them"):
        versions.check(drafts.technique("taxonomy", task, labels))
    with pytest.raises(StudyError, match="no technique 'magic'. Known are zero-shot"):
        drafts.technique("magic", task, labels)


def test_a_diff_shows_changed_attributes() -> None:
    changed = versions.diff(GRID, replace(GRID, attributes={"persona": ["a nurse"]}))

    assert "+attribute persona: a nurse" in changed and "-attribute kind [glad]: praise | thanks" in changed
