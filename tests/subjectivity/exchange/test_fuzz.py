"""Random files of answers: every row is kept or has a reason, errors are a sentence, and missing labels are no labels.

LITMUS_FUZZ is the number of files (60 unless told, 300 in `make test`).
"""

import csv
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import StudyError
from core.study.exchange import labels_in_files
from core.subjectivity.exchange import formats
from core.subjectivity.exchange.counted import Choices
from core.subjectivity.exchange.formats import Answers, Options
from core.subjectivity.exchange.sets import NO_ANSWER

EXAMPLES = int(os.environ.get("LITMUS_FUZZ", "60"))
WORDS = [
    "good",
    "Good ",
    "bad",
    "b\u00e4d",
    "ba\u0308d",
    "nan",
    "None",
    "-",
    "",
    "N/A",
    "(blank)",
    "1",
    "1.0",
    "0.0",
    "0.5",
    "1e3",
    "?",
]
SETS = ["good, bad", "bad, good", "good;bad", "good|bad", '["good", "bad"]', "['bad']", '["good"]', "[]", "[1.0]", "{1}", "[[1]]",
        '{"choices": ["good"]}', '["[]"]']  # fmt: skip
CELL = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(SETS), st.text(max_size=6))
NAME = st.one_of(
    st.sampled_from(["ann", "Ann", "ben", "1", "1.0", "", "eva@example.org", "0123456789abcdef01234567"]),
    st.text(max_size=5),
)
ITEM = st.one_of(st.sampled_from(["1", "2", "3", "1.0", "", "a b", "=1+1", "@x"]), st.text(max_size=8))
ROWS = st.lists(st.tuples(ITEM, NAME, CELL), min_size=1, max_size=25)
CHOICES = st.builds(
    Choices,
    fold=st.booleans(),
    whole_sets=st.booleans(),
    as_sets=st.booleans(),
    has=st.sampled_from([None, None, None, "good"]),
    rename=st.sampled_from([{}, {"good": "bad"}, {"0": "left", "1": "right"}]),
)
KNOWN = st.sampled_from([(), (), ("good", "bad"), ("0", "1")])
HEADS = [
    ("item_id", "rater_id", "label"), ("task", "worker", "label"), ("itemId", "workerId", "annotationLabel"),
    ("id", "annotator", "rating"), ("doc_id", "Coder", "answer"),
]  # fmt: skip


def _csv(path: Path, frame: pd.DataFrame, rng: random.Random) -> Path:
    mark = rng.choice([",", ",", ";", "\t"])
    quoting = csv.QUOTE_ALL if frame.map(lambda cell: "\r" in str(cell)).any(axis=None) else csv.QUOTE_MINIMAL
    content = frame.to_csv(index=False, sep=mark, lineterminator=rng.choice(["\n", "\r\n"]), quoting=quoting)
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"])
    path = path / ("f.tsv" if mark == "\t" else "f.csv")
    path.write_bytes(content.encode(encoding, "ignore"))
    return path


def _lines(path: Path, rows: list[dict[str, Any]], rng: random.Random) -> Path:
    path = path / rng.choice(["f.jsonl", "f.json"])
    path.write_text("\n".join(map(json.dumps, rows)) if path.suffix == ".jsonl" else json.dumps(rows), encoding="utf-8")
    return path


def long(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    head = rng.choice(HEADS)
    frame = pd.DataFrame(rows, columns=list(head))
    kind = rng.choice(["csv", "json", "parquet", "raw"])
    if kind == "csv":
        return _csv(path, frame, rng)
    if kind == "raw":
        (path / "f.csv").write_bytes("\n".join(",".join(row) for row in [head, *rows]).encode("utf-8", "ignore"))
        return path / "f.csv"
    if kind == "json":
        return _lines(
            path, [dict(zip(head, (item, rater, _nested(cell)), strict=True)) for item, rater, cell in rows], rng
        )
    frame.map(lambda cell: cell.encode("utf-8", "ignore").decode()).to_parquet(path / "f.parquet")
    return path / "f.parquet"


def wide(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    raters = list(dict.fromkeys(rater.strip() or "x" for _, rater, _ in rows))
    table = [{"item": str(n), "text": item, **{one: rng.choice(rows)[2] for one in raters}, "remarks": rng.choice(["", "see"])}
             for n, (item, _, _) in enumerate(rows)]  # fmt: skip
    return _csv(path, pd.DataFrame(table), rng)


def prodigy(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    answers = ["accept", "accept", "reject", "ignore"]
    return _lines(path, [{"text": item, "_input_hash": n % 4, "_annotator_id": rater, "accept": [cell] if cell else [],
                          "answer": rng.choice(answers)} for n, (item, rater, cell) in enumerate(rows)], rng)  # fmt: skip


def mturk(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    column = rng.choice(["Answer.tone.label", "Answer.tone", "Answer.taskAnswers"])
    cells = [json.dumps([{"tone": {"label": cell}}]) if column.endswith("Answers") else cell for _, _, cell in rows]
    return _csv(path, pd.DataFrame(
        {"HITId": "H", "WorkerId": [rater for _, rater, _ in rows],
         "AssignmentStatus": [rng.choice(["Approved", "Rejected"]) for _ in rows], "Input.item": [item for item, _, _ in rows],
         "Input.text": "t", column: cells}
    ), rng)  # fmt: skip


def form(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    questions = [f"Tone? [{n}]" for n in range(3)]
    table = [{"Timestamp": str(n), "Email Address": rater, **{one: rng.choice(rows)[2] for one in questions}}
             for n, (_, rater, _) in enumerate(rows)]  # fmt: skip
    return _csv(path, pd.DataFrame(table), rng)


def doccano(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    return _lines(path, [{"id": n, "text": item, "annotations": [{"label": cell, "user": rater}] * rng.choice([0, 1, 1, 2])}
                         for n, (item, rater, cell) in enumerate(rows)], rng)  # fmt: skip


def label_studio(path: Path, rows: list[tuple[str, str, str]], rng: random.Random) -> Path:
    tasks = [{"id": n, "data": {"text": item}, "annotations": [
        {"completed_by": rater, "was_cancelled": rng.random() < 0.2,
         "result": [{"from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": [cell]}}] * rng.choice([0, 1, 1])}
    ]} for n, (item, rater, cell) in enumerate(rows)]  # fmt: skip
    (path / "f.json").write_text(json.dumps(tasks), encoding="utf-8")
    return path / "f.json"


def _nested(cell: str) -> object:
    try:
        return json.loads(cell) if cell.startswith(("[", "{")) else cell
    except ValueError:
        return cell


def _sound(found: Answers, choices: Choices) -> None:
    assert found.read == len(found.frame) + sum(found.left_out.values())
    assert all(found.left_out) and min(found.left_out.values(), default=1) > 0
    assert not found.frame.duplicated(["item_id", "rater_id"]).any()
    assert not found.frame["rater_id"].str.contains("@example.org", regex=False).any()
    labels = [str(label) for label in found.frame["label"].unique()]
    for label in labels:
        assert label.strip() and label.casefold() not in labels_in_files.MISSING | NO_ANSWER
        assert labels_in_files.listed(label) is None
        assert not labels_in_files.WHOLE.fullmatch(label)
    if choices.fold:
        assert len({" ".join(label.casefold().split()) for label in labels}) == len(labels)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=ROWS, choices=CHOICES, known=KNOWN, seed=st.integers(0, 2**32),
    shape=st.sampled_from([long, long, wide, prodigy, mturk, form, doccano, label_studio]),
)  # fmt: skip
def test_every_answer_of_any_file_is_kept_or_left_out_by_a_reason(
    folder: Path, rows: list[tuple[str, str, str]], choices: Choices, known: tuple[str, ...], seed: int,
    shape: Callable[[Path, list[tuple[str, str, str]], random.Random], Path],
) -> None:  # fmt: skip
    rng = random.Random(seed)
    file = shape(folder, rows, rng)
    options = Options(wide=shape is wide, choices=choices, known=known, key=b"key")
    try:
        found = formats.ratings_in(formats.read(file), options)
    except StudyError as error:
        assert str(error).strip() and "\n" not in str(error).strip()
        return
    finally:
        file.unlink()
    _sound(found, choices)


WINNERS = ["left", "right", "tie", "x", "y", "a", "b", "A", "1", "2", "0", "", "both", "z", "X"]


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.tuples(NAME, st.sampled_from("xyz"), st.one_of(st.sampled_from("xyz"), st.just("")), st.integers(0, 20)),
        min_size=1,
        max_size=25,
    ),
    pool=st.lists(st.sampled_from(WINNERS), min_size=1, max_size=4),
    choices=CHOICES,
    seed=st.integers(0, 2**32),
)
def test_every_comparison_of_any_file_is_kept_or_left_out_by_a_reason(
    folder: Path, rows: list[tuple[str, str, str, int]], pool: list[str], choices: Choices, seed: int
) -> None:
    rng = random.Random(seed)
    heads = ["rater_id left right winner", "worker left right label", "judge model_a model_b winner"]
    head = rng.choice(heads).split()
    table = pd.DataFrame([(rater, a, b, pool[n % len(pool)]) for rater, a, b, n in rows], columns=head)
    file = _csv(folder, table, rng)
    try:
        found = formats.comparisons_in(formats.read(file), Options(choices=choices, key=b"key"))
    except StudyError as error:
        assert str(error).strip() and "\n" not in str(error).strip()
        return
    finally:
        file.unlink()
    assert found.read == len(rows) == len(found.frame) + sum(found.left_out.values())
    assert set(found.frame["winner"]) <= {"left", "right", "tie"}
    pairs = [
        (rater, *sorted((a, b)))
        for rater, a, b in found.frame[["rater_id", "left", "right"]].itertuples(index=False, name=None)
    ]
    assert len(set(pairs)) == len(pairs) and not found.frame["rater_id"].str.contains("@example.org", regex=False).any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of a test run; each file is deleted after reading."""
    return tmp_path_factory.mktemp("files")
