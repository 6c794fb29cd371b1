"""Stability compared: how far the answers of each arm depend on the seed of the training."""

import streamlit as st

from core.analysis.arms import stability
from core.analysis.arms.compared import Compared
from ui.compare.cells import compact, listed
from ui.shared.tables import table


def stability_view(found: Compared) -> None:
    """Draw a line per arm: Krippendorff's alpha over seeds, and the test texts whose answer changes with the seed."""
    listed(map(stability.sentence, found.stability))
    table(compact(stability.table(found.stability)), key="compare.stability")
    st.caption(
        "Each seed is a rater, each test text an item: alpha 1 means that all seeds answer alike, 0 as by chance. The share that "
        "changes grows with the number of seeds, so compare arms with equally many."
    )
