"""Trying a prompt: a few real calls in the background, their answers beside the prompt, and what a call costs."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.jobs import runner
from core.llm import connection
from core.llm.answers import Message
from core.llm.connection import Connection
from core.llm.money import prices
from core.steps import try_prompt
from core.study import tasks
from core.study.rows.kinds import Work
from core.study.rows.study import Arm, Label, Study, Task
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import calls, taxonomy, trials
from core.synthesis.trials.trials import Tried
from ui.shared import jobs, resources
from ui.shared.words import money, plain, problem, queued, table
from ui.synthesis import drafts

KINDS = 8


def cost_of_a_call(arm: Arm, draft: Draft, messages: Sequence[Message], wanted: Connection) -> None:
    """Tokens and price of one call with these messages; approximate until the draft has been tried."""
    with resources.store()() as session:
        known = calls.of(session, arm_id=arm.id, draft=draft) if arm.id else []
    name = connection.split(wanted.models[0])[0] if wanted.models else ""
    price = prices.find(resources.settings().home, name) if name else None
    one = calls.one_call(list(messages), draft, price, known)
    about = "about " if one.is_approximate else ""
    known_by = f"by {len(known)} calls made with it" if known else "at 4 characters a token"
    words = f"One call: {about}{one.tokens_in:,} tokens in, {about}{one.tokens_out:,} out ({known_by})"
    if name:
        words += (
            f", {about}{money(one.cost_usd)}"
            if one.cost_usd is not None
            else f"; the price of {plain(name)} is unknown"
        )
    st.caption(f"{words}.")


def try_panel(study: Study, task: Task, arm: Arm, draft: Draft, wanted: Connection, labels: Sequence[Label]) -> None:
    """Buttons for a try and for a list of kinds, the job while it runs, and the answers to this very draft."""
    is_off = not wanted.models
    with st.container(horizontal=True):
        hint = (
            "Connect a model first"
            if is_off
            else "Five calls of each model. They are stored, but never become samples."
        )
        if st.button("Try five now", key="prompts.try", disabled=is_off, help=hint):
            _queue(study, task, arm, draft, wanted, kinds=None)
        hint = "The model names kinds of texts under each label; they can become an attribute of the prompt."
        if st.button("List kinds by the model", key="prompts.kinds", disabled=is_off, help=hint):
            _queue(study, task, arm, draft, wanted, kinds=KINDS)
    if not arm.id:
        return
    jobs.job_panel(study.id, of=Work.TRY.key(arm.id), key="prompts.tries")
    jobs.job_panel(study.id, of=Work.KINDS.key(arm.id), key="prompts.lists")
    by_id = {label.id: label.name for label in labels}
    with resources.store()() as session:
        tried = [
            trials.as_tried(one, label=by_id[one.label_id]) for one in trials.of(session, arm_id=arm.id, draft=draft)
        ]
        kinds = taxonomy.newest(session, arm_id=arm.id)
    if tried:
        _answers(tried)
    if kinds and draft.attributes.get("kind") != kinds:
        _kinds(task, arm, draft, kinds, is_wanted=not tried)


def _queue(study: Study, task: Task, arm: Arm, draft: Draft, wanted: Connection, *, kinds: int | None) -> None:
    with problem():
        with resources.store().write() as session:
            made = tasks.make_arm(session, task_id=task.id, name=arm.name)
            job = try_prompt.queue_try(
                session, study=study, task=task, arm=made, wanted=wanted, draft=draft, kinds=kinds
            )
        runner.ensure(resources.settings())
        queued([job])
        st.rerun()


def _kinds(task: Task, arm: Arm, draft: Draft, kinds: dict[str, list[str]], *, is_wanted: bool) -> None:
    with st.expander("Kinds the model listed", expanded=is_wanted):
        for label, found in kinds.items():
            st.text(f"{label}: {'; '.join(found)}")
        with_kinds = replace(draft, attributes={**draft.attributes, "kind": kinds})
        st.button(
            "Use them in the prompt", key="prompts.kinds.use", on_click=drafts.begin_with, args=(task, arm, with_kinds)
        )


def _answers(tried: Sequence[Tried]) -> None:
    """What came back to this draft: its texts in a table, what would not be kept, and each raw answer."""
    rows = [(one.label, text, "") for one in tried for text in one.texts]
    rows += [(one.label, text, reason) for one in tried for text, reason in one.rejected]
    rows += [(one.label, "", one.reason) for one in tried if one.reason]
    kept = sum(len(one.texts) for one in tried)
    costs = [one.cost_usd for one in tried]
    spent = "price unknown" if any(cost is None for cost in costs) else money(sum(cost or 0 for cost in costs))
    st.caption(
        f"**{len(tried)} calls** brought {kept} texts that would be kept and {len(rows) - kept} that would not; "
        f"{sum(one.tokens_in for one in tried):,} tokens in, {sum(one.tokens_out for one in tried):,} out, {plain(spent)}."
    )
    frame = pd.DataFrame(rows, columns=["label", "text", "reason"])[["label", "reason", "text"]]
    table(frame if frame["reason"].any() else frame[["label", "text"]], key="prompts.tried")
    with st.expander("The raw answers"):
        for place, one in enumerate(tried, start=1):
            st.caption(f"{place}. {plain(one.label)}, {one.latency_s:.1f} s")
            st.code(one.content, language=None, wrap_lines=True)
