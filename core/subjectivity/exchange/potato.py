"""Read ratings from the output of Potato: files `annotated_instances` (JSON lines, CSV, TSV) and folders of users.

Formats, after Potato's documentation and sample data: version 1 names columns `schema:::label`, version 2
`schema.label`; a user's own file is `annotated_instances.jsonl` or, in version 2, `user_state.json`.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import StudyError
from core.study.exchange import tables

STATE, STATE_FILE, LINES_FILE = "instance_id_to_label_to_value", "user_state.json", "annotated_instances.jsonl"
NESTED = ("label_annotations", "labels", "annotations")
ITEMS, USERS, TEXTS = ("instance_id", "id"), ("user_id", "user", "username"), ("displayed_text", "text")
COLUMNS = {"item_id": "instance_id", "rater_id": "user_id", "text": "displayed_text"}
TRUE, FALSE = {"true", "yes", "on"}, {"", "false", "none", "null"}
ONE_VALUE = {"select-one", "slider", "number", "vas", "scale_"}
FREE_TEXT = {"text_box", "free_response", "_data", "bad_text"}
MOST_FILES = 20_000  # a folder for each user, with a few files each
MACHINE = "not a person (a machine annotator)"

Row = tuple[str, str, str, str, str, str]


def is_export(frame: pd.DataFrame) -> bool:
    """Whether a table is an output of Potato: answers nested by schema, or a column per label of a schema."""
    if STATE in frame.columns or NESTED[0] in frame.columns or any(":::" in str(name) for name in frame.columns):
        return True
    nested = any(name in frame.columns and frame[name].str.startswith("{").any() for name in NESTED[1:])
    wide = "label" not in frame.columns and bool(_wide(frame))
    return ITEMS[0] in frame.columns and _first(frame, USERS) is not None and (nested or wide)


def read_folder(folder: Path) -> tables.Table:
    """Read the files of all users under an output folder as one table.

    Raises `StudyError` if no such file exists, or if the folder holds far more files than an output of Potato.
    """
    found = _files_of_users(folder)
    states = {path.parent for path in found if path.name == STATE_FILE}
    paths = [path for path in found if path.name == STATE_FILE or path.parent not in states]
    if not paths:
        raise StudyError(f"The folder {folder} holds no {STATE_FILE} or {LINES_FILE} of Potato.")
    read = [with_user(tables.read(path), path) for path in paths]
    frame = pd.concat([table.frame for table in read], ignore_index=True).fillna("")
    digest = hashlib.sha256("".join(table.sha256 for table in read).encode()).hexdigest()
    return tables.Table(frame, [why for table in read for why in table.unreadable], folder.resolve().name, digest)


def _files_of_users(folder: Path) -> list[Path]:
    """The files of answers in a folder and below it, sorted; links to folders are not followed."""
    found, seen = list[Path](), 0
    for place, _, names in os.walk(folder):
        seen += len(names) + 1
        if seen > MOST_FILES:
            raise StudyError(
                f"The folder {folder} holds more than {MOST_FILES:,} files, so it is no output folder of Potato. Name that folder."
            )
        found += [Path(place) / name for name in (STATE_FILE, LINES_FILE) if name in names]
    return sorted(found)


def with_user(table: tables.Table, path: Path) -> tables.Table:
    """Add a column `user` to the table of a single user's file: the name of the file's folder."""
    if path.name in (STATE_FILE, LINES_FILE) and _first(table.frame, USERS) is None:
        return tables.Table(
            table.frame.assign(user=path.resolve().parent.name), table.unreadable, table.file, table.sha256
        )
    return table


def ratings(table: tables.Table) -> pd.DataFrame:
    """The ratings of an output: columns field (the schema), item_id, rater_id, label, text, reason; a row per answer."""
    frame = table.frame
    if STATE in frame.columns:
        states = frame[frame[STATE] != ""]
        rows = [row for state in _records(states) for row in _of_state(state)]
        rest = frame[frame[STATE] == ""]
        rows += [row for record in _records(rest) for row in _of_record(record)]
    elif any(name in frame.columns for name in NESTED):
        rows = [row for record in _records(frame) for row in _of_record(record)]
    else:
        rows = _of_columns(frame)
    return _in_sets(
        pd.DataFrame(rows, columns=["field", "item_id", "rater_id", "label", "text", "reason"], dtype="str")
    )


def _in_sets(found: pd.DataFrame) -> pd.DataFrame:
    """Merge the rows of an answer: several labels that a user chose for an item become their JSON list."""
    answer = ["field", "item_id", "rater_id"]
    counts = (found["reason"] == "") & (found["item_id"] != "")
    chosen = found[counts].groupby(answer, sort=False)["label"].agg(list)
    first = ~(counts & found.duplicated([*answer, "reason"]))
    labels = [
        json.dumps(several, ensure_ascii=False)
        if is_answer and len(several := chosen[field, item, user]) > 1
        else label
        for field, item, user, label, is_answer in zip(
            found["field"], found["item_id"], found["rater_id"], found["label"], counts, strict=True
        )
    ]
    return found.assign(label=pd.Series(labels, index=found.index, dtype="str"))[first].reset_index(drop=True)


def _of_state(state: dict[str, Any]) -> Iterator[Row]:
    """The answers in a `user_state.json` of version 2."""
    user = _get(state, USERS)
    machine = _is_machine(_object(state.get("origin", "")))
    for item, answers in _object(state[STATE]).items():
        yield from _rows(str(item), user, "", _by_schema(answers), machine=machine)


def _of_record(record: dict[str, Any]) -> Iterator[Row]:
    """The answers in a line of `annotated_instances.jsonl`."""
    stored = next((str(record[name]) for name in NESTED if record.get(name)), "")
    machine = _is_machine(_object(record.get("annotator_origin", "")))
    yield from _rows(_get(record, ITEMS), _get(record, USERS), _get(record, TEXTS), _object(stored), machine=machine)


def _of_columns(frame: pd.DataFrame) -> list[Row]:
    """The answers in a CSV or TSV with a column per label."""
    split = _wide(frame)
    origins = frame["annotator_origin"] if "annotator_origin" in frame.columns else [""] * len(frame)
    rows: list[Row] = []
    for record, origin in zip(_records(frame), origins, strict=True):
        by_schema: dict[str, dict[str, Any]] = {}
        for column, (schema, name) in split.items():
            if record[column] != "":
                by_schema.setdefault(schema, {})[name] = record[column]
        machine = origin not in ("", "human")
        rows += _rows(_get(record, ITEMS), _get(record, USERS), _get(record, TEXTS), by_schema, machine=machine)
    return rows


def _rows(item: str, user: str, text: str, by_schema: dict[str, Any], *, machine: bool) -> Iterator[Row]:
    """One row per chosen label of an item; a row with a reason if a machine answered or no label was chosen."""
    if machine:
        yield "", item, user, "", text, MACHINE
        return
    answered = False
    for schema, answers in by_schema.items():
        values = answers.get("labels", answers) if isinstance(answers, dict) else {}
        for name, value in values.items() if isinstance(values, dict) else ():
            label, reason = _chosen(str(name), value)
            answered = answered or bool(label or reason)
            if label or reason:
                yield ("" if reason else str(schema)), item, user, label, text, reason
    if not answered:
        yield "", item, user, "", text, "an item without an answer"


def _chosen(name: str, value: object) -> tuple[str, str]:
    """The label that a stored value means and "", or "" and the reason why the value is no label.

    Both are "" if the label was not chosen. The value of a chosen label is true, the label itself, or the number of its
    key. Controls in `ONE_VALUE` store the answer as the value. Another word answers a nested question.
    """
    cell = str(value).strip()
    if value is False or value is None or (cell.casefold() in FALSE and cell != name):
        return "", ""
    if name in FREE_TEXT:
        return "", "a text, not a choice"
    if name in ONE_VALUE or (re.fullmatch(r"scale_\d+", name) and cell.isdecimal()):
        return cell, ""
    if value is True or cell == name or cell.casefold() in TRUE or cell.isdecimal():
        return name, ""
    return "", "an answer to a question within a question"


def _by_schema(answers: object) -> dict[str, Any]:
    """The answers as schema -> name -> value, also from version 2's list of pairs [{schema, name}, value]."""
    if isinstance(answers, dict):
        return answers
    found: dict[str, Any] = {}
    for pair in answers if isinstance(answers, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], dict):
            found.setdefault(str(pair[0].get("schema", "")), {})[str(pair[0].get("name", ""))] = pair[1]
    return found


def _wide(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Column -> (schema, label), for columns named `schema:::label` or `schema.label`."""
    split = {}
    for column in map(str, frame.columns):
        for between in (":::", "."):
            schema, found, name = column.partition(between)
            if found and schema and name:
                split[column] = (schema, name)
                break
    return split


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries with text keys."""
    return [{str(name): cell for name, cell in row.items()} for row in frame.to_dict("records")]


def _is_machine(origin: dict[str, Any]) -> bool:
    return bool(origin) and origin.get("kind") != "human"


def _first(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """The first of the names that is a column of the table; None if no name is."""
    return next((name for name in names if name in frame.columns), None)


def _get(record: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first value of a record under one of the names that is not empty; "" if all are empty."""
    return next((str(record[name]) for name in names if record.get(name)), "")


def _object(cell: object) -> dict[str, Any]:
    found = tables.nested(str(cell))
    return found if isinstance(found, dict) else {}
