"""Draw the reliability diagram of a task: how often each arm is right where it is how sure"""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import gap_charts, styling
from core.analysis.trust.calibration import BINS, Calibration


def reliability(found: Mapping[tuple[str, str], Calibration]) -> go.Figure:
    """Accuracy over confidence for every arm (and encoder) with bins, with 95 % error bars; on the dotted line a model is
    as often right as it says."""
    figure = go.Figure()
    several = len({encoder for _, encoder in found}) > 1
    drawn = [(key, own.bins) for key, own in found.items() if len(own.bins)]
    for (arm, encoder), bins in drawn:
        figure.add_trace(
            go.Scatter(
                x=bins["confidence"],
                y=bins["accuracy"],
                mode="lines+markers",
                name=styling.escaped(f"{arm}, {encoder}" if several else arm),
                line={"color": gap_charts.colour(arm), "width": 1.5},
                marker={"symbol": gap_charts.marker(arm), "size": 9},
                error_y=styling.error_bars(bins["accuracy"], bins["low"], bins["high"]),
                customdata=bins[["n"]],
                hovertemplate="sure %{x:.0%}, right %{y:.0%}<br>%{customdata[0]:.0f} test texts<extra></extra>",
            )
        )
    least = min((float(bins[["confidence", "low"]].min().min()) for _, bins in drawn), default=0.0)
    figure.add_shape(
        type="line", x0=least, y0=least, x1=1, y1=1, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"}
    )
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(tickformat=".0%")
    return styling.apply_layout(
        figure, x="How sure: probability of the predicted label", y="How often right", height=380
    )


def reliability_table(found: Mapping[tuple[str, str], Calibration]) -> pd.DataFrame:
    """The bins of every arm and encoder: columns arm, encoder and those of `BINS`."""
    parts = [own.bins.assign(arm=arm, encoder=encoder) for (arm, encoder), own in found.items() if len(own.bins)]
    columns = ["arm", "encoder", *BINS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
