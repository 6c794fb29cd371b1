"""Names in sentences: cut, and counted where there are many."""

from core.wording import listed


def test_many_or_long_names_are_cut_and_counted() -> None:
    assert listed(["text", "label"]) == "text, label"
    assert listed(range(4), most=2) == "0, 1 and 2 more"
    assert listed(["x" * 60, "y" * 61]) == f"{'x' * 60}, {'y' * 59}…"
    assert len(listed(["z" * 5000] * 3000)) < 1500
