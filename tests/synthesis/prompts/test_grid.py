"""Attribute grids as lines of text."""

import pytest

from core.errors import StudyError
from core.synthesis.prompts import grid

LABELS = ["yes", "no [maybe]"]


def test_lines_become_attributes_and_back() -> None:
    text = "persona: a nurse | a pilot\nkind [yes]: praise | thanks\nkind [no [maybe]]: doubt"

    found = grid.parse(text, labels=LABELS)

    assert found == {"persona": ["a nurse", "a pilot"], "kind": {"yes": ["praise", "thanks"], "no [maybe]": ["doubt"]}}
    assert grid.lines(found) == text


def test_nothing_written_is_no_attributes() -> None:
    assert grid.parse(" \n\n", labels=LABELS) == {}
    assert grid.lines({}) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("persona a nurse", "Line 1"),
        ("persona:  | ", "Line 1 of the attributes has no values"),
        ("style: a\n\nstyle: b", "Line 3"),
        ("style: a\nstyle [yes]: b", "Line 2"),
        ("kind [perhaps]: a", "'perhaps'"),
        ("kind [yes]: a", r"kind \[no \[maybe\]\]"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(text: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        grid.parse(text, labels=LABELS)
