"""What a judge will take before the judge is asked: calls, tokens and dollars, with what is answered already."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.money.prices import Price, approximate_tokens
from core.study import tasks
from core.study.chunks import chunks
from core.study.rows.study import Arm, Judgement, Sample, Task
from core.synthesis import judging
from core.synthesis.judging import ALL_TEXTS, Texts
from core.synthesis.trials.estimates import HIGH, LEAST_CALLS, LOW, Range
from core.wording import counted

MOST_KNOWN = 1000  # earlier answers that an estimate rests on; pages compute it at every run
LOOKED_AT = 200  # texts whose length is read, drawn like those that are judged
ANSWER_TOKENS = 8  # of the name of a label, where no answer of the judge is known


@dataclass(frozen=True)
class JudgingCost:
    """What a judge still takes: `calls`, one for each text without an answer; `answered` texts are not paid for again.

    `tokens_in`, `tokens_out`: expected. `cost_usd` is None if the price is unknown: a 95 % interval from `n_known` earlier answers
    of this judge on the task, or with fewer than 5 of these a rule of thumb, half to twice the value.
    """

    judge: str
    calls: int
    answered: int
    tokens_in: int
    tokens_out: int
    cost_usd: Range | None
    n_known: int


def of_judge(
    session: Session,
    *,
    arm_ids: Sequence[int],
    judge: str,
    price: Price | None,
    wanted: Texts = ALL_TEXTS,
    seed: int = 0,
) -> JudgingCost:
    """What `judging.judge` will take with these arguments. Raises `StudyError` if there is no arm."""
    arms = [session.get_one(Arm, arm_id) for arm_id in arm_ids]
    if not arms:
        raise StudyError("A judge needs one or more arms of one task. Name arms that exist.")
    judge = judge[:200]
    task = session.get_one(Task, arms[0].task_id)
    chosen = judging.chosen(session, arm_ids, wanted, seed=seed)
    done: set[int] = set()
    for part in chunks(chosen):
        done |= set(
            session.scalars(select(Judgement.sample_id).where(Judgement.sample_id.in_(part), *judging.is_by(judge)))
        )
    left = [sample_id for sample_id in chosen if sample_id not in done]
    known = _known(session, task, judge)
    each = known if len(known) >= LEAST_CALLS else _foreseen(session, task, left)
    tokens_in, tokens_out = (round(len(left) * mean) for mean in each.mean(axis=0)) if len(each) else (0, 0)
    return JudgingCost(
        judge,
        len(left),
        len(done),
        tokens_in,
        tokens_out,
        cost_of(each, len(left), price, is_known=each is known),
        len(known),
    )


def sentence(found: JudgingCost, *, budget_usd: float | None = None) -> str:
    """The calls and dollars in words, with what the budget means for them."""
    done = f" {counted(found.answered, 'text')} answered already, not paid for again." if found.answered else ""
    if not found.calls:
        return f"No call to {found.judge}: every text is answered already."
    said = f"{counted(found.calls, 'call')} to {found.judge}, {found.tokens_in + found.tokens_out:,} tokens"
    if found.cost_usd is None:
        return f"{said}; the cost is unknown, because the price of {found.judge} is unknown: set the price under Prices.{done}"
    if not found.cost_usd.high:
        return f"{said}, without cost.{done}"
    basis = f"from {found.n_known} answers" if found.n_known >= LEAST_CALLS else "roughly, half to twice as much"
    value, low, high = (f"${amount:,.4f}" for amount in (found.cost_usd.value, found.cost_usd.low, found.cost_usd.high))
    over = (
        f" That may be more than the budget of ${budget_usd:,.2f}: judging stops before the budget is exceeded."
        if budget_usd is not None and found.cost_usd.high > budget_usd
        else ""
    )
    return f"{said}, about {value} [{low}, {high}] ({basis}).{done}{over}"


def _known(session: Session, task: Task, judge: str) -> np.ndarray:
    """The tokens in and out of the newest answers that this judge gave on the task (answers x 2), at most `MOST_KNOWN`."""
    query = (
        select(Judgement.tokens_in, Judgement.tokens_out)
        .join(Sample, Sample.id == Judgement.sample_id)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, *judging.is_by(judge))
        .order_by(Judgement.id.desc())
        .limit(MOST_KNOWN)
    )
    return np.array([tuple(row) for row in session.execute(query)], dtype=float).reshape(-1, 2)


def _foreseen(session: Session, task: Task, left: Sequence[int]) -> np.ndarray:
    """The tokens in and out of some of the calls, from the length of their messages (calls x 2)."""
    labels = tasks.labels_of(session, task.id)
    some = session.scalars(select(Sample).where(Sample.id.in_(list(left[:LOOKED_AT]))))
    sizes = [
        sum(approximate_tokens(message["content"]) for message in judging.messages_for(task, labels, sample))
        for sample in some
    ]
    return np.array([(size, ANSWER_TOKENS) for size in sizes], dtype=float).reshape(-1, 2)


def cost_of(each: np.ndarray, calls: int, price: Price | None, *, is_known: bool) -> Range | None:
    """The cost of so many calls in US dollars, from the tokens in and out of some (calls x 2); None if the price is unknown.

    `is_known`: the tokens are those of earlier calls, and the range is a 95 % prediction interval for the sum of the calls to come
    (t distribution, mean of a normal sample; see tests for its coverage). Else it is a rule of thumb, half to twice the value.
    """
    if price is None:
        return None
    if not calls:
        return Range(0.0, 0.0, 0.0)
    costs = each @ np.array([price.input_usd_per_million, price.output_usd_per_million]) / 1e6
    value = calls * float(costs.mean())
    if not is_known:
        return Range(value, LOW * value, HIGH * value)
    t = float(special.stdtrit(len(costs) - 1, 0.975))
    half = t * calls * float(costs.std(ddof=1)) * math.sqrt(1 / len(costs) + 1 / calls)
    return Range(value, max(0.0, value - half), value + half)
