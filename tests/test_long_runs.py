"""Whatever reads strange text takes a time that grows with its length, also for 40,000 equal letters: nothing backtracks for hours."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pandas as pd
import pytest

from core.errors import StudyError
from core.llm import choices, text
from core.llm.endpoint import failures, prompt_refusals
from core.quality import lexical
from core.study.exchange import addresses, labels_in_files, tables
from core.subjectivity.exchange import formats, pseudonyms
from core.synthesis.parsing import texts
from core.synthesis.prompts import grid

LENGTH = 40_000
LIMIT_S = 5  # the longest takes a fraction of a second; with the square of the length it would be a quarter of a minute or more
UNITS = [
    " ", "a", "1", "@", "\n", "[", "{", '"', "'", "-", "*", "_", "a ", "a@", "1.", "a.", "\\", "`", "$", "<", "&", "#", "|", ", ", "=", "A",
    "/", "(", "é", ":", "\t\n", " \n", "a\n", "**a", "[a", "](", "<a", "<style", "- a\n", "1. ", '{"a":', '["', "\u200b", "<think>", "```",
]  # fmt: skip
OFFERED = [choices.Choice("good", ("good",)), choices.Choice("bad", ("bad",))]


def answer(long: str) -> None:
    for expected in (1, 5):
        texts.parse(long, finish_reason="stop", expected=expected, asked=texts.Asked(label="good", others=("bad",)))


def error(long: str) -> None:
    for status in (400, 429, 500):
        said = failures.of_response(status, {}, long.encode()).said
        prompt_refusals.ending(status=status, code=long, said=said)
        prompt_refusals.is_of_limit(param="", said=said)
        prompt_refusals.room_beside_prompt(said=said, limit=100)


def file(long: str, folder: Path) -> None:
    """A file of answers with the text as a heading, an item, a rater and a label."""
    table = pd.DataFrame({"item_id": ["1", long], "rater_id": ["a", long], "label": ["good", long], long: ["x", "y"]})
    for name, first in (("answers.csv", table), ("form.csv", table.rename(columns={"item_id": "Timestamp"}))):
        first.to_csv(folder / name, index=False)
        try:
            formats.ratings_in(tables.read(folder / name))
        except StudyError:
            continue


READERS: dict[str, Callable[[str, Path], object]] = {
    "an answer": lambda long, _: answer(long),
    "a choice": lambda long, _: choices.read(long, OFFERED),
    "prose": lambda long, _: (text.visible(long), text.declines(long), text.is_refusal(long)),
    "an error": lambda long, _: error(long),
    "a label": lambda long, _: labels_in_files.read(
        pd.Series([long, "good"], dtype="str"), known=["good"], rename={}, choices=labels_in_files.Choices(fold=True)
    ),
    "a rater": lambda long, _: pseudonyms.replaced(pd.Series([long, "a"], dtype="str"), key=b"key"),
    "a file of answers": file,
    "an address": lambda long, _: (addresses.without_key(long), addresses.without_key(f"https://a/?{long}"), addresses.is_key(long)),
    "attributes": lambda long, _: grid.parse(long, labels=["good"]),
    "words": lambda long, _: lexical.words(long),
}  # fmt: skip


@contextlib.contextmanager
def limited(what: str) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(what)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_a_long_run_of_anything_is_read_or_refused_in_time(reader: str, tmp_path: Path) -> None:
    for unit in UNITS:
        run = unit * (LENGTH // len(unit))
        for long in (run, f"x{run}x"):
            with limited(f"{reader}: {len(long):,} characters of {unit!r}"), contextlib.suppress(StudyError):
                READERS[reader](long, tmp_path)
