"""The command regress: fit a line to two columns of a file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from core.analysis import regression, slope
from core.commands import output
from core.errors import StudyError
from core.study.exchange import tables

DECIMAL_COMMA = r"^([-+]?\d*),(\d+)(\s*%?)$"


def register(app: typer.Typer) -> None:
    """Add the command regress to the program."""
    app.command("regress")(regress)


def regress(
    file: Path,
    x: Annotated[str, typer.Option("--x", help="Column of the predictor.")],
    y: Annotated[str, typer.Option("--y", help="Column of the outcome.")],
    group: Annotated[
        str | None,
        typer.Option("--group", help="Column of what counts as one, such as the task: all is then over groups."),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Regress one column on another: least squares with HC3 intervals, Spearman, leave-one-out and a permutation test."""
    with output.answering():
        points = _numbers(tables.read(file), [x, y], group)
        fit = slope.over_groups(points, x=x, y=y, group=group) if group else regression.fit(points, x=x, y=y)
    found: dict[str, Any] = asdict(fit)
    if as_json:
        output.emit(found)
        return
    single = {name: value for name, value in found.items() if not isinstance(value, list | tuple | dict)}
    title = f"{y} on {x}, over {group}" if group else f"{y} on {x}"
    output.table(title, ["what", "value"], [[name, _cell(name, value)] for name, value in single.items()])


def _cell(name: str, value: Any) -> str:
    """Return a number as text for people; a small p-value is "< 0.001"."""
    is_p = name == "p" or name.endswith("_p")
    return "< 0.001" if is_p and isinstance(value, float) and value < 0.001 else output.shown(value)


def _numbers(table: tables.Table, columns: list[str], group: str | None) -> pd.DataFrame:
    """Return the table with the columns as numbers, read also from 1,5 or \u22121.2 or 4 %.

    Raises `StudyError` for a cell that is neither a number nor empty.
    """
    tables.need_columns(table.frame, columns + ([group] if group else []), file=table.file)
    points = table.frame.copy()
    for column in columns:
        cells = table.frame[column].str.strip().str.replace("[\u2212\u2013]", "-", regex=True)
        has_decimal_commas = not cells.str.contains(".", regex=False).any()
        plain = cells.str.replace(DECIMAL_COMMA, r"\1.\2\3", regex=True) if has_decimal_commas else cells
        shares = plain.str.endswith("%")
        points[column] = pd.to_numeric(plain.str.rstrip("% "), errors="coerce") / shares.map({True: 100.0, False: 1.0})
        wrong = table.frame.index[
            points[column].isna() & ~cells.str.lower().isin(["", "nan", "na", "n/a", "-", "null", "none"])
        ]
        if len(wrong):
            number = table.numbers(wrong)[0]
            raise StudyError(
                f"Column {column!r} must hold numbers; row {number} holds {table.frame[column][wrong[0]]!r}."
            )
    return points
