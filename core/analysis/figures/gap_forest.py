"""Draw the gaps of a study's arms by task: one row per task, the most objective task on top, one mark with its interval per arm."""

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import gap_charts, styling, unconverged
from core.analysis.figures.gap_charts import ArmStyle
from core.interval import Interval

FILLED = 0.78  # share of a row's height in which its marks stand
LEAST_ROW, PER_MARK, AROUND = 40, 13, 130  # pixels
LEAST_SPAN = 5  # points of the axis of gaps: below, the axis would blow up a difference of nothing
FAINT = 0.35  # opacity of the gaps of real arms that are not shown to have learned
ZEBRA = "rgba(138,143,152,0.10)"


def gaps_by_task(points: pd.DataFrame, *, metric: str) -> go.Figure:
    """The gap of every arm in points with its 95 % interval, in one row for each task, from the most objective to the most subjective task.

    `points` has the columns of `core.analysis.points.join`; tasks whose subjectivity is nan come last. Arms of a task are drawn below
    each other; marks of the second encoder and later encoders have a dot, marks with runs that had not converged are hollow, marks whose
    `counts` is False, of real arms that are not shown to have learned, are faint. A gap without an interval has a mark only.
    """
    names = _in_order(points)
    slots = list(dict.fromkeys(zip(points["arm"], points["encoder"], strict=True)))
    order = gap_charts.in_order(points["arm"])
    slots.sort(key=lambda slot: order.index(slot[0]))
    encoders = list(dict.fromkeys(points["encoder"]))
    styles = gap_charts.arm_styles(order)
    figure = go.Figure()
    for place, (arm, encoder) in enumerate(slots):
        own = points[(points["arm"] == arm) & (points["encoder"] == encoder)]
        shift = (place - (len(slots) - 1) / 2) * FILLED / max(len(slots), 3)
        at = own["task"].map({name: row + shift for row, name in enumerate(names)})
        number = encoders.index(encoder)
        counts = own["counts"] if "counts" in own else pd.Series(True, index=own.index)
        for is_judged in (True, False):
            some = own[counts == is_judged]
            if some.empty:
                continue
            drawn = _marks(
                some, at[some.index], (arm, encoder), styles[arm], number=number, is_alone=len(encoders) == 1
            )
            faint = {} if is_judged else {"opacity": FAINT, "showlegend": not counts.any()}
            figure.add_traces(unconverged.traces(drawn.update(faint), some["unconverged"]))
    unconverged.explain(figure, points["unconverged"])
    for row in range(1, len(names), 2):
        figure.add_hrect(y0=row - 0.5, y1=row + 0.5, fillcolor=ZEBRA, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": gap_charts.GREY, "width": 1})
    height = AROUND + len(names) * max(LEAST_ROW, PER_MARK * len(slots) + 8)
    styling.apply_layout(figure, x=gap_charts.lost(metric), y=None, height=height)
    numbers = 100 * points[["gap", "low", "high"]]
    ends = numbers.max().max(), numbers.min().min()
    if max(ends[0], 0.0) - min(ends[1], 0.0) < LEAST_SPAN:
        figure.update_xaxes(range=[-LEAST_SPAN, LEAST_SPAN])
    return figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[_row_name(points[points["task"] == name].iloc[0]) for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
    )


def _in_order(points: pd.DataFrame) -> list[str]:
    """The tasks, the most objective first; tasks of unknown subjectivity last."""
    ordered = points.sort_values("subjectivity", kind="stable", na_position="last")
    return [str(name) for name in dict.fromkeys(ordered["task"])]


def _row_name(point: "pd.Series[Any]") -> str:
    """The name of a task and, below it, its subjectivity with its interval."""
    found = Interval(point["subjectivity"], point["subjectivity_low"], point["subjectivity_high"], n=0)
    place = found.text() if math.isfinite(found.value) else "subjectivity not known"
    name = gap_charts.short(str(point["task"]))
    return f'{name}<br><span style="font-size:0.92em;color:{styling.TEXT_GREY}">{place}</span>'


def _marks(
    own: pd.DataFrame, at: "pd.Series[float]", key: tuple[str, str], style: ArmStyle, *, number: int, is_alone: bool
) -> go.Scatter:
    """The marks of one arm with one encoder; `number` is the place of the encoder, 0 for the first one."""
    arm, encoder = key
    return go.Scatter(
        x=100 * own["gap"],
        y=at,
        mode="markers",
        name=styling.escaped(arm if is_alone else f"{arm} · {encoder}"),
        marker={
            "color": style.colour,
            "symbol": style.symbol if not number else f"{style.symbol}-dot",
            "size": 11,
            "line": {"width": 1, "color": "white"},
        },
        error_x=styling.error_bars(100 * own["gap"], 100 * own["low"], 100 * own["high"])
        | {"width": 0, "thickness": 2},
        customdata=gap_charts.point_data(own),
        hovertemplate=gap_charts.POINT_HOVER,
    )
