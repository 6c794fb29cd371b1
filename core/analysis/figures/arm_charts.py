"""Draw the figures of compared arms: differences, classes, confusions, learning curves, and cost or measures beside scores."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analysis.arms.classes import Confusion
from core.analysis.figures import gap_charts, styling, unconverged
from core.analysis.figures.quality_charts import BLUES
from core.analysis.inference.gaps import Floats

DODGE = 1.03  # factor between the sizes at which two arms are drawn, so that marks do not cover one another
LONGEST = 12  # characters of a label beside a confusion
MOST_WRITTEN = 12  # classes, above which the cells of a confusion are not written out
CHANGE = [[0.0, "#B2182B"], [0.5, "#F7F7F7"], [1.0, "#2166AC"]]


def difference_intervals(table: pd.DataFrame, *, margin: float, metric: str) -> go.Figure:
    """What each arm loses against its base, in points: thin bars 95 %, thick bars 90 %, dotted lines at the margin.

    `table` has the columns of `differences.table` or `differences.task_table`. Marks with runs that had not converged are hollow.
    """
    figure = go.Figure()
    rows = table[::-1]
    for row in rows.to_dict("records"):
        shade, name = gap_charts.colour(str(row["arm"])), styling.escaped(f"{row['arm']} against {row['base']}")
        for low, high, width in ((row["low"], row["high"], 2), (row["low_90"], row["high_90"], 6)):
            if math.isfinite(low):
                figure.add_trace(
                    go.Scatter(
                        x=[100 * low, 100 * high], y=[name, name], mode="lines", line={"color": shade, "width": width},
                        hoverinfo="skip",
                    )
                )  # fmt: skip
        figure.add_traces(unconverged.traces(_difference_mark(row, name, shade), [row["unconverged"]]))
    figure.add_vline(x=0, line={"color": gap_charts.GREY, "width": 1})
    for place in (-100 * margin, 100 * margin):
        figure.add_vline(x=place, line={"color": gap_charts.GREY, "width": 2, "dash": "dot"})
    ends = 100 * np.array([0, -margin, margin, *table[["lost", "low", "high", "low_90", "high_90"]].to_numpy().ravel()])
    room = 0.04 * float(np.nanmax(ends) - np.nanmin(ends))
    figure.update_xaxes(range=[np.nanmin(ends) - room, np.nanmax(ends) + room])
    x = f"Points of {gap_charts.AXIS_NAMES[metric]} lost"
    styling.apply_layout(figure, x=x, y="", height=100 + 44 * len(rows))
    return figure.update_layout(showlegend=False, margin_b=48)


def _difference_mark(row: Mapping[Any, Any], name: str, shade: str) -> go.Scatter:
    """The mark of what one arm loses, in points, from a row of the table."""
    told = _limits(100 * row["low"], 100 * row["high"])
    cut = f"<br>{unconverged.words(row['unconverged'])}" if row["unconverged"] else ""
    return go.Scatter(
        x=[100 * row["lost"]],
        y=[name],
        mode="markers",
        marker={
            "color": shade,
            "symbol": gap_charts.marker(str(row["arm"])),
            "size": 13,
            "line": {"width": 1, "color": "white"},
        },
        hovertemplate=f"%{{y}}: %{{x:.1f}} points lost{told}{cut}<extra></extra>",
    )


def class_f1(table: pd.DataFrame, *, base: str, arm: str, is_cut: bool = False) -> go.Figure:
    """F1 lost on each label, with 95 % intervals; `table` has the columns of `classes.by_class`. The marks are hollow if `is_cut`: runs of
    an arm had not converged."""
    rows = table.dropna(subset=["lost"])[::-1]
    drawn = go.Scatter(
        x=rows["lost"],
        y=[styling.escaped(f"{row.label} (n {row.n_class})") for row in rows.itertuples()],
        mode="markers",
        marker={"color": gap_charts.colour(arm), "symbol": gap_charts.marker(arm), "size": 12},
        error_x=styling.error_bars(rows["lost"], rows["low"], rows["high"]),
        customdata=rows[["score_base", "score_arm"]],
        showlegend=False,
        hovertemplate="%{y}: %{x:.3f} lost (%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
    )
    figure = go.Figure(unconverged.traces(drawn, [is_cut] * len(rows)))
    figure.add_vline(x=0, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"})
    figure.update_yaxes(type="category")
    styling.apply_layout(
        figure, x=styling.escaped(f"F1 lost by {arm} against {base}"), y="", height=110 + 34 * max(len(rows), 2)
    )
    return figure.update_layout(margin_b=48)


def confusion(found: Confusion) -> go.Figure:
    """The share of each label's test texts (rows) that an arm answers with each label (columns), with the mean count."""
    title = f"{found.arm} ({'1 seed' if found.n_seeds == 1 else f'{found.n_seeds} seeds'})"
    texts = [
        [
            f"{share:.0%}<br>{_counted(count)}" if math.isfinite(share) else "–"
            for share, count in zip(*both, strict=True)
        ]
        for both in zip(found.shares, found.counts, strict=True)
    ]
    return _matrix(found, found.shares, texts, title=title, scale=BLUES, limits=(0, 1))


def confusion_change(base: Confusion, arm: Confusion) -> go.Figure:
    """The shares of `arm` minus those of `base`, in the same order of labels."""
    change = arm.shares - base.shares
    texts = [[f"{value:+.0%}" if math.isfinite(value) else "–" for value in row] for row in change]
    return _matrix(base, change, texts, title=f"{arm.arm} minus {base.arm}", scale=CHANGE, limits=(-1, 1))


def learning_curves(table: pd.DataFrame, *, metric: str) -> go.Figure:
    """The score of each arm over the number of training texts, on a logarithmic axis; `table` as from `sizes.curves`.

    Marks with runs that had not converged are hollow.
    """
    figure, styles, seen = go.Figure(), gap_charts.arm_styles(table["arm"]), set[str]()
    for place, (arm, own) in enumerate(table.groupby("arm", sort=False)):
        is_second = gap_charts.colour(str(arm)) in seen
        seen.add(gap_charts.colour(str(arm)))
        drawn = go.Scatter(
            x=own["texts"] * DODGE ** (place - (len(styles) - 1) / 2), y=own["value"], mode="lines+markers",
            name=styling.escaped(str(arm)),
            line={"color": styles[str(arm)].colour, "dash": "dash" if is_second else "solid"},
            marker={"symbol": styles[str(arm)].symbol, "size": 11},
            error_y=styling.error_bars(own["value"], own["low"], own["high"]),
            customdata=own[["n_seeds", "n_test", "texts"]],
            text=[f"<br>{unconverged.words(runs)}" if runs else "" for runs in own["unconverged"]],
            hovertemplate="%{customdata[2]:,} texts: %{y:.3f}<br>%{customdata[0]} seeds, %{customdata[1]} test texts%{text}",
        )  # fmt: skip
        figure.add_traces(unconverged.traces(drawn, own["unconverged"]))
    unconverged.explain(figure, table["unconverged"])
    sizes = sorted(table["texts"].unique())
    figure.update_xaxes(type="log", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes])
    if len(sizes) == 1:
        figure.update_xaxes(range=[math.log10(sizes[0] / 2), math.log10(sizes[0] * 2)])
    return styling.apply_layout(figure, x="Training texts", y=gap_charts.AXIS_NAMES[metric], height=400)


def beside_score(table: pd.DataFrame, *, x: str, title: str, metric: str, cut: Collection[str] = ()) -> go.Figure:
    """A column `x` of a table against the score of its arms: columns arm, mean_score, and low and high for an interval.

    Arms without x are not drawn; the arms in `cut` have runs that had not converged, and are hollow.
    """
    figure = go.Figure()
    styles, middle = gap_charts.arm_styles(table["arm"]), (table[x].min() + table[x].max()) / 2
    for row in table.dropna(subset=[x]).to_dict("records"):
        arm = str(row["arm"])
        has_bar = math.isfinite(row.get("low", math.nan))
        symbol = styles[arm].symbol
        figure.add_trace(
            go.Scatter(
                x=[row[x]], y=[row["mean_score"]], mode="markers+text", name=styling.escaped(arm), text=[styling.escaped(arm)],
                textposition="top left" if row[x] > middle else "top right", cliponaxis=False,
                marker={"color": styles[arm].colour, "symbol": unconverged.hollow(symbol) if arm in cut else symbol, "size": 12,
                        "line": {"width": unconverged.OUTLINE if arm in cut else 0}},
                error_y={"type": "data", "symmetric": False, "array": [row["high"] - row["mean_score"]],
                         "arrayminus": [row["mean_score"] - row["low"]], "thickness": 1.2, "width": 4} if has_bar else None,
                hovertemplate="%{text}: %{x:.3g}, score %{y:.3f}<extra></extra>",
            )
        )  # fmt: skip
    styling.apply_layout(figure, x=title, y=gap_charts.AXIS_NAMES[metric], height=360)
    return figure.update_layout(showlegend=False, margin_b=48)


def _matrix(
    found: Confusion,
    values: Floats,
    texts: Sequence[Sequence[str]],
    *,
    title: str,
    scale: list[list[object]],
    limits: tuple[float, float],
) -> go.Figure:
    """A heat map with a row per test label, the first label on top, and the texts of its cells where they have room."""
    names, places = [styling.escaped(label) for label in found.labels], list(range(len(found.labels)))
    low, high = limits
    hovers = [[(names[i], names[j], texts[i][j]) for j in places] for i in places]
    figure = go.Figure(
        go.Heatmap(
            z=values, x=places, y=places, zmin=low, zmax=high, colorscale=scale, showscale=False, xgap=2, ygap=2,
            customdata=np.array(hovers, dtype=object),
            hovertemplate="test label %{customdata[0]}<br>answered %{customdata[1]}: %{customdata[2]}<extra></extra>",
        )
    )  # fmt: skip
    if len(names) <= MOST_WRITTEN:
        for i, j in np.ndindex(*values.shape):
            figure.add_annotation(
                x=j, y=i, text=texts[i][j], showarrow=False,
                font={"color": "white" if abs(values[i, j]) > 0.45 else "#1B2A38", "size": 12},
            )  # fmt: skip
    shown = {"tickvals": places, "ticktext": [_shortened(label) for label in found.labels]}
    figure.update_xaxes(title_text="Predicted label", tickangle=-35, **shown)
    figure.update_yaxes(title_text="Test label", autorange="reversed", **shown)
    styling.apply_layout(figure, height=200 + (48 if len(names) <= MOST_WRITTEN else 16) * len(names))
    return figure.update_layout(title={"text": styling.escaped(title), "font": {"size": 14}}, margin={"t": 40, "b": 40})


def _counted(count: float) -> str:
    return f"{count:,.1f}".removesuffix(".0")


def _shortened(label: str) -> str:
    return styling.escaped(label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…")


def _limits(low: float, high: float) -> str:
    return f" [{low:.1f}, {high:.1f}]" if math.isfinite(low) else ", without an interval"
