"""Stability compared: how far the answers of each arm depend on the seed of the training."""

import streamlit as st

from core.analysis.arms import stability
from core.analysis.arms.compared import Compared
from ui.shared.tables import table
from ui.shared.words import plain


def stability_view(found: Compared) -> None:
    """Draw a line per arm: Krippendorff's alpha over seeds, and the test texts whose answer changes with the seed."""
    for one in found.stability:
        st.markdown(f"- {plain(stability.sentence(one))}")
    table(stability.table(found.stability), key="compare.stability")
    st.caption(
        "Each seed is a rater, each test text an item: alpha 1 means that all seeds answer alike, 0 as by chance. The share that "
        "changes grows with the number of seeds, so compare arms with equally many."
    )
