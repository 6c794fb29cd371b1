"""Read the labels in a column of a file: lists, numbers, missing values, spellings that look alike, unknown labels."""

import ast
import decimal
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
from core.wording import listed as named_in_words

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
PLAIN_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
BREAKS = r"(?<!\s)\s*[\n\r\t\v\f\x85\u2028\u2029]\s*"
MOST_LABELS = 50  # more are the labels of a task only if each has some rows
ROWS_OF_EACH = 10  # on average
NEARLY_ALL = 0.5
FEWEST_ROWS = 8
NO_LABEL, SEVERAL, AN_OBJECT = "no label", "several labels", "label is an object"
SHOWN = 8


@dataclass(frozen=True)
class Choices:
    """The decisions of a person about the labels in a file.

    `fold` reads labels that look alike as one label. `keep_labels` reads every label as it is written and allows any
    number of labels. `drop_several` leaves out texts with several labels. `cuts` are the limits that divide numbers into
    classes. `missing` are further words, in lower case, that mean "no label".
    """

    fold: bool = False
    keep_labels: bool = False
    drop_several: bool = False
    cuts: tuple[float, ...] = ()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Read:
    """The labels of the rows of a file.

    `labels` holds the label of each row, "" if the row has no usable label; `reasons` holds the reason, "" if the row has a
    label. `alike` lists groups of labels that differ in case, blanks or Unicode form only, or are equal numbers. `folded` maps
    a spelling to the label it was read as, `whole` a number with decimals to the whole number it was read as where the file
    has both; `written` counts the rows of each spelling. `unknown` counts labels that the task does not have; `meant` maps
    some of these to the label of the task that is probably meant. `unrenamed`: the labels to be renamed that no row has.
    `many` is a sentence on an unusual number of labels of a new task, or empty.
    """

    labels: "pd.Series[str]"
    reasons: "pd.Series[str]"
    alike: list[tuple[str, ...]] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    meant: dict[str, str] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)
    unrenamed: tuple[str, ...] = ()
    many: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Label -> number of rows, the largest number first."""
        return {str(name): int(n) for name, n in self.labels[self.labels != ""].value_counts().items()}

    @property
    def unmet(self) -> list[str]:
        """A sentence on the labels to be renamed that no row has, or nothing."""
        names = named_in_words(map(repr, self.unrenamed), most=SHOWN)
        return [f"No row has a label that is to be renamed: {names}."] if self.unrenamed else []


def read(cells: "pd.Series[str]", *, known: Collection[str], rename: Mapping[str, str], choices: Choices) -> Read:
    """Read the labels of a column of cells.

    `known` are the labels of the task, empty if the file defines the labels. `rename` maps a label in the file to another
    label before anything else is decided; a number with decimals goes by the name of its whole number too.
    """
    codes, uniques = pd.factorize(cells)  # decide once for each distinct value
    rows = np.bincount(codes, minlength=len(uniques))
    single = (
        pd.Series(uniques, dtype="str")
        .map(_single_label)
        .astype("str")
        .str.strip()
        .str.replace(BREAKS, " ", regex=True)
    )
    reasons = single.map(lambda found: found if found in (SEVERAL, AN_OBJECT) else "")
    labels = single.where(reasons == "", "")
    renames, unrenamed = _renames(set(labels), rename, known)
    labels = labels.replace(renames)
    if choices.cuts:
        labels, reasons = _cut(labels, reasons, choices.cuts)
    missing = MISSING | choices.missing
    kept_words = {name.casefold() for name in known} | (missing if choices.keep_labels else set())
    looks_missing = labels.str.casefold().isin({"", *(missing - kept_words)}) & (reasons == "")
    named = looks_missing & (labels != "")
    reasons = reasons.mask(looks_missing & ~named, NO_LABEL).mask(named, "label looks missing: '" + labels + "'")
    labels = labels.mask(looks_missing, "")
    written, before = dict(_counted(labels, rows)), set(labels)
    numbers = _whole_numbers(before, known)
    labels = labels.replace(numbers) if numbers else labels
    folded = _folds(_counted(labels, rows), known) if choices.fold else {}
    labels = labels.replace(folded) if folded else labels
    counts = _counted(labels, rows)
    alike = _alike(counts, known)
    unknown = {name: n for name, n in counts.items() if known and name not in known}
    by_key = {_key(name): name for name in known}
    meant = {name: by_key[_key(name)] for name in unknown if _key(name) in by_key}
    of_rows = [column.astype("str").take(codes).set_axis(cells.index) for column in (labels, reasons)]
    of_rows[0].name = cells.name
    both = {spelling: number for spelling, number in numbers.items() if number in before}
    many = "" if known else _many(counts, column=str(cells.name))
    return Read(of_rows[0], of_rows[1], alike, folded, unknown, meant, written, both, unrenamed, many)


def _many(counts: Mapping[str, int], *, column: str) -> str:
    """A sentence on more labels than tasks have as a rule, with the rows of each; "" if there are fewer."""
    if len(counts) <= MOST_LABELS:
        return ""
    least, most = min(counts.values()), max(counts.values())
    each = f"{least:,} to {most:,}" if least < most else f"{most:,}"
    return f"{column!r} holds {len(counts):,} different labels, each in {each} rows."


def pairs(taken: Mapping[str, str]) -> str:
    """Spellings with the names they were read as, in words."""
    return ", ".join(f"{spelling!r} as {name!r}" for spelling, name in taken.items())


def check_new(found: Read, choices: Choices, *, file: str, column: str) -> None:
    """Raise `StudyError` if the labels of a file cannot become the labels of a new task.

    Reasons are: rows with several labels, more than `MOST_LABELS` labels that are numbers or have less than `ROWS_OF_EACH`
    rows each, a different label in most rows, and labels that look alike, unless `choices` allows them.
    """
    check_several(found, choices, file=file)
    counts = found.counts
    n = sum(counts.values())
    numbers = all(NUMBER.fullmatch(name) for name in counts)
    are_too_many = len(counts) > MOST_LABELS and (numbers or n < ROWS_OF_EACH * len(counts))
    if not choices.keep_labels and (are_too_many or (n >= FEWEST_ROWS and len(counts) > NEARLY_ALL * n)):
        shown = ", ".join(list(counts)[:SHOWN])
        way = (
            "Give the limits that divide the numbers into classes (--cut 0.5), "
            if numbers
            else "Choose another column for the label, "
        )
        raise StudyError(
            f"{column!r} of {file} holds {len(counts)} different labels in {n} rows ({shown}, ...), so the column seems to "
            f"hold {'numbers' if numbers else 'something else than labels'}. {way}or keep each value as a label (--keep-labels)."
        )
    if found.alike and not (choices.fold or choices.keep_labels):
        groups = "; ".join(" and ".join(map(repr, group)) for group in found.alike[:SHOWN])
        raise StudyError(
            f"Labels of {file} look alike: {groups}. Read each group as one label (--fold), or keep them as different labels "
            "(--keep-labels)."
        )


def check_several(found: Read, choices: Choices, *, file: str) -> None:
    """Raise `StudyError` if rows hold several labels and `choices` does not leave these rows out."""
    several = int((found.reasons == SEVERAL).sum())
    if several and not choices.drop_several:
        raise StudyError(
            f"{several} rows of {file} hold several labels, and a text can have one label only. Leave these rows out "
            "(--drop-several), or make a file and a task for each label."
        )


def _single_label(cell: str) -> str:
    """The label in a cell, also if it is the only element of a list; `SEVERAL` or `AN_OBJECT` if there is no single label."""
    found = _nested(cell.strip())
    if isinstance(found, dict):
        return AN_OBJECT
    if not isinstance(found, list):
        return cell
    filled = [element for element in found if element is not None and str(element).strip()]
    if any(not isinstance(element, str | int | float) for element in filled):
        return AN_OBJECT
    texts = list(dict.fromkeys(each.strip() if isinstance(each, str) else json.dumps(each) for each in filled))
    if len(texts) > 1:
        return SEVERAL
    return _single_label(texts[0]) if texts and texts[0] != cell.strip() else ""


def listed(cell: str) -> list[object] | None:
    """The elements of a list in a cell, written as JSON or as by Python, pandas or NumPy; None if the cell holds no list."""
    found = _nested(cell)
    return found if isinstance(found, list) else None


def _nested(cell: str) -> list[object] | dict[object, object] | None:
    found = tables.nested(cell)
    return found if isinstance(found, list | dict) else _python_list(cell)


def _python_list(cell: str) -> list[object] | dict[object, object] | None:
    """The list, tuple, set or dict in a cell, written as by Python, pandas or NumPy; None if the cell holds no such value."""
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
    """Labels and reasons after numbers were replaced by the names of classes such as "below 0.5" and "0.5 or more"."""
    limits = sorted(set(cuts))
    numbers = pd.to_numeric(labels, errors="coerce")
    between = [f"{low:g} to {high:g}" for low, high in zip(limits, limits[1:], strict=False)]
    names = [f"below {limits[0]:g}", *between, f"{limits[-1]:g} or more"]
    classes = ["" if math.isnan(number) else names[sum(number >= limit for limit in limits)] for number in numbers]
    wrong = numbers.isna() & ~labels.str.casefold().isin(MISSING) & (reasons == "")
    return pd.Series(classes, index=labels.index, dtype="str"), reasons.mask(wrong, "label is no number")


def _renames(
    labels: Collection[str], rename: Mapping[str, str], known: Collection[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Label in the file -> its new name, and the labels of `rename` that the file does not have; "1.0" goes by the name of "1" too."""
    spelt = {value: value for value in labels} | {
        value: whole for value, whole in _whole_numbers(labels, known).items() if value not in rename
    }
    found = {value: rename[name] for value, name in spelt.items() if name in rename}
    return found, tuple(name for name in rename if name not in spelt.values())


def _whole_numbers(labels: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Whole numbers with decimals -> the same without ("1.0" -> "1"), except labels of the task."""
    return {value: match["whole"] for value in labels if (match := WHOLE.fullmatch(value)) and value not in known}


def _counted(labels: "pd.Series[str]", rows: "npt.NDArray[np.intp]") -> Counter[str]:
    """Label -> number of rows, from the labels of distinct values and the number of rows of each value."""
    counts: Counter[str] = Counter()
    for label, n in zip(labels.tolist(), rows.tolist(), strict=True):
        if label:
            counts[label] += n
    return counts


def _folds(counts: Mapping[str, int], known: Collection[str]) -> dict[str, str]:
    """Spelling -> the label of the task that looks alike, or else the most frequent of the spellings that look alike."""
    ranked = sorted(counts, key=lambda name: (name not in known, -counts[name], name != name.lower(), name))
    label_of: dict[str, str] = {_key(name): name for name in known}
    for name in ranked:
        label_of.setdefault(_key(name), name)
    return {name: label_of[_key(name)] for name in counts if name not in known and label_of[_key(name)] != name}


def _alike(counts: Mapping[str, int], known: Collection[str]) -> list[tuple[str, ...]]:
    """Groups of labels that look alike, with at least one label of the file in each group."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for name in {*counts, *known}:
        groups[_key(name)].add(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1 and group & set(counts))


def _key(name: str) -> str:
    """A form of a label in which equal numbers, and labels that differ in case, blanks, hyphens or Unicode form, are equal."""
    if PLAIN_NUMBER.fullmatch(name):
        return str(decimal.Decimal(name).normalize() + 0)
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()
