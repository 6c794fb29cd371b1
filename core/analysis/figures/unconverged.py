"""Mark in figures what rests on runs that had not converged: hollow marks, a legend entry, words in the hover, and a sentence."""

from collections.abc import Collection, Iterable, Sequence

import plotly.graph_objects as go

from core.analysis.figures import styling
from core.wording import counted

ENTRY = "hollow: not converged"
OUTLINE = 2  # pixels, of a hollow mark


def traces(trace: go.Scatter, is_cut: Iterable[bool]) -> list[go.Scatter]:
    """The marks of a trace, hollow where `is_cut`, with a trace of its own for the legend, so that the entry of the arm stays filled
    whichever mark comes first; the trace itself if no mark is hollow."""
    cut = [bool(one) for one in is_cut]
    if not any(cut):
        return [trace]
    own, outline = trace.marker.symbol, trace.marker.line.to_plotly_json()
    filled = outline.get("width") or 0
    found = []
    if trace.showlegend is not False:
        found.append(
            go.Scatter(
                x=_place(trace.x), y=_place(trace.y), mode=trace.mode, name=trace.name, marker=trace.marker, line=trace.line,
                legendgroup=trace.name,
            )
        )  # fmt: skip
        trace.update(showlegend=False, legendgroup=trace.name)
    trace.marker.update(
        symbol=[hollow(own) if one else own for one in cut], line={"width": [OUTLINE if one else filled for one in cut]}
    )
    return [*found, trace]


def _place(values: Iterable[object]) -> list[str | None]:
    """A coordinate at which nothing is drawn: one name of an axis of names, which Plotly would else take for one of numbers."""
    return [next((value for value in values if isinstance(value, str)), None)]


def hollow(symbol: str) -> str:
    """The hollow form of a Plotly symbol: "square-open" of "square", "square-open-dot" of "square-dot"."""
    shape, dot, _ = symbol.partition("-dot")
    return f"{shape}-open{dot}"


def explain(figure: go.Figure, is_cut: Iterable[bool]) -> None:
    """Add what a hollow mark means to the legend of a figure, if it has hollow marks."""
    if any(is_cut):
        figure.add_trace(
            go.Scatter(
                x=[None], y=[None], mode="markers", name=ENTRY, hoverinfo="skip",
                marker={"symbol": "circle-open", "color": styling.GREY, "size": 10, "line": {"width": OUTLINE}},
            )
        )  # fmt: skip


def words(runs: int) -> str:
    """What the hover of a mark says about its runs, such as "3 runs not converged"; "" if all its runs had converged."""
    return f"{counted(int(runs), 'run')} not converged" if runs else ""


def sentence(unconverged: Sequence[int], what: str) -> str:
    """How many marks of a figure are hollow and why; "" if no mark is. `unconverged`: for each mark its runs that had not converged;
    `what` a mark is, such as "gap"."""
    n = sum(bool(runs) for runs in unconverged)
    if not n:
        return ""
    rest = "" if what == "run" else " rests on runs that" if n == 1 else " rest on runs that"
    return f"Hollow: {n} of {counted(len(unconverged), what)}{rest} had not converged, and may change with longer training."


def sentence_of_arms(arms: Collection[str]) -> str:
    """Which arms of a figure are drawn hollow and why; "" if `arms` is empty."""
    if not arms:
        return ""
    return f"Hollow, because of runs that had not converged: {', '.join(sorted(arms))}. They may change with longer training."
