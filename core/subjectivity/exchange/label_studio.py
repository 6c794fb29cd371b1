"""Read ratings and comparisons from the JSON export of Label Studio.

Format: https://labelstud.io/guide/export (JSON). Its JSON_MIN and CSV exports are plain tables.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from core.errors import StudyError
from core.study.exchange import tables
from core.study.exchange.columns_in_files import TEXT_NAMES

COLUMNS = {"item_id": "id", "rater_id": "completed_by", "text": "data"}
ANNOTATIONS = ("annotations", "completions")
REGION = ("start", "end", "startOffset", "x", "y")
PART = "about a part of the item"
SIDES = ("left", "right")
PAIR = "pairwise"


def is_export(frame: pd.DataFrame) -> bool:
    """Whether a table is a JSON export of Label Studio: tasks with `data` and annotations or predictions."""
    nested = [name for name in (*ANNOTATIONS, "predictions") if name in frame.columns]
    return "data" in frame.columns and any(frame[name].str.startswith("[").any() for name in nested)


def ratings(table: tables.Table) -> pd.DataFrame:
    """The ratings of an export: columns field, item_id, rater_id, label, text, reason; one row per answer to a control.

    Controls are choices, rating, number and taxonomy. Several chosen labels are their JSON list. A row with a `reason`
    does not count.
    """
    rows = []
    key = _text_key(table)
    for item, data, annotation in _annotations(table):
        rater, text = _rater(annotation), str(data.get(key, ""))
        results, reason = _results(annotation)
        rows += [("", item, rater, "", text, reason)] if reason else []
        for result in results:
            field = str(result.get("from_name", ""))
            labels, reason = labels_of(result)
            label = labels[0] if len(labels) == 1 else json.dumps(labels, ensure_ascii=False)
            rows.append((field, item, rater, "" if reason else label, text, reason))
    return pd.DataFrame(rows, columns=["field", "item_id", "rater_id", "label", "text", "reason"], dtype="str")


def comparisons(table: tables.Table) -> pd.DataFrame:
    """The comparisons of an export: columns field, rater_id, left, right, winner, reason; one row per pairwise answer.

    `left` and `right` are the two compared texts, taken from the data of the task.
    """
    rows = []
    for _, data, annotation in _annotations(table):
        results, reason = _results(annotation)
        rows += [("", _rater(annotation), "", "", "", reason)] if reason else []
        for result in results:
            winner = str(_value(result).get("selected", ""))
            left, right = _compared(data, result)
            wrong = "" if result.get("type") == PAIR else f"an answer of another kind ({result.get('type', 'unknown')})"
            rows.append((str(result.get("from_name", "")), _rater(annotation), left, right, winner, wrong))
    return pd.DataFrame(rows, columns=["field", "rater_id", "left", "right", "winner", "reason"], dtype="str")


def labels_of(result: dict[str, Any]) -> tuple[list[str], str]:
    """The labels of a result and "", or no label and the reason. Also reads the short form of JSON_MIN without `type`."""
    value = _value(result)
    if any(name in value for name in REGION):
        return [], PART
    for name in ("choices", "rating", "number", "taxonomy"):
        if name in value:
            labels = value[name] if isinstance(value[name], list) else [value[name]]
            return [" > ".join(map(str, label)) if isinstance(label, list) else str(label) for label in labels], ""
    return [], f"an answer of another kind ({result.get('type', 'unknown')})"


def _annotations(table: tables.Table) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield item id, data and annotation; a task without annotations is yielded once with an empty annotation.

    Raises `StudyError` if the export holds predictions only.
    """
    frame = table.frame
    stored = next((name for name in ANNOTATIONS if name in frame.columns), None)
    if stored is None:
        raise StudyError(f"{table.file} holds predictions and no annotations: nobody has rated these tasks yet.")
    ids = frame["id"].tolist() if "id" in frame.columns else [""] * len(frame)
    for place, (item, data, cell) in enumerate(zip(ids, frame["data"], frame[stored], strict=True), start=1):
        annotations = [value for value in _items(tables.nested(cell)) if isinstance(value, dict)]
        for annotation in annotations or [{}]:
            yield item or str(place), _object(data), annotation


def _results(annotation: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The results of an annotation and "", or no result and the reason why the annotation is no answer of a rater."""
    if not annotation:
        return [], "a task without annotations"
    if annotation.get("was_cancelled"):
        return [], "skipped by the rater"
    if annotation.get("ground_truth"):
        return [], "ground truth, not a rater's answer"
    results = [result for result in _items(annotation.get("result")) if isinstance(result, dict)]
    return (results, "") if results else ([], "an annotation without an answer")


def _rater(annotation: dict[str, Any]) -> str:
    """The id or e-mail address of the rater who made an annotation; "" if unknown."""
    rater = annotation.get("completed_by")
    if isinstance(rater, dict):
        rater = rater.get("email") or rater.get("id")
    return "" if rater is None else str(rater)


def _compared(data: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    """The two compared texts in the data of a task; both "" if they cannot be recognised."""
    names = str(result.get("to_name", "")).split(",")
    if not all(name in data for name in names):
        names = list(SIDES) if all(side in data for side in SIDES) else [n for n in data if isinstance(data[n], str)]
    return (str(data[names[0]]), str(data[names[1]])) if len(names) == 2 else ("", "")


def _text_key(table: tables.Table) -> str:
    """The field of `data` that holds the texts: a field with a usual name, else the field with the longest values."""
    letters: Counter[str] = Counter()
    for cell in table.frame["data"].unique().tolist():
        letters.update({name: len(value) for name, value in _object(cell).items() if isinstance(value, str)})
    by_name = {name.casefold(): name for name in letters}
    usual = next((by_name[name] for name in TEXT_NAMES if name in by_name), None)
    return usual or (letters.most_common(1)[0][0] if letters else "text")


def _value(result: dict[str, Any]) -> dict[str, Any]:
    value = result.get("value", result)
    return value if isinstance(value, dict) else {}


def _object(cell: str) -> dict[str, Any]:
    found = tables.nested(cell)
    return found if isinstance(found, dict) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
