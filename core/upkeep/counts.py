"""What a database has, in numbers for its keeper: jobs by state, calls to LLMs with their cost, and ratings."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.llm.money.committed import Way
from core.study.rows.kinds import JobState, JudgementKind, RaterKind
from core.study.rows.sessions import Comparison, Rater, Rating, Reply
from core.study.rows.study import Completion, Continuation, Job, Judgement, Trial

CALLS = {
    Way.GENERATE: Completion,
    Way.TRY: Trial,
    Way.JUDGE: Judgement,
    Way.RATE: Reply,
    Way.CONTAMINATION: Continuation,
}


@dataclass(frozen=True)
class Calls:
    """Stored answers of LLMs by one way of spending, their cost as far as prices are known, and the number without a price."""

    n: int
    usd: float
    unpriced: int


@dataclass(frozen=True)
class Counts:
    """Numbers of stored rows. `ratings` are answers about samples and comparisons, by the kind of rater."""

    jobs: dict[str, int]
    calls: dict[str, Calls]
    ratings: dict[str, int]


def of(session: Session) -> Counts:
    """Count what the database has, of every study."""
    jobs = dict(session.execute(select(Job.state, func.count(Job.id)).group_by(Job.state)).tuples().all())
    ratings = dict.fromkeys(RaterKind, 0)
    for answers in (Rating, Comparison):
        counted = (
            select(Rater.kind, func.count(answers.id)).join(answers, answers.rater_id == Rater.id).group_by(Rater.kind)
        )
        for kind, n in session.execute(counted).tuples():
            ratings[kind] += n
    return Counts(
        jobs={str(state): jobs.get(state, 0) for state in JobState},
        calls={str(way): _calls(session, table) for way, table in CALLS.items()},
        ratings={str(kind): n for kind, n in ratings.items()},
    )


def _calls(session: Session, table: type) -> Calls:
    priced = select(func.count(table.id), func.sum(table.cost_usd), func.count(table.cost_usd))  # type: ignore[attr-defined]
    if table is Judgement:
        priced = priced.where(Judgement.kind == JudgementKind.JUDGE)
    n, usd, with_price = session.execute(priced).one()
    return Calls(n, float(usd or 0.0), n - with_price)
