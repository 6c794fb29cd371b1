"""A price that is entered after the calls: what is stored is counted at it, nothing twice, and nothing that is not known."""

from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from core.llm.money import committed, priced_later, prices
from core.llm.text import PROMPT_REFUSED, PROMPT_TOO_LONG
from core.study.rows.kinds import JudgementKind, RaterKind
from core.study.rows.sessions import Rater, Reply
from core.study.rows.study import Completion, Continuation, Judgement, Trial
from core.study.store import Store
from tests.study.archive import whole_study

pytestmark = pytest.mark.slow

TABLES = (Completion, Trial, Judgement, Continuation, Reply)


@pytest.fixture
def unpriced(store: Store) -> int:
    """Every answer of a study is of the model `m`, 1,000 tokens in and 100 out, without a cost; returns the study's id."""
    with store.write() as session:
        study = whole_study.fill(session).id
        for table in TABLES:
            session.execute(update(table).values(cost_usd=None, tokens_in=1000, tokens_out=100))
        for table in (Completion, Trial, Continuation):
            session.execute(update(table).values(model="m-2026-01-01"))
        for table in (Completion, Trial):
            session.execute(update(table).values(request={"model": ""}))
        session.execute(update(Judgement).values(judge="m"))
        session.execute(update(Completion).values(is_recorded=False))
        session.execute(update(Rater).values(kind=RaterKind.LLM, facts={"model": "m@https://example.org/v1"}))
        return study


def test_every_way_of_spending_is_counted_once_at_the_price_that_is_known_now(
    store: Store, unpriced: int, tmp_path: Path
) -> None:
    with store.write() as session:
        assert priced_later.count_again(session, tmp_path) == 0
        prices.set_price(tmp_path, "m", 3.0, 20.0, "2026-11")

        done = priced_later.count_again(session, tmp_path)

        assert priced_later.count_again(session, tmp_path) == 0
        costs = [cost for table in TABLES for cost in session.scalars(select(table.cost_usd))]
        people = session.scalar(
            select(func.count()).select_from(Judgement).where(Judgement.kind != JudgementKind.JUDGE)
        )
        assert done == len(costs) - (people or 0) and costs.count(None) == people
        of_batch = session.scalars(select(Completion.cost_usd)).all()
        others = [cost for cost in costs if cost not in (None, *of_batch)]
        assert of_batch == [pytest.approx(0.0025)]  # half of the price
        assert others == [pytest.approx(0.005)] * len(others) and len(others) >= 4
        assert not any(money.unpriced for money in committed.of_study(session, unpriced))


def test_answers_that_were_read_from_the_file_of_a_batch_cost_half(store: Store, unpriced: int, tmp_path: Path) -> None:
    wrong = prices.set_price(tmp_path, "m", 0.03, 0.2, "2026-11")
    with store.write() as session:
        session.execute(update(Completion).values(batch_id=None, provider=prices.BATCH_FILE))
        priced_later.count_again(session, tmp_path)
        prices.set_price(tmp_path, "m", 3.0, 20.0, "2026-11")

        assert session.scalars(select(Completion.cost_usd)).all() == [pytest.approx(0.000025)]
        priced_later.count_again(session, tmp_path, model="m", mistaken=wrong)
        assert session.scalars(select(Completion.cost_usd)).all() == [pytest.approx(0.0025)]


def test_answers_without_tokens_and_of_other_models_stay_unknown(store: Store, unpriced: int, tmp_path: Path) -> None:
    prices.set_price(tmp_path, "m", 3.0, 20.0, "2026-11")
    with store.write() as session:
        session.execute(update(Trial).values(tokens_in=0, tokens_out=0))
        session.execute(update(Continuation).values(model="another"))

        priced_later.count_again(session, tmp_path)

        assert set(session.scalars(select(Trial.cost_usd))) == {None}
        assert set(session.scalars(select(Continuation.cost_usd))) == {None}
        assert any(money.unpriced for money in committed.of_study(session, unpriced))


def test_prompts_that_were_refused_cost_nothing_whatever_the_price_of_their_model(
    store: Store, unpriced: int, tmp_path: Path
) -> None:
    with store.write() as session:
        for table in (Completion, Trial, Continuation, Reply):
            session.execute(update(table).values(tokens_in=0, tokens_out=0, finish_reason=PROMPT_REFUSED))
        said = {"model": "m", "finish_reason": PROMPT_TOO_LONG}
        session.execute(update(Judgement).values(tokens_in=0, tokens_out=0, request=said))

        priced_later.count_again(session, tmp_path)

        assert {cost for table in TABLES for cost in session.scalars(select(table.cost_usd))} == {0.0}
        assert not any(money.unpriced for money in committed.of_study(session, unpriced))


def test_a_model_goes_by_the_name_that_was_asked_for(store: Store, unpriced: int, tmp_path: Path) -> None:
    prices.set_price(tmp_path, "asked", 3.0, 20.0, "2026-11")
    prices.set_price(tmp_path, "m", 1.0, 1.0, "2026-11")
    with store.write() as session:
        session.execute(update(Trial).values(request={"model": "asked"}, model="served-under-this-name"))

        done = priced_later.count_again(session, tmp_path, model="asked")

        tried = session.scalars(select(Trial.cost_usd)).all()
        assert tried == [pytest.approx(0.005)] * done and done
        assert set(session.scalars(select(Completion.cost_usd))) == {None}
        priced_later.count_again(session, tmp_path)
        assert None not in session.scalars(select(Completion.cost_usd)).all()


def test_a_mistaken_price_is_counted_anew_and_only_where_it_was_used(
    store: Store, unpriced: int, tmp_path: Path
) -> None:
    wrong = prices.set_price(tmp_path, "m", 0.03, 0.2, "2026-11")
    with store.write() as session:
        priced_later.count_again(session, tmp_path)
        session.execute(update(Trial).values(cost_usd=0.7))
        prices.set_price(tmp_path, "m", 3.0, 20.0, "2026-11")
        assert priced_later.count_again(session, tmp_path, model="m") == 0

        done = priced_later.count_again(session, tmp_path, model="m", mistaken=wrong)

        assert done > 0 and priced_later.count_again(session, tmp_path, model="m", mistaken=wrong) == 0
        assert session.scalars(select(Completion.cost_usd)).all() == [pytest.approx(0.0025)]
        replies = session.scalars(select(Reply.cost_usd)).all()
        assert replies == [pytest.approx(0.005)] * len(replies) and replies
        assert set(session.scalars(select(Trial.cost_usd))) == {0.7}
