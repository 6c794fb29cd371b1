"""Attribute grids as lines of text: one line for each attribute, its values separated by bars.

    persona: a night nurse | a retired pilot
    kind [sarcastic]: mock praise | feigned surprise
    kind [not-sarcastic]: plain news | honest thanks

Values after a label's name in brackets belong to that label alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import StudyError

LINE = re.compile(r"^\s*(?P<name>[A-Za-z_]\w*)\s*+(?:\[(?P<label>.+?)\]\s*+)?:(?P<values>.*)$")


def parse(text: str, *, labels: Sequence[str]) -> dict[str, Any]:
    """The attributes in lines of text: a dict of name to values, or of name to label to values.

    Raises `StudyError` that names the line that cannot be read, an unknown label, or a label without values.
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = LINE.match(line)
        values = [value.strip() for value in match["values"].split("|") if value.strip()] if match else []
        if match and not values:
            raise StudyError(
                f"Line {number} of the attributes has no values yet. Write some after the colon, separated by |, or let "
                "the model list kinds."
            )
        if match is None:
            raise StudyError(
                f"Line {number} of the attributes cannot be read: {line.strip()[:60]!r}. Write name: value | value."
            )
        _put(found, match["name"], match["label"], values, labels=labels, number=number)
    for name, values_of in found.items():
        missing = [label for label in labels if isinstance(values_of, dict) and label not in values_of]
        if missing:
            raise StudyError(f"Attribute {name!r} has values for some labels only; add {name} [{missing[0]}]: ...")
    return found


def lines(attributes: Mapping[str, Any]) -> str:
    """Attributes as lines of text that `parse` reads."""
    written = []
    for name, values_of in attributes.items():
        if isinstance(values_of, Mapping):
            written += [f"{name} [{label}]: {' | '.join(values)}" for label, values in values_of.items()]
        else:
            written.append(f"{name}: {' | '.join(values_of)}")
    return "\n".join(written)


def _put(
    found: dict[str, Any], name: str, label: str | None, values: list[str], *, labels: Sequence[str], number: int
) -> None:
    """Add the values of line `number` to the attributes found so far. Raises `StudyError` if the line contradicts them."""
    if label is not None and label not in labels:
        raise StudyError(f"Line {number} of the attributes names the label {label!r}; known are {', '.join(labels)}.")
    known = found.get(name)
    if name in found and (label is None or not isinstance(known, dict) or label in known):
        raise StudyError(f"Line {number} of the attributes gives {name!r} a second time. Put its values on one line.")
    if label is None:
        found[name] = values
    else:
        found.setdefault(name, {})[label] = values
