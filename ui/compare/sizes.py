"""Training sizes compared: learning curves, and how many real texts a synthetic set is worth."""

import streamlit as st

from core.analysis.arms import sizes
from core.analysis.arms.compared import Compared
from core.analysis.figures import arm_charts, unconverged
from ui.compare.cells import listed
from ui.shared import charts, links
from ui.shared.tables import table
from ui.shared.words import plain

HIDDEN = ["worth", "low", "high", "smallest", "largest", "note"]


def sizes_view(found: Compared) -> None:
    """Draw the score of each arm over the number of training texts, and synthetic sets in real texts."""
    curves = sizes.curves(found.at_sizes, metric=found.asked.metric, spread=found.spread)
    charts.plot(
        arm_charts.learning_curves(curves, metric=found.asked.metric),
        key="compare.curves",
        filename=f"{found.chosen.task}-learning-curves",
        data=curves,
        reading="Bars are 95 % intervals over new test texts and new trainings. Where a curve still rises, more texts would help. "
        + unconverged.sentence(list(curves["unconverged"]), "score"),
    )
    listed(sizes.worth_sentences(found.worth))
    if any(arm.n_real is not None for arm in found.at_sizes):
        st.caption("A mix stands at the number of its real texts.")
    if found.curve_note:
        st.caption(plain(found.curve_note))
    if any(one.is_known for one in found.worth):
        table(sizes.worth_table(found.worth).drop(columns=HIDDEN), key="compare.worth")
        st.caption(
            "Read off the real arm's curve, which is made never to fall; nothing is extrapolated beyond its sizes."
        )
    elif found.worth:
        links.link("train", "Train a learning curve")
