"""Which of the offered answers an LLM names: tolerant of wrapping, never guessing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm import choices, text
from core.llm.choices import Choice

IRONY = [
    Choice("sarcastic", ("sarcastic", "sarcastic: says the opposite")),
    Choice("not-sarcastic", ("not-sarcastic",)),
]
SCALE = [Choice(n, (n, f"{n}/5", f"{n} out of 5")) for n in "12345"]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("sarcastic", "sarcastic"),
        ("**Not sarcastic.**", "not-sarcastic"),
        ("- sarcastic: says the opposite", "sarcastic"),
        ("I'd say sarcastic.", "sarcastic"),
        ("I would go with “not_sarcastic”", "not-sarcastic"),
        ("not-sarcastic, because it means what it says", "not-sarcastic"),
        ('{"choice": "sarcastic", "why": "not-sarcastic people would not say so"}', "sarcastic"),
        ("<think>not-sarcastic?</think>sarcastic", "sarcastic"),
    ],
)
def test_a_name_is_read_however_it_is_wrapped(answer: str, name: str) -> None:
    found, reason = choices.read(answer, IRONY)

    assert found is not None and (found.name, reason) == (name, None)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("4", "4"),
        ("I'd say 4", "4"),
        ("I would rate it as 4.", "4"),
        ("Rating: 4/5", "4"),
        ("4 out of 5", "4"),
        ("My rating is 4", "4"),
        ('{"rating": 4}', "4"),
        ('```json\n{"score": 4.0}\n```', "4"),
        ("4, because 5 would be too much", "4"),
        ("4\n\nThe text leaves 1 or 2 things open.", "4"),
    ],
)
def test_a_number_is_read_however_it_is_wrapped(answer: str, name: str) -> None:
    found, reason = choices.read(answer, SCALE)

    assert found is not None and (found.name, reason) == (name, None)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("3-4", choices.SEVERAL),
        ("between 3 and 4", choices.SEVERAL),
        ("4\n5", choices.SEVERAL),
        ('{"rating": 4, "score": 5}', choices.SEVERAL),
        ("4.5", choices.SEVERAL),
        ("7", choices.NONE_NAMED),
        ("It depends.", choices.NONE_NAMED),
        ("", text.EMPTY),
        ("As an AI language model I have no opinion.", text.REFUSAL),
    ],
)
def test_what_is_unclear_is_refused_with_a_reason(answer: str, reason: str) -> None:
    assert choices.read(answer, SCALE) == (None, reason)


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [("content_filter", text.FILTERED), ("length", text.EMPTY), ("stop", text.EMPTY)],
)
def test_an_empty_answer_says_why(finish_reason: str, reason: str) -> None:
    assert choices.read(" ", IRONY, finish_reason=finish_reason) == (None, reason)


def test_an_answer_cut_before_its_end_says_so() -> None:
    assert choices.read("Well, let me think", IRONY, finish_reason="length") == (None, text.CUT)


def test_a_long_reason_does_not_hide_the_choice_and_a_long_line_is_no_choice() -> None:
    reason = "it says the opposite of what it means, " * 50

    assert choices.read(f"Label: sarcastic, because {reason}", IRONY)[0] == IRONY[0]
    assert choices.read('"' * 400 + "sarcastic" + '"' * 400, IRONY)[0] == IRONY[0]
    assert choices.read('"' * 291 + "sarcastic" + " words that go on" * 30, IRONY) == (None, choices.NONE_NAMED)


@given(st.text(max_size=200))
def test_whatever_is_answered_is_a_choice_or_a_reason(answer: str) -> None:
    found, reason = choices.read(answer, SCALE)

    assert (found is None) == (reason is not None)
