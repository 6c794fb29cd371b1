"""Style Plotly figures: layout, error bars, interval bands, and escaped text."""

import html

import pandas as pd
import plotly.graph_objects as go

GREY = "#8A8F98"
TEXT_GREY = "#616873"  # on white 5.6:1; the pages and the report in dark give chart texts the colour of the page's text
GRID = {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False, "automargin": True}


def apply_layout(figure: go.Figure, *, x: str | None = None, y: str | None = None, height: int) -> go.Figure:
    """Give a figure the common layout: pale grid, transparent background, legend below.

    `x` and `y` are titles of the axes; None keeps a title that is already there. `height` is in pixels.
    """
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 32, "b": 84},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"bgcolor": "#1B2A38", "bordercolor": "#1B2A38", "font": {"color": "#FFFFFF"}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": "#0F766E"},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        xaxis=GRID if x is None else GRID | {"title": {"text": x}},
        yaxis=GRID if y is None else GRID | {"title": {"text": y}},
    )


def error_bars(value: "pd.Series[float]", low: "pd.Series[float]", high: "pd.Series[float]") -> dict[str, object]:
    """Plotly error bars from `low` to `high` around `value`; a value with a nan limit has no bar."""
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
    """Draw the interval from `low` to `high` along `x` as a pale area in the colour `shade`, #RRGGBB."""
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


def escaped(text: str) -> str:
    """The text escaped for a figure, which then shows it unchanged: Plotly interprets HTML in names and hover texts."""
    return html.escape(text, quote=False)


def enlarged(figure: go.Figure, times: float) -> go.Figure:
    """The figure with type, marks, lines and height `times` as large, for a screen that a room looks at."""
    size = 14 * times
    figure.update_layout(
        height=figure.layout.height * times,
        font={"size": size},
        legend={"font": {"size": size}},
        margin={"l": 8, "r": 16, "t": 16, "b": 84 * times},
    )
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.update(tickfont={"size": size}, title={"font": {"size": size}})
    for trace in figure.data:
        if isinstance(trace, go.Scatter):
            if trace.mode and "markers" in trace.mode:
                trace.marker.size = 8 * times
            for bars in (trace.error_x, trace.error_y):
                if bars.array is not None:
                    bars.update(thickness=1.2 * times, width=4 * times)
    return figure
