"""What all figures share: their look, whiskers and bands, and text shown letter by letter."""

import html

import pandas as pd
import plotly.graph_objects as go


def dressed(figure: go.Figure, *, x: str, y: str, height: int) -> go.Figure:
    """The look that all figures share: pale grid, no background of their own, the legend below. `height` in pixels."""
    grid = {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False, "automargin": True}
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 32, "b": 84},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#8A8F98", "activecolor": "#0F766E"},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        xaxis=grid | {"title": {"text": x}},
        yaxis=grid | {"title": {"text": y}},
    )


def error_bars(value: "pd.Series[float]", low: "pd.Series[float]", high: "pd.Series[float]") -> dict[str, object]:
    """Whiskers from `low` to `high` around `value`; nan draws none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": high - value,
        "arrayminus": value - low,
        "thickness": 1.2,
        "width": 4,
    }


def add_band(
    figure: go.Figure, x: "pd.Series[float]", low: "pd.Series[float]", high: "pd.Series[float]", shade: str
) -> None:
    """Draw an interval as a pale area between `low` and `high` along `x`; `shade` is #RRGGBB."""
    red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
    figure.add_trace(
        go.Scatter(
            x=[*x, *x[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},0.15)",
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
    )


def shown(text: str) -> str:
    """A text as a figure shows it letter by letter: Plotly reads some HTML in names and hovers."""
    return html.escape(text, quote=False)
