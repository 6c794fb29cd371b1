"""Train: fine-tune encoders on each arm and score them on the real test split."""

import streamlit as st

import ui
from core.analysis import data_notes
from core.analysis.figures import gap_charts, unconverged
from core.analysis.points import METRIC_NAMES
from core.jobs import runner
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import Work
from core.training import selection
from core.training.targets import rated, weights
from core.wording import shown

study = ui.guard("organiser")
ui.show_notice()
ui.title("Train", study)
config = tasks.DEFAULT_CONFIG | study.config

# Choices
with ui.store()() as session:
    known = tasks.tasks(session, study.id)
    arms = {task.id: tasks.arms(session, task.id) for task in known}
    scores = ui.scores_of(session, study.id)
    available = [selection.available(session, task) for task in known]
    counting = {"rated": rated.texts_of_arms(session, study), "weighed": weights.texts_of_arms(session, study)}
if not known:
    ui.without_tasks(study.id, "There is nothing to train on: bring in real texts first.")
names = list(dict.fromkeys(arm.name for found in arms.values() for arm in found))
with st.container(border=True):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        titles = [task.name for task in known]
        wanted = ui.pick_several(
            "Tasks", titles, default=titles, format_func=shown, key=f"train.tasks.{study.id}", width=640
        )
        chosen_arms = ui.pick_several(
            "Arms", names, default=names, key=f"train.arms.{study.id}", width=320, help=ui.WHAT_AN_ARM_IS
        )
        chosen_tasks = [task for task in known if task.name in wanted]
        chosen = [arm for task in chosen_tasks for arm in arms[task.id] if arm.name in chosen_arms]
        choice = ui.pick_training(study, config, chosen, **counting)
    encoders, seeds, training = choice.encoders, choice.seeds, choice.settings
    st.caption(ui.plain(choice.words))
    st.caption(ui.plain(ui.training_words(available, chosen, training, encoders=len(encoders), seeds=len(seeds))))
    if forecast := ui.forecast_words(available, chosen, training, encoders=encoders, seeds=len(seeds)):
        st.caption(ui.plain(forecast))
    ui.shown_by_runs(study, tasks=len(chosen_tasks), seeds=len(seeds))
    backend = ui.pick_backend(key="train")
    with st.container(horizontal=True):
        is_off = not (chosen and encoders)
        is_clicked = st.button(
            "Queue the runs", type="primary", key="train.start", disabled=is_off, help=train.NOTHING_CHOSEN if is_off else None
        )  # fmt: skip
        is_check = st.button("Check the steps", key="train.check", disabled=is_off, help=ui.WHAT_THE_CHECK_DOES)

# Start
if is_clicked or is_check:
    with ui.show_errors():
        with ui.store().write() as session:
            request = train.TrainingRequest(chosen_tasks, chosen, encoders, seeds, training, backend=backend)
            queue = train.queue_steps_check if is_check else train.queue_training
            queued = queue(session, ui.settings(), study=study, request=request)
        runner.ensure(ui.settings())
        ui.set_queued_notice(queued.jobs)
        st.rerun()
facts = {"encoders": list(encoders), "seeds": seeds, "training": training.model_dump()}
ui.in_terminal(study, ["report", "pack"], settings=facts, redo="pack/study.yaml")
ui.curve_panel(study, [(task, arms[task.id]) for task in known], encoders=encoders, seeds=seeds, settings=training)
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
    + (" Grey: one rater against the majority of the others, with its 95 % interval. " if ceilings else " ")
    + unconverged.sentence(list(scores["converged"].eq(False)), "run"),
)
with ui.store()() as session:
    ui.cautions(data_notes.of_test_texts(session, study.id))
ui.steps_check_view(study, metric)
picked = ui.choose_row(ui.run_table(scores), key="train.table")
if kept := ui.models_words():
    st.caption(ui.plain(kept))
if picked is not None:
    ui.run_detail(int(scores["run_id"].iloc[picked]), scores)
ui.calibration_view(study)
