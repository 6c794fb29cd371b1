"""Tables as CSV: as they are, or so that a spreadsheet runs no cell as a formula."""

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain_csv(table: pd.DataFrame) -> str:
    """CSV whose cells stay as they are; lines end as RFC 4180 says, so that every line break inside a cell is quoted."""
    return table.to_csv(index=False, lineterminator="\r\n")


def safe_csv(table: pd.DataFrame) -> str:
    """CSV in which no cell starts like a spreadsheet formula."""
    escaped = table.copy()
    for column in table.select_dtypes(include=["str", "object"]).columns:
        escaped[column] = [f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in table[column]]
    return escaped.to_csv(index=False)
