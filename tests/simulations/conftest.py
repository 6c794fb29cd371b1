"""Simulations note their rates, and the end of a run shows them as the tables of docs/methods.md."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulations.sizes import STUDIES

Note = Callable[..., None]
MEASURED = "measured"


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Notes what a simulation measured: note(tasks=4, rejected=4.8)."""

    def noted(**numbers: object) -> None:
        request.node.user_properties.append((MEASURED, {"file": request.node.path.stem, **numbers}))

    return noted


def pytest_terminal_summary(terminalreporter: Any) -> None:
    tables: dict[str, list[dict[str, object]]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, numbers in report.user_properties:
                if name == MEASURED:
                    tables.setdefault(numbers["file"], []).append({k: v for k, v in numbers.items() if k != "file"})
    for file, rows in tables.items():
        terminalreporter.write_sep("-", f"{file}, {STUDIES} studies each")
        terminalreporter.write_line("| " + " | ".join(rows[0]) + " |")
        terminalreporter.write_line("|" + "---|" * len(rows[0]))
        for row in rows:
            terminalreporter.write_line("| " + " | ".join(map(_cell, row.values())) + " |")


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
