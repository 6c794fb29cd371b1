"""The labels in a file as they are meant: what is certain is applied, what is a guess is offered, what would be wrong is refused."""

import ast
import json
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError
from core.study.exchange import tables

MISSING = frozenset(
    [
        "",
        "nan",
        "none",
        "null",
        "nil",
        "n/a",
        "na",
        "#n/a",
        "<na>",
        "-",
        "--",
        "–",
        "—",
        "?",
        ".",
        "missing",
        "undefined",
    ]
)
WHOLE = re.compile(r"(?P<whole>-?\d+)\.0+")
NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
BREAKS = r"\s*[\n\r\t\v\f\x85\u2028\u2029]\s*"
MOST_LABELS = 50
NEARLY_ALL = 0.5
FEWEST_ROWS = 8
NO_LABEL, SEVERAL, AN_OBJECT = "no label", "several labels", "label is an object"
SHOWN = 8


@dataclass(frozen=True)
class Choices:
    """What a person decided about labels in a file.

    `fold` takes labels that look alike for one; `keep_labels` takes every label as it is written, however many there
    are; `drop_several` leaves texts with several labels out; `cuts` are the limits that turn numbers into classes. `missing` are
    more words, in lower case, that say there is no label.
    """

    fold: bool = False
    keep_labels: bool = False
    drop_several: bool = False
    cuts: tuple[float, ...] = ()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Read:
    """`labels`: one for each row, "" where there is none; `reasons`: why a row has none, "" where it has one.

    `alike` are groups of spellings that differ in case, blanks or Unicode form only. `folded` maps a spelling to the
    label it was taken for; `unknown` counts labels that the task does not have, and `meant` offers what each may be.
    """

    labels: "pd.Series[str]"
    reasons: "pd.Series[str]"
    alike: list[tuple[str, ...]] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    meant: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Label -> rows, the most frequent first."""
        return {str(name): int(n) for name, n in self.labels[self.labels != ""].value_counts().items()}


def read(cells: "pd.Series[str]", *, known: Collection[str], rename: Mapping[str, str], choices: Choices) -> Read:
    """The labels of a column. `known` are those of the task, empty where the file defines them; `rename` goes first."""
    codes, uniques = pd.factorize(cells)  # every decision is about a value, however often it comes
    rows = np.bincount(codes, minlength=len(uniques))
    single = pd.Series(uniques, dtype="str").map(_one).astype("str").str.strip().str.replace(BREAKS, " ", regex=True)
    reasons = single.map(lambda found: found if found in (SEVERAL, AN_OBJECT) else "")
    labels = single.where(reasons == "", "").replace(dict(rename))
    if choices.cuts:
        labels, reasons = _cut(labels, reasons, choices.cuts)
    missing = MISSING | choices.missing
    kept_words = {name.casefold() for name in known} | (missing if choices.keep_labels else set())
    looks_missing = labels.str.casefold().isin({"", *(missing - kept_words)}) & (reasons == "")
    named = looks_missing & (labels != "")
    reasons = reasons.mask(looks_missing & ~named, NO_LABEL).mask(named, "label looks missing: '" + labels + "'")
    labels = _whole_numbers(labels.mask(looks_missing, ""), known)
    folded = _folds(_counted(labels, rows), known) if choices.fold else {}
    labels = labels.replace(folded) if folded else labels
    counts = _counted(labels, rows)
    alike = _alike(counts, known)
    unknown = {name: n for name, n in counts.items() if known and name not in known}
    by_key = {_key(name): name for name in known}
    meant = {name: by_key[_key(name)] for name in unknown if _key(name) in by_key}
    every = [column.astype("str").take(codes).set_axis(cells.index) for column in (labels, reasons)]
    every[0].name = cells.name
    return Read(every[0], every[1], alike, folded, unknown, meant)


def check_new(found: Read, choices: Choices, *, file: str, column: str) -> None:
    """Raise `StudyError`, with the way out, where a file that defines a task's labels would define wrong ones."""
    several = int((found.reasons == SEVERAL).sum())
    if several and not choices.drop_several:
        raise StudyError(
            f"{several} rows of {file} hold several labels in {column!r}, and a text has one label here. Leave those rows out "
            "(--drop-several), or make a file, and a task, for each label."
        )
    counts = found.counts
    n = sum(counts.values())
    if not choices.keep_labels and (len(counts) > MOST_LABELS or (n >= FEWEST_ROWS and len(counts) > NEARLY_ALL * n)):
        shown = ", ".join(list(counts)[:SHOWN])
        numbers = all(NUMBER.fullmatch(name) for name in counts)
        way = (
            "Say where to cut the numbers into classes (--cut 0.5), "
            if numbers
            else "Choose another column for the label, "
        )
        raise StudyError(
            f"{column!r} of {file} holds {len(counts)} different labels in {n} rows ({shown}, ...): that is "
            f"{'a number' if numbers else 'no label'}, it seems. {way}or say that each is a label of its own (--keep-labels)."
        )
    if found.alike and not (choices.fold or choices.keep_labels):
        groups = "; ".join(" and ".join(repr(one) for one in group) for group in found.alike[:SHOWN])
        raise StudyError(
            f"Labels of {file} look alike: {groups}. Take each group for one label (--fold), or say that they differ "
            "(--keep-labels)."
        )


def _one(cell: str) -> str:
    """The one label that a cell holds, also in a list in a list; `SEVERAL` or `AN_OBJECT` where it holds something else."""
    found = _nested(cell.strip())
    if isinstance(found, dict):
        return AN_OBJECT
    if not isinstance(found, list):
        return cell
    given = [one for one in found if one is not None and str(one).strip()]
    if any(not isinstance(one, str | int | float) for one in given):
        return AN_OBJECT
    texts = list(dict.fromkeys(one.strip() if isinstance(one, str) else json.dumps(one) for one in given))
    if len(texts) > 1:
        return SEVERAL
    return _one(texts[0]) if texts and texts[0] != cell.strip() else ""


def listed(cell: str) -> list[object] | None:
    """What a list in a cell holds, however it is written; None where the cell holds no list."""
    found = _nested(cell)
    return found if isinstance(found, list) else None


def _nested(cell: str) -> list[object] | dict[object, object] | None:
    found = tables.nested(cell)
    return found if isinstance(found, list | dict) else _python_list(cell)


def _python_list(cell: str) -> list[object] | dict[object, object] | None:
    """The list, set or object in a cell that Python, pandas or NumPy wrote; None when the cell holds none of them."""
    if not (cell.startswith(("[", "{", "(")) and cell.endswith(("]", "}", ")"))):
        return None
    try:
        found = ast.literal_eval(re.sub(r"""(?<=['"])\s+(?=['"])""", ", ", cell))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if isinstance(found, set | tuple):
        return sorted(found, key=str)
    return found if isinstance(found, list | dict) else None


def _cut(
    labels: "pd.Series[str]", reasons: "pd.Series[str]", cuts: Sequence[float]
) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    limits = sorted(set(cuts))
    numbers = pd.to_numeric(labels, errors="coerce")
    between = [f"{low:g} to {high:g}" for low, high in zip(limits, limits[1:], strict=False)]
    names = [f"below {limits[0]:g}", *between, f"{limits[-1]:g} or more"]
    classes = ["" if math.isnan(number) else names[sum(number >= limit for limit in limits)] for number in numbers]
    wrong = numbers.isna() & ~labels.str.casefold().isin(MISSING) & (reasons == "")
    return pd.Series(classes, index=labels.index, dtype="str"), reasons.mask(wrong, "label is no number")


def _whole_numbers(labels: "pd.Series[str]", known: Collection[str]) -> "pd.Series[str]":
    """1.0 becomes 1, unless it is a label of the task."""
    whole = {
        value: match["whole"]
        for value in labels.unique().tolist()
        if (match := WHOLE.fullmatch(value)) and value not in known
    }
    return labels.replace(whole) if whole else labels


def _counted(labels: "pd.Series[str]", rows: "npt.NDArray[np.intp]") -> Counter[str]:
    """Label -> rows, from different values and how often each comes."""
    counts: Counter[str] = Counter()
    for label, n in zip(labels.tolist(), rows.tolist(), strict=True):
        if label:
            counts[label] += n
    return counts


def _folds(counts: Mapping[str, int], known: Collection[str]) -> dict[str, str]:
    """Spelling -> the task's own spelling, or the most frequent one of those that look alike."""
    ranked = sorted(counts, key=lambda name: (name not in known, -counts[name], name != name.lower(), name))
    chosen: dict[str, str] = {_key(name): name for name in known}
    for name in ranked:
        chosen.setdefault(_key(name), name)
    return {name: chosen[_key(name)] for name in counts if name not in known and chosen[_key(name)] != name}


def _alike(counts: Mapping[str, int], known: Collection[str]) -> list[tuple[str, ...]]:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for name in {*counts, *known}:
        groups[_key(name)].add(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1 and group & set(counts))


def _key(name: str) -> str:
    """The same for labels that differ in case, blanks, joining marks or Unicode form only."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()
