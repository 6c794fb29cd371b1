"""Prices of tokens: a dated table that comes with Litmus, and prices entered by people, which go first."""

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


BATCH_SHARE = 0.5  # of the usual price, for the calls of a batch
BATCH_FILE = "batch file"  # the provider of answers that were read from the file of a batch


class Price(BaseModel):
    """The price of a model in US dollars per million tokens; `as_of` is the day or month of the price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    input_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    output_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    source: str = ""
    as_of: str = ""

    @property
    def is_free(self) -> bool:
        """Whether a call costs nothing."""
        return self.input_usd_per_million == self.output_usd_per_million == 0

    def of(self, *, tokens_in: int, tokens_out: int) -> float:
        """Return the cost of a call in US dollars, by its tokens sent and received."""
        return (tokens_in * self.input_usd_per_million + tokens_out * self.output_usd_per_million) / 1e6


class PriceTable(BaseModel):
    """Prices of models, each model once; `as_of` is the date of the prices without their own date."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    note: str
    prices: list[Price]


def load(home: Path | None) -> PriceTable:
    """Return the shipped prices, replaced and extended by the prices entered in `home`; every price has its date.

    Raises `StudyError` if one of the two files was edited into something invalid.
    """
    shipped, entered = price_table(), _entered(home)
    known = {entry.model: entry for table in (shipped, entered) for entry in _dated(table)}
    return PriceTable(
        as_of=shipped.as_of, note=shipped.note, prices=sorted(known.values(), key=lambda price: price.model)
    )


def find(home: Path | None, model: str) -> Price | None:
    """Return the price of a model, entered prices first; None if unknown.

    A dated snapshot without a price (`gpt-4o-2024-08-06`) has the price of its model (`gpt-4o`).
    """
    known = {entry.model: entry for entry in load(home).prices}
    return known.get(model) or known.get(SNAPSHOT.sub("", model))


def set_price(home: Path, model: str, input: float, output: float, as_of: str, *, source: str = "") -> Price:
    """Store an entered price and return it: US dollars per million tokens sent and received, as of a day or month.

    Raises `StudyError` for an empty name, a price that is not from 0 to 10,000, and an invalid date.
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
    entered = Price(
        model=name, input_usd_per_million=input, output_usd_per_million=output, source=source or "entered", as_of=as_of
    )
    _write_entered(home, [*(entry for entry in _entered(home).prices if entry.model != name), entered])
    return entered


def price_table(path: Path = PRICES) -> PriceTable:
    """Return the price table in a file. Raises `StudyError` if the file is no price table."""
    try:
        return PriceTable.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "it is not UTF-8"}
        where = ".".join(str(part) for part in first["loc"]) or "its beginning"
        message = f"The price table {path.name} cannot be read at {where}: {first['msg']}. Correct it."
        raise StudyError(message) from error


def price(model: str, path: Path = PRICES) -> Price | None:
    """Return the price of a model, or of the model behind a dated snapshot, in the shipped table; None if unknown."""
    known = {entry.model: entry for entry in price_table(path).prices}
    return known.get(model) or known.get(SNAPSHOT.sub("", model))


def approximate_tokens(text: str) -> int:
    """Return the estimated tokens of a text, at 4 characters a token: good for English, too low for other scripts."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _entered(home: Path | None) -> PriceTable:
    if home is None or not (home / OWN).is_file():
        return PriceTable(as_of="", note=OWN_NOTE, prices=[])
    return price_table(home / OWN)


def _dated(table: PriceTable) -> list[Price]:
    return [entry if entry.as_of else entry.model_copy(update={"as_of": table.as_of}) for entry in table.prices]


def _write_entered(home: Path, entries: list[Price]) -> None:
    """Write the entered prices atomically: a reader sees the old file or the new file, never a part."""
    home.mkdir(parents=True, exist_ok=True)
    table = PriceTable(as_of="", note=OWN_NOTE, prices=sorted(entries, key=lambda entry: entry.model))
    files.replace(home / OWN, f"{table.model_dump_json(indent=2)}\n".encode())
