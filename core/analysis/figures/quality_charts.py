"""Draw the figures of data quality: measures per arm, cues, confusion of labels, and the map of texts."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import gap_charts, styling
from core.quality import readings
from core.quality.fidelity import Fidelity

LEAST = 0.05  # half the least width of an axis, in the measure's unit and as a share of the values: less would blow up nothing
HOVERED = 100  # characters of a text in the hover box of its point
PALETTE = ("#CC6677", "#44AA99", "#DDAA33", "#AA4499", "#6699CC", "#999933", "#88CCEE", "#8A8F98")
BLUES = [[0.0, "#EEF4FA"], [0.5, "#6FA5D0"], [1.0, "#0B4F85"]]


def measure_dots(table: pd.DataFrame, *, measure: str) -> go.Figure:
    """A dot plot of one measure, with a row per arm; `table` has the columns of `measures.table`.

    The table's column `spread` says what the error bars are. An arm without a value has no dot.
    """
    rows = table[table["measure"] == measure]
    arms = list(dict.fromkeys(rows["arm"]))
    figure = go.Figure()
    for arm, own in rows[rows["value"].notna()].groupby("arm", sort=False):
        figure.add_trace(_dot(str(arm), own.head(1)).update(showlegend=False))
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[styling.escaped(arm) for arm in arms[::-1]],
        range=[-0.6, len(arms) - 0.4],
    )
    figure.update_xaxes(nticks=4, tickangle=0)
    ends = rows[["value", "low", "high"]] if rows["spread"].ne("").any() else rows[["value"]]
    low, high = ends.min().min(), ends.max().max()
    middle, least = (low + high) / 2, max(LEAST, LEAST * abs(low + high) / 2)
    if high - low < 2 * least:
        figure.update_xaxes(range=[middle - least, middle + least])
    figure.add_annotation(
        text=f"<b>{readings.NAMES.get(measure, measure)}</b><br>{_sizes(rows)}", showarrow=False, font={"size": 12},
        x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="bottom", align="left",
    )  # fmt: skip
    return _apply_layout(figure, height=104 + 28 * len(arms)).update_layout(margin={"t": 52, "b": 30})


def cues_bars(cues: pd.DataFrame, *, label: str, arm: str, top: int = 15) -> go.Figure:
    """The log odds ratios of a label's first `top` cues with 95 % intervals; `cues` has the columns of `leakage.cues`."""
    own = cues[cues["label"] == label].head(top)[::-1]
    figure = go.Figure(
        go.Scatter(
            x=own["log_odds"],
            y=own["word"].map(styling.escaped),
            mode="markers",
            marker={"color": gap_charts.colour(arm), "symbol": gap_charts.marker(arm), "size": 10},
            error_x=styling.error_bars(own["log_odds"], own["low"], own["high"]),
            customdata=own[["n_in", "n_out", "share_in", "share_out", "q", "low", "high"]],
            showlegend=False,
            hovertemplate=(
                "%{y}: log odds %{x:.2f} [%{customdata[5]:.2f}, %{customdata[6]:.2f}]<br>"
                "in %{customdata[0]} texts of the label (%{customdata[2]:.1%}), "
                "in %{customdata[1]} others (%{customdata[3]:.1%})<br>q %{customdata[4]:.2g}<extra></extra>"
            ),
        )
    )
    figure.add_vline(x=0, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"})
    sizes = f"(n {own['of_in'].iloc[0]} against {own['of_out'].iloc[0]})" if len(own) else ""
    figure.update_xaxes(title_text=f"Log odds ratio {sizes}")
    return _apply_layout(figure.update_yaxes(type="category"), height=110 + 24 * max(len(own), 2))


def confusion(found: Fidelity, *, other: str) -> go.Figure:
    """A heat map of sample counts by intended label (rows) and the label by `other` (columns).

    The shade of a cell is its share of the row.
    """
    counts = found.confusion.to_numpy()
    sizes = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sizes, out=np.zeros(counts.shape), where=sizes > 0)
    columns = [styling.escaped(str(name)) for name in found.confusion.columns]
    rows = [
        f"{styling.escaped(str(name))} (n {size})"
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
    figure.update_xaxes(title_text=f"Label by {styling.escaped(other)} (n {found.n})", type="category")
    figure.update_yaxes(title_text="Intended label", type="category", autorange="reversed")
    return _apply_layout(figure, height=150 + 44 * len(rows))


def embedding_map(points: pd.DataFrame, *, by: Literal["arm", "label"] = "arm") -> go.Figure:
    """The map of texts, with a marker per arm, coloured by arm or by label; `points` has the columns of `measures.points`.

    The custom data of a point is its sample id; its hover box shows the beginning of its text.
    """
    figure = go.Figure()
    labels = list(dict.fromkeys(points["label"]))
    styles = gap_charts.arm_styles(points["arm"])
    for (arm, label), own in points.groupby(["arm", "label"] if by == "label" else ["arm", "arm"], sort=False):
        shade = PALETTE[labels.index(label) % len(PALETTE)] if by == "label" else styles[str(arm)].colour
        name = f"{arm} · {label}" if by == "label" else str(arm)
        figure.add_trace(
            go.Scattergl(
                x=own["x"],
                y=own["y"],
                mode="markers",
                name=styling.escaped(f"{name} (n {len(own)})"),
                marker={"color": shade, "symbol": styles[str(arm)].symbol, "size": 6, "opacity": 0.7},
                customdata=own["sample_id"],
                text=[styling.escaped(_beginning(text)) for text in own["text"]],
                hovertemplate="%{text}<extra>" + styling.escaped(name) + "</extra>",
            )
        )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    return _apply_layout(figure, height=520)


def _dot(arm: str, row: pd.DataFrame) -> go.Scatter:
    """The dot of an arm with its error bar; `row` is one row of `measures.table`."""
    spread = row["spread"].iloc[0]
    limits = f" [%{{customdata[1]:.3g}}, %{{customdata[2]:.3g}}] ({spread})" if spread else ""
    return go.Scatter(
        x=row["value"],
        y=[styling.escaped(arm)],
        mode="markers",
        name=styling.escaped(arm),
        marker={"color": gap_charts.colour(arm), "symbol": gap_charts.marker(arm), "size": 11},
        error_x=styling.error_bars(row["value"], row["low"], row["high"]) if spread else None,
        customdata=row[["n", "low", "high"]],
        hovertemplate=f"%{{y}}: %{{x:.3g}}{limits}<br>n %{{customdata[0]}}<extra></extra>",
    )


def _sizes(own: pd.DataFrame) -> str:
    n = own.loc[own["value"].notna(), "n"]
    if n.empty:
        return "not computable"
    return f"n {n.min()}" if n.min() == n.max() else f"n {n.min()} to {n.max()}"


def _beginning(text: str) -> str:
    return text if len(text) <= HOVERED else f"{text[: HOVERED - 1]}…"


def _apply_layout(figure: go.Figure, *, height: int) -> go.Figure:
    return styling.apply_layout(figure, height=height).update_layout(margin={"t": 36, "b": 64})
