"""What the page Generate shows: prices of the models, an estimate of calls, tokens, cost and time, and a live view of the arm."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import streamlit as st

from core.jobs import queue
from core.llm import connection, not_taken
from core.llm.connection import Connection
from core.llm.money import priced_later, prices
from core.llm.money.prices import Price
from core.steps.generate import GenerationRequest, first_draft
from core.study import browse
from core.study.rows.kinds import Work
from core.study.rows.study import Arm, Label, Task
from core.synthesis.batches import batch_generation
from core.synthesis.generation import obedience, standing
from core.synthesis.prompts import versions
from core.synthesis.trials import estimates
from core.synthesis.trials.estimates import Estimate, Range
from core.wording import counted
from ui.shared import resources
from ui.shared.durations import duration
from ui.shared.tables import table
from ui.shared.words import money, plain, set_notice, show_errors

NEWEST = 20


def prices_of(wanted: Connection, *, batch: bool = False) -> dict[str, Price | None]:
    """Draw a form that sets prices, and return the price of each connected model, None if unknown; `batch` halves prices."""
    names = [connection.split(model)[0] for model in wanted.models]
    if wanted.provider != "openai":
        free = {name: Price(model=name, input_usd_per_million=0, output_usd_per_million=0) for name in names}
        return dict(free)
    home = resources.settings().home
    known = {name: prices.find(home, name) for name in names}
    with st.popover("Prices", width="content"):
        for name, price in known.items():
            _price_form(name, price)
        st.caption("US dollars per million tokens. Compare with the provider's own page: prices change.")
    return {name: batch_generation.half(price) if batch else price for name, price in known.items()}


def estimate_panel(
    task: Task, arm: Arm, labels: Sequence[Label], request: GenerationRequest, *, models: Mapping[str, Price | None]
) -> None:
    """Draw an estimate of the calls, tokens, cost and time that a generation takes, with intervals.

    `models`: the price of each model, None if unknown.
    """
    if not request.connection.models:
        st.caption("Connect a model to see how many calls this takes and what it costs.")
        return
    with show_errors(), resources.store()() as session:
        newest = versions.latest(session, arm.id) if arm.id else None
        first = first_draft(task, labels, kind=arm.kind, wanted=request.connection)
        draft = versions.as_draft(newest) if newest else first
        found = estimates.estimate(
            session, arm_id=arm.id or None, draft=draft, texts_per_label=request.per_label, labels=labels, models=models,
            rate=estimates.CallRate(request.connection.concurrency, request.connection.rpm),
        )  # fmt: skip
        _estimate(found, request, models)


def is_generating(arm: Arm) -> bool:
    """Whether a job that generates into this arm is running or waiting."""
    with resources.store()() as session:
        return bool(arm.id) and queue.active(session, Work.GENERATE.key(arm.id)) is not None


def arm_panel(arm: Arm) -> None:
    """Draw an arm's counts, rejections and newest samples, every 2 s while a job generates into the arm."""
    is_live = is_generating(arm)
    st.fragment(_arm, run_every=2 if is_live else None)(arm, is_live)


def _price_form(name: str, price: Price | None) -> None:
    with st.form(f"prices.{name}", border=False):
        source = plain(price.source or f"as of {price.as_of}") if price else "unknown"
        st.caption(f"**{plain(name)}**: {source}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            typed = [
                st.number_input(
                    label, 0.0, prices.MOST_USD_PER_MILLION, value, format="%g", key=f"prices.{name}.{label}", width=160
                )
                for label, value in (
                    ("A million tokens in", price.input_usd_per_million if price else None),
                    ("A million tokens out", price.output_usd_per_million if price else None),
                )
            ]
            is_set = st.form_submit_button("Set")
        is_mistaken = price is not None and st.checkbox(
            "The price before was a mistake: what was counted at it counts anew", key=f"prices.{name}.mistaken"
        )
        if is_set:
            with show_errors():
                _set_price(name, *typed, mistaken=price if is_mistaken else None)


def _set_price(name: str, usd_in: float | None, usd_out: float | None, *, mistaken: Price | None) -> None:
    if usd_in is None or usd_out is None:
        st.error("Give both prices; 0 is fine for a model that costs nothing.")
        return
    home = resources.settings().home
    prices.set_price(home, name, usd_in, usd_out, date.today().isoformat())
    with resources.store().write() as session:
        n = priced_later.count_again(session, home, model=name, mistaken=mistaken)
    what = "that had the price before or none" if mistaken else "whose price was unknown"
    again = f" It also counts for {counted(n, 'stored answer')} {what}." if n else ""
    set_notice(f"The price of {name} is set.{again}")
    st.rerun()


def _estimate(found: Estimate, request: GenerationRequest, models: Mapping[str, Price | None]) -> None:
    """Draw an estimate as metrics with its basis, and a warning if the budget may not suffice."""
    if not found.texts:
        st.success("The arm already has that many texts of every label.")
        return
    unknown = [name for name, price in models.items() if price is None]
    with st.container(border=True):
        with st.container(horizontal=True):
            _metric("Texts to come", f"{found.texts:,}", None)
            _metric("Calls", f"{found.calls.value:,.0f}", found.calls)
            _metric("Tokens", _short(found.tokens_in.value + found.tokens_out.value), None)
            _metric(
                "Cost", "unknown" if found.cost_usd is None else money(found.cost_usd.value), found.cost_usd, usd=True
            )
            if request.batch:
                _metric("Time", "within a day", None)
            elif found.seconds is not None:
                _metric("Time", duration(found.seconds.value), None)
        st.caption(
            f"Estimated from {found.n_calls} calls made with this prompt{_with_intervals(found)}."
            if not found.is_approximate
            else f"A rough estimate from {found.n_calls} calls: the true value may be half or twice as large. Five tried calls of "
            "each model on Prompts make it better."
        )
        if request.budget is not None and found.cost_usd is not None and found.cost_usd.high > request.budget:
            budget = plain(money(request.budget))
            st.caption(
                f"⚠️ This may cost more than the budget of {budget}; the generation stops before the budget is exceeded."
            )
        if unknown:
            st.caption(
                f"The price of {plain(', '.join(unknown))} is unknown, and so is the cost: set the price under Prices."
            )


def _answers_without_text(arm: Arm) -> None:
    """Draw the newest raw answers of an arm that has no sample."""
    st.header("Newest raw answers")
    with resources.store()() as session:
        answers = browse.newest_answers(session, arm.id, limit=NEWEST)
    table(answers, key="generate.answers")


def _with_intervals(found: Estimate) -> str:
    """That the ranges under the numbers are 95 % intervals, if there are such ranges."""
    ranges = [bounds for bounds in (found.calls, found.cost_usd) if bounds is not None]
    return "; the ranges are 95 % intervals" if any(bounds.low != bounds.high for bounds in ranges) else ""


def _metric(name: str, value: str, bounds: Range | None, *, usd: bool = False) -> None:
    with st.container(width=156):
        st.metric(name, plain(value))
        if bounds is not None:
            low, high = (money(bound) if usd else f"{bound:,.0f}" for bound in (bounds.low, bounds.high))
            st.caption(plain(f"{low} to {high}" if low != high else ""))


def _short(number: float) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number / 1e3:.0f} k" if number >= 1e4 else f"{number:,.0f}"


def _arm(arm: Arm, is_live: bool) -> None:
    """Draw an arm once; `is_live`: a job generates into it."""
    with resources.store()() as session:
        totals = standing.of(session, arm.id)
        newest = browse.newest(session, arm.id, limit=NEWEST)
        slips = obedience.sentences(session, arm.id)
    if not totals.completions:
        if not is_live:
            st.info("No text has been generated for this arm yet.")
        return
    if newest["recorded"].any():
        recorded = "These answers were recorded beforehand; no model was called."
        st.badge("Recorded completions", color="orange", help=recorded)
    numbers = {
        "Kept": f"{totals.n_kept:,}",
        "Rejected": f"{sum(totals.rejected.values()):,}",
        "Completions": f"{totals.completions:,}",
        "Tokens in": f"{totals.tokens_in:,}",
        "Tokens out": f"{totals.tokens_out:,}",
        "Spent": money(totals.money.cost_usd),
    }
    with st.container(horizontal=True):
        for name, value in numbers.items():
            with st.container(width=156):
                st.metric(name, plain(value))
    if not totals.n_kept and not is_live:
        seen = "so are the answers" if newest.empty else "Inspect shows each text with the answer it came from"
        st.warning(f"No text has been kept so far. The reasons are below; {seen}.")
    for sentence in slips:
        st.warning(plain(sentence))
    for model, parts in totals.not_taken.items():
        st.caption(plain(not_taken.sentence(model, parts)))
    if totals.rejected:
        table(pd.DataFrame(totals.rejected.items(), columns=["reason", "rows"]), key="generate.rejected")
    if newest.empty:
        _answers_without_text(arm)
        return
    st.header("Newest samples")
    table(newest[["text", "label", "status", "reason"]], key="generate.newest")
