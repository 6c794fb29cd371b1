"""Write tables as CSV, unchanged or escaped so that no spreadsheet runs a cell as a formula."""

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain_csv(table: pd.DataFrame) -> str:
    """The table as CSV with unchanged cells; lines end with CR LF (RFC 4180), so that line breaks in cells are quoted."""
    return table.to_csv(index=False, lineterminator="\r\n")


def safe_csv(table: pd.DataFrame) -> str:
    """The table as CSV with an apostrophe before every cell that starts like a formula of a spreadsheet."""
    escaped = table.copy()
    for column in table.select_dtypes(include=["str", "object"]).columns:
        escaped[column] = [f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in table[column]]
    return escaped.to_csv(index=False)
