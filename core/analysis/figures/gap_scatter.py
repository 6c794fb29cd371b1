"""Draw the gaps of a study's arms over the subjectivity of its tasks, with the line through them and the tasks in rows below."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.analysis import regression
from core.analysis.figures import gap_charts, styling, unconverged
from core.wording import shown

BESIDE = 0.012  # of the axis: how far the marks of the arms of one task stand apart
PLOT, ROW, AROUND = 330, 22, 144  # pixels


def gap_against_subjectivity(
    points: pd.DataFrame,
    fit: regression.Fit | None,
    *,
    measure: str,
    metric: str,
    by_arm: Mapping[str, regression.Fit] | None = None,
) -> go.Figure:
    """The gap in points (real minus synthetic score) against the subjectivity of the task, and below it a row with the name of each task.

    `points` has the columns of `core.analysis.points.join`. Upright bars are 95 % intervals of gaps; the interval of a task's
    subjectivity stands once, in the task's row. Marks of the arms of a task stand side by side, hollow with runs that had not
    converged. With a `fit`, its line and 95 % band are drawn over the range of the points whose `counts` is not False, with
    `by_arm` also the line of each arm if there are several.
    """
    names = [str(name) for name in points.sort_values("subjectivity", kind="stable")["task"].unique()]
    rows = ROW * len(names) + 16
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.02, row_heights=[PLOT, rows])
    counting = points[points["counts"]] if "counts" in points else points
    if fit is not None:
        _add_fit(figure, fit, counting["subjectivity"])
    styles = gap_charts.arm_styles(points["arm"])
    span = float(np.ptp(points["subjectivity"])) or 1.0
    for place, (arm, style) in enumerate(styles.items()):
        own = points[points["arm"] == arm]
        shift = (place - (len(styles) - 1) / 2) * BESIDE * span
        for trace in unconverged.traces(_gap_marks(own, own["subjectivity"] + shift, arm, style), own["unconverged"]):
            figure.add_trace(trace, row=1, col=1)
        if by_arm and len(styles) > 1 and arm in by_arm:
            _add_arm_line(figure, by_arm[arm], counting.loc[counting["arm"] == arm, "subjectivity"], style)
    unconverged.explain(figure, points["unconverged"])
    _add_places(figure, points.drop_duplicates("task").set_index("task").loc[names].reset_index())
    figure.add_hline(y=0, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"}, row=1, col=1)
    styling.apply_layout(figure, height=AROUND + PLOT + rows).update_layout(margin_t=48)
    figure.update_xaxes(**styling.GRID)
    figure.update_yaxes(**styling.GRID)
    figure.update_xaxes(title={"text": gap_charts.AXIS_NAMES[measure]}, row=2, col=1)
    figure.update_yaxes(title={"text": gap_charts.lost(metric)}, row=1, col=1)
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[gap_charts.short(name) for name in names], row=2, col=1
    )
    return figure.update_yaxes(range=[len(names) - 0.4, -0.6], showgrid=False, row=2, col=1)


def _gap_marks(own: pd.DataFrame, at: "pd.Series[float]", arm: str, style: gap_charts.ArmStyle) -> go.Scatter:
    """The gaps of one arm as marks at the places `at`."""
    return go.Scatter(
        x=at,
        y=100 * own["gap"],
        mode="markers",
        name=styling.escaped(arm),
        cliponaxis=False,
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": 11,
            "line": {"width": 1, "color": "white"},
        },
        error_y=styling.error_bars(100 * own["gap"], 100 * own["low"], 100 * own["high"]),
        customdata=gap_charts.point_data(own),
        hovertemplate=gap_charts.POINT_HOVER,
    )


def _add_places(figure: go.Figure, places: pd.DataFrame) -> None:
    """Draw a row for each task with its subjectivity and 95 % interval, and a faint line from the row up to its gaps."""
    at = places["subjectivity"]
    figure.add_trace(
        go.Scatter(
            x=at,
            y=list(range(len(places))),
            mode="markers",
            showlegend=False,
            marker={"color": gap_charts.GREY, "size": 8},
            error_x=styling.error_bars(at, places["subjectivity_low"], places["subjectivity_high"]),
            customdata=gap_charts.point_data(places),
            text=[styling.escaped(shown(task)) for task in places["task"]],
            hovertemplate="%{text}: subjectivity %{customdata[10]}<extra></extra>",
        ),
        row=2,
        col=1,
    )
    for row, value in enumerate(at):
        faint = {"color": "rgba(138,143,152,0.35)", "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=value, x1=value, y0=0, y1=1, yref="y domain", line=faint, layer="below")
        figure.add_shape(
            type="line", x0=value, x1=value, y0=-0.6, y1=row, xref="x2", yref="y2", line=faint, layer="below"
        )


def _add_arm_line(figure: go.Figure, fit: regression.Fit, x: "pd.Series[float]", style: gap_charts.ArmStyle) -> None:
    """Draw the line of one arm, without a band."""
    ends = np.array([x.min(), x.max()])
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=100 * (fit.intercept + fit.slope * ends),
            mode="lines",
            line={"color": style.colour, "width": 1.2, "dash": "dash"},
            hoverinfo="skip",
            showlegend=False,
        ),
        row=1,
        col=1,
    )


def _add_fit(figure: go.Figure, fit: regression.Fit, x: "pd.Series[float]") -> None:
    """Draw the line of a fit with its 95 % band and its numbers."""
    band = regression.band(fit, np.linspace(x.min(), x.max(), 60))
    styling.add_band(figure, band["x"], 100 * band["low"], 100 * band["high"], gap_charts.GREY)
    strength = f"R² {fit.r2:.2f}, " if math.isfinite(fit.r2) else ""
    label = f"slope {fit.interval.in_points.text(digits=0)} points<br>{strength}{regression.p_words(fit.p)}, {fit.n_groups} tasks"
    figure.add_trace(
        go.Scatter(
            x=band["x"],
            y=100 * band["mean"],
            mode="lines",
            line={"color": gap_charts.GREY, "width": 2},
            name="Least squares over tasks",
            hovertemplate=label + "<extra></extra>",
        )
    )
    figure.add_annotation(
        text=label,
        xref="paper",
        yref="paper",
        x=0,
        y=1.01,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        align="left",
    )
