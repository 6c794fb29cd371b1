"""Show a Plotly figure with its reading and downloads, and confusions of labels side by side."""

import re
from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.analysis.arms.classes import Confusion
from core.analysis.figures import arm_charts
from core.study.exchange import spreadsheets
from ui.shared.words import plain

NOT_OF_A_CLASS = re.compile(r"[^a-zA-Z0-9_-]")  # what Streamlit replaces by a dash in the class it makes of a key
PICTURE = '<button class="litmus-picture" type="button" data-chart="{chart}" data-format="{format}">Picture as {name}</button>'
FEW_LABELS, NARROW, WIDE = 3, 270, 380  # up to so many labels three confusions stand in one row; widths in pixels


def plot(
    figure: go.Figure,
    *,
    key: str,
    filename: str,
    data: pd.DataFrame | None = None,
    reading: str = "",
    on_select: Callable[[], None] | None = None,
) -> None:
    """Draw a figure, its reading below, and downloads: SVG, PNG, HTML, and `data` as CSV. Screen readers read the reading too.

    With `on_select`, marks can be clicked: it is called when the chosen marks, `st.session_state[key]["selection"]`, change.
    """
    image = {"toImageButtonOptions": {"format": "svg", "filename": filename}}
    config = image | {"displaylogo": False}
    figure.update_layout(meta={"reading": reading})
    if on_select is None:
        st.plotly_chart(figure, key=key, config=config)
    else:
        st.plotly_chart(figure, key=key, config=config, on_select=on_select, selection_mode="points")
    with st.container(horizontal=True, vertical_alignment="center"):
        if reading:
            st.caption(plain(reading), width="stretch")
        with st.popover("Download", key=f"{key}.download"):
            st.html(
                "".join(
                    PICTURE.format(chart=NOT_OF_A_CLASS.sub("-", key), format=name, name=name.upper())
                    for name in ("svg", "png")
                )
            )
            if data is not None:
                st.download_button(
                    "Data as CSV",
                    spreadsheets.safe_csv(data),
                    file_name=f"{filename}.csv",
                    mime="text/csv",
                    key=f"{key}.csv",
                    on_click="ignore",
                )
            st.download_button(
                "Figure as HTML",
                lambda: figure.to_html(include_plotlyjs=True),
                file_name=f"{filename}.html",
                mime="text/html",
                key=f"{key}.html",
                on_click="ignore",
            )


def confusions(base: Confusion, arm: Confusion | None, *, key: str) -> None:
    """Draw the confusion of labels of two arms and their difference beside one another; of one arm alone if `arm` is None."""
    figures = [arm_charts.confusion(base)]
    if arm is not None:
        figures += [arm_charts.confusion(arm), arm_charts.confusion_change(base, arm)]
    width = NARROW if len(base.labels) <= FEW_LABELS else WIDE
    with st.container(horizontal=True):
        for place, figure in enumerate(figures):
            with st.container(width=width):
                st.plotly_chart(figure, key=f"{key}.{place}", config={"displaylogo": False})
