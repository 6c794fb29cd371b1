"""Every test that the page of faults names exists, and the page names faults of all kinds."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_page_names_exists() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = NAMED.findall(page)

    assert len(named) >= 20
    assert page.count("::test_") == len(named)
    lacking = [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert lacking == []


def test_no_row_of_the_page_has_a_lost_or_doubled_answer() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [row.strip("|").split("|") for row in page.splitlines() if row.startswith("| ") and "---" not in row]
    counted = [(lost.strip(), doubled.strip()) for *_, lost, doubled, _said in rows if lost.strip() != "lost"]

    assert len(counted) > 30
    assert all(lost.startswith("0") and doubled == "0" for lost, doubled in counted)
