"""The gaps of a study on the screen: by task or over subjectivity, and below them what a chosen gap came from."""

from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis import findings, gap_words, provenance
from core.analysis.figures import gap_forest, gap_scatter, unconverged
from core.analysis.findings import Findings
from core.analysis.points import METRIC_NAMES
from core.analysis.provenance import Provenance
from core.study import tasks
from core.wording import shown
from ui.shared import links, reads, resources, tables
from ui.shared.charts import plot
from ui.shared.words import plain

BY_TASK, OVER_SUBJECTIVITY = "Gap by task", "Over subjectivity"
EVERY = "All encoders"
PLOT, POINT = "analyse.plot", "analyse.point"


def gaps_view(found: Findings) -> None:
    """Draw the gaps of all tasks, choose one by a click or in the box, and draw what it came from."""
    points = found.by_task
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = [BY_TASK] if found.points.empty else [BY_TASK, OVER_SUBJECTIVITY]
        view = st.segmented_control(
            "Figure", views, default=BY_TASK, required=True, key=f"analyse.figure.{len(views)}", persist_state="session"
        )
        points = _of_encoder(points)
    if view == OVER_SUBJECTIVITY:
        _scatter(found, points)
    else:
        _forest(found, points)
    _point(found, points)


def _of_encoder(points: pd.DataFrame) -> pd.DataFrame:
    """The gaps of the encoder that is chosen, or of all; without a choice if there is only one encoder."""
    encoders = list(dict.fromkeys(points["encoder"]))
    if len(encoders) < 2:
        return points
    chosen = st.selectbox("Encoder", [EVERY, *encoders], key="analyse.encoder", width=260, persist_state="session")
    return points if chosen == EVERY else points[points["encoder"] == chosen]


def _forest(found: Findings, points: pd.DataFrame) -> None:
    plot(
        gap_forest.gaps_by_task(points, metric=found.metric),
        key=PLOT,
        filename=f"{found.study.name}-gap-by-task",
        data=points,
        reading=gap_words.gaps_by_task(points),
        on_select=_take_point,
    )
    st.caption(plain(findings.reading(found)))


def _scatter(found: Findings, points: pd.DataFrame) -> None:
    placed = points.dropna(subset=["subjectivity"])
    assert found.measure is not None
    plot(
        gap_scatter.gap_against_subjectivity(
            placed, found.fit, measure=found.measure, metric=found.metric, by_arm=found.by_arm
        ),
        key=PLOT,
        filename=f"{found.study.name}-gap-against-subjectivity",
        data=placed,
        reading=findings.reading(found),
        on_select=_take_point,
    )
    lines = " Dashed lines are those of single arms." if len(found.by_arm) > 1 else ""
    if len(placed) < len(found.points):
        lines += " All lines are over all encoders."
    cut = unconverged.sentence(list(placed["unconverged"]), "gap")
    st.caption(
        f"Marks of one task stand side by side; the rows below hold its subjectivity with a 95 % interval.{lines} {cut}".rstrip()
    )
    st.caption(findings.caution(found))


def _take_point() -> None:
    """Put the mark that was clicked into the box."""
    chosen = st.session_state[PLOT]["selection"]["points"]
    data = chosen[0].get("customdata") if chosen else None
    if data:
        st.session_state[POINT] = _name(*data[:3])


def _name(task: str, arm: str, encoder: str) -> str:
    return f"{task} · {arm} · {encoder}"


def _point(found: Findings, points: pd.DataFrame) -> None:
    """Choose a gap, and draw its runs, arm, texts and prompt."""
    names = [_name(*key) for key in zip(points["task"], points["arm"], points["encoder"], strict=True)]
    if st.session_state.get(POINT) not in names:
        st.session_state.pop(POINT, None)
    chosen = st.selectbox(
        "What a gap came from: click a mark in the figure, or choose it here",
        names,
        index=None,
        placeholder="Choose a gap",
        format_func=shown,
        key=POINT,
    )
    if chosen is None:
        return
    point = points.iloc[names.index(chosen)]
    with resources.store()() as session:
        came_from = _provenance(session, found, point)
        ceiling = reads.ceilings_of(session, found.study, metric=found.metric).get(str(point["task"]))
    with st.container(border=True):
        st.header(plain(shown(chosen)), anchor=False)
        st.write(plain(gap_words.gap_in_full(point, metric=METRIC_NAMES[found.metric])))
        if ceiling:
            st.write(plain(gap_words.beside_ceiling(point, ceiling)))
        if point["note"]:
            st.caption(plain(str(point["note"])))
        _runs(came_from)
        _arm(came_from)


def _provenance(session: Session, found: Findings, point: "pd.Series[Any]") -> Provenance:
    task = tasks.get_task(session, found.study.id, str(point["task"]))
    arm = tasks.get_arm(session, task, str(point["arm"]))
    return provenance.of_gap(session, found.scores, task=task, arm=arm, encoder=str(point["encoder"]))


def _runs(came_from: Provenance) -> None:
    st.markdown(f"**{len(came_from.runs)} runs**")
    tables.table(came_from.runs, key="analyse.point.runs")
    st.caption(plain(f"Training: {came_from.settings}."))
    for note in came_from.notes:
        st.caption(plain(note))


def _arm(came_from: Provenance) -> None:
    """Draw where the texts of an arm came from, some of these texts, and the ways to the pages that hold more."""
    st.markdown(f"**{came_from.n_texts:,} training texts of {plain(came_from.arm.name)}**")
    origins = [f"{n:,} from the file {file}" for file, n in came_from.files.items()]
    origins += [f"{n:,} by prompt version {prompt.version}" for prompt, n in came_from.prompts]
    st.caption(plain("; ".join(origins) or "No file and no prompt of these texts is stored."))
    if len(came_from.texts):
        empty = [name for name in ("model", "version") if (came_from.texts[name] == "").all()]
        tables.table(came_from.texts.drop(columns=empty), key="analyse.point.texts")
    for prompt, _ in came_from.prompts:
        with st.expander(f"Prompt version {prompt.version}"):
            st.code(
                "\n\n".join(filter(None, (prompt.context, prompt.generation, prompt.diversity))),
                language=None,
                wrap_lines=True,
            )
    st.session_state["pickers.task"] = came_from.task.name
    st.session_state[f"pickers.arm.{came_from.task.id}"] = came_from.arm.name
    with st.container(horizontal=True):
        links.link("inspect", "All texts on Inspect")
        links.link("prompts", "The prompt on Prompts")
        links.link("train", "The runs on Train")
