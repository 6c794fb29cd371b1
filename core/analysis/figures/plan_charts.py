"""Draw the figure of a plan: power against the number of tasks or of test texts"""

import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import styling
from core.analysis.planning import curves, plan_words
from core.analysis.planning.plans import Plan

LINES = ("#56B4E9", "#0072B2", "#E69F00", "#CC79A7", "#009E73")
DASHES = ("dot", "solid", "dash", "dashdot", "longdash")
AXES = {"tasks": "Tasks", "test_texts": "Test texts of the task (log scale)"}


def power_curves(plan: Plan, table: pd.DataFrame) -> go.Figure:
    """Draw the lines of `curves.curves`, the wanted power as a dotted line, and the planned study as a large mark."""
    along = curves.axis(plan.asked)
    figure = go.Figure()
    for place, (line, own) in enumerate(table.groupby("line", sort=False)):
        figure.add_trace(
            go.Scatter(
                x=own[along],
                y=own["power"],
                mode="lines",
                name=str(line),
                line={"color": LINES[place % len(LINES)], "dash": DASHES[place % len(DASHES)], "width": 2.5},
                hovertemplate="%{x:,}: %{y:.0%}<extra>" + str(line) + "</extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[getattr(plan.sizes, along)],
            y=[plan.power],
            mode="markers",
            name="This plan" if plan.is_reached else "Largest study looked at",
            marker={"color": "#0F766E", "size": 14, "line": {"width": 2, "color": "white"}},
            hovertemplate="%{x:,}: %{y:.0%}<extra></extra>",
        )
    )
    figure.add_hline(
        y=plan.asked.wanted,
        line={"color": "#8A8F98", "width": 2, "dash": "dot"},
        annotation_text=plan_words.percent(plan.asked.wanted),
        annotation_position="top left",
    )
    styling.apply_layout(figure, x=AXES[along], y="Power", height=380)
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%")
    if along == "test_texts":
        figure.update_xaxes(
            type="log", tickvals=[30, 100, 300, 1000, 3000], ticktext=["30", "100", "300", "1,000", "3,000"]
        )
    return figure
