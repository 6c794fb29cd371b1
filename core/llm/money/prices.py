"""Prices: what tokens cost, from a dated table that comes along and one of your own that goes before it."""

import math
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import catalogue, files
from core.errors import StudyError

PRICES = catalogue.PRICES
OWN = "prices.json"
OWN_NOTE = "US dollars per million tokens, as entered here. These go before the prices that come with Litmus."
MOST_USD_PER_MILLION = 10_000.0
CHARACTERS_PER_TOKEN = 4
SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


class Price(BaseModel):
    """What a model takes for a million tokens, in US dollars; `as_of` is the day or month it was true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    input_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    output_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    source: str = ""
    as_of: str = ""

    def of(self, *, tokens_in: int, tokens_out: int) -> float:
        """The cost of so many tokens in US dollars."""
        return (tokens_in * self.input_usd_per_million + tokens_out * self.output_usd_per_million) / 1e6


class PriceTable(BaseModel):
    """Prices of models, each model once; `as_of` holds for those without a date of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    note: str
    prices: list[Price]


def load(home: Path | None) -> PriceTable:
    """The table that comes along, with the prices entered in `home` in place of its own; every price is dated.

    Raises `StudyError` when one of the two files has been edited into something else.
    """
    shipped, own = price_table(), _own(home)
    known = {entry.model: entry for table in (shipped, own) for entry in _dated(table)}
    return PriceTable(as_of=shipped.as_of, note=shipped.note, prices=sorted(known.values(), key=lambda one: one.model))


def find(home: Path | None, model: str) -> Price | None:
    """The price of a model or of a dated snapshot of it (`gpt-4o-2024-08-06`), one's own first; None when unknown."""
    known = {entry.model: entry for entry in load(home).prices}
    return known.get(model) or known.get(SNAPSHOT.sub("", model))


def set_price(home: Path, model: str, input: float, output: float, as_of: str, *, source: str = "") -> Price:
    """Keep a price of one's own: US dollars for a million tokens sent and received, true as of a day or month.

    Raises `StudyError` for a price below 0 or above 10,000, for something else than a number, and for a bad date.
    """
    name = model.strip()
    if not name:
        raise StudyError("A price belongs to a model; its name is empty.")
    for what, value in (("input", input), ("output", output)):
        if not (math.isfinite(value) and 0 <= value <= MOST_USD_PER_MILLION):
            raise StudyError(
                f"The price of {what} tokens is given in US dollars per million, from 0 to {MOST_USD_PER_MILLION:,.0f}; "
                f"found {value:g}."
            )
    if not DATE.fullmatch(as_of):
        raise StudyError(f"The date of a price is written 2026-06 or 2026-06-30; found {as_of!r}.")
    given = Price(
        model=name, input_usd_per_million=input, output_usd_per_million=output, source=source or "entered", as_of=as_of
    )
    _keep(home, [*(entry for entry in _own(home).prices if entry.model != name), given])
    return given


def price_table(path: Path = PRICES) -> PriceTable:
    """A price table as its file has it. Raises `StudyError` when it has been edited into something else."""
    try:
        return PriceTable.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "it is not UTF-8"}
        where = ".".join(str(part) for part in first["loc"]) or "its beginning"
        message = f"The price table {path.name} cannot be read at {where}: {first['msg']}. Correct it."
        raise StudyError(message) from error


def price(model: str, path: Path = PRICES) -> Price | None:
    """The price of a model or of a dated snapshot of it in the table that comes along; None when it is unknown."""
    known = {entry.model: entry for entry in price_table(path).prices}
    return known.get(model) or known.get(SNAPSHOT.sub("", model))


def cost(model: str, *, tokens_in: int, tokens_out: int) -> float | None:
    """The cost of one answer in US dollars; None when the model's price is unknown."""
    known = price(model)
    return known.of(tokens_in=tokens_in, tokens_out=tokens_out) if known else None


def approximate_tokens(text: str) -> int:
    """Tokens of a text, at 4 characters a token: fair for English, too few for other scripts."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _own(home: Path | None) -> PriceTable:
    if home is None or not (home / OWN).is_file():
        return PriceTable(as_of="", note=OWN_NOTE, prices=[])
    return price_table(home / OWN)


def _dated(table: PriceTable) -> list[Price]:
    return [entry if entry.as_of else entry.model_copy(update={"as_of": table.as_of}) for entry in table.prices]


def _keep(home: Path, entries: list[Price]) -> None:
    """Write the user's own table in place of the earlier one; a reader gets either of them whole."""
    table = PriceTable(as_of="", note=OWN_NOTE, prices=sorted(entries, key=lambda entry: entry.model))
    files.replace(home / OWN, f"{table.model_dump_json(indent=2)}\n".encode())
