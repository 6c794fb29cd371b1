"""Estimate the calls, tokens, cost and time of a generation from earlier calls, each with a range."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import Message, SlotKey
from core.llm.money.prices import Price
from core.study.rows.study import Label, Task
from core.synthesis.generation import standing
from core.synthesis.prompts import examples, versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import calls as calls_made
from core.synthesis.trials.calls import Call

LEAST_CALLS = 5
LOW, HIGH = 0.5, 2.0


@dataclass(frozen=True)
class Range:
    """An expected value and its lower and upper bound: a 95 % interval, or a rule of thumb (half to twice the value)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What an arm still takes until each label keeps enough texts.

    `cost_usd` (US dollars) is None if a price is unknown, `seconds` is None if no earlier call was timed. `n_calls` is the
    number of earlier calls that the estimate rests on. `is_approximate` says that some model has fewer than 5 earlier
    calls, too few for an interval: the range is then a rule of thumb, half to twice the value.
    """

    texts: int
    calls: Range
    tokens_in: Range
    tokens_out: Range
    cost_usd: Range | None
    seconds: Range | None
    n_calls: int
    is_approximate: bool


@dataclass(frozen=True)
class CallRate:
    """How fast calls are made: `concurrency` calls side by side, at most `rpm` calls of each model begun a minute (None: no limit)."""

    concurrency: int = 8
    rpm: float | None = None


USUAL_RATE = CallRate()


def estimate(
    session: Session,
    *,
    arm_id: int | None,
    draft: Draft,
    texts_per_label: int,
    labels: Sequence[Label],
    models: Mapping[str, Price | None],
    rate: CallRate = USUAL_RATE,
) -> Estimate:
    """What an arm takes until each label keeps `texts_per_label` texts, beyond the texts that it keeps already.

    `arm_id` is None for an arm that is not stored yet. `models` maps each model to its price or to None; the models share
    the texts equally. A model with earlier calls of an equal draft, tried or generated, is estimated from them: totals are
    ratios to the texts kept, with a 95 % interval from the t distribution over calls (ratio estimator, linearised, on the
    log scale; the calls to come vary too). Raises `StudyError` if no earlier call of a model brought a text, or if there
    are too few real texts to show.
    """
    if texts_per_label < 1 or rate.concurrency < 1 or not models:
        raise StudyError("An estimate needs a number of texts, a concurrency of 1 or more, and a model.")
    kept = standing.kept_by_label(session, arm_id) if arm_id else {}
    missing = [max(0, texts_per_label - kept.get(label.id, 0)) for label in labels]
    wanted = [n / len(models) for n in missing if n]
    known = calls_made.of(session, arm_id=arm_id, draft=draft) if arm_id else []
    shares = []
    for model, price in models.items():
        own = [call for call in known if call.model == model]
        if not wanted:
            shares.append(_Share.nothing(price))
        elif own:
            shares.append(_measured(own, wanted, price=price))
        else:
            first = _first_call(session, draft=draft, labels=labels)
            shares.append(_guessed(first, draft, known, wanted, price=price))
    seconds = _sum([share.seconds for share in shares])
    calls = _summed([share.calls for share in shares])
    return Estimate(
        texts=sum(missing),
        calls=calls,
        tokens_in=_summed([share.tokens_in for share in shares]),
        tokens_out=_summed([share.tokens_out for share in shares]),
        cost_usd=_sum([share.cost_usd for share in shares]),
        seconds=_paced(seconds, calls, rate, by_model=[share.calls for share in shares]) if seconds else None,
        n_calls=sum(call.model in models for call in known),
        is_approximate=any(share.is_approximate for share in shares),
    )


@dataclass(frozen=True)
class _Share:
    """The part of an estimate that falls to one model; `seconds` is the sum of its calls' latencies."""

    calls: Range
    tokens_in: Range
    tokens_out: Range
    cost_usd: Range | None
    seconds: Range | None
    is_approximate: bool

    @classmethod
    def nothing(cls, price: Price | None) -> "_Share":
        """What a model is asked for and paid if it need not write any text: no call, no token, no dollar, no second."""
        zero = Range(0.0, 0.0, 0.0)
        return cls(zero, zero, zero, zero if price else None, zero, is_approximate=False)


def _measured(known: Sequence[Call], wanted: Sequence[float], *, price: Price | None) -> _Share:
    """A model's share from its earlier calls; `wanted` holds the number of texts that each label needs of this model.

    Raises `StudyError` if no earlier call brought a text.
    """
    kept = np.array([call.kept for call in known], dtype=float)
    if not kept.sum():
        raise StudyError(
            f"None of the {len(known)} earlier calls of {known[0].model!r} brought a text that can be kept, so nothing "
            "can be estimated. Look at what came, and change the prompt or the model."
        )
    sent = np.array([call.tokens_in for call in known], dtype=float)
    back = np.array([call.tokens_out for call in known], dtype=float)
    cost = sent * price.input_usd_per_million / 1e6 + back * price.output_usd_per_million / 1e6 if price else None
    calls = _calls(wanted, float(kept.mean()))
    return _Share(
        calls=_total(np.ones(len(known)), kept, calls=calls),
        tokens_in=_total(sent, kept, calls=calls),
        tokens_out=_total(back, kept, calls=calls),
        cost_usd=None if cost is None else _total(cost, kept, calls=calls),
        seconds=_total(np.array([call.latency_s for call in known]), kept, calls=calls),
        is_approximate=len(known) < LEAST_CALLS,
    )


def _calls(wanted: Sequence[float], kept_per_call: float) -> int:
    """The number of calls for all labels, rounded up for each label; a remainder up to 1e-9 calls is a rounding error."""
    return sum(math.ceil(texts / kept_per_call - 1e-9) for texts in wanted)


def _total(spent: np.ndarray, kept: np.ndarray, *, calls: int) -> Range:
    """What a number of calls take of a resource, given what each earlier call `spent` of it and the texts it `kept`."""
    n = len(kept)
    value = float(calls * spent.mean())
    if n < LEAST_CALLS or not value:
        return _thumb(value)
    residual = spent / spent.mean() - kept / kept.mean()
    relative = float(np.std(residual, ddof=1)) * math.sqrt(1 / n + 1 / calls)
    spread = math.exp(float(special.stdtrit(n - 1, 0.975)) * relative)
    return Range(value, value / spread, value * spread)


def _guessed(
    first: list[Message], draft: Draft, known: Sequence[Call], wanted: Sequence[float], *, price: Price | None
) -> _Share:
    """A model's share by rule of thumb: each call keeps all texts it asks for, and tokens are counted from characters.

    The characters per token are those of other models' `known` calls, or else 4.
    """
    calls = _calls(wanted, draft.texts_per_call)
    call = calls_made.one_call(first, draft, None, known)
    later = (draft.turns - 1) / 2 * (call.tokens_out + calls_made.tokens(first[-1:], known))
    sent, back = calls * (call.tokens_in + later), calls * call.tokens_out
    cost = price.of(tokens_in=round(sent), tokens_out=back) if price else None
    seconds = float(np.mean([made.latency_s for made in known])) * calls if known else None
    return _Share(
        calls=Range(calls, calls, HIGH * calls),
        tokens_in=_thumb(sent),
        tokens_out=_thumb(back),
        cost_usd=None if cost is None else _thumb(cost),
        seconds=None if seconds is None else _thumb(seconds),
        is_approximate=True,
    )


def _thumb(value: float) -> Range:
    """A value with the range of a rule of thumb, half to twice the value."""
    return Range(value, LOW * value, HIGH * value)


def _sum(parts: Sequence[Range | None]) -> Range | None:
    """The sum of ranges, bound by bound (wider than an exact interval of the sum); None if a range is unknown."""
    found = [part for part in parts if part is not None]
    return _summed(found) if len(found) == len(parts) else None


def _summed(parts: Sequence[Range]) -> Range:
    return Range(*(sum(getattr(part, bound) for part in parts) for bound in ("value", "low", "high")))


def _paced(latencies: Range, calls: Range, rate: CallRate, *, by_model: Sequence[Range]) -> Range:
    """The seconds from first call to last answer at a call rate, given the sum of the calls' latencies and each model's calls."""
    bounds = []
    for bound in ("value", "low", "high"):
        n = getattr(calls, bound)
        latency = getattr(latencies, bound) / n if n else 0.0
        most = max(getattr(of_model, bound) for of_model in by_model)
        bounds.append(max(math.ceil(n / rate.concurrency) * latency, most / rate.rpm * 60 if rate.rpm else 0.0))
    return Range(*bounds)


def _first_call(session: Session, *, draft: Draft, labels: Sequence[Label]) -> list[Message]:
    """The messages of the longest among the labels' first calls."""
    task = session.get_one(Task, labels[0].task_id)
    pool = examples.pool(session, task=task, labels=labels, per_call=draft.examples, sources=draft.sources, seed=0)
    found = []
    for label in labels:
        key = SlotKey(study="", task=task.name, arm="", label=label.name, index=0)
        messages = versions.render(
            draft,
            task=task,
            label=label,
            labels=labels,
            drawn=versions.Drawn(
                [sample.text for sample in pool.draw(label.id, key)],
                [sample.text for sample in pool.draw_sources(label.id, key)],
                versions.draw(draft, label=label, slot=0, seed=0),
            ),
        )
        found.append(messages)
    return max(found, key=calls_made.tokens)
