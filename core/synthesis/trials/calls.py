"""Earlier calls with a prompt, and the tokens, cost and time that one more call is likely to take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.llm.answers import Message
from core.llm.money import budget, prices
from core.llm.money.prices import Price
from core.study import tasks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Completion, Prompt, Sample, Task, Trial
from core.synthesis.generation import samples_from_answers
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import trials

MOST_CALLS = 300
CHARACTERS_PER_WORD = 6
MESSAGE_TOKENS = 4
RECORDED = "recorded"


@dataclass(frozen=True)
class Call:
    """A call that was made. `kept` counts its texts that could be kept, `characters_per_token` is that of its messages."""

    model: str
    kept: int
    tokens_in: float
    tokens_out: int
    latency_s: float
    characters_per_token: float


@dataclass(frozen=True)
class CallCost:
    """What one call is likely to take, and the most (`_most`) it may take.

    Costs are in US dollars, None if the price is unknown. `is_approximate` says that no earlier call was known.
    """

    tokens_in: int
    tokens_out: int
    tokens_out_most: int
    cost_usd: float | None
    cost_usd_most: float | None
    is_approximate: bool


def of(session: Session, *, arm_id: int, draft: Draft) -> list[Call]:
    """Earlier calls of an arm with an equal prompt: its tries, and up to 300 of its latest completions.

    Recorded answers are left out.
    """
    tried = trials.of(session, arm_id=arm_id, draft=draft)
    live = [trial for trial in tried if trial.provider != RECORDED]
    task = session.get_one(Task, session.get_one(Arm, arm_id).task_id)
    labels = tasks.labels_of(session, task.id)
    kept = [len(trials.as_tried(trial, task=task, labels=labels).texts) for trial in live]
    return [_of_trial(trial, draft, kept=n) for trial, n in zip(live, kept, strict=True)] + _of_completions(
        session, arm_id, draft
    )


def tokens(messages: Sequence[Message], known: Sequence[Call] = ()) -> int:
    """The number of tokens of some messages, by the mean characters per token of earlier calls, or else by 4."""
    characters = sum(len(message["content"]) for message in messages)
    if known:
        return math.ceil(characters / float(np.mean([call.characters_per_token for call in known])))
    return math.ceil(characters / prices.CHARACTERS_PER_TOKEN) + MESSAGE_TOKENS * len(messages)


def one_call(messages: Sequence[Message], draft: Draft, price: Price | None, known: Sequence[Call] = ()) -> CallCost:
    """Tokens and cost of one call with these messages, by earlier calls (see `of`) if there are any."""
    sent = tokens(messages, known)
    likely = round(float(np.mean([call.tokens_out for call in known]))) if known else _answer(draft)
    most = max(budget.answer_limit(texts_per_call=draft.texts_per_call, words=draft.words), likely)
    return CallCost(
        tokens_in=sent,
        tokens_out=likely,
        tokens_out_most=most,
        cost_usd=price.of(tokens_in=sent, tokens_out=likely) if price else None,
        cost_usd_most=price.of(tokens_in=sent, tokens_out=most) if price else None,
        is_approximate=not known,
    )


def _answer(draft: Draft) -> int:
    """The tokens of an answer of just the length that the draft asks for."""
    return math.ceil(CHARACTERS_PER_WORD * draft.words * draft.texts_per_call / prices.CHARACTERS_PER_TOKEN)


def _of_trial(trial: Trial, draft: Draft, *, kept: int) -> Call:
    """A try as a call; `kept` of its texts would be kept.

    A try is a first turn, so the tokens that later turns send again are added, on average over turns.
    """
    messages = trial.request["messages"]
    ratio = sum(len(message["content"]) for message in messages) / max(1, trial.tokens_in)
    sent_again = trial.tokens_out + len(messages[-1]["content"]) / max(ratio, 1e-9)
    return Call(
        model=str(trial.request["model"]),
        kept=kept,
        tokens_in=trial.tokens_in + (draft.turns - 1) / 2 * sent_again,
        tokens_out=trial.tokens_out,
        latency_s=trial.latency_s,
        characters_per_token=ratio,
    )


def _of_completions(session: Session, arm_id: int, draft: Draft) -> list[Call]:
    """The latest completions of an arm, asked with a prompt equal to the draft, as calls."""
    same = [
        prompt.id
        for prompt in session.scalars(select(Prompt).where(Prompt.arm_id == arm_id))
        if versions.digest(prompt) == versions.digest(draft)
    ]
    usable = or_(Sample.status == SampleStatus.KEPT, Sample.reject_reason == samples_from_answers.OVER_QUOTA)
    found = (
        select(Completion, func.count(Sample.id))
        .outerjoin(Sample, (Sample.completion_id == Completion.id) & usable & (Sample.split == Split.TRAIN))
        .where(
            Completion.arm_id == arm_id,
            Completion.prompt_id.in_(same),
            Completion.parsed_at.is_not(None),
            Completion.is_recorded.is_(False),
        )
        .group_by(Completion.id)
        .order_by(Completion.id.desc())
        .limit(MOST_CALLS)
    )
    return [
        Call(
            model=str(row.request.get("model", row.model)),
            kept=kept,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            latency_s=row.latency_s,
            characters_per_token=sum(len(message["content"]) for message in row.request["messages"])
            / max(1, row.tokens_in),
        )
        for row, kept in session.execute(found)
    ]
