"""Quality of the arms of a task beside real data: diversity, duplicates, label leakage and a map of texts."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.analysis import foretold_order
from core.analysis.figures import quality_charts
from core.jobs import runner
from core.quality import measures, readings
from core.quality.beside_real import order
from core.quality.measures import ArmMeasures, Measures
from core.steps import measure as measuring
from core.study import browse, samples, tasks
from core.study.exchange import spreadsheets
from core.study.rows.kinds import ArmKind, SampleStatus, Work
from core.study.rows.study import Study, Task
from core.wording import counted
from ui.inspect import reading
from ui.shared import charts, jobs, resources
from ui.shared.tables import table
from ui.shared.words import WHAT_AN_ARM_IS, keep_refusal, plain, set_notice, set_queued_notice, show_errors

GROUPS = {
    "Diversity": ["remote_clique_cosine", "chamfer_distance_cosine", "nearest_real"],
    "Angular distances": ["remote_clique_angular", "chamfer_distance_angular"],
    "Words": ["distinct_1", "distinct_2", "self_bleu", "words_median", "vocabulary", "hd_d"],
    "Likeness and leakage": ["apart", "bag_of_words", "within"],
}
NOTES = {
    "Diversity": "Farther apart means more diverse. Remote clique: mean distance to all other texts; Chamfer: to the nearest.",
    "Angular distances": "The same distances as angles, in radians.",
    "Words": "Distinct-n: share of different word sequences. Self-BLEU: how much of each text also occurs in the other texts.",
    "Likeness and leakage": "Measured by classifiers that see single words only. AUC 0.5: synthetic and real texts cannot be told apart.",
}
READINGS = {"Diversity": ("diversity",), "Likeness and leakage": ("likeness", "leakage")}
MOST_SHOWN = 200
WIDTH = 266


def quality_view(study: Study, task: Task) -> None:
    """Draw every measure per arm beside real data, and near-duplicates, which can be rejected."""
    found = _measured(study, task)
    if found is None:
        return
    _order(found, task)
    sentences = readings.reading(found)
    for name, groups in READINGS.items():
        st.header(name)
        for group in groups:
            _say(sentences[group])
    with st.expander(f"All {sum(map(len, GROUPS.values()))} measures, a chart for each"):
        for name, wanted in GROUPS.items():
            st.subheader(name, anchor=False)
            _charts(_of(found, wanted), wanted, task=task, name=name)
    st.header("Duplicates and copies")
    _say([*sentences["duplicates"], *sentences["copies"]])
    for arm in found.arms:
        _near_duplicates(arm)


def _order(found: Measures, task: Task) -> None:
    """Draw which arm to start with and why, the arms in the order foretold, and how far that held after training."""
    foretold = order.foretell(found)
    with resources.store()() as session:
        kept = foretold_order.of_task(session, task, foretold)
    st.header("Which arm to start with")
    first, *others = order.sentences(foretold)
    if foretold.withheld:
        st.info(plain(first))
    else:
        st.markdown(f"**{plain(first)}**")
        _say(others)
    if kept is not None:
        _say([foretold_order.sentence(kept)])
    arms = order.table(found, foretold)
    if arms.empty:
        return
    table(arms, key="quality.order")
    st.caption(
        f"By Chamfer distance; an arrow points to the better arm. {arms['n'].max():,} texts of each arm. Told apart: accuracy of a "
        "classifier, 0.5 is guessing."
    )


def leakage_view(study: Study, task: Task) -> None:
    """Draw the words that give a label away in an arm, and how well words alone predict labels of real test texts."""
    found = _measured(study, task)
    if found is None:
        return
    with st.container(horizontal=True):
        names = [arm.arm for arm in found.arms]
        chosen = st.segmented_control(
            "Arm", names, default=names[-1], required=True, format_func=plain, key=f"leakage.arm.{task.id}",
            help=WHAT_AN_ARM_IS,
        )  # fmt: skip
        label = st.segmented_control(
            "Label",
            found.labels,
            default=found.labels[0],
            required=True,
            format_func=plain,
            key=f"leakage.label.{task.id}",
        )
    arm = next(arm for arm in found.arms if arm.arm == chosen)
    cues = measures.cues(arm)
    of_label = cues[cues["label"] == label]
    if of_label.empty:
        st.info("No word occurs often enough with this label to be measured.")
    else:
        charts.plot(
            quality_charts.cues_bars(cues, label=label, arm=arm.arm),
            key="leakage.cues",
            filename=f"{task.name}-{arm.arm}-cues",
            data=of_label,
            reading="To the right of 0: texts of this label hold the word more often. Bars: 95 % intervals of single words.",
        )
    _say([*readings.reading(found)["leakage"]])
    rows = [
        (
            arm.arm,
            arm.bag_of_words.accuracy.value,
            arm.bag_of_words.macro_f1.value,
            arm.within.macro_f1.value,
            arm.bag_of_words.n_test,
        )
        for arm in found.arms
    ]
    columns = ["arm", "accuracy", "macro_f1", "within", "n_test"]
    table(pd.DataFrame(rows, columns=columns), key="leakage.scores")
    st.caption(
        "TF-IDF and logistic regression, trained on the same number of texts of each arm. Accuracy and macro-F1: on real test texts."
    )


def map_view(study: Study, task: Task) -> None:
    """Draw the texts of all arms as points of a map; a chosen point shows its text and origin."""
    found = _measured(study, task)
    if found is None:
        return
    by = st.segmented_control(
        "Colour", ["arm", "label"], default="arm", required=True, format_func=str.capitalize, key="map.by"
    )
    with resources.store()() as session:
        points = measures.points(session, found)
    if points.empty:
        st.info("There are too few texts for a map.")
        return
    figure = quality_charts.embedding_map(points, by="label" if by == "label" else "arm")
    event = st.plotly_chart(figure, key=f"map.{task.id}.{by}", on_select="rerun", selection_mode="points")
    st.caption(
        f"{len(points):,} texts embedded by {plain(found.encoder)} and laid out by t-SNE: near points are similar texts; distances "
        "between groups mean little. Choose a point to open its text."
    )
    chosen = event["selection"]["points"]
    if chosen:
        custom = chosen[0]["customdata"]
        reading.one_sample(task, int(custom[0] if isinstance(custom, list) else custom))


def _measured(study: Study, task: Task) -> Measures | None:
    """Draw a button that computes missing or outdated measures of a task; return the measures, None if missing."""
    with resources.store()() as session:
        found = measures.read(resources.settings(), session, task.id)
    label = "Measure again" if found else "Measure the quality of all arms"
    if found is None:
        st.info(
            "This task is not measured yet. A background job computes distances, duplicates, copies and words that give labels away."
        )
    elif found.stale:
        st.warning("The samples have changed since these were measured.")
    is_wanted = (found is None or found.stale) and resources.may_change()
    if is_wanted:
        with st.container(horizontal=True):
            if st.button(label, type="primary", key="quality.measure"):
                _queue(study, [task])
            others = _not_measured(study)
            if len(others) > 1 and st.button(f"Measure all {len(others)} tasks", key="quality.measure_all"):
                _queue(study, others)
    jobs.job_panel(study.id, of=Work.MEASURE.key(task.id), key="quality.jobs")
    return found.measures if found else None


def _not_measured(study: Study) -> list[Task]:
    """The tasks of the study that have kept texts and no measures of them."""
    settings = resources.settings()
    with resources.store()() as session:
        counted_texts = samples.counts(session, study.id)
        filled = set(counted_texts.loc[counted_texts["status"] == SampleStatus.KEPT, "task"])
        found = [each for each in tasks.tasks(session, study.id) if each.name in filled]
        stored = {each.id: measures.read(settings, session, each.id) for each in found}
    return [each for each in found if (known := stored[each.id]) is None or known.stale]


def _queue(study: Study, wanted: Sequence[Task]) -> None:
    """Queue the measuring of tasks, one job each, and draw the page again."""
    with show_errors():
        with resources.store().write() as session:
            queued = [measuring.queue_measuring(session, study=study, task=each) for each in wanted]
        runner.ensure(resources.settings())
        set_queued_notice(queued)
        st.rerun()


def _of(found: Measures, wanted: Sequence[str]) -> pd.DataFrame:
    rows = measures.table(found)
    return rows[rows["measure"].isin(wanted)].reset_index(drop=True)


def _charts(rows: pd.DataFrame, wanted: Sequence[str], *, task: Task, name: str) -> None:
    """Draw a small chart per measure, side by side, with their numbers as a download."""
    with st.container(horizontal=True):
        for measure in wanted:
            with st.container(width=WIDTH):
                figure = quality_charts.measure_dots(rows, measure=measure)
                st.plotly_chart(figure, key=f"quality.{measure}", config={"displaylogo": False})
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(NOTES[name], width="stretch")
        st.download_button(
            "Data as CSV",
            spreadsheets.safe_csv(rows),
            file_name=f"{task.name}-{name.lower().replace(' ', '-')}.csv",
            mime="text/csv",
            key=f"quality.csv.{name}",
            on_click="ignore",
        )


def _say(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        st.markdown(f"- {plain(sentence)}")


def _near_duplicates(arm: ArmMeasures) -> None:
    """Draw the groups of near-duplicates of an arm, and a button that keeps only the first text of each group."""
    if not arm.near_groups:
        return
    with st.expander(
        f"{plain(arm.arm)}: {counted(len(arm.near_groups), 'group')} of near-duplicates, {len(arm.removable)} can be rejected"
    ):
        if arm.kind != ArmKind.REAL and resources.may_change():
            st.button(
                f"Reject {len(arm.removable)}, keep the first of each group",
                key=f"quality.near.{arm.arm_id}",
                on_click=_reject,
                args=(arm.arm_id, arm.near_groups),
            )
        with resources.store()() as session:
            texts = browse.texts(session, [sample_id for group in arm.near_groups[:MOST_SHOWN] for sample_id in group])
        rows = [
            (place, texts[sample_id])
            for place, group in enumerate(arm.near_groups[:MOST_SHOWN], 1)
            for sample_id in group
            if sample_id in texts
        ]
        table(pd.DataFrame(rows, columns=["group", "text"]), key=f"quality.near.table.{arm.arm_id}")


def _reject(arm_id: int, groups: list[list[int]]) -> None:
    with keep_refusal():
        with resources.store().write() as session:
            n = measures.reject_near_duplicates(session, arm_id=arm_id, groups=groups)
        set_notice(f"{n} near-duplicates rejected; generating again fills the gaps.")
