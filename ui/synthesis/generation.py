"""A generation on the screen: what it will take, what its models cost, and what it has brought, live while it runs."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import streamlit as st

from core.jobs import queue
from core.llm import connection, not_taken
from core.llm.connection import Connection
from core.llm.money import prices
from core.llm.money.prices import Price
from core.study import browse
from core.study.rows.kinds import Work
from core.study.rows.study import Arm, Label, Task
from core.synthesis.batches import batch_generation
from core.synthesis.generation import standing
from core.synthesis.prompts import drafts, versions
from core.synthesis.trials import estimates
from core.synthesis.trials.estimates import Estimate, Range
from ui.shared import resources
from ui.shared.words import done, money, plain, problem, table

NEWEST = 20


def prices_of(wanted: Connection, *, batch: bool = False) -> dict[str, Price | None]:
    """The price of each connected model, None where it is unknown, with a small form to enter or correct one."""
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
    task: Task,
    arm: Arm,
    labels: Sequence[Label],
    *,
    per_label: int,
    wanted: Connection,
    models: Mapping[str, Price | None],
    batch: bool,
    budget: float | None,
) -> None:
    """What filling the arm will take, with a range: calls, tokens, money and time."""
    if not wanted.models:
        st.caption("Connect a model to see what this will take.")
        return
    with problem(), resources.store()() as session:
        newest = versions.latest(session, arm.id) if arm.id else None
        draft = versions.as_draft(newest) if newest else drafts.default(task, labels, kind=arm.kind)
        found = estimates.estimate(
            session, arm_id=arm.id or None, draft=draft, texts_per_label=per_label, labels=labels, models=models,
            rate=estimates.CallRate(wanted.concurrency, wanted.rpm),
        )  # fmt: skip
        _estimate(found, models, batch=batch, budget=budget)


def is_filling(arm: Arm) -> bool:
    """Whether a job fills this arm now, or waits to."""
    with resources.store()() as session:
        return bool(arm.id) and queue.active(session, Work.GENERATE.key(arm.id)) is not None


def arm_live(arm: Arm) -> None:
    """What an arm holds: its counts, what was not kept and why, and its newest samples; live while it is filled."""
    is_live = is_filling(arm)
    st.fragment(_arm, run_every=2 if is_live else None)(arm, is_live)


def _price_form(name: str, price: Price | None) -> None:
    with st.form(f"prices.{name}", border=False):
        source = plain(price.source or f"as of {price.as_of}") if price else "unknown"
        st.caption(f"**{plain(name)}**: {source}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            given = [
                st.number_input(
                    words, 0.0, prices.MOST_USD_PER_MILLION, value, format="%g", key=f"prices.{name}.{words}", width=160
                )
                for words, value in (
                    ("A million tokens in", price.input_usd_per_million if price else None),
                    ("A million tokens out", price.output_usd_per_million if price else None),
                )
            ]
            if st.form_submit_button("Set"):
                with problem():
                    _set_price(name, given)


def _set_price(name: str, given: Sequence[float | None]) -> None:
    sent, back = given
    if sent is None or back is None:
        st.error("Give both prices; 0 is fine for a model that costs nothing.")
        return
    prices.set_price(resources.settings().home, name, sent, back, date.today().isoformat())
    done(f"The price of {name} is set.")
    st.rerun()


def _estimate(found: Estimate, models: Mapping[str, Price | None], *, batch: bool, budget: float | None) -> None:
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
            if batch:
                _metric("Time", "within a day", None)
            elif found.seconds is not None:
                _metric("Time", _time(found.seconds.value), None)
        st.caption(
            f"Estimated from {found.n_calls} calls made with this prompt, with 95 % intervals."
            if not found.is_approximate
            else f"A rule of thumb, half to twice the value, by {found.n_calls} calls. Five tried calls of each model on "
            "Prompts make it better."
        )
        if budget is not None and found.cost_usd is not None and found.cost_usd.high > budget:
            st.caption(f"⚠️ This may not fit the budget of {plain(money(budget))}; it would stop before crossing it.")
        if unknown:
            st.caption(f"The price of {plain(', '.join(unknown))} is unknown, so the cost is too: set it under Prices.")


def _answers_without_text(arm: Arm) -> None:
    """The newest answers of an arm that brought no sample, as they came."""
    st.subheader("Newest answers, as they came")
    with resources.store()() as session:
        answers = browse.newest_answers(session, arm.id, limit=NEWEST)
    table(answers, key="generate.answers")


def _metric(name: str, value: str, bounds: Range | None, *, usd: bool = False) -> None:
    with st.container(width=128):
        st.metric(name, plain(value))
        if bounds is not None:
            low, high = (money(bound) if usd else f"{bound:,.0f}" for bound in (bounds.low, bounds.high))
            st.caption(plain(f"{low} to {high}"))


def _short(number: float) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number / 1e3:.0f} k" if number >= 1e4 else f"{number:,.0f}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _arm(arm: Arm, is_live: bool) -> None:
    with resources.store()() as session:
        totals = standing.of(session, arm.id)
        newest = browse.newest(session, arm.id, limit=NEWEST)
    if not totals.completions:
        if not is_live:
            st.info("Nothing has been asked for in this arm yet.")
        return
    if newest["recorded"].any():
        words = "These answers were recorded beforehand; no model was called."
        st.badge("Recorded completions", color="orange", help=words)
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
            with st.container(width=128):
                st.metric(name, plain(value))
    if not totals.n_kept and not is_live:
        st.warning("Not one text was kept so far. What stood in the way is below; Inspect has every answer as it came.")
    for model, parts in totals.not_taken.items():
        st.caption(plain(not_taken.sentence(model, parts)))
    if totals.rejected:
        table(pd.DataFrame(totals.rejected.items(), columns=["why", "rows"]), key="generate.rejected")
    if newest.empty:
        _answers_without_text(arm)
        return
    st.subheader("Newest samples")
    table(newest[["text", "label", "status", "reason"]], key="generate.newest")
