"""Generate: ask an LLM for texts until every label of an arm has enough."""

import streamlit as st

import ui
from core.jobs import runner
from core.steps import generate, train
from core.study import tasks

study = ui.guard("organiser")
ui.told()
ui.title("Generate", study)

# What is asked
with ui.store()() as session:
    with st.container(horizontal=True):
        task = ui.pick_task(session, study, key="generate")
        arm = ui.pick_arm(session, task, key="generate", synthetic=True)
    labels = tasks.labels_of(session, task.id)
wanted = ui.pick_connection(study, key="generate")
with st.container(horizontal=True, vertical_alignment="bottom"):
    per_label = st.number_input("Texts per label", 1, 100_000, 100, key="generate.per_label", width=150)
    budget = st.number_input(
        "Budget, US dollars",
        0.0,
        None,
        None,
        0.01,
        "%g",
        key="generate.budget",
        placeholder="no limit",
        width=160,
        help="What the arm may cost over all attempts. It stops before it is crossed.",
    )
    batch = wanted.provider == "openai" and st.toggle(
        "Batch API",
        key="generate.batch",
        help="Half the price, answered within a day. Needs an endpoint that offers batches.",
    )
    models = ui.prices_of(wanted, batch=batch) if wanted.models else {}
busy = ui.is_filling(study, arm)
if not busy:
    ui.estimate_panel(
        task, arm, labels, per_label=int(per_label), wanted=wanted, models=models, batch=batch, budget=budget
    )

# Doing it
hint = "It is being filled" if busy else None if wanted.models else "Connect a model first"
off = busy or not wanted.models
if st.button(f"Generate {arm.name} texts", type="primary", key="generate.start", disabled=off, help=hint):
    with ui.problem():
        request = generate.GenerationRequest(int(per_label), wanted, budget, batch)
        generate.check(ui.settings(), request)
        with ui.store().write() as session:
            made = generate.ready_arm(session, task, arm.name)
            job = train.queue_generation(
                session,
                study=study,
                task=task,
                arm=made,
                arguments=request.arguments(),
                is_local=wanted.provider == "local",
            )
        runner.ensure(ui.settings())
        ui.queued([job])
        st.rerun()

# What there is
if arm.id:
    ui.job_panel(study.id, of=f"generate:{arm.id}", key="generate.jobs")
    ui.arm_live(study, arm)
