"""The choices of the page Compare: arms, encoder, number of training texts and the margin"""

import streamlit as st

from core.analysis.arms import trained
from core.analysis.arms.compared import Asked
from core.analysis.arms.differences import MARGIN
from core.analysis.arms.trained import StudyArms
from core.analysis.points import Metric
from core.study.rows.study import Study, Task
from ui.shared import jobs, pickers
from ui.shared.words import WHAT_AN_ARM_IS

EVERY_PAIR = "each other"


def pick_comparison(known: StudyArms, task: Task, *, metric: Metric) -> Asked | None:
    """Draw the choices; return what is to be compared, None if no run of the task has finished or no arm is chosen.

    Encoders and numbers of training texts are offered only if there are several.
    """
    encoders = known.encoders(task.name)
    if not encoders:
        return None
    margin = pickers.pick_points(
        "Points that do not matter", 100 * MARGIN, key="compare.margin", least=0.1,
        words="Two arms count as equally good if their difference is shown to be smaller than this.",
    )  # fmt: skip
    encoder = encoders[0]
    if len(encoders) > 1:
        encoder = st.selectbox("Encoder", encoders, key=f"compare.encoder.{task.id}", width=200)
    sizes: list[int | None] = [None, *known.sizes(task.name, encoder)]
    size = None
    if len(sizes) > 2:
        size = st.selectbox(
            "Training texts", sizes, format_func=_size_words, key=f"compare.size.{task.id}.{encoder}", width=200
        )
    names = [arm.arm for arm in trained.comparable(known, task.name, encoder=encoder, size=size).arms]
    chosen = pickers.pick_several(
        "Arms", names, default=names, key=f"compare.arms.{task.id}.{encoder}.{size}", width=360, help=WHAT_AN_ARM_IS
    )
    if not chosen:
        return None
    base = st.selectbox("Compared with", [*chosen, EVERY_PAIR], key=f"compare.base.{'.'.join(chosen)}", width=200)
    wanted = () if len(chosen) == len(names) else tuple(chosen)
    against = "" if base == EVERY_PAIR else str(base)
    return Asked(metric=metric, margin=margin, encoder=encoder, size=size, names=wanted, base=against)


def without_comparison(study: Study, task: Task, known: StudyArms) -> None:
    """Draw why there is nothing to compare: no arm is chosen, or no run of the task has finished."""
    if known.encoders(task.name):
        st.info("No arm is chosen. Choose at least one arm, or two to compare them.")
    else:
        jobs.without_runs(study.id, "A comparison needs finished runs of two arms of this task.")


def compare_command(task: Task, asked: Asked) -> list[object]:
    """The words of the command that compares what is chosen."""
    words: list[object] = ["compare", "--task", task.name, "--metric", asked.metric, "--margin", f"{asked.margin:g}"]
    for option, value in (
        ("--encoder", asked.encoder), ("--size", asked.size), ("--arms", ",".join(asked.names)), ("--against", asked.base)
    ):  # fmt: skip
        words += [option, value] if value else []
    return words


def _size_words(size: int | None) -> str:
    return "as most arms" if size is None else f"{size:,}"
