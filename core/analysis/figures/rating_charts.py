"""Draw the figures of raters' answers: rankings, agreement, alpha over time, and people beside LLM raters.

Every figure comes with a sentence that gives its result, with n and, for an estimate, the interval. Names may come from
files: figures show them escaped, and a page must show the sentence as plain text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analysis.figures import gap_charts, styling
from core.interval import Interval
from core.subjectivity.statistics import ranking
from core.subjectivity.statistics.majority import MajorityGraph
from core.wording import shown

PEOPLE, LLM = "people", "LLM raters"
TEAL = "#0D9488"
LOOKS = {PEOPLE: (TEAL, "circle"), LLM: (gap_charts.GREY, "diamond-open")}
LONGEST = 26  # letters of a name beside an axis; more leave no room for the figure on a phone
MOST_GROUPS = 4  # tie lines drawn
ZIGZAG = 0.16  # levels by which neighbours on a cycle are shifted, so that their edges are visible


@dataclass(frozen=True)
class Chart:
    """A figure and `reading`, a sentence that gives its result."""

    figure: go.Figure
    reading: str


def strengths(
    table: pd.DataFrame,
    differences: pd.DataFrame,
    *,
    quality: str = "subjective",
    shown: Mapping[str, str] | None = None,
) -> Chart:
    """The strengths of names with intervals, highest on top; tie lines at the right join names of similar strength.

    `table` has the columns of `ranking.side_by_side`, `differences` those of `ranking.differences`, both of the same
    comparisons. `quality` is the adjective that was compared. `shown`: name -> what labels and hover boxes write, such as the
    beginning of a text; several names may be written alike.
    """
    rows = range(len(table))
    names = table["name"].map(lambda name: (shown or {}).get(name, name))
    n = int(table["n"].sum()) // 2
    figure = go.Figure(
        go.Scatter(
            x=table["strength"],
            y=list(rows),
            mode="markers",
            marker={"color": TEAL, "size": 11},
            error_x=styling.error_bars(table["strength"], table["low"], table["high"]),
            customdata=np.column_stack([names.map(styling.escaped), *(table[name] for name in ("low", "high", "n", "level"))]),
            hovertemplate=(
                "%{customdata[0]}: %{x:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}]<br>"
                "%{customdata[3]} answers, level %{customdata[4]}<extra></extra>"
            ),
            showlegend=False,
        )
    )  # fmt: skip
    groups = _tie_lines(figure, table, differences)
    figure.add_vline(x=0, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"})
    styling.apply_layout(figure, x=f"More {quality} →<br>log strength, n {n:,}", y="", height=140 + 34 * len(table))
    figure.update_layout(margin={"b": 68, "t": 26, "r": 20 + 12 * groups})
    figure.update_xaxes(nticks=6, tickangle=0)
    return Chart(_names_on_y(figure, names), ranking.told_apart_words(differences, quality=quality))


def majority_graph(graph: MajorityGraph, *, quality: str = "subjective") -> Chart:
    """The majority graph of comparisons: levels from lowest (left) to highest (right), a row per name, cycles in boxes.

    An arrow points from the winner of a pair to the loser; it is paler if the two are more than a level apart. The hover
    box at the arrow's middle shows the counts.
    """
    places = _places(graph)
    figure = go.Figure([_arrows(graph, places, near=False), _arrows(graph, places, near=True), _nodes(graph, places)])
    for cycle in graph.cycles:
        at = [places[name] for name in cycle]
        figure.add_shape(
            type="rect", x0=min(x for x, _ in at) - 0.22, x1=max(x for x, _ in at) + 0.22,
            y0=min(y for _, y in at) - 0.42, y1=max(y for _, y in at) + 0.42,
            line={"color": gap_charts.OTHERS[0], "width": 1.5}, fillcolor="rgba(230,159,0,0.10)", layer="below",
        )  # fmt: skip
    top = max(graph.levels.values())
    styling.apply_layout(figure, x=f"Level, more {quality} → (n {graph.n:,})", y="", height=100 + 38 * len(graph.names))
    figure.update_xaxes(range=[0.4, top + 0.6], tickvals=list(range(1, top + 1)), tickangle=0)
    figure.update_yaxes(visible=False, range=[-0.7, len(graph.names) - 0.3])
    figure.update_layout(margin={"b": 52, "t": 12})
    return Chart(figure, _majority_words(graph))


def agreement_histogram(items: pd.DataFrame, *, low: float = math.nan, high: float = math.nan) -> Chart:
    """A histogram of the agreement of items, with the mean; `items` has the columns of `agreement.by_item`.

    `low` and `high` are the 95 % limits of the mean, from `agreement.summary`; no band is drawn if they are nan. Items
    with a single rating are left out, as their agreement is always 1.
    """
    rated = items[items["n_ratings"] > 1]
    a, ratings = rated["agreement"].to_numpy(), int(rated["n_ratings"].sum())
    edges = np.linspace(0, 1, 11)
    counts = np.histogram(np.clip(a - 1e-9, 0, 1), bins=edges)[0]
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, width=0.092, marker={"color": TEAL}, showlegend=False,
            customdata=[f"over {low:.1f}, up to {high:.1f}" for low, high in zip(edges[:-1], edges[1:], strict=True)],
            hovertemplate="agreement %{customdata}: %{y} items<extra></extra>",
        )
    )  # fmt: skip
    mean = float(a.mean()) if len(a) else math.nan
    if math.isfinite(low):
        figure.add_vrect(x0=low, x1=high, fillcolor=gap_charts.OTHERS[0], opacity=0.35, line_width=0, layer="below")
    if math.isfinite(mean):
        figure.add_vline(x=mean, line={"color": gap_charts.OTHERS[0], "width": 2})
    styling.apply_layout(
        figure, x=f"Share of raters who agree<br>n {len(rated):,} items, {ratings:,} ratings", y="Items", height=310
    )
    figure.update_layout(margin={"b": 64, "t": 12})
    figure.update_xaxes(range=[0, 1.01], nticks=6, tickangle=0)
    left_out = len(items) - len(rated)
    reading = "No item has two ratings yet."
    if len(rated):
        whole = int((a > 1 - 1e-9).sum())
        reading = (
            f"Agreement is {Interval(mean, low, high, len(rated)).text()} on average; raters all agree on {whole:,} of {len(rated):,} items"
            + (f" ({left_out:,} with one rating left out)." if left_out else ".")
        )
    return Chart(figure, reading)


def alpha_so_far(table: pd.DataFrame, *, x: Literal["n_ratings", "at"] = "n_ratings") -> Chart:
    """Krippendorff's alpha with its interval, as ratings came in, against the number of ratings or the time.

    `table` has columns n_ratings, value, low, high, and, for `x="at"`, at (seconds since 1970). Rows with an undefined
    alpha are left out.
    """
    known = table[table["value"].notna()].reset_index(drop=True)
    along: pd.Series[Any] = known["n_ratings"] if x == "n_ratings" else pd.to_datetime(known["at"], unit="s")
    figure = _line(along, known["value"], known, name="alpha")
    figure.add_hline(y=0, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"})
    n = int(table["n_ratings"].max()) if len(table) else 0
    axis = f"Ratings (n {n:,})" if x == "n_ratings" else f"Time (n {n:,} ratings)"
    _apply_layout(figure, x=axis, y="Krippendorff's alpha")
    if known.empty:
        return Chart(figure, f"Alpha is not defined yet after {n:,} ratings.")
    last = known.iloc[-1]
    alpha = Interval(last["value"], last["low"], last["high"], int(last["n_ratings"]))
    return Chart(figure, f"After {alpha.n:,} ratings alpha is {alpha.text()}.")


def interval_width(curve: pd.DataFrame, *, target: float | None = None, now: int | None = None) -> Chart:
    """The width of a 95 % interval against the number of ratings.

    `curve` has columns n_ratings, width, low, high (the range of widths). `target` is the wanted width, `now` the number of
    ratings so far.
    """
    known = curve[curve["width"].notna()].sort_values("n_ratings", ignore_index=True)
    figure = _line(known["n_ratings"], known["width"], known, name="width")
    if target is not None:
        figure.add_hline(y=target, line={"color": gap_charts.OTHERS[0], "width": 1.5, "dash": "dash"})
    if now is not None:
        figure.add_vline(x=now, line={"color": gap_charts.GREY, "width": 1, "dash": "dot"})
    _apply_layout(figure, x="Ratings" if now is None else f"Ratings (n {now:,} now)", y="Width of the 95 % interval")
    figure.update_yaxes(rangemode="tozero")
    return Chart(figure, _width_words(known, target))


def people_and_llm(table: pd.DataFrame, *, what: str = "Krippendorff's alpha") -> Chart:
    """A value of people and of LLM raters for every task or campaign, with intervals; the two groups are never pooled.

    `table` has a row per name and group: columns name, group (`people` or `LLM raters`), value, low, high, n (ratings).
    `what` is the name of the value.
    """
    names = pd.Series(list(dict.fromkeys(table["name"])), dtype="str")
    row = {name: place for place, name in enumerate(names)}
    figure = go.Figure()
    for (group, (shade, symbol)), shift in zip(LOOKS.items(), (-0.14, 0.14), strict=True):
        own = table[(table["group"] == group) & table["value"].notna()]
        figure.add_trace(
            go.Scatter(
                x=own["value"], y=own["name"].map(row).astype(float) + shift, mode="markers",
                name=f"{group} (n {int(own['n'].sum()):,})",
                marker={"color": shade, "symbol": symbol, "size": 11, "line": {"width": 2, "color": shade}},
                error_x=styling.error_bars(own["value"], own["low"], own["high"]),
                customdata=np.column_stack([own["name"].map(styling.escaped), own["low"], own["high"], own["n"]]),
                hovertemplate="%{customdata[0]}: %{x:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}]<br>"
                "%{customdata[3]} ratings<extra>" + group + "</extra>",
            )
        )  # fmt: skip
    styling.apply_layout(figure, x=what, y="", height=140 + 46 * len(names))
    figure.update_layout(margin={"t": 12})
    figure.update_xaxes(nticks=6, tickangle=0)
    return Chart(_names_on_y(figure, names), _groups_words(table, what))


def _tie_lines(figure: go.Figure, table: pd.DataFrame, differences: pd.DataFrame) -> int:
    """Draw a line beside the rows of every group of tied names; return the number of lines."""
    if differences["low"].isna().all():
        return 0
    row = {name: place for place, name in enumerate(table["name"])}
    groups = ranking.tied_groups(differences)[:MOST_GROUPS]
    for place, group in enumerate(groups):
        at = [row[name] for name in group]
        style = {"xref": "paper", "xsizemode": "pixel", "xanchor": 1, "line": {"color": gap_charts.GREY, "width": 3}}
        x = 12 * (place + 1)
        figure.add_shape(type="line", x0=x, x1=x, y0=min(at) - 0.2, y1=max(at) + 0.2, **style)
        for y in at:
            figure.add_shape(type="line", x0=x - 6, x1=x, y0=y, y1=y, **style)
    if groups:
        figure.add_annotation(
            text="tied", xref="paper", x=1.01, xanchor="left", yref="paper", y=1, yanchor="bottom", showarrow=False
        )
    return len(groups)


def _names_on_y(figure: go.Figure, names: "pd.Series[str]") -> go.Figure:
    """Label the rows 0, 1, ... of the y axis with names, row 0 on top."""
    return figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[_short(name) for name in names], range=[len(names) - 0.4, -0.6]
    )


def _places(graph: MajorityGraph) -> dict[str, tuple[float, float]]:
    """Name -> coordinates: the level (shifted a little on a cycle) and a row of its own, counted from below."""
    places: dict[str, tuple[float, float]] = {}
    for component in graph.components:
        for number, name in enumerate(component):
            aside = ZIGZAG * (-1) ** number if len(component) > 1 else 0.0
            places[name] = (graph.levels[name] + aside, float(len(places)))
    return places


def _arrows(graph: MajorityGraph, places: dict[str, tuple[float, float]], *, near: bool) -> go.Scatter:
    """A line per edge, with an arrow and a hover box in its middle; `near` draws edges of at most one level, else longer edges."""
    x: list[float | None] = []
    y: list[float | None] = []
    hovers: list[str] = []
    for edge in graph.edges:
        if near != (graph.levels[edge.winner] - graph.levels[edge.loser] <= 1):
            continue
        (x0, y0), (x1, y1) = places[edge.winner], places[edge.loser]
        x += [x0, (x0 + x1) / 2, x1, None]
        y += [y0, (y0 + y1) / 2, y1, None]
        hovers += [
            "",
            f"{styling.escaped(shown(edge.winner))} over {styling.escaped(shown(edge.loser))}: {edge.wins} to {edge.losses}",
            "",
            "",
        ]
    return go.Scatter(
        x=x, y=y, mode="lines+markers", text=hovers, showlegend=False, opacity=0.9 if near else 0.3,
        line={"color": gap_charts.GREY, "width": 1},
        marker={"symbol": "arrow", "angleref": "previous", "color": gap_charts.GREY, "size": [0, 9, 0, 0] * (len(x) // 4)},
        hoverinfo=["skip", "text", "skip", "skip"] * (len(x) // 4),
    )  # fmt: skip


def _nodes(graph: MajorityGraph, places: dict[str, tuple[float, float]]) -> go.Scatter:
    """A labelled mark per name."""
    middle = (1 + max(graph.levels.values())) / 2
    at = [places[name] for name in graph.names]
    return go.Scatter(
        x=[x for x, _ in at], y=[y for _, y in at], mode="markers+text", showlegend=False, cliponaxis=False,
        text=[_short(name) for name in graph.names],
        textposition=["top left" if x > middle else "bottom right" for x, _ in at],
        marker={"color": TEAL, "size": 13}, customdata=[graph.levels[name] for name in graph.names],
        hovertemplate="%{text}: level %{customdata}<extra></extra>",
    )  # fmt: skip


def _line(along: "pd.Series[Any]", value: "pd.Series[float]", bounds: pd.DataFrame, *, name: str) -> go.Figure:
    """A line with the band between the columns low and high of `bounds`; the hover box shows both and n_ratings."""
    figure = go.Figure()
    styling.add_band(figure, along, bounds["low"], bounds["high"], TEAL)
    return figure.add_trace(
        go.Scatter(
            x=along, y=value, mode="lines+markers", showlegend=False,
            line={"color": TEAL, "width": 2}, marker={"size": 6}, customdata=bounds[["low", "high", "n_ratings"]],
            hovertemplate=name + " %{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]<br>"
            "%{customdata[2]:,} ratings<extra></extra>",
        )
    )  # fmt: skip


def _apply_layout(figure: go.Figure, *, x: str, y: str, height: int = 280) -> None:
    styling.apply_layout(figure, x=x, y=y, height=height)
    figure.update_layout(margin={"b": 48, "t": 12})
    figure.update_xaxes(nticks=5, tickangle=0)


def _majority_words(graph: MajorityGraph) -> str:
    """A sentence with the numbers of names, levels, comparisons, cycles and even pairs."""
    levels = max(graph.levels.values())
    noun = "comparison" if graph.n == 1 else "comparisons"
    parts = [f"{len(graph.names)} names on {levels} {'level' if levels == 1 else 'levels'} from {graph.n:,} {noun}"]
    parts += [f"{_listed(cycle)} beat each other in a circle" for cycle in graph.cycles[:2]]
    if len(graph.cycles) > 2:
        parts.append(f"{len(graph.cycles)} circles in all")
    if graph.even:
        parts.append(f"{len(graph.even)} {'pair has' if len(graph.even) == 1 else 'pairs have'} as many wins each way")
    return "; ".join(parts) + "."


def _width_words(known: pd.DataFrame, target: float | None) -> str:
    if known.empty:
        return "The width of the interval with more ratings is not known yet."
    last = known.iloc[-1]
    most = f"{int(last['n_ratings']):,} ratings"
    if target is None:
        return f"With {most} the interval is about {last['width']:.2f} wide ({last['low']:.2f} to {last['high']:.2f})."
    enough = known[known["width"] <= target]
    if enough.empty:
        return f"Even {most} leave the interval about {last['width']:.2f} wide; {target:.2f} is wanted."
    return f"About {int(enough['n_ratings'].iloc[0]):,} ratings bring the interval to {target:.2f} or less."


def _groups_words(table: pd.DataFrame, what: str) -> str:
    wide = table.pivot(index="name", columns="group", values=["value", "low", "high"])
    if not {PEOPLE, LLM} <= set(table["group"]) or wide["value"].dropna().empty:
        return f"{what} is known for one group only; LLM raters are never counted as people."
    both = wide.loc[wide["value"].dropna().index]
    value, low, high = both["value"], both["low"], both["high"]
    above = int((value[LLM] > value[PEOPLE]).sum())
    apart = int(((low[LLM] > high[PEOPLE]) | (high[LLM] < low[PEOPLE])).sum())
    n = len(low[[PEOPLE, LLM]].dropna())
    overlap = f"the intervals are apart for {apart} of {n}" if n else "there are no intervals yet"
    return f"{what} is higher among LLM raters than among people for {above} of {len(both)}; {overlap}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(_cut(name) for name in names[:-1])} and {_cut(names[-1])}"


def _short(name: str) -> str:
    return styling.escaped(_cut(name))


def _cut(name: str) -> str:
    name = shown(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
