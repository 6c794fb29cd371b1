"""Texts that repeat the prompt or name their label are told from texts that were written."""

import pytest

from core.study.rows.study import Label, Task
from core.synthesis.parsing import slips, texts
from core.synthesis.prompts import drafts, versions

TASK = Task(study_id=1, name="mood", question="Is the writer of this letter glad or sad?")
LABELS = [Label(task_id=1, name="glad", description="the writer is pleased"), Label(task_id=1, name="sad")]
INSTRUCTIONS = versions.instructions(
    drafts.Draft(drafts.CONTEXT, drafts.REQUEST + drafts.ZERO_SHOT + drafts.FORMAT, drafts.DIVERSITY), TASK, LABELS
)


@pytest.mark.parametrize(
    "text",
    [
        "Write that many new texts to which a careful reader would give this label. The number is 15.",
        "Is the writer of this letter glad or sad?",
        "One text per number and one line per text, and nothing before or after the list",
        "the writer is pleased",
    ],
)
def test_a_text_that_repeats_the_prompt_is_an_echo(text: str) -> None:
    parsed = texts.parse(f"1. {text}", finish_reason="stop", expected=1, asked=texts.Asked(instructions=INSTRUCTIONS))

    assert (parsed.texts, [reason for _, reason in parsed.rejected]) == ([], [slips.ECHO])


@pytest.mark.parametrize(
    "text",
    [
        "The letter from my aunt came on Tuesday and I have read it four times since",
        "Is the writer of this letter my old teacher, and why did nobody tell me that she moved to Leeds?",
        "glad",
        "",
    ],
)
def test_a_text_with_a_few_words_of_the_prompt_is_no_echo(text: str) -> None:
    assert not INSTRUCTIONS.are_echoed(text)


@pytest.mark.parametrize(
    "text", ["By the label of glad, it rains", "The train was late (its label is sad).", "label “sad”: no tea"]
)
def test_a_text_that_says_its_label_is_not_kept(text: str) -> None:
    parsed = texts.parse(
        f"1. a fine text\n2. {text}", finish_reason="stop", expected=2, asked=texts.Asked("glad", ["sad"])
    )

    assert text not in parsed.texts and len(parsed.texts) == 1


def test_a_text_about_a_record_label_is_kept() -> None:
    text = "The record label went out of business last week"

    assert not slips.speaks_of_label(text, ["business", "sports"])


@pytest.mark.parametrize(
    ("text", "label", "is_named"),
    [
        ("So glad that you came", "glad", True),
        ("Gladly, said the cook", "glad", False),
        ("That was not sarcastic at all", "not-sarcastic", True),
        ("No, never", "no", False),
        ("¡Qué alegría!", "alegría", True),
    ],
)
def test_the_name_of_a_label_counts_as_whole_words(text: str, label: str, is_named: bool) -> None:
    assert slips.names_label(text, label) is is_named
