"""The figures of what samples are like: measures per arm, cues, confusion of labels, and the map of texts."""

import math
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analysis import charts, figures
from core.quality import readings
from core.quality.fidelity import Fidelity

ALONE = 0.05  # to each side of a value that stands alone
HOVERED = 100  # characters of a text shown beside its point
PALETTE = ("#CC6677", "#44AA99", "#DDAA33", "#AA4499", "#6699CC", "#999933", "#88CCEE", "#8A8F98")
GRID = {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False, "automargin": True}
BLUES = [[0.0, "#EEF4FA"], [0.5, "#6FA5D0"], [1.0, "#0B4F85"]]


def measure_dots(table: pd.DataFrame, *, measure: str) -> go.Figure:
    """One measure with the arms below each other; `table` as `measures.table` gives it.

    A bar is what the table's `spread` says; an arm without a value has no dot.
    """
    rows = table[table["measure"] == measure]
    arms = list(dict.fromkeys(rows["arm"]))
    figure = go.Figure()
    for arm, own in rows[rows["value"].notna()].groupby("arm", sort=False):
        figure.add_trace(_dot(str(arm), own.iloc[0]).update(showlegend=False))
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[figures.shown(arm) for arm in arms[::-1]],
        range=[-0.6, len(arms) - 0.4],
        **GRID,
    )
    figure.update_xaxes(nticks=4, tickangle=0, **GRID)
    known = rows["value"].dropna()
    if known.nunique() == 1:
        figure.update_xaxes(range=[known.iloc[0] - ALONE, known.iloc[0] + ALONE])
    figure.add_annotation(
        text=f"<b>{readings.NAMES.get(measure, measure)}</b><br>{_sizes(rows)}", showarrow=False, font={"size": 12},
        x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="bottom", align="left",
    )  # fmt: skip
    return _dressed(figure, height=104 + 28 * len(arms)).update_layout(margin={"t": 52, "b": 30})


def cues_bars(cues: pd.DataFrame, *, label: str, arm: str, top: int = 15) -> go.Figure:
    """The surest cues of one label with their log odds ratios and 95 % intervals; `cues` as `leakage.cues` gives them."""
    own = cues[cues["label"] == label].head(top)[::-1]
    figure = go.Figure(
        go.Scatter(
            x=own["log_odds"],
            y=own["word"].map(figures.shown),
            mode="markers",
            marker={"color": charts.colour(arm), "symbol": charts.marker(arm), "size": 10},
            error_x=_bars(own["high"] - own["log_odds"], own["log_odds"] - own["low"]),
            customdata=own[["n_in", "n_out", "share_in", "share_out", "q", "low", "high"]],
            showlegend=False,
            hovertemplate=(
                "%{y}: log odds %{x:.2f} [%{customdata[5]:.2f}, %{customdata[6]:.2f}]<br>"
                "in %{customdata[0]} texts of the label (%{customdata[2]:.1%}), "
                "in %{customdata[1]} others (%{customdata[3]:.1%})<br>q %{customdata[4]:.2g}<extra></extra>"
            ),
        )
    )
    figure.add_vline(x=0, line={"color": charts.GREY, "width": 1, "dash": "dot"})
    sizes = f"(n {own['of_in'].iloc[0]} against {own['of_out'].iloc[0]})" if len(own) else ""
    figure.update_xaxes(title_text=f"Log odds ratio {sizes}", **GRID)
    return _dressed(figure.update_yaxes(type="category", **GRID), height=110 + 24 * max(len(own), 2))


def confusion(found: Fidelity, *, other: str) -> go.Figure:
    """Counts of samples by intended label (rows) and by the label `other` gave (columns); shading is the row's share."""
    counts = found.confusion.to_numpy()
    sizes = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sizes, out=np.zeros(counts.shape), where=sizes > 0)
    columns = [figures.shown(str(name)) for name in found.confusion.columns]
    rows = [
        f"{figures.shown(str(name))} (n {size})"
        for name, size in zip(found.confusion.index, sizes.ravel(), strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=columns, y=rows, zmin=0, zmax=1, colorscale=BLUES, showscale=False, customdata=counts,
            xgap=2, ygap=2, hovertemplate="intended %{y}<br>given %{x}: %{customdata} (%{z:.1%})<extra></extra>",
        )
    )  # fmt: skip
    for i, j in np.ndindex(*counts.shape):
        figure.add_annotation(
            x=columns[j], y=rows[i], text=f"{counts[i, j]}", showarrow=False,
            font={"color": "white" if shares[i, j] > 0.45 else "#1B2A38", "size": 13},
        )  # fmt: skip
    figure.update_xaxes(title_text=f"Label by {figures.shown(other)} (n {found.n})", type="category", automargin=True)
    figure.update_yaxes(title_text="Intended label", type="category", autorange="reversed", automargin=True)
    return _dressed(figure, height=150 + 44 * len(rows))


def embedding_map(points: pd.DataFrame, *, by: Literal["arm", "label"] = "arm") -> go.Figure:
    """Texts as points of the map, a marker per arm, coloured by arm or by label; `points` as `measures.points` gives them.

    Every point carries its sample's id as custom data; hovering shows the beginning of its text.
    """
    figure = go.Figure()
    labels = list(dict.fromkeys(points["label"]))
    symbols = _symbols(list(dict.fromkeys(points["arm"])))
    for (arm, label), own in points.groupby(["arm", "label"] if by == "label" else ["arm", "arm"], sort=False):
        shade = PALETTE[labels.index(label) % len(PALETTE)] if by == "label" else charts.colour(str(arm))
        name = f"{arm} · {label}" if by == "label" else str(arm)
        figure.add_trace(
            go.Scattergl(
                x=own["x"],
                y=own["y"],
                mode="markers",
                name=figures.shown(f"{name} (n {len(own)})"),
                marker={"color": shade, "symbol": symbols[str(arm)], "size": 6, "opacity": 0.7},
                customdata=own["sample_id"],
                text=[figures.shown(_beginning(text)) for text in own["text"]],
                hovertemplate="%{text}<extra>" + figures.shown(name) + "</extra>",
            )
        )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    return _dressed(figure, height=520)


def _symbols(arms: list[str]) -> dict[str, str]:
    """The marker of every arm; of two arms of one kind the second is drawn open."""
    found: dict[str, str] = {}
    for arm in arms:
        symbol = charts.marker(arm)
        found[arm] = f"{symbol}-open" if symbol in found.values() else symbol
    return found


def _dot(arm: str, row: "pd.Series[float]") -> go.Scatter:
    has_bar = math.isfinite(row["low"])
    said = f" [%{{customdata[1]:.3g}}, %{{customdata[2]:.3g}}] ({row['spread']})" if has_bar else ""
    return go.Scatter(
        x=[row["value"]],
        y=[figures.shown(arm)],
        mode="markers",
        name=figures.shown(arm),
        marker={"color": charts.colour(arm), "symbol": charts.marker(arm), "size": 11},
        error_x=_bars([row["high"] - row["value"]], [row["value"] - row["low"]]) if has_bar else None,
        customdata=[[row["n"], row["low"], row["high"]]],
        hovertemplate=f"%{{y}}: %{{x:.3g}}{said}<br>n %{{customdata[0]}}<extra></extra>",
    )


def _sizes(own: pd.DataFrame) -> str:
    n = own.loc[own["value"].notna(), "n"]
    if n.empty:
        return "not computable"
    return f"n {n.min()}" if n.min() == n.max() else f"n {n.min()} to {n.max()}"


def _bars(above: "pd.Series[float] | list[float]", below: "pd.Series[float] | list[float]") -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2, "width": 4,
    }  # fmt: skip


def _beginning(text: str) -> str:
    return text if len(text) <= HOVERED else f"{text[: HOVERED - 1]}…"


def _dressed(figure: go.Figure, *, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 36, "b": 64},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
    )
