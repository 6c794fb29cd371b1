"""Formats with one rule each: Prodigy, Mechanical Turk, Google Forms, doccano. A further tool is an entry in `FORMS`."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.study.exchange import tables
from core.study.exchange.columns_in_files import TEXT_NAMES
from core.subjectivity.exchange import items, label_studio

Row = tuple[str, str, str, str, str, str]
COLUMNS = ["field", "item_id", "rater_id", "label", "text", "reason"]
TASK_ANSWERS = "Answer.taskAnswers"
STAMPS = (
    "timestamp",
    "zeitstempel",
    "horodateur",
    "marca temporal",
    "carimbo de data/hora",
    "informazioni cronologiche",
)
ROW = "row "
MAILS = ("email", "e-mail", "username", "user name")
NOT_APPROVED = ("rejected",)
TRUE = ("true", "1", "yes")
SPAN = ("start_offset", "end_offset")


@dataclass(frozen=True)
class Recognised:
    """The ratings of a recognised file.

    `frame`: columns `COLUMNS`; a row with a reason does not count; several labels of an answer are their JSON list.
    `named`: our column -> column of the file. `notes`: sentences for the reader.
    """

    frame: pd.DataFrame
    named: dict[str, str]
    notes: tuple[str, ...] = ()


def ratings(table: tables.Table) -> Recognised | None:
    """The ratings of a file of one of these tools; None for any other file."""
    for is_recognised, rows, named in FORMS:
        if is_recognised(table.frame):
            found = pd.DataFrame(list(rows(table)), columns=COLUMNS, dtype="str")
            return Recognised(found, dict(named), _nameless(found))
    return None


def _nameless(found: pd.DataFrame) -> tuple[str, ...]:
    """A note on rows without an e-mail address, each of which counts as a rater."""
    rows = found.loc[found["rater_id"].str.startswith(ROW), "rater_id"].nunique()
    return (f"{rows:,} rows say no address; each counts as a rater of its own.",) if rows else ()


def _is_prodigy(frame: pd.DataFrame) -> bool:
    return {"_input_hash", "answer"} <= set(frame.columns)


def _prodigy(table: tables.Table) -> Iterator[Row]:
    """Yield a row per line of Prodigy.

    A binary answer gives the label of the line if accepted, else "not" and the label. A rejected choice does not count.
    """
    for row in table.frame.to_dict("records"):
        item, rater = row["_input_hash"], row.get("_annotator_id") or row.get("_session_id") or ""
        answer, text = row["answer"].casefold(), row.get("text", "")
        chosen = tables.nested(row.get("accept", ""))
        if answer == "ignore":
            yield "", item, rater, "", text, "ignored by the rater"
        elif isinstance(chosen, list):
            label = str(chosen[0]) if len(chosen) == 1 else (json.dumps(chosen, ensure_ascii=False) if chosen else "")
            yield "accept", item, rater, label, text, "" if answer == "accept" else "rejected by the rater"
        else:
            label = str(row.get("label", "")) or "yes"
            yield "label", item, rater, label if answer == "accept" else f"not {label}", text, ""


def _is_mturk(frame: pd.DataFrame) -> bool:
    return {"HITId", "WorkerId"} <= set(frame.columns) and any(name.startswith("Answer.") for name in frame.columns)


def _mturk(table: tables.Table) -> Iterator[Row]:
    """Yield a row per assignment and question of Mechanical Turk.

    A question is a column of answers, or several columns of true and false, one for each possible answer. What workers were
    shown (all inputs together) is the item.
    """
    frame = _with_answers_apart(table.frame)
    inputs = [name for name in frame.columns if name.startswith("Input.")]
    by_name = {name.removeprefix("Input.").casefold(): name for name in inputs}
    text = next((by_name[name] for name in TEXT_NAMES if name in by_name), inputs[-1] if inputs else "")
    keys = _items_of_inputs(frame, inputs, text=text)
    questions = _questions(frame)
    for row, item in zip(frame.to_dict("records"), keys, strict=True):
        key = item or row.get("HITId", "")
        state = row.get("AssignmentStatus", "").casefold()
        rejected = (
            state in NOT_APPROVED or bool(row.get("RejectionTime", "").strip()) or bool(row.get("Reject", "").strip())
        )
        for question, answers in questions.items():
            label = _answer(row, answers)
            yield (
                question,
                key,
                row["WorkerId"],
                label,
                row.get(text, ""),
                "rejected by the requester" if rejected else "",
            )


def _items_of_inputs(frame: pd.DataFrame, inputs: list[str], *, text: str) -> list[str]:
    """The item of each row: the cell of an input that tells all shown inputs apart, else of the text, else all inputs.

    An input such as a topic, which several texts share, is no item. "" for a row without inputs.
    """
    if not inputs:
        return [""] * len(frame)
    shown = frame[inputs].apply(lambda cells: cells.str.strip())
    different = len(shown.drop_duplicates())
    for name in [*(name for name in inputs if name != text), text]:
        if shown[name].nunique() == different and (shown[name] != "").all():
            return items.keys(shown[name]).tolist()
    return items.keys(pd.Series([" · ".join(filter(None, row)) for row in shown.to_numpy()], dtype="str")).tolist()


def _questions(frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Question -> column -> label that a true cell of the column means, or "" if the cell itself is the label."""
    found: dict[str, dict[str, str]] = {}
    for name in (name for name in frame.columns if name.startswith("Answer.")):
        question, _, label = name.removeprefix("Answer.").rpartition(".")
        if label == "on":  # a box that was given no value of its own
            question, _, label = question.rpartition(".")
        cells = set(frame[name].str.casefold().unique().tolist())
        is_flag = bool(question) and cells <= {"true", "false", ""}
        key = question if is_flag else name.removeprefix("Answer.").removesuffix(".label")
        found.setdefault(key, {})[name] = label if is_flag else ""
    return found


def _with_answers_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace the column of JSON answers by a column for each answer."""
    if TASK_ANSWERS not in frame.columns:
        return frame
    rows = [_flat(tables.nested(cell.strip())) for cell in frame[TASK_ANSWERS]]
    apart = pd.DataFrame(rows, index=frame.index).fillna("").astype("str")
    return frame.drop(columns=[TASK_ANSWERS, *(name for name in apart.columns if name in frame.columns)]).join(apart)


def _flat(value: object, prefix: str = "Answer") -> dict[str, str]:
    """The answers in an object, or in a list of one object, as dotted name -> cell."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for name, inner in value.items():
        key = f"{prefix}.{name}"
        if isinstance(inner, dict):
            found |= _flat(inner, key)
        else:
            found[key] = (
                json.dumps(inner, ensure_ascii=False)
                if isinstance(inner, bool | list)
                else ("" if inner is None else str(inner))
            )
    return found


def _answer(row: Mapping[Any, str], answers: Mapping[str, str]) -> str:
    """The label that an assignment chose for a question; several labels as a JSON list, "" without a label."""
    chosen = [label or row[name] for name, label in answers.items() if (not label) or row[name].casefold() in TRUE]
    given = [label for label in chosen if label]
    return given[0] if len(given) == 1 else (json.dumps(given, ensure_ascii=False) if given else "")


def _is_form(frame: pd.DataFrame) -> bool:
    first = str(frame.columns[0]).casefold() if len(frame.columns) else ""
    return first in STAMPS and any(_bracketed(str(name)) for name in frame.columns)


def _bracketed(heading: str) -> tuple[str, str] | None:
    """Question and item of a heading such as "How does it sound? [first text]"; None for another heading."""
    question, bracket, item = heading.rstrip().partition("[")
    return (question.rstrip(), item[:-1]) if bracket and item.endswith("]") and len(item) > 1 else None


def _form(table: tables.Table) -> Iterator[Row]:
    """Yield a row per person and item of a Google Forms grid.

    The rater is the person's e-mail address (later replaced by a pseudonym), or the number of the row.
    """
    frame = table.frame
    mail = next((name for name in frame.columns if name.casefold().startswith(MAILS)), None)
    grids = [(name, *found) for name in frame.columns if (found := _bracketed(name))]
    for place, row in enumerate(frame.to_dict("records"), start=1):
        rater = (row[mail] if mail else "") or f"{ROW}{place}"
        for name, question, item in grids:
            yield question, item, rater, row[name], item, ""


def _is_doccano(frame: pd.DataFrame) -> bool:
    if not {"id", "text", "annotations"} <= set(frame.columns):
        return False
    return any(isinstance(found := tables.nested(cell), list) and any("user" in one for one in found if isinstance(one, dict))
               for cell in frame["annotations"].head(50))  # fmt: skip


def _doccano(table: tables.Table) -> Iterator[Row]:
    """Yield a row per text and user of doccano; several labels of a user for a text are a JSON list.

    A label of a part of the text (a span) yields a row of its own that does not count.
    """
    for row in table.frame.to_dict("records"):
        labels_of: dict[str, list[str]] = {}
        spans: list[str] = []
        for annotation in tables.nested(row["annotations"]) or []:
            if not isinstance(annotation, dict) or annotation.get("label") in (None, ""):
                continue
            user = str(annotation.get("user", ""))
            if any(name in annotation for name in SPAN):
                spans.append(user)
            else:
                labels_of.setdefault(user, []).append(str(annotation["label"]))
        for user in spans:
            yield "", row["id"], user, "", row["text"], label_studio.PART
        if not labels_of and not spans:
            yield "", row["id"], "", "", row["text"], "a text without annotations"
        for user, labels in labels_of.items():
            label = labels[0] if len(labels) == 1 else json.dumps(labels, ensure_ascii=False)
            yield "label", row["id"], user, label, row["text"], ""


Form = tuple[Callable[[pd.DataFrame], bool], Callable[[tables.Table], Iterator[Row]], Mapping[str, Any]]
FORMS: tuple[Form, ...] = (
    (_is_prodigy, _prodigy, {"item_id": "_input_hash", "rater_id": "_annotator_id", "text": "text"}),
    (_is_mturk, _mturk, {"item_id": "the inputs", "rater_id": "WorkerId", "text": "Input"}),
    (_is_form, _form, {"item_id": "the brackets", "rater_id": "one row each", "text": "the brackets"}),
    (_is_doccano, _doccano, {"item_id": "id", "rater_id": "user", "text": "text"}),
)
