"""Write tables as CSV, unchanged or escaped so that no spreadsheet runs a cell as a formula."""

import re

import pandas as pd

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain_csv(table: pd.DataFrame) -> str:
    """The table as CSV with unchanged cells; lines end with CR LF (RFC 4180), so that line breaks in cells are quoted."""
    return table.to_csv(index=False, lineterminator="\r\n")


def safe_csv(table: pd.DataFrame) -> str:
    """The table as CSV with an apostrophe before every cell that starts like a formula of a spreadsheet; numbers stay as they are."""
    escaped = table.copy()
    for column in table.select_dtypes(include=["str", "object"]).columns:
        cells = [f"'{cell}" if _is_formula(str(cell)) else cell for cell in table[column]]
        escaped[column] = pd.Series(cells, index=table.index, dtype=table[column].dtype)
    return escaped.to_csv(index=False)


def _is_formula(cell: str) -> bool:
    return cell.startswith(FORMULA) and not NUMBER.fullmatch(cell)
