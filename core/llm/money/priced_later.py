"""Stored answers without a known price, counted again once their model's price is known.

Source of the cost: the tokens that were stored with each answer, at the price that is known now; a batch costs half.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select, update
from sqlalchemy.orm import Session

from core.llm.money import prices
from core.llm.money.prices import BATCH_FILE, BATCH_SHARE, Price
from core.llm.text import OF_PROMPT
from core.study.rows.kinds import JudgementKind, RaterKind
from core.study.rows.sessions import Rater, Reply
from core.study.rows.study import Completion, Continuation, Judgement, Trial

MILLION = 1e6
SAME_USD = 1e-10  # costs that differ by less were counted at the same price


def count_again(session: Session, home: Path | None, *, model: str | None = None, mistaken: Price | None = None) -> int:
    """Give every stored answer without a cost the cost at its model's price, if that is known now; return their number.

    `model`: only the answers at the price of this model; of all models by default. A model goes by the name that was asked for,
    as its price does: an endpoint may answer under another one. Answers whose endpoint named no tokens stay without a cost. Prompts
    that were refused cost 0, whatever the model.
    `mistaken`: a price of the model that was wrong; what was counted at it is counted anew, unless it was 0, which free answers cost
    too. Raises `StudyError` if the price tables cannot be read.
    """
    known: dict[str, Price | None] = {}
    only = prices.find(home, model) if model is not None else None

    def price_of(name: str) -> Price | None:
        if name not in known:
            price = prices.find(home, name)
            known[name] = price if model is None or price == only else None
        return known[name]

    old = None if mistaken is None or mistaken.is_free else mistaken
    n = _rows(session, Completion, _asked(Completion), price_of, ~Completion.is_recorded, share=_share(), old=old)
    n += _rows(session, Trial, _asked(Trial), price_of, old=old)
    n += _rows(session, Judgement, Judgement.judge, price_of, Judgement.kind == JudgementKind.JUDGE, old=old)
    n += _rows(session, Continuation, Continuation.model, price_of, old=old)
    return n + _replies(session, price_of, old) + _refused(session)


def _asked(table: Any) -> ColumnElement[str]:
    """The name of the model that was asked, or where it is not stored, the one under which the endpoint answered."""
    return func.coalesce(func.nullif(table.request["model"].as_string(), ""), table.model)


def _share() -> ColumnElement[float]:
    """What a completion costs of the usual price: half in a batch, sent by Litmus or as a file by hand."""
    is_batch = or_(Completion.batch_id.is_not(None), Completion.provider == BATCH_FILE)
    return case((is_batch, BATCH_SHARE), else_=1.0)


def _rows(
    session: Session,
    table: Any,
    model: Any,
    price_of: Callable[[str], Price | None],
    *where: ColumnElement[bool],
    share: Any = 1.0,
    old: Price | None,
) -> int:
    """Set the costs in a table whose rows name their model in a column."""
    open_ones = (*_open(table, share, old), *where)
    done = 0
    for name in session.scalars(select(model).where(*open_ones).distinct()).all():
        if price := price_of(name):
            done += _set(session, table, price, share, *open_ones, model == name)
    return done


def _replies(session: Session, price_of: Callable[[str], Price | None], old: Price | None) -> int:
    """Set the costs of replies, whose model stands with their rater."""
    of_llm: Select[int, dict[str, Any]] = (
        select(Rater.id, Rater.facts)
        .where(Rater.kind == RaterKind.LLM, Rater.id.in_(select(Reply.rater_id).where(*_open(Reply, 1.0, old))))
    )  # fmt: skip
    done = 0
    for rater_id, facts in session.execute(of_llm).all():
        if price := price_of(str(facts.get("model", "")).partition("@http")[0]):
            done += _set(session, Reply, price, 1.0, *_open(Reply, 1.0, old), Reply.rater_id == rater_id)
    return done


def _refused(session: Session) -> int:
    """Set the cost of prompts that were refused, which nobody bills; as stored before, it was unknown."""
    done = 0
    tables: tuple[Any, ...] = (Completion, Trial, Judgement, Continuation, Reply)
    for table in tables:
        ended = table.request["finish_reason"].as_string() if table is Judgement else table.finish_reason
        refused = (table.cost_usd.is_(None), ended.in_(OF_PROMPT))
        done += session.scalar(select(func.count()).select_from(table).where(*refused)) or 0
        free = update(table).where(*refused).values(cost_usd=0.0)
        session.execute(free.execution_options(synchronize_session=False))
    return done


def _open(table: Any, share: Any, old: Price | None) -> tuple[ColumnElement[bool], ...]:
    """The rows to count: with tokens, and without a cost or with the cost at the old price."""
    is_open = table.cost_usd.is_(None)
    if old is not None:
        is_open = or_(is_open, func.abs(table.cost_usd - _usd(table, old) * share) <= SAME_USD)
    return is_open, or_(table.tokens_in > 0, table.tokens_out > 0)


def _usd(table: Any, price: Price) -> Any:
    return (table.tokens_in * price.input_usd_per_million + table.tokens_out * price.output_usd_per_million) / MILLION


def _set(session: Session, table: Any, price: Price, share: Any, *where: ColumnElement[bool]) -> int:
    """Set the cost of rows and return their number."""
    n = session.scalar(select(func.count()).select_from(table).where(*where)) or 0
    values = {"cost_usd": _usd(table, price) * share}
    session.execute(update(table).where(*where).values(values).execution_options(synchronize_session=False))
    return n
