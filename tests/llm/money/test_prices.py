"""Prices: known prices, unknown prices, and prices that people enter."""

from pathlib import Path

import pytest

from core.errors import StudyError
from core.llm.money import prices


def test_the_cost_is_tokens_times_price_and_unknown_for_an_unknown_model() -> None:
    known = prices.price("gpt-4o-mini")

    assert known is not None and known.of(tokens_in=2_000_000, tokens_out=1_000_000) == pytest.approx(0.90, rel=1e-9)
    assert prices.price("my-own-model") is None


def test_a_dated_snapshot_has_the_price_of_its_model() -> None:
    assert prices.price("gpt-4o-mini-2024-07-18") == prices.price("gpt-4o-mini")
    assert prices.price("gpt-4o-mini-tuned") is None


def test_every_entry_of_the_price_table_is_dated_and_sourced() -> None:
    table = prices.price_table()

    assert table.as_of and all(entry.source for entry in table.prices)
    assert len({entry.model for entry in table.prices}) == len(table.prices)


def test_a_price_table_edited_wrongly_is_named_with_the_place(tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    table.write_text('{"as_of": "now", "note": "", "prices": [{"model": "m", "input": 1}]}', encoding="utf-8")

    with pytest.raises(StudyError, match="prices.json cannot be read at prices.0"):
        prices.price("m", table)


def test_a_price_entered_goes_before_the_one_that_comes_along_and_is_dated(tmp_path: Path) -> None:
    prices.set_price(tmp_path / "home", "gpt-4o-mini", 1.0, 2.0, "2026-07-01")
    prices.set_price(tmp_path / "home", "my-own-model", 0.0, 0.0, "2026-08")

    found = prices.find(tmp_path / "home", "gpt-4o-mini-2024-07-18")

    assert found is not None and (found.input_usd_per_million, found.as_of) == (1.0, "2026-07-01")
    assert prices.find(tmp_path / "home", "my-own-model") is not None
    assert prices.find(tmp_path / "home", "nobody-knows") is None
    assert prices.find(None, "my-own-model") is None
    table = prices.load(tmp_path / "home")
    assert all(entry.as_of for entry in table.prices)
    assert len({entry.model for entry in table.prices}) == len(table.prices)


def test_an_entered_price_can_be_changed(tmp_path: Path) -> None:
    prices.set_price(tmp_path, "gpt-4o", 1.0, 2.0, "2026-07")

    prices.set_price(tmp_path, "gpt-4o", 3.0, 4.0, "2026-08")

    changed = prices.find(tmp_path, "gpt-4o")
    assert changed is not None and changed.input_usd_per_million == 3.0
    assert [path.name for path in tmp_path.iterdir()] == ["prices.json"]


@pytest.mark.parametrize(
    ("model", "input", "output", "as_of", "sentence"),
    [
        ("m", -1.0, 1.0, "2026-07", "input tokens .* found -1"),
        ("m", 1.0, 20_000.0, "2026-07", "output tokens .* from 0 to 10,000; found 20000"),
        ("m", float("nan"), 1.0, "2026-07", "found nan"),
        ("m", 1.0, 1.0, "July", "written 2026-06"),
        (" ", 1.0, 1.0, "2026-07", "name is empty"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(
    tmp_path: Path, model: str, input: float, output: float, as_of: str, sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence):
        prices.set_price(tmp_path, model, input, output, as_of)

    assert not list(tmp_path.iterdir())


def test_an_own_table_edited_wrongly_is_named(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text("{", encoding="utf-8")

    with pytest.raises(StudyError, match="prices.json cannot be read at its beginning"):
        prices.find(tmp_path, "gpt-4o")
