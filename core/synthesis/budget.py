"""Budget: what tokens cost, what a generation is likely to cost, and a limit that is not crossed."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import StudyError
from core.synthesis.prompts import Message

PRICES = Path(__file__).parents[1] / "catalogue" / "prices.json"
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 16
SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class Price(BaseModel):
    """What a model takes for a million tokens, in US dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    input_usd_per_million: float = Field(ge=0)
    output_usd_per_million: float = Field(ge=0)
    source: str = ""

    def of(self, *, tokens_in: int, tokens_out: int) -> float:
        """The cost of so many tokens in US dollars."""
        return (tokens_in * self.input_usd_per_million + tokens_out * self.output_usd_per_million) / 1e6


class PriceTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    note: str
    prices: list[Price]


@dataclass(frozen=True)
class Estimate:
    """What a generation is likely to take, from 4 characters a token; `cost_usd` is None when the price is unknown."""

    completions: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    is_approximate: bool = True


class BudgetReached(StudyError):
    """The next request could cross the budget."""


def price_table(path: Path = PRICES) -> PriceTable:
    """The dated price table. Raises `StudyError` when the file has been edited into something else."""
    try:
        return PriceTable.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"The price table {path.name} cannot be read at {where}: {first['msg']}. Correct it."
        raise StudyError(message) from error


def price(model: str, path: Path = PRICES) -> Price | None:
    """The price of a model or of a dated snapshot of it (`gpt-4o-2024-08-06`); None when it is unknown."""
    known = {entry.model: entry for entry in price_table(path).prices}
    return known.get(model) or known.get(SNAPSHOT.sub("", model))


def cost(model: str, *, tokens_in: int, tokens_out: int) -> float | None:
    """The cost of one answer in US dollars; None when the model's price is unknown."""
    known = price(model)
    return known.of(tokens_in=tokens_in, tokens_out=tokens_out) if known else None


def approximate_tokens(text: str) -> int:
    """Tokens of a text, at 4 characters a token: fair for English, too few for other scripts."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def most_tokens_in(messages: Sequence[Message]) -> int:
    """More tokens than the messages can have: a token stands for at least one byte of UTF-8."""
    return sum(len(message["content"].encode()) + TOKENS_PER_MESSAGE for message in messages)


def answer_limit(*, texts_per_call: int, words: int) -> int:
    """A limit for the tokens of an answer that leaves room to exceed the asked length about threefold."""
    return texts_per_call * words * 4 + 400


def estimate(
    messages: Sequence[Message], *, texts: int, texts_per_call: int, turns: int, words: int, price: Price | None
) -> Estimate:
    """What `texts` texts are likely to take when each call keeps all it asks for.

    `messages` is the first turn of a conversation; every later turn sends it again together with the answers so far.
    """
    completions = math.ceil(texts / texts_per_call)
    answer = approximate_tokens("x" * 6 * words * texts_per_call)
    first = sum(approximate_tokens(message["content"]) + CHARACTERS_PER_TOKEN for message in messages)
    request = approximate_tokens(messages[-1]["content"]) + CHARACTERS_PER_TOKEN
    tokens_in = sum(first + (slot % turns) * (answer + request) for slot in range(completions))
    tokens_out = completions * answer
    cost_usd = price.of(tokens_in=tokens_in, tokens_out=tokens_out) if price else None
    return Estimate(completions=completions, tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost_usd)


class Budget:
    """A limit in US dollars that requests running side by side never cross together; None is no limit.

    A request first holds the most it can cost. While that does not fit beside the others in flight it waits for them,
    as they mostly cost less than they hold; when it does not fit although nothing is in flight, the budget is
    reached.
    """

    def __init__(self, limit: float | None, *, spent: float = 0.0) -> None:
        if limit is not None and not limit > 0:
            raise StudyError(f"A budget is more than 0 US dollars; it is {limit}.")
        self.limit = limit
        self.spent = spent
        self._held = 0.0
        self._in_flight = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, most: float) -> AsyncIterator[None]:
        """Hold `most` dollars for one request. Raises `BudgetReached` when they can no longer fit."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(most) or self._in_flight == 0)
            if not self._fits(most):
                raise BudgetReached(
                    f"The budget of ${self.limit:g} is reached: ${self.spent:.4f} is spent and the next request "
                    f"may cost up to ${most:.4f}. Raise the budget to go on."
                )
            self._held += most
            self._in_flight += 1
        try:
            yield
        finally:
            async with self._changed:
                self._held -= most
                self._in_flight -= 1
                self._changed.notify_all()

    def spend(self, cost_usd: float | None) -> None:
        """Count the true cost of an answer; call it while its request is still held."""
        self.spent += cost_usd or 0.0

    def _fits(self, most: float) -> bool:
        return self.limit is None or self.spent + self._held + most <= self.limit
