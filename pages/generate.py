"""Generate: let an LLM write texts until every label of an arm has enough."""

import streamlit as st

import ui
from core.jobs import runner
from core.steps import generate, train
from core.study import tasks
from core.study.rows.kinds import Work

study = ui.guard("organiser")
ui.show_notice()
ui.title("Generate", study)

# Task, arm, connection and size
with ui.store()() as session:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = ui.pick_task(session, study, key="generate")
        arm = ui.pick_arm(session, task, key="generate", synthetic=True)
        ui.arm_menu(task, arm, key="generate")
    labels = tasks.labels_of(session, task.id)
wanted = ui.pick_connection(study, key="generate")
with st.container(horizontal=True, vertical_alignment="bottom"):
    per_label = st.number_input("Texts per label", 1, 100_000, 100, key="generate.per_label", width=150)
    budget = ui.pick_budget(
        key="generate.budget",
        words="What the arm may cost over all attempts. The generation stops before the budget is exceeded.",
    )
    batch = wanted.provider == "openai" and st.toggle(
        "Batch API",
        key="generate.batch",
        help="Half the price, answered within a day. Needs an endpoint that offers batches.",
    )
    models = ui.prices_of(wanted, batch=batch) if wanted.models else {}
request = generate.GenerationRequest(int(per_label), wanted, budget, batch)
is_busy = ui.is_generating(arm)
if not is_busy:
    ui.estimate_panel(task, arm, labels, request, models=models)

# Start
hint = "A job is generating into this arm" if is_busy else None if wanted.models else "Connect a model first"
is_off = is_busy or not wanted.models
if st.button(f"Generate {arm.name} texts", type="primary", key="generate.start", disabled=is_off, help=hint):
    with ui.show_errors():
        generate.check(ui.settings(), request)
        with ui.store().write() as session:
            made = generate.ready_arm(session, task, arm.name, wanted)
            job = train.queue_generation(
                session,
                study=study,
                task=task,
                arm=made,
                arguments=request.arguments(),
                is_local=wanted.provider == "local",
            )
        runner.ensure(ui.settings())
        ui.set_queued_notice([job])
        st.rerun()

# Jobs and samples
if arm.id:
    ui.job_panel(study.id, of=Work.GENERATE.key(arm.id), key="generate.jobs")
    ui.arm_panel(arm)

# The same without a browser
command = ["generate", "--task", task.name, "--arm", arm.name, *request.arguments()]
ui.in_terminal(study, command if wanted.models else [*command, "--model", "MODEL"])
