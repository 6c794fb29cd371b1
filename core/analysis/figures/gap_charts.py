"""Draw the figures of a study's findings with Plotly; every arm has the same colour and marker in all figures."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.analysis import regression
from core.analysis.figures import styling
from core.analysis.points import METRIC_NAMES
from core.analysis.verdicts.verdict import Verdict
from core.interval import Interval
from core.study import tasks
from core.study.rows.kinds import ArmKind

COLOURS = {ArmKind.REAL: "#009E73", ArmKind.ZERO_SHOT: "#D55E00", ArmKind.FEW_SHOT: "#0072B2", ArmKind.MIXED: "#CC79A7"}
OTHERS = ("#E69F00", "#56B4E9")
GREY = "#8A8F98"
MARKERS = {ArmKind.REAL: "circle", ArmKind.ZERO_SHOT: "square", ArmKind.FEW_SHOT: "diamond", ArmKind.MIXED: "cross"}
SYMBOLS = ("triangle-up", "star", "hexagon", "triangle-down", "pentagon")  # of the second and later arms of one colour
LIGHTER, DARKER = 0.4, 0.3  # share of white in the second arm's shade of a colour, of black in the third's
LONGEST_NAME = 22  # characters of a task's name beside an axis; hovering over its mark shows the whole name
BESIDE = 0.012  # of the axis: how far the marks of the arms of one task stand apart in the scatter
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


@dataclass(frozen=True)
class ArmStyle:
    """The colour, #RRGGBB, and the Plotly symbol of an arm."""

    colour: str
    symbol: str


def in_order(arms: Iterable[str]) -> list[str]:
    """The arms, each once, by kind in the order of `ArmKind` and then by name."""
    return sorted({str(arm) for arm in arms}, key=lambda name: (list(ArmKind).index(tasks.kind_of(name)), name))


def arm_styles(arms: Iterable[str]) -> dict[str, ArmStyle]:
    """The style of each arm of one figure. The first arm of a colour looks as in every figure; each further arm of the colour has a
    lighter or darker shade and another symbol."""
    used: Counter[str] = Counter()
    found = {}
    for arm in in_order(arms):
        own = colour(arm)
        place = used[own]
        used[own] += 1
        symbol = marker(arm) if not place else SYMBOLS[(place - 1) % len(SYMBOLS)]
        found[arm] = ArmStyle(_shade(own, place), symbol)
    return found


def short(name: str) -> str:
    """The name of a task beside an axis: cut with an ellipsis if it has more than 22 characters, and escaped."""
    return styling.escaped(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…")


def _shade(own: str, place: int) -> str:
    """The colour itself for place 0, else mixed with white (odd places) or black (even places)."""
    if not place:
        return own
    target, share = (255, LIGHTER) if place % 2 else (0, DARKER)
    parts = (int(own[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * share):02X}" for part in parts)


def gap_against_subjectivity(
    points: pd.DataFrame,
    fit: regression.Fit | None,
    *,
    measure: str,
    metric: str,
    by_arm: Mapping[str, regression.Fit] | None = None,
) -> go.Figure:
    """The gap (real minus synthetic score) against the subjectivity of the task, and below it a row with the name of each task.

    `points` has the columns of `core.analysis.points.join`. Upright bars are 95 % intervals of gaps; the interval of a task's
    subjectivity stands once, in the task's row. Marks of the arms of a task stand side by side. With a `fit`, its line and 95 % band
    are drawn over the range of the points, with `by_arm` also the line of each arm if there are several.
    """
    names = [str(name) for name in points.sort_values("subjectivity", kind="stable")["task"].unique()]
    rows = 22 * len(names) + 16
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.02, row_heights=[330 / (330 + rows), rows / (330 + rows)]
    )
    if fit is not None:
        _add_fit(figure, fit, points["subjectivity"])
    styles = arm_styles(points["arm"])
    span = float(np.ptp(points["subjectivity"])) or 1.0
    for place, (arm, style) in enumerate(styles.items()):
        own = points[points["arm"] == arm]
        shift = (place - (len(styles) - 1) / 2) * BESIDE * span
        figure.add_trace(_gap_marks(own, own["subjectivity"] + shift, arm, style), row=1, col=1)
        if by_arm and len(styles) > 1 and arm in by_arm:
            _add_arm_line(figure, by_arm[arm], own["subjectivity"], style)
    _add_places(figure, points.drop_duplicates("task").set_index("task").loc[names].reset_index())
    figure.add_hline(y=0, line={"color": GREY, "width": 1, "dash": "dot"}, row=1, col=1)
    styling.apply_layout(figure, height=474 + rows)
    axis = AXIS_NAMES[measure].removeprefix("Subjectivity ")
    figure.update_xaxes(**styling.GRID)
    figure.update_yaxes(**styling.GRID)
    figure.update_xaxes(title={"text": f"objective → subjective<br>{axis}"}, row=2, col=1)
    figure.update_yaxes(title={"text": f"{AXIS_NAMES[metric]} lost against real data"}, row=1, col=1)
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=[short(name) for name in names], row=2, col=1)
    return figure.update_yaxes(range=[len(names) - 0.4, -0.6], showgrid=False, row=2, col=1)


def point_data(points: pd.DataFrame) -> list[list[object]]:
    """What the mark of a gap holds: task, arm and encoder, then the texts and numbers of `POINT_HOVER`."""
    return [
        [
            row.task, row.arm, row.encoder,
            styling.escaped(f"{row.task} · {row.arm} · {row.encoder}"),
            Interval(row.gap, row.low, row.high, n=0).text(digits=3),
            row.score_real, row.score, row.chance, row.n_seeds, row.n_test,
            Interval(row.subjectivity, row.subjectivity_low, row.subjectivity_high, n=0).text(),
        ]
        for row in points.itertuples()
    ]  # fmt: skip


POINT_HOVER = (
    "%{customdata[3]}<br>gap %{customdata[4]}<br>real %{customdata[5]:.3f}, synthetic %{customdata[6]:.3f}, chance "
    "%{customdata[7]:.3f}<br>%{customdata[8]} seeds, %{customdata[9]} test texts<br>subjectivity %{customdata[10]}<extra></extra>"
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
                hovertemplate="agreement ≥ %{x:.2f}: %{y:.3f}<br>%{customdata[0]} texts<extra>" + arm + "</extra>",
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


def _gap_marks(own: pd.DataFrame, at: "pd.Series[float]", arm: str, style: ArmStyle) -> go.Scatter:
    """The gaps of one arm as marks at the places `at`."""
    return go.Scatter(
        x=at,
        y=own["gap"],
        mode="markers",
        name=styling.escaped(arm),
        cliponaxis=False,
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": 11,
            "line": {"width": 1, "color": "white"},
        },
        error_y=styling.error_bars(own["gap"], own["low"], own["high"]),
        customdata=point_data(own),
        hovertemplate=POINT_HOVER,
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
            marker={"color": GREY, "size": 8},
            error_x=styling.error_bars(at, places["subjectivity_low"], places["subjectivity_high"]),
            customdata=point_data(places),
            hovertemplate="%{customdata[0]}: subjectivity %{customdata[10]}<extra></extra>",
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


def _add_arm_line(figure: go.Figure, fit: regression.Fit, x: "pd.Series[float]", style: ArmStyle) -> None:
    """Draw the line of one arm, without a band."""
    ends = np.array([x.min(), x.max()])
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=fit.intercept + fit.slope * ends,
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
    styling.add_band(figure, band["x"], band["low"], band["high"], GREY)
    strength = f"R² {fit.r2:.2f}, " if math.isfinite(fit.r2) else ""
    label = f"slope {fit.interval.text()}, {strength}{regression.p_words(fit.p)}, {fit.n_groups} tasks"
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
