"""Costs and quality compared: dollars and kept texts beside the score, and which measure of the texts ranks the arms."""

import streamlit as st

from core.analysis.arms import costs
from core.analysis.arms.compared import Compared
from core.analysis.figures import arm_charts, unconverged
from core.quality import measures
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Task
from ui.compare.cells import compact
from ui.shared import charts, links, resources
from ui.shared.tables import table
from ui.shared.words import plain


def costs_view(task: Task, found: Compared) -> None:
    """Draw the score over the known cost of each arm, its cost per point, and measures of its texts beside the score."""
    metric, cut = found.asked.metric, {arm.arm for arm in found.chosen.arms if arm.unconverged}
    hollow = plain(unconverged.sentence_of_arms(cut))
    with resources.store()() as session:
        paid = costs.table(session, task, found.chosen, metric=metric, spread=found.spread)
        stored = measures.read(resources.settings(), session, task.id)
        beside = costs.with_measures(session, task, found.chosen, stored, metric=metric)
    if paid["cost_usd"].notna().any():
        charts.plot(
            arm_charts.beside_score(paid, x="cost_usd", title="Generation, US dollars", metric=metric, cut=cut),
            key="compare.costs",
            filename=f"{task.name}-costs",
            data=paid,
            reading="Known costs only; bars are 95 % intervals of the score. Farther left and higher is better. "
            + hollow,
        )
    else:
        st.caption("No arm has a known cost.")
    table(compact(paid), key="compare.costs.table")
    st.caption(
        "Stored answers of the generation; tries and judges are not in it. A point is one of the score above always answering the "
        "commonest label."
    )
    st.header("Measures of the texts", anchor=False)
    ranks = costs.ranks(beside, [arm.arm for arm in found.chosen.arms if arm.kind != ArmKind.REAL])
    st.markdown(plain(costs.rank_sentence(ranks)))
    if stored is None:
        links.link("inspect", "Measure the arms")
    elif stored.stale:
        st.warning("The samples have changed since these were measured.")
    known = [name for name in costs.MEASURES if beside[name].notna().any()]
    if not known:
        return
    chosen = str(st.selectbox("Measure", known, format_func=costs.NAMES.__getitem__, key="compare.measure", width=320))
    charts.plot(
        arm_charts.beside_score(beside, x=chosen, title=costs.NAMES[chosen], metric=metric, cut=cut),
        key="compare.measures",
        filename=f"{task.name}-{chosen}",
        data=beside,
        reading=f"A mark per arm (n {int(beside[chosen].notna().sum())}), the real one too; the measure speaks of the kept training "
        f"texts. {hollow}",
    )
    named = ranks.assign(measure=ranks["measure"].map(costs.NAMES))
    table(compact(named[named["n"] > 0]), key="compare.ranks")
