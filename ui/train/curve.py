"""The form of a learning curve: sizes, synthetic arms that are added, and the button that queues its runs."""

from collections.abc import Sequence

import streamlit as st

from core.jobs import runner
from core.steps import train
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Study, Task
from core.training.curve import USUAL, CurveRequest, size_of
from core.training.settings import TrainingSettings
from core.wording import shown
from ui.shared import pickers, resources, words

MORE = ("800", "1600")


def curve_panel(
    study: Study,
    tasks: Sequence[tuple[Task, Sequence[Arm]]],
    *,
    encoders: Sequence[str],
    seeds: Sequence[int],
    settings: TrainingSettings,
) -> None:
    """Ask for the learning curve of a task and queue its runs, with the encoders, seeds and settings of the form above.

    `tasks`: each task with its arms.
    """
    by_name = {task.name: (task, arms) for task, arms in tasks}
    with st.expander("Learning curve: what is a synthetic text worth in real ones?"):
        with st.container(horizontal=True):
            name = str(st.selectbox("Task", list(by_name), format_func=shown, key="train.curve.task", width=260))
            task, arms = by_name[name]
            chosen = st.multiselect(
                "Numbers of real texts", [*USUAL, *MORE], default=USUAL, accept_new_options=True, key="train.curve.sizes", width=420,
                help="0 stands for synthetic texts alone; all are the real training texts of the task",
            )  # fmt: skip
            made = [arm.name for arm in arms if arm.kind != ArmKind.REAL]
            added = pickers.pick_several(
                "With the texts of", made, default=made[:1], key=f"train.curve.arms.{task.id}", width=260
            )
        n = max(0, len(chosen) * (1 + len(added)) - ("0" in chosen)) * len(encoders) * len(seeds)
        st.caption(
            f"{n:,} runs, with the encoders, seeds and length chosen above. Each size is trained on real texts alone and with all "
            "texts of each arm chosen here; Compare shows the curves under Sizes."
        )
        if st.button("Queue the curve", key="train.curve.start", disabled=not (chosen and n)):
            with words.show_errors():
                asked = CurveRequest([size_of(text) for text in chosen], added)
                _queue(study, asked, train.TrainingRequest([task], [], encoders, seeds, settings))


def _queue(study: Study, asked: CurveRequest, request: train.TrainingRequest) -> None:
    machine = resources.settings()
    with resources.store().write() as session:
        queued = train.queue_curve(session, machine, study=study, task=request.tasks[0], curve=asked, request=request)
    runner.ensure(machine)
    words.set_queued_notice(queued.jobs)
    st.rerun()
