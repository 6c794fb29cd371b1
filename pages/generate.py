"""Generate: ask an LLM for texts until every label of an arm has enough."""

import pandas as pd
import streamlit as st

import ui
from core.commands import generating, queueing
from core.jobs import runner
from core.study import browse, tasks
from core.synthesis import generation

study = ui.guard("organiser")
ui.told()
ui.title("Generate", study)

# What is asked
with ui.store()() as session, st.container(horizontal=True):
    task = ui.pick_task(session, study, key="generate")
    arm = ui.pick_arm(session, task, key="generate", synthetic=True)
settings = ui.settings()
with st.form("generate.form"):
    with st.container(horizontal=True):
        per_label = st.number_input("Texts per label", 1, 100_000, 100, key="generate.per_label", width=160)
        model = st.text_input("Model", key="generate.model", placeholder="gpt-4o-mini", width=220)
        base_url = st.text_input(
            "Address of the endpoint",
            settings.openai_base_url or "https://api.openai.com/v1",
            width=320,
            key="generate.url",
            help="Anything that speaks the OpenAI protocol: OpenAI, Azure, Ollama, vLLM, llama.cpp",
        )
        concurrency = st.number_input("Calls at a time", 1, 512, 8, key="generate.concurrency", width=140)
        budget = st.number_input(
            "Budget, US dollars", 0.0, None, None, key="generate.budget", placeholder="no limit", width=160
        )
    st.caption(
        "The key is read from OPENAI_API_KEY or .streamlit/secrets.toml; it is never stored. "
        + ("A key is set." if settings.openai_api_key else "No key is set: fine for a local server.")
    )
    asked = st.form_submit_button(f"Generate {arm.name} texts", type="primary", key="generate.start")

# Doing it
if asked:
    if not model:
        st.error("Which model? Give the name the endpoint knows it by, such as gpt-4o-mini.")
    else:
        how = generating.How(
            int(per_label), model=model, base_url=base_url or None, concurrency=int(concurrency), budget=budget
        )
        with ui.problem():
            with ui.store().write() as session:
                generating.ready_arm(session, task, arm.name)
                made = tasks.get_arm(session, task, arm.name)
                job = queueing.queue_generation(session, study=study, task=task, arm=made, arguments=how.arguments())
            runner.ensure(settings)
            ui.queued([job])
            st.rerun()
ui.job_panel(study.id, kind=f"Generate {task.name}", key="generate.jobs")

# What there is
if not arm.id:
    st.stop()
with ui.store()() as session:
    totals = generation.totals(session, arm.id, seconds=0, stopped={})
    newest = browse.newest(session, arm.id, limit=20)
if not totals.completions:
    st.info("Nothing has been asked for in this arm yet.")
    st.stop()
recorded = newest["recorded"].any()
if recorded:
    st.badge(
        "Recorded completions", color="orange", help="These answers were recorded beforehand; no model was called."
    )
for column, (name, value) in zip(
    st.columns(5),
    [
        ("Kept", f"{totals.kept:,}"),
        ("Completions", f"{totals.completions:,}"),
        ("Tokens in", f"{totals.tokens_in:,}"),
        ("Tokens out", f"{totals.tokens_out:,}"),
        ("Cost", "unknown" if totals.cost_usd is None else f"${totals.cost_usd:,.4f}"),
    ],
    strict=True,
):
    column.metric(name, value)
if totals.rejected:
    ui.table(pd.DataFrame(totals.rejected.items(), columns=["why", "rows"]), key="generate.rejected")
st.subheader("Newest samples")
ui.table(newest[["text", "label", "status", "reason"]], key="generate.newest")
