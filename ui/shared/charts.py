"""Show a Plotly figure with its reading and downloads, and confusions of labels side by side."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.analysis.arms.classes import Confusion
from core.analysis.figures import arm_charts
from core.study.exchange import spreadsheets

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
    """Draw a figure, its reading below, and downloads: SVG or PNG by the toolbar's camera, HTML, and `data` as CSV.

    With `on_select`, marks can be clicked: it is called when the chosen marks, `st.session_state[key]["selection"]`, change.
    """
    chosen = st.session_state.get(f"{key}.format", "svg")
    image = {"toImageButtonOptions": {"format": chosen, "filename": filename, "scale": 3 if chosen == "png" else 1}}
    config = image | {"displaylogo": False}
    if on_select is None:
        st.plotly_chart(figure, key=key, config=config)
    else:
        st.plotly_chart(figure, key=key, config=config, on_select=on_select, selection_mode="points")
    with st.container(horizontal=True, vertical_alignment="center"):
        if reading:
            st.caption(reading, width="stretch")
        with st.popover("Download", key=f"{key}.download"):
            st.segmented_control(
                "Format of the picture that the camera in the chart's toolbar saves",
                ["svg", "png"],
                default="svg",
                format_func=str.upper,
                required=True,
                key=f"{key}.format",
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
