"""Train: fine-tune encoders on each arm and score them on the real test split."""

import streamlit as st

import ui
from core.analysis.figures import gap_charts
from core.analysis.points import METRIC_NAMES
from core.jobs import runner
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import Work
from core.training import runs, selection
from core.training.settings import training_settings, with_length

study = ui.guard("organiser")
ui.show_notice()
ui.title("Train", study)
config = tasks.DEFAULT_CONFIG | study.config

# Choices
with ui.store()() as session:
    known = tasks.tasks(session, study.id)
    arms = {task.id: tasks.arms(session, task.id) for task in known}
    scores = runs.scores(session, study.id)
    sizes = {task.id: (task, selection.training_texts(session, task)) for task in known}
if not known:
    st.info("There is nothing to train on yet.")
    ui.link("data", "Bring in real data")
    st.stop()
names = list(dict.fromkeys(arm.name for found in arms.values() for arm in found))
with st.container(border=True):
    with st.container(horizontal=True):
        titles = [task.name for task in known]
        wanted = st.multiselect("Tasks", titles, default=titles, key="train.tasks", width=640)
        chosen_arms = st.multiselect("Arms", names, default=names, key="train.arms", width=320)
        encoders = st.multiselect(
            "Encoders",
            list(dict.fromkeys([*config["encoders"], "minilm", "bert-base-uncased", "roberta-base"])),
            default=config["encoders"],
            accept_new_options=True,
            key="train.encoders",
            width=260,
            persist_state="session",
            help="minilm is bundled; other names are downloaded once from the Hugging Face hub, or give the path of a model",
        )
        seeds = st.number_input(
            "Seeds",
            1,
            50,
            len(config["seeds"]),
            key="train.seeds",
            width=110,
            persist_state="session",
            help="At least three are needed for an interval",
        )
        length = ui.pick_length(config["training"])
        balance = st.selectbox(
            "Class shares",
            ["equal", "natural"],
            index=int(config["training"].get("balance") == "natural"),
            key="train.balance",
            width=130,
            persist_state="session",
            help="equal: equally many texts of each label in every arm; natural: each arm keeps its own shares, as a user "
            "of real data would",
        )
    st.caption(
        f"Batches of {config['training']['batch_size']}, learning rate {config['training']['learning_rate']:g}, up to "
        f"{config['training']['max_length']} tokens. Finished runs are not repeated."
    )
    chosen_tasks = [task for task in known if task.name in wanted]
    chosen = [arm for task in chosen_tasks for arm in arms[task.id] if arm.name in chosen_arms]
    training = training_settings(with_length(config["training"], length) | {"balance": balance})
    st.caption(ui.plain(ui.training_words(sizes, chosen, training, encoders=len(encoders), seeds=int(seeds))))
    if forecast := ui.forecast_words(sizes, chosen, training, encoders=encoders, seeds=int(seeds)):
        st.caption(ui.plain(forecast))
    ui.shown_by_runs(study, tasks=len(chosen_tasks), seeds=int(seeds))
    backend = ui.pick_backend(key="train")
    with st.container(horizontal=True):
        is_clicked = st.button("Queue the runs", type="primary", key="train.start")
        is_check = st.button("Check the steps", key="train.check", help=ui.WHAT_THE_CHECK_DOES)

# Start
if is_clicked or is_check:
    with ui.show_errors():
        with ui.store().write() as session:
            request = train.TrainingRequest(
                chosen_tasks, chosen, encoders, range(int(seeds)), training, backend=backend
            )
            queue = train.queue_steps_check if is_check else train.queue_training
            queued = queue(session, ui.settings(), study=study, request=request)
        runner.ensure(ui.settings())
        ui.set_queued_notice(queued.jobs)
        st.rerun()
ui.curve_panel(study, [(task, arms[task.id]) for task in known], encoders=encoders, seeds=int(seeds), settings=training)
ui.job_panel(study.id, work=(Work.TRAIN,), key="train.jobs")
ui.watch_runs(study.id)
ui.grid_view(study)

# Scores
if scores.empty:
    st.info("No run has finished yet.")
    st.stop()
metric = ui.pick_metric(key="train")
with ui.store()() as session:
    ceilings = ui.ceilings_of(session, study, metric=metric)
ui.plot(
    gap_charts.scores_by_task(scores, metric=metric, order=[task.name for task in known], ceilings=ceilings),
    key="train.scores",
    filename=f"{study.name}-scores",
    data=scores.drop(columns=["notes", "n_real"]),
    reading=f"{METRIC_NAMES[metric]} on real test data: small marks are single runs (n {len(scores)}), large marks their mean."
    + (" Grey: one rater against the majority of the others, with its 95 % interval." if ceilings else ""),
)
ui.steps_check_view(study, metric)
picked = ui.choose_row(ui.run_table(scores), key="train.table")
if picked is not None:
    ui.run_detail(int(scores["run_id"].iloc[picked]), scores)
ui.calibration_view(study)
