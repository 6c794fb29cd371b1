"""Marks that rest on runs that had not converged: hollow in every figure, explained in the legend, told in the hover."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from core.analysis import gap_words
from core.analysis.arms import differences, sizes, trained
from core.analysis.figures import arm_charts, gap_charts, gap_forest, gap_scatter, unconverged
from core.analysis.points import Metric
from tests.analysis.arms.runs_of_arms import study_of, trained_arm
from tests.analysis.figures.test_gap_figures import table

CURVE = pd.DataFrame({"threshold": [0.6, 1.0], "accuracy": [0.7, 0.8], "low": 0.6, "high": 0.9, "n": [50, 30]})


def scores() -> pd.DataFrame:
    """Two runs on each of two tasks, of which one run had not converged and one cannot tell."""
    rows = [("t", "real", 0.8, False), ("t", "real", 0.9, True), ("u", "real", 0.7, None), ("u", "real", 0.8, True)]
    return pd.DataFrame(rows, columns=["task", "arm", "macro_f1", "converged"])


def points() -> pd.DataFrame:
    """Gaps of two arms on three tasks; the first arm's runs on the first task had not converged."""
    known = table(3, arms=("zero-shot", "few-shot"))
    return known.assign(subjectivity=[0.2, 0.2, 0.1, 0.1, 0.0, 0.0], unconverged=[2, 0, 0, 0, 0, 0])


def over_sizes(*, cut: int) -> pd.DataFrame:
    arms = [trained_arm("real", n_train=n, unconverged=cut if n == 50 else 0) for n in (50, 200)]
    return sizes.curves(arms, metric=Metric.ACCURACY)


def compared(*, cut: int) -> pd.DataFrame:
    study = study_of(trained_arm("real"), trained_arm("zero-shot", right=0.7, unconverged=cut))
    return differences.table(differences.between(trained.comparable(study, "t"), metric=Metric.ACCURACY))


FIGURES = {
    "gaps by task": lambda cut: gap_forest.gaps_by_task(_points(cut), metric="macro_f1"),
    "gaps over subjectivity": lambda cut: gap_scatter.gap_against_subjectivity(
        _points(cut), None, measure="ratings", metric="macro_f1"
    ),
    "scores by task": lambda cut: gap_charts.scores_by_task(
        scores() if cut else scores().assign(converged=True), metric="macro_f1", order=["t", "u"]
    ),
    "accuracy over agreement": lambda cut: gap_charts.threshold_curves({"real": CURVE}, cut={"real"} if cut else ()),
    "training sizes": lambda cut: arm_charts.learning_curves(over_sizes(cut=cut), metric="accuracy"),
    "differences": lambda cut: arm_charts.difference_intervals(compared(cut=cut), margin=0.02, metric="accuracy"),
}


def _points(cut: int) -> pd.DataFrame:
    return points() if cut else points().assign(unconverged=0)


def hollow(figure: go.Figure) -> int:
    """The hollow marks of a figure, without those of its legend."""
    found = 0
    for trace in figure.data:
        if trace.name == unconverged.ENTRY or not trace.marker.symbol:
            continue
        symbols = [trace.marker.symbol] if isinstance(trace.marker.symbol, str) else trace.marker.symbol
        found += sum("-open" in symbol for symbol in symbols)
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_hollow_marks_only_where_runs_had_not_converged(name: str) -> None:
    draw = FIGURES[name]

    assert hollow(draw(1)) >= 1
    assert hollow(draw(0)) == 0


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "differences"])
def test_the_legend_says_what_a_hollow_mark_means_and_keeps_the_arms_filled(name: str) -> None:
    figure = FIGURES[name](1)

    shown = [trace for trace in figure.data if trace.showlegend is not False]
    named = {trace.name: trace.marker.symbol for trace in shown}
    assert named.pop(unconverged.ENTRY) == "circle-open"
    assert all(isinstance(symbol, str) and "open" not in symbol for symbol in named.values() if symbol)
    assert unconverged.ENTRY not in {trace.name for trace in FIGURES[name](0).data}


def test_one_gap_with_such_runs_is_hollow_and_its_hover_and_the_reading_say_so() -> None:
    figure = gap_forest.gaps_by_task(points(), metric="macro_f1")

    told = [row[11] for trace in figure.data if trace.customdata is not None for row in trace.customdata]
    assert hollow(figure) == 1 and sorted(told)[-2:] == ["", "<br>2 runs not converged"]
    assert "Hollow: 1 of 6 gaps rests on runs that had not converged" in gap_words.gaps_by_task(points())
    assert "Hollow" not in gap_words.gaps_by_task(_points(0))


def test_the_mean_of_a_task_is_hollow_if_one_of_its_runs_is_and_a_run_that_cannot_tell_is_not() -> None:
    figure = gap_charts.scores_by_task(scores(), metric="macro_f1", order=["t", "u"])

    of_runs, of_means = (trace for trace in figure.data if trace.x[0] is not None)
    assert of_runs.marker.symbol == ("circle-open", "circle", "circle", "circle")
    assert of_means.marker.symbol == ("circle-open", "circle") and of_means.text[0] == "<br>1 run not converged"


def test_the_sentence_counts_runs_and_what_rests_on_runs() -> None:
    assert unconverged.sentence([1, 0, 0], "run").startswith("Hollow: 1 of 3 runs had not converged, and may change")
    assert unconverged.sentence([3, 1], "score").startswith("Hollow: 2 of 2 scores rest on runs that had not converged")
    assert unconverged.sentence([0, 0], "gap") == ""


def test_the_entry_in_the_legend_leaves_an_axis_of_names_one_of_names() -> None:
    drawn = go.Scatter(x=[0.02, 0.01], y=["few-shot", "zero-shot"], marker={"symbol": "square"}, name="gap")

    entry, marks = unconverged.traces(drawn, [True, False])

    assert (entry.x, entry.y) == ((None,), ("few-shot",))
    assert list(marks.y) == ["few-shot", "zero-shot"]
