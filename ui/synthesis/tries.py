"""Try a prompt: what a call costs, a few real calls in the background, and their answers."""

from collections.abc import Sequence
from dataclasses import replace

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
from ui.shared.words import money, plain, set_queued_notice, show_errors
from ui.synthesis import drafts

KINDS = 8
HEIGHT = 340  # pixels


def call_cost(arm: Arm, draft: Draft, messages: Sequence[Message], wanted: Connection) -> None:
    """Draw the tokens and the price of a call with these messages; approximate until the draft has been tried."""
    with resources.store()() as session:
        made = calls.of(session, arm_id=arm.id, draft=draft) if arm.id else []
    name = connection.split(wanted.models[0])[0] if wanted.models else ""
    price = prices.find(resources.settings().home, name) if name else None
    if name and wanted.provider != "openai":
        price = prices.Price(model=name, input_usd_per_million=0, output_usd_per_million=0)
    call = calls.one_call(list(messages), draft, price, made)
    about = "about " if call.is_approximate else ""
    source = f"from {len(made)} calls with this prompt" if made else "at 4 characters per token"
    sentence = f"One call: {about}{call.tokens_in:,} tokens in, {about}{call.tokens_out:,} out ({source})"
    if name:
        sentence += (
            f", {about}{money(call.cost_usd)}"
            if call.cost_usd is not None
            else f"; the price of {plain(name)} is unknown"
        )
    st.caption(f"{sentence}.")


def try_panel(study: Study, task: Task, arm: Arm, draft: Draft, wanted: Connection, labels: Sequence[Label]) -> None:
    """Draw buttons for a try and for a list of kinds, their jobs, and the answers to exactly this draft."""
    is_off = not wanted.models
    with st.container(horizontal=True):
        hint = (
            "Connect a model first"
            if is_off
            else "Five calls of each model. They are stored, but never become samples."
        )
        if st.button("Try five now", key="prompts.try", disabled=is_off, help=hint):
            _queue(study, task, arm, draft, wanted, kinds=None)
        hint = "The model lists kinds of texts for each label; the kinds can become an attribute of the prompt."
        if st.button("Ask the model for kinds of texts", key="prompts.kinds", disabled=is_off, help=hint):
            _queue(study, task, arm, draft, wanted, kinds=KINDS)
    if not arm.id:
        return
    jobs.job_panel(study.id, of=Work.TRY.key(arm.id), key="prompts.tries")
    jobs.job_panel(study.id, of=Work.KINDS.key(arm.id), key="prompts.lists")
    with resources.store()() as session:
        tried = [
            trials.as_tried(trial, task=task, labels=labels) for trial in trials.of(session, arm_id=arm.id, draft=draft)
        ]
        kinds = taxonomy.newest(session, arm_id=arm.id)
    if tried:
        _answers(tried)
    if kinds and draft.attributes.get("kind") != kinds:
        _kinds(task, arm, draft, kinds, is_expanded=not tried)


def _queue(study: Study, task: Task, arm: Arm, draft: Draft, wanted: Connection, *, kinds: int | None) -> None:
    with show_errors():
        with resources.store().write() as session:
            made = tasks.make_arm(session, task_id=task.id, name=arm.name)
            job = try_prompt.queue_try(
                session, study=study, task=task, arm=made, wanted=wanted, draft=draft, kinds=kinds
            )
        runner.ensure(resources.settings())
        set_queued_notice([job])
        st.rerun()


def _kinds(task: Task, arm: Arm, draft: Draft, kinds: dict[str, list[str]], *, is_expanded: bool) -> None:
    with st.expander("Kinds that the model listed", expanded=is_expanded):
        for label, found in kinds.items():
            st.text(f"{label}: {'; '.join(found)}")
        with_kinds = replace(draft, attributes={**draft.attributes, "kind": kinds})
        st.button(
            "Use these kinds in the prompt",
            key="prompts.kinds.use",
            on_click=drafts.begin_with,
            args=(task, arm, with_kinds),
        )


def _answers(tried: Sequence[Tried]) -> None:
    """Draw the answers to this draft: texts that would be kept or rejected, tokens, cost, and each raw answer."""
    rows = [(call.label, text, "") for call in tried for text in call.texts]
    rows += [(call.label, text, reason) for call in tried for text, reason in call.rejected]
    rows += [(call.label, "", call.reason) for call in tried if call.reason]
    kept = sum(len(call.texts) for call in tried)
    costs = [call.cost_usd for call in tried]
    spent = "price unknown" if any(cost is None for cost in costs) else money(sum(cost or 0 for cost in costs))
    st.caption(
        f"**{len(tried)} calls** brought {kept} texts that would be kept and {len(rows) - kept} that would not; "
        f"{sum(call.tokens_in for call in tried):,} tokens in, {sum(call.tokens_out for call in tried):,} out, {plain(spent)}."
    )
    for found in trials.obedience_of(tried):
        for sentence in found.sentences:
            st.warning(plain(sentence))
    with st.container(height=HEIGHT, key="prompts_tried"):
        for label, text, reason in rows:
            st.caption(plain(label) + (f" · not kept: {plain(reason)}" if reason else ""))
            if text:
                st.text(text)
    with st.expander("The raw answers"):
        for place, call in enumerate(tried, start=1):
            st.caption(f"{place}. {plain(call.label)}, {call.latency_s:.1f} s")
            st.code(call.content, language=None, wrap_lines=True)
