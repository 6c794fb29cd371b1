"""Draw the figures of a study's findings with Plotly; every arm has the same colour and marker in all figures."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import styling, unconverged
from core.analysis.points import METRIC_NAMES
from core.analysis.verdicts.verdict import ArmVerdict, Verdict
from core.interval import Interval
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.wording import percent, shown

COLOURS = {ArmKind.REAL: "#009E73", ArmKind.ZERO_SHOT: "#D55E00", ArmKind.FEW_SHOT: "#0072B2", ArmKind.MIXED: "#CC79A7"}
OTHERS = ("#E69F00", "#56B4E9")
GREY = styling.GREY
MARKERS = {ArmKind.REAL: "circle", ArmKind.ZERO_SHOT: "square", ArmKind.FEW_SHOT: "diamond", ArmKind.MIXED: "cross"}
SYMBOLS = ("triangle-up", "star", "hexagon", "triangle-down", "pentagon")  # of the second and later arms of one colour
LIGHTER, DARKER = 0.4, 0.3  # share of white in the second arm's shade of a colour, of black in the third's
MOST_BANDS, APART = (
    2,
    0.004,
)  # arms with bands in one figure; beyond, how far their bars stand apart on the axis of agreement
LONGEST_NAME = 22  # characters of a task's name beside an axis; hovering over its mark shows the whole name
AXIS_NAMES = {
    "comparisons": "more a matter of opinion →<br>(by comparisons of tasks)",
    "ratings": "more a matter of opinion →<br>(disagreement of raters, 1 − alpha)",
    "scale": "more a matter of opinion →<br>(mean rating from 1 to 5)",
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
    name = shown(name)
    return styling.escaped(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…")


def _shade(own: str, place: int) -> str:
    """The colour itself for place 0, else mixed with white (odd places) or black (even places)."""
    if not place:
        return own
    target, share = (255, LIGHTER) if place % 2 else (0, DARKER)
    parts = (int(own[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * share):02X}" for part in parts)


def point_data(points: pd.DataFrame) -> list[list[object]]:
    """What the mark of a gap holds: task, arm and encoder, then the texts and numbers of `POINT_HOVER`."""
    rows: Any = points.itertuples()
    return [
        [
            row.task, row.arm, row.encoder,
            styling.escaped(f"{shown(row.task)} · {row.arm} · {row.encoder}"),
            Interval(row.gap, row.low, row.high, n=0).in_points.text(digits=1),
            row.score_real, row.score, row.chance, row.n_seeds, row.n_test,
            Interval(row.subjectivity, row.subjectivity_low, row.subjectivity_high, n=0).text(),
            f"<br>{unconverged.words(row.unconverged)}" if row.unconverged else "",
        ]
        for row in rows
    ]  # fmt: skip


POINT_HOVER = (
    "%{customdata[3]}<br>%{customdata[4]} points lost<br>real %{customdata[5]:.3f}, synthetic %{customdata[6]:.3f}, chance "
    "%{customdata[7]:.3f}<br>%{customdata[8]} seeds, %{customdata[9]} test texts<br>subjectivity %{customdata[10]}"
    "%{customdata[11]}<extra></extra>"
)


def scores_by_task(
    scores: pd.DataFrame, *, metric: str, order: list[str], ceilings: Mapping[str, Interval] | None = None
) -> go.Figure:
    """The scores by task: a small mark per run, a large mark for the mean of each arm, a grey line for the label ceiling.

    `scores` has a row per run; `order` lists the tasks from left to right; `ceilings` maps tasks to the score of one rater. Runs that had
    not converged, and means with such runs, are hollow.
    """
    figure = go.Figure()
    _add_ceilings(figure, [(place, (ceilings or {}).get(task)) for place, task in enumerate(order)])
    styles = arm_styles(scores["arm"])
    for place, (arm, look) in enumerate(styles.items()):
        own = scores[scores["arm"] == arm]
        shift = (place - (len(styles) - 1) / 2) * min(0.18, 0.8 / len(styles))
        at = own["task"].map({task: index for index, task in enumerate(order)}).astype(float) + shift
        for trace in _score_marks(own.assign(at=at, cut=own["converged"].eq(False)), metric, arm, look):
            figure.add_trace(trace)
    unconverged.explain(figure, scores["converged"].eq(False))
    figure.update_xaxes(
        tickvals=list(range(len(order))), ticktext=[short(task) for task in order], range=[-0.5, len(order) - 0.5]
    )
    return styling.apply_layout(figure, x="", y=AXIS_NAMES[metric], height=380)


def _score_marks(own: pd.DataFrame, metric: str, arm: str, look: ArmStyle) -> list[go.Scatter]:
    """The marks of an arm: its runs, and its means by task. `own` has a row per run, with its place `at` and `cut`: not converged."""
    style = {"color": look.colour, "symbol": look.symbol}
    by_task = own.groupby("task", sort=False)
    mean = by_task.agg(at=("at", "mean"), value=(metric, "mean"), n=(metric, "size"), cut=("cut", "sum"))
    of_runs = go.Scatter(
        x=own["at"], y=own[metric], mode="markers", marker=style | {"size": 7, "opacity": 0.45}, showlegend=False,
        text=[", not converged" if cut else "" for cut in own["cut"]],
        hovertemplate="%{y:.3f}<extra>" + styling.escaped(arm) + ", one run%{text}</extra>",
    )  # fmt: skip
    of_means = go.Scatter(
        x=mean["at"], y=mean["value"], mode="markers", name=styling.escaped(arm), customdata=mean[["n"]],
        text=[f"<br>{unconverged.words(cut)}" if cut else "" for cut in mean["cut"]],
        marker=style | {"size": 13, "line": {"width": 1, "color": "white"}},
        hovertemplate="%{y:.3f}<extra>" + styling.escaped(arm) + ", mean of %{customdata[0]}%{text}</extra>",
    )  # fmt: skip
    return [*unconverged.traces(of_runs, own["cut"]), *unconverged.traces(of_means, mean["cut"])]


def subjectivity(table: pd.DataFrame, *, measure: str) -> go.Figure:
    """The subjectivity of tasks with 95 % intervals, in the order of `table` from bottom to top.

    `table` has columns task, value, low, high, n.
    """
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=table["task"].map(shown),
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
    """The arms of a verdict, a row for each encoder that an arm was measured with: columns arm, gap, low, high (80 % prediction interval
    of the arm), chance (to lose at most the margin), encoder ("" where nothing is measured), measured, measured_low, measured_high (the gap
    of its own runs with its 95 % interval, nan without), unconverged (runs behind the measured gap that had not converged)."""
    columns = [
        "arm",
        "gap",
        "low",
        "high",
        "chance",
        "encoder",
        "measured",
        "measured_low",
        "measured_high",
        "unconverged",
    ]
    return pd.DataFrame(
        [(arm.arm, arm.gap, arm.low, arm.high, arm.chance, *own) for arm in verdict.arms for own in _measured(arm)],
        columns=columns,
    )


def _measured(arm: ArmVerdict) -> list[tuple[str, float, float, float, int]]:
    """Encoder, gap, low, high and runs that had not converged, for each measured gap; one row of nan without any."""
    found = [(one.encoder, one.gap.value, one.gap.low, one.gap.high, one.gap.unconverged) for one in arm.own]
    return found or [("", math.nan, math.nan, math.nan, 0)]


def verdict_intervals(verdict: Verdict, *, metric: str) -> go.Figure:
    """Draw, in points, the expected gap of each arm with its 80 % prediction interval as a thick bar, the 95 % interval of its measured
    gap as a thin bar with ends, and the gap that can be borne as a dotted line. An arm whose own runs had not all converged is hollow."""
    table = verdict_table(verdict)[::-1]
    figure, styles = go.Figure(), arm_styles(in_order(table["arm"]))
    for name, own in table.groupby("arm", sort=False):
        arm = str(name)
        row, cut_runs = own.iloc[0], int(own["unconverged"].sum())
        low, gap, high = (100 * row[name] for name in ("low", "gap", "high"))
        told = f"(80 % interval [{low:.1f}, {high:.1f}]), {percent(row['chance'])} within the margin"
        for _, one in own.dropna(subset=["measured_low"]).iterrows():
            with_encoder = f" with {one['encoder']}" if len(own) > 1 else ""
            figure.add_trace(_measured_bar(arm, one, colour=styles[arm].colour, encoder=with_encoder))
        cut = f"<br>{unconverged.words(cut_runs)}" if cut_runs else ""
        drawn = go.Scatter(
            x=[gap],
            y=[arm],
            mode="markers",
            name=arm,
            marker={"color": styles[arm].colour, "symbol": styles[arm].symbol, "size": 14},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - gap],
                "arrayminus": [gap - low],
                "thickness": 5,
                "width": 0,
                "color": styles[arm].colour,
            },
            hovertemplate=f"%{{x:.1f}} points lost {told}{cut}<extra></extra>",
        )
        figure.add_traces(unconverged.traces(drawn, [cut_runs > 0]))
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.add_vline(x=100 * verdict.margin, line={"color": GREY, "width": 2, "dash": "dot"})
    styling.apply_layout(figure, x=lost(metric), y="", height=110 + 56 * table["arm"].nunique())
    return figure.update_layout(showlegend=False, margin_b=48)


def _measured_bar(arm: str, row: "pd.Series[Any]", *, colour: str, encoder: str) -> go.Scatter:
    """An arm's measured gap as an upright tick with its 95 % interval, in points, behind the mark of its expected gap."""
    low, value, high = (100 * row[name] for name in ("measured_low", "measured", "measured_high"))
    return go.Scatter(
        x=[value], y=[arm], mode="markers",
        marker={"symbol": "line-ns", "size": 24, "line": {"color": colour, "width": 2}, "color": colour},
        error_x={
            "type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low], "thickness": 1.2, "width": 6,
            "color": colour,
        },
        hovertemplate=f"measured{styling.escaped(encoder)}: %{{x:.1f}} points lost (95 % interval [{low:.1f}, {high:.1f}])<extra></extra>",
    )  # fmt: skip


def lost(metric: str) -> str:
    """The title of an axis of gaps in points."""
    return f"Points of {AXIS_NAMES[metric]} lost"


def threshold_curves(
    curves: Mapping[str, pd.DataFrame], ceiling: pd.DataFrame | None = None, *, cut: Collection[str] = ()
) -> go.Figure:
    """The threshold curves of arms; `curves` maps an arm to a table with the columns of `thresholds.curve`. `ceiling`: that of single
    raters against the majority of the others, drawn as a dashed grey line. With more than 2 arms, intervals are bars side by side.
    The arms in `cut` have runs that had not converged, and hollow marks."""
    figure = go.Figure()
    styles = arm_styles(curves)
    has_bands = len(curves) <= MOST_BANDS
    for place, (arm, curve) in enumerate(curves.items()):
        if has_bands:
            styling.add_band(figure, curve["threshold"], curve["low"], curve["high"], styles[arm].colour)
        drawn = go.Scatter(
            x=curve["threshold"] if has_bands else curve["threshold"] + APART * (place - (len(curves) - 1) / 2),
            y=curve["accuracy"],
            error_y=None if has_bands else styling.error_bars(curve["accuracy"], curve["low"], curve["high"]),
            mode="lines+markers",
            name=styling.escaped(arm),
            customdata=curve[["n", "threshold"]],
            line={"color": styles[arm].colour},
            marker={"symbol": styles[arm].symbol, "size": 9},
            hovertemplate="agreement ≥ %{customdata[1]:.2f}: %{y:.3f}<br>%{customdata[0]} texts<extra>"
            + styling.escaped(arm)
            + "</extra>",
        )
        figure.add_traces(unconverged.traces(drawn, [arm in cut] * len(curve)))
    unconverged.explain(figure, [arm in cut for arm in curves])
    if ceiling is not None and len(ceiling):
        figure.add_trace(
            go.Scatter(
                x=ceiling["threshold"],
                y=ceiling["accuracy"],
                mode="lines",
                name="label ceiling",
                customdata=ceiling[["n"]],
                line={"color": GREY, "width": 2, "dash": "dash"},
                hovertemplate="agreement ≥ %{x:.2f}: one rater %{y:.3f}<br>%{customdata[0]} texts<extra>label ceiling</extra>",
            )
        )
    return styling.apply_layout(figure, x="Raters' agreement on the text, at least", y="Accuracy", height=380)


def loss(curve: pd.DataFrame) -> go.Figure:
    """The training loss over steps, with a line per run; `curve` has columns step, loss, run."""
    figure = go.Figure()
    for run, group in curve.groupby("run", sort=False):
        arm = str(run).split(" · ")[0]
        figure.add_trace(
            go.Scatter(x=group["step"], y=group["loss"], mode="lines", name=str(run), line={"color": colour(arm)})
        )
    return styling.apply_layout(figure, x="Step", y="Cross-entropy", height=300)


def _add_ceilings(figure: go.Figure, found: list[tuple[int, Interval | None]]) -> None:
    """Draw the label ceiling of the task at each place as a grey line, with its 95 % interval as a pale area."""
    known = [(place, ceiling) for place, ceiling in found if ceiling is not None]
    for place, ceiling in known:
        if ceiling.is_defined:
            figure.add_shape(
                type="rect", x0=place - 0.45, x1=place + 0.45, y0=ceiling.low, y1=ceiling.high, line_width=0,
                fillcolor=GREY, opacity=0.18, layer="below",
            )  # fmt: skip
    xs = [x for place, _ in known for x in (place - 0.45, place + 0.45, None)]
    ys = [y for _, ceiling in known for y in (ceiling.value, ceiling.value, None)]
    texts = [text for _, ceiling in known for text in [f"{ceiling.text(digits=3)}, {ceiling.n} texts"] * 2 + [""]]
    if known:
        figure.add_trace(
            go.Scatter(
                x=xs, y=ys, mode="lines", name="label ceiling", line={"color": GREY, "width": 2, "dash": "dash"}, text=texts,
                hovertemplate="one rater %{text}<extra>label ceiling</extra>",
            )
        )  # fmt: skip
