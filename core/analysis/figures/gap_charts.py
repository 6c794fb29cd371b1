"""Draw the figures of a study's findings with Plotly; every arm has the same colour and marker in all figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analysis import regression
from core.analysis.figures import styling
from core.analysis.points import METRIC_NAMES
from core.analysis.verdicts.verdict import Verdict
from core.study import tasks
from core.study.rows.kinds import ArmKind

COLOURS = {ArmKind.REAL: "#009E73", ArmKind.ZERO_SHOT: "#D55E00", ArmKind.FEW_SHOT: "#0072B2", ArmKind.MIXED: "#CC79A7"}
OTHERS = ("#E69F00", "#56B4E9")
GREY = "#8A8F98"
MARKERS = {ArmKind.REAL: "circle", ArmKind.ZERO_SHOT: "square", ArmKind.FEW_SHOT: "diamond", ArmKind.MIXED: "cross"}
AXIS_NAMES = {
    "comparisons": "Subjectivity (Bradley-Terry strength, natural log)",
    "ratings": "Subjectivity (1 − Krippendorff's alpha)",
    "scale": "Subjectivity (mean rating from 1 to 5)",
    **METRIC_NAMES,
}


def colour(arm: str) -> str:
    """The colour of an arm, #RRGGBB, by its kind; arms of other kinds get one of two colours by their name."""
    kind = tasks.kind_of(arm)
    return COLOURS.get(kind, OTHERS[sum(map(ord, arm)) % len(OTHERS)])


def marker(arm: str) -> str:
    """The Plotly symbol of an arm, by its kind."""
    return MARKERS.get(tasks.kind_of(arm), "triangle-up")


def gap_against_subjectivity(
    points: pd.DataFrame, fit: regression.Fit | None, *, measure: str, metric: str
) -> go.Figure:
    """The gap (real minus synthetic score) against the subjectivity of the task, with 95 % error bars.

    `points` has the columns of `core.analysis.points.join`. With a `fit`, its line and 95 % band are drawn over the range
    of the points.
    """
    figure = go.Figure()
    if fit is not None:
        _add_fit(figure, fit, points["subjectivity"])
    highest = points.groupby("task")["gap"].max()
    middle = (points["subjectivity"].min() + points["subjectivity"].max()) / 2
    for arm, group in points.groupby("arm", sort=False):
        figure.add_trace(
            go.Scatter(
                x=group["subjectivity"],
                y=group["gap"],
                mode="markers+text",
                name=str(arm),
                text=group["task"].where(group["gap"] == highest[group["task"]].to_numpy(), ""),
                textposition=["top left" if x > middle else "top right" for x in group["subjectivity"]],
                cliponaxis=False,
                marker={
                    "color": colour(str(arm)),
                    "symbol": marker(str(arm)),
                    "size": 12,
                    "line": {"width": 1, "color": "white"},
                },
                error_y=styling.error_bars(group["gap"], group["low"], group["high"]),
                error_x=styling.error_bars(
                    group["subjectivity"], group["subjectivity_low"], group["subjectivity_high"]
                ),
                customdata=group[["task", "encoder", "score_real", "score", "n_seeds", "n_test"]],
                hovertemplate=(
                    "%{customdata[0]} · "
                    + str(arm)
                    + " · %{customdata[1]}<br>gap %{y:.3f}<br>real %{customdata[2]:.3f}, "
                    "synthetic %{customdata[3]:.3f}<br>%{customdata[4]} seeds, %{customdata[5]} test samples<extra></extra>"
                ),
            )
        )
    figure.add_hline(y=0, line={"color": GREY, "width": 1, "dash": "dot"})
    return styling.apply_layout(
        figure, x=AXIS_NAMES[measure], y=f"{AXIS_NAMES[metric]} lost against real data", height=460
    )


def scores_by_task(scores: pd.DataFrame, *, metric: str, order: list[str]) -> go.Figure:
    """The scores by task: a small mark per run, a large mark for the mean of each arm.

    `scores` has a row per run; `order` lists the tasks from left to right.
    """
    figure = go.Figure()
    arms = list(dict.fromkeys(scores["arm"]))
    for place, arm in enumerate(sorted(arms, key=lambda name: list(ArmKind).index(tasks.kind_of(name)))):
        own = scores[scores["arm"] == arm]
        shift = (place - (len(arms) - 1) / 2) * 0.18
        at = own["task"].map({task: index for index, task in enumerate(order)}).astype(float) + shift
        style = {"color": colour(arm), "symbol": marker(arm)}
        figure.add_trace(
            go.Scatter(
                x=at,
                y=own[metric],
                mode="markers",
                marker=style | {"size": 7, "opacity": 0.45},
                showlegend=False,
                hovertemplate="%{y:.3f}<extra>" + arm + ", one run</extra>",
            )
        )
        mean = (
            own.assign(at=at)
            .groupby("task", sort=False)
            .agg(at=("at", "mean"), value=(metric, "mean"), n=(metric, "size"))
        )
        figure.add_trace(
            go.Scatter(
                x=mean["at"],
                y=mean["value"],
                mode="markers",
                name=arm,
                customdata=mean[["n"]],
                marker=style | {"size": 13, "line": {"width": 1, "color": "white"}},
                hovertemplate="%{y:.3f}<extra>" + arm + ", mean of %{customdata[0]}</extra>",
            )
        )
    figure.update_xaxes(tickvals=list(range(len(order))), ticktext=order, range=[-0.5, len(order) - 0.5])
    return styling.apply_layout(figure, x="", y=AXIS_NAMES[metric], height=380)


def subjectivity(table: pd.DataFrame, *, measure: str) -> go.Figure:
    """The subjectivity of tasks with 95 % intervals, in the order of `table` from bottom to top.

    `table` has columns task, value, low, high, n.
    """
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=table["task"],
            mode="markers",
            marker={"color": GREY, "size": 12},
            customdata=table[["n"]],
            error_x=styling.error_bars(table["value"], table["low"], table["high"]),
            showlegend=False,
            hovertemplate="%{y}: %{x:.2f}<br>%{customdata[0]} answers<extra></extra>",
        )
    )
    return styling.apply_layout(figure, x=AXIS_NAMES[measure], y="", height=120 + 44 * len(table))


def verdict_table(verdict: Verdict) -> pd.DataFrame:
    """The arms of a verdict: columns arm, gap, low, high (80 % prediction interval), chance (to lose at most the margin)."""
    rows = [(arm.arm, arm.gap, arm.low, arm.high, arm.chance) for arm in verdict.arms]
    return pd.DataFrame(rows, columns=["arm", "gap", "low", "high", "chance"])


def verdict_intervals(verdict: Verdict, *, metric: str) -> go.Figure:
    """Draw the expected gap of each arm with its 80 % prediction interval, and the gap that can be borne as a dotted line."""
    table = verdict_table(verdict)[::-1]
    figure = go.Figure()
    for arm, row in table.set_index("arm").iterrows():
        figure.add_trace(
            go.Scatter(
                x=[row["gap"]],
                y=[str(arm)],
                mode="markers",
                name=str(arm),
                marker={"color": colour(str(arm)), "symbol": marker(str(arm)), "size": 14},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [row["high"] - row["gap"]],
                    "arrayminus": [row["gap"] - row["low"]],
                    "thickness": 3,
                    "width": 0,
                    "color": colour(str(arm)),
                },
                hovertemplate=(
                    "gap %{x:.3f} "
                    + f"[{row['low']:.3f}, {row['high']:.3f}], {row['chance']:.0%} within the margin<extra></extra>"
                ),
            )
        )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.add_vline(x=verdict.margin, line={"color": GREY, "width": 2, "dash": "dot"})
    styling.apply_layout(figure, x=f"{AXIS_NAMES[metric]} lost against real data", y="", height=110 + 56 * len(table))
    return figure.update_layout(showlegend=False, margin_b=48)


def threshold_curves(curves: Mapping[str, pd.DataFrame]) -> go.Figure:
    """The threshold curves of arms; `curves` maps an arm to a table with the columns of `thresholds.curve`."""
    figure = go.Figure()
    for arm, curve in curves.items():
        styling.add_band(figure, curve["threshold"], curve["low"], curve["high"], colour(arm))
        figure.add_trace(
            go.Scatter(
                x=curve["threshold"],
                y=curve["accuracy"],
                mode="lines+markers",
                name=arm,
                customdata=curve[["n"]],
                line={"color": colour(arm)},
                marker={"symbol": marker(arm), "size": 9},
                hovertemplate="agreement ≥ %{x:.2f}: %{y:.3f}<br>%{customdata[0]} predictions<extra>"
                + arm
                + "</extra>",
            )
        )
    return styling.apply_layout(figure, x="Raters' agreement on the sample, at least", y="Accuracy", height=380)


def loss(curve: pd.DataFrame) -> go.Figure:
    """The training loss over steps, with a line per run; `curve` has columns step, loss, run."""
    figure = go.Figure()
    for run, group in curve.groupby("run", sort=False):
        arm = str(run).split(" · ")[0]
        figure.add_trace(
            go.Scatter(x=group["step"], y=group["loss"], mode="lines", name=str(run), line={"color": colour(arm)})
        )
    return styling.apply_layout(figure, x="Step", y="Cross-entropy", height=300)


def _add_fit(figure: go.Figure, fit: regression.Fit, x: "pd.Series[float]") -> None:
    """Draw the line of a fit with its 95 % band and its numbers."""
    band = regression.band(fit, np.linspace(x.min(), x.max(), 60))
    styling.add_band(figure, band["x"], band["low"], band["high"], GREY)
    label = f"slope {fit.interval.text()}, R² {fit.r2:.2f}, {regression.p_words(fit.p)}, {fit.n_groups} tasks"
    figure.add_trace(
        go.Scatter(
            x=band["x"],
            y=band["mean"],
            mode="lines",
            line={"color": GREY, "width": 2},
            name="Least squares over tasks",
            hovertemplate=label + "<extra></extra>",
        )
    )
    figure.add_annotation(
        text=label, xref="paper", yref="paper", x=0, y=1.02, showarrow=False, xanchor="left", yanchor="bottom"
    )
