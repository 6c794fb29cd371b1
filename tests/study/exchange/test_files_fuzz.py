"""Importing random files: no row is lost or gets the label of another row, and the preview equals the import.

LITMUS_FUZZ sets the number of examples (60 unless told, 300 in `make test`), which the three tests share.
"""

import ast
import itertools
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import held_texts, importing, labels_in_files, tables
from core.study.exchange.labels_in_files import Choices
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Sample
from core.study.store import Store

EXAMPLES = int(os.environ.get("LITMUS_FUZZ", "60"))
fuzz = settings(max_examples=max(1, EXAMPLES // 3), deadline=None, suppress_health_check=list(HealthCheck))

LABELS = st.one_of(
    st.sampled_from(["good", "Good ", " bad", "bad", "nan", "None", "-", "", "[]", "1", "1.0", "0.0", "0.5", "N/A"]),
    st.sampled_from(['["good"]', '["good", "bad"]', '{"a": 1}', "[1.0]", "[[1]]", "gr\u00fcn", "gru\u0308n"]),
    st.sampled_from(
        ["['good']", "['good', 'bad']", "('bad',)", "{'a', 'b'}", "['good' 'bad']", "[None]", "[1]", "[nan]"]
    ),
    st.text(max_size=6),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["one", "two", "Two ", "three, four", 'she said "no"', "a\nb", "text", "=1+1", "\ufeffmark", "x;y\tz"]
    ),
    st.text(max_size=12),
)
SPLITS = st.sampled_from(["train", "Test", "dev", "pool", "", "later"])
ROWS = st.lists(st.tuples(TEXTS, LABELS, SPLITS), min_size=1, max_size=20)
CHOICES = st.builds(
    Choices, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([(), (), (), (0.5,), (0.25, 0.75)])
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
FORMS = st.sampled_from(
    [
        "csv",
        "csv without header",
        "csv;",
        "tsv",
        "json",
        "json by column",
        "json by split",
        "jsonl",
        "lists.jsonl",
        "numbers.jsonl",
    ]
    + ["parquet", "numbers.parquet", "lists.parquet"]
)
COLUMNS = ["text", "label", "split"]


def write(folder: Path, rows: list[tuple[str, str, str]], form: str, encoding: str) -> Path:
    """Write rows to a file in the dialect of some program."""
    path = folder / f"f.{form.split()[0].split('.')[-1].rstrip(';')}"
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    if form == "numbers.parquet":
        frame["label"] = pd.Series([number(cell) for cell in frame["label"]], dtype="float64")
    elif form == "lists.parquet":
        frame["label"] = pd.Series([[cell] for cell in frame["label"]], dtype=object)
    if form.endswith("parquet"):
        frame.to_parquet(path)
    elif form.startswith(("csv", "tsv")):
        separator = ";" if form == "csv;" else "\t" if form == "tsv" else ","
        content = frame.to_csv(index=False, sep=separator, header=form != "csv without header", lineterminator="\r\n")
        path.write_bytes(content.encode(encoding))
    else:
        path.write_bytes(_json(rows, form).encode(encoding))
    return path


def number(cell: str) -> float | None:
    """The number in a cell; None if the cell holds no number."""
    return float(cell) if cell in ("1", "1.0", "0.0", "0.5") else None


def _json(rows: list[tuple[str, str, str]], form: str) -> str:
    found: Any = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    if form == "json by column":
        found = {name: {str(place): row[name] for place, row in enumerate(found)} for name in COLUMNS}
    elif form == "json by split":
        own = {split: [row for row in found if row["split"] == split] for split in {row["split"] for row in found}}
        found = {split: [{"text": row["text"], "label": row["label"]} for row in rows] for split, rows in own.items()}
    elif form == "lists.jsonl":
        cells = [(row, tables.nested(row["label"])) for row in found]
        found = [row | {"label": row["label"] if cell is None else cell} for row, cell in cells]
    elif form == "numbers.jsonl":
        found = [
            row | {"label": row["label"] if number(row["label"]) is None else number(row["label"])} for row in found
        ]
    return "\n".join(map(json.dumps, found)) if form.endswith("jsonl") else json.dumps(found)


def read(
    folder: Path, rows: list[tuple[str, str, str]], form: str, encoding: str
) -> tuple[tables.Table, importing.Options]:
    headed = form != "csv without header"
    table = tables.read(write(folder, rows, form, encoding), header=None if headed else False)
    names = COLUMNS if headed else ["column 1", "column 2", "column 3"]
    split = names[2] if names[2] in table.frame.columns else None
    return table, importing.Options(text=names[0], label=names[1], split_column=split)


def is_list(label: str) -> bool:
    try:
        return isinstance(ast.literal_eval(label), list | tuple | set | dict)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return isinstance(tables.nested(label), list | dict)


def plain(cell: str) -> str:
    """A cell without the characters that reading removes: NUL, outer blanks, a byte order mark."""
    return cell.replace("\x00", "").removeprefix("\ufeff").strip()


def check_labels(labels: list[str], choices: Choices) -> None:
    fractions = [label for label in labels if labels_in_files.NUMBER.fullmatch(label) and "." in label]
    fractions = [label for label in fractions if not labels_in_files.WHOLE.fullmatch(label)]
    for label in labels:
        assert label and label == label.strip() and not is_list(label), label
        assert choices.keep_labels or label.casefold() not in labels_in_files.MISSING, label
        assert fractions or not labels_in_files.WHOLE.fullmatch(label), label


@pytest.mark.slow
@fuzz
@given(rows=ROWS, form=FORMS, encoding=ENCODINGS, choices=CHOICES)
def test_every_row_of_any_file_is_kept_or_left_out_by_a_reason(
    tmp_path: Path, rows: list[tuple[str, str, str]], form: str, encoding: str, choices: Choices
) -> None:
    try:
        table, options = read(tmp_path, rows, form, encoding)
        options = importing.Options(options.text, options.label, split_column=options.split_column, choices=choices)
        found = importing.look(table, options)
        labels = list(importing.real_labels(table, options))
    except StudyError as error:
        assert "\n" not in str(error).strip()
        return
    assert found.read == len(rows) == sum(found.splits.values()) + sum(found.left_out.values())
    check_labels(labels, choices)
    if options.split_column:
        there = zip(table.frame[options.text], table.frame[options.split_column], strict=True)
        assert not Counter((plain(text), plain(split)) for text, split in there) - Counter(
            (plain(row[0]), plain(row[2])) for row in rows
        )


@pytest.mark.slow
@fuzz
@given(
    content=st.lists(st.tuples(TEXTS, LABELS), min_size=1, max_size=20),
    ending=st.sampled_from(["csv", "tsv", "json", "jsonl"]),
)
def test_a_file_that_is_written_by_hand_is_read_or_refused_in_a_sentence(
    tmp_path: Path, content: list[tuple[str, str]], ending: str
) -> None:
    separator = "\t" if ending == "tsv" else ","
    path = tmp_path / f"f.{ending}"
    path.write_bytes("\n".join(separator.join(row) for row in [("text", "label"), *content]).encode())
    try:
        table = tables.read(path)
        found = importing.look(table, importing.Options())
        labels = list(importing.real_labels(table, importing.Options()))
    except StudyError as error:
        assert "\n" not in str(error).strip()
        return
    assert found.read == sum(found.splits.values()) + sum(found.left_out.values())
    check_labels(labels, Choices())


@pytest.mark.slow
@fuzz
@given(
    first=ROWS,
    second=ROWS,
    forms=st.tuples(FORMS, FORMS),
    encoding=ENCODINGS,
    choices=CHOICES,
    arm=st.sampled_from(["real", "few-shot"]),
)
def test_what_findings_tell_of_a_second_file_is_what_the_import_does(
    store: Store,
    tmp_path: Path,
    first: list[tuple[str, str, str]],
    second: list[tuple[str, str, str]],
    forms: tuple[str, str],
    encoding: str,
    choices: Choices,
    arm: str,
) -> None:
    name = f"task {next(NUMBERS)}"
    for rows, form, into in ((first, forms[0], "real"), (second, forms[1], arm)):
        try:
            table, options = read(tmp_path, rows, form, encoding)
            options = importing.Options(options.text, options.label, split_column=options.split_column, choices=choices)
            with store.write() as session:
                bring(session, name, into, table, options)
        except StudyError as error:
            assert "\n" not in str(error).strip()
            return


NUMBERS = itertools.count()


def bring(session: Any, name: str, into: str, table: tables.Table, options: importing.Options) -> None:
    """Preview and import a file, and compare the preview with the result."""
    study = tasks.study_named(session, "fuzz")
    task = tasks.find_task(session, study.id, name) or tasks.make_task(
        session, study_id=study.id, name=name, question="?", labels=importing.real_labels(table, options)
    )
    known = [label.name for label in tasks.labels_of(session, task.id)]
    held = held_texts.read(session, task_id=task.id, arm=into, sha256=table.sha256)
    found = importing.look(table, options, known=known, real=into == "real", held=held)
    arm = tasks.make_arm(session, task_id=task.id, name=into)
    kept = select(func.count(Sample.id)).where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
    before = session.scalar(kept)
    try:
        done = importing.bring_in(session, task=task, arm=arm, table=table, options=options)
    except StudyError as error:
        assert found.refused == str(error)
        raise
    assert found.refused == "" and found.again == done.again
    assert found.read == sum(found.splits.values()) + sum(found.left_out.values()) == done.read
    if done.again:
        assert session.scalar(kept) == before
        return
    assert (found.left_out, found.splits) == (done.rejected, done.splits)
    assert done.read == done.kept + sum(done.rejected.values())
    assert session.scalar(kept) == before + done.kept - done.moved
    assert found.already.get(held_texts.MOVES, 0) == done.moved
    check_labels(known, options.choices)
