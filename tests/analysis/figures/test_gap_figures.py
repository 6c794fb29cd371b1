"""The figures of gaps: a row for each task, no two marks or names in one place, and each point tells what it is of."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from core.analysis import points, slope
from core.analysis.figures import gap_charts, gap_forest, gap_scatter
from core.interval import Interval

ARMS = ("zero-shot", "zero-shot-persona", "few-shot", "few-shot-long", "mixed")


def table(n_tasks: int = 10, *, arms: tuple[str, ...] = ARMS, encoders: tuple[str, ...] = ("minilm",)) -> pd.DataFrame:
    """Points of tasks whose names are alike and long; the last task's subjectivity is not known."""
    rows = [
        {
            "task": f"a task with a rather long name {number}", "arm": arm, "encoder": encoder, "arm_kind": arm,
            "subjectivity": number / 10 if number < n_tasks - 1 else math.nan, "subjectivity_low": number / 10 - 0.05,
            "subjectivity_high": number / 10 + 0.05, "score_real": 0.9, "score": 0.8, "gap": 0.01 * number + 0.01 * place,
            "low": 0.01 * number - 0.02, "high": 0.01 * number + 0.08, "se": 0.02, "df": 9.0, "chance": 0.5, "relative": 0.1,
            "n_seeds": 3, "n_test": 200, "unconverged": 0, "note": "",
        }
        for number in reversed(range(n_tasks))
        for place, (arm, encoder) in enumerate(itertools.product(arms, encoders))
    ]  # fmt: skip
    return pd.DataFrame(rows)[points.POINT_COLUMNS]


def marks(figure: object) -> list[tuple[float, float]]:
    return [(x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)]  # type: ignore[attr-defined]


def test_rows_go_from_the_most_objective_task_to_the_most_subjective_and_unknown_ones_come_last() -> None:
    figure = gap_forest.gaps_by_task(table(), metric="macro_f1")

    names = figure.layout.yaxis.ticktext
    assert [name.partition("<br>")[2].partition(">")[2].partition("<")[0] for name in names][:2] == [
        "0.00 [-0.05, 0.05]",
        "0.10 [0.05, 0.15]",
    ]
    assert "subjectivity not known" in names[-1] and figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert all("a task with a rather…" in name for name in names)


@pytest.mark.parametrize("encoders", [("minilm",), ("minilm", "bert", "roberta")])
def test_every_mark_has_a_place_of_its_own_inside_the_row_of_its_task(encoders: tuple[str, ...]) -> None:
    known = table(encoders=encoders)

    figure = gap_forest.gaps_by_task(known, metric="macro_f1")

    at = sorted(y for _, y in marks(figure))
    room = (figure.layout.height - gap_forest.AROUND) / known["task"].nunique()
    assert len(at) == len(known) and min(np.diff(at)) * room >= 9
    for trace, (_, own) in zip(figure.data, known.groupby(["arm", "encoder"]), strict=True):
        assert {round(y) for y in trace.y} == set(range(own["task"].nunique()))


def test_a_second_encoder_has_a_dot_and_is_named() -> None:
    figure = gap_forest.gaps_by_task(table(arms=("zero-shot",), encoders=("minilm", "bert")), metric="accuracy")

    assert [(trace.name, trace.marker.symbol) for trace in figure.data] == [
        ("zero-shot · minilm", "square"),
        ("zero-shot · bert", "square-dot"),
    ]


def test_arms_of_one_kind_are_told_apart_by_shade_and_symbol() -> None:
    styles = gap_charts.arm_styles((*ARMS, "zero-shot-x", "other arm", "real"))

    assert len({style.colour for style in styles.values()}) == len(styles)
    assert styles["zero-shot"] == gap_charts.ArmStyle("#D55E00", "square")
    assert len({styles[arm].symbol for arm in ("zero-shot", "zero-shot-persona", "zero-shot-x")}) == 3


def test_marks_tell_their_gap_and_never_show_what_is_no_number() -> None:
    without = table(2, arms=("zero-shot",)).assign(low=math.nan, high=math.nan)

    figure = gap_forest.gaps_by_task(without, metric="macro_f1")

    told = [str(cell) for trace in figure.data for row in trace.customdata for cell in row]
    assert told[:3] == ["a task with a rather long name 1", "zero-shot", "minilm"] and "1.0" in told
    assert "nan" not in told and np.isnan(np.asarray(figure.data[0].error_x.array, dtype=float)).all()


def test_a_gap_of_next_to_nothing_is_not_blown_up_by_its_axis() -> None:
    alone = table(1, arms=("zero-shot",)).assign(gap=5e-6, low=math.nan, high=math.nan)

    figure = gap_forest.gaps_by_task(alone, metric="macro_f1")

    assert figure.layout.xaxis.range == (-gap_forest.LEAST_SPAN, gap_forest.LEAST_SPAN)
    assert gap_forest.gaps_by_task(table(), metric="macro_f1").layout.xaxis.range is None


def test_names_with_markup_are_shown_as_they_are() -> None:
    strange = table(2, arms=("zero-shot",)).assign(task="<b>x</b>", arm="<i>y</i>")

    forest = gap_forest.gaps_by_task(strange, metric="macro_f1")
    scatter = gap_scatter.gap_against_subjectivity(strange.dropna(), None, measure="ratings", metric="macro_f1")

    assert forest.layout.yaxis.ticktext[0].startswith("&lt;b&gt;x") and forest.data[0].name == "&lt;i&gt;y&lt;/i&gt;"
    assert scatter.layout.yaxis2.ticktext == ("&lt;b&gt;x&lt;/b&gt;",)


def test_the_scatter_has_one_interval_of_subjectivity_for_each_task_and_a_line_for_each_arm() -> None:
    known = table().dropna(subset=["subjectivity"])
    fits = {
        arm: slope.over_groups(group, x="subjectivity", y="gap", group="task") for arm, group in known.groupby("arm")
    }
    fit = slope.over_groups(known, x="subjectivity", y="gap", group="task", alike=("arm",))

    figure = gap_scatter.gap_against_subjectivity(known, fit, measure="ratings", metric="macro_f1", by_arm=fits)

    with_x = [trace for trace in figure.data if trace.error_x.array is not None]
    assert [len(trace.x) for trace in with_x] == [9]
    assert len(figure.layout.yaxis2.ticktext) == 9
    assert len([trace for trace in figure.data if trace.mode == "lines" and trace.line.dash == "dash"]) == 5
    assert figure.layout.xaxis2.title.text.startswith("more a matter of opinion →")
    assert (
        len({(x, y) for trace in figure.data if trace.mode == "markers" for x, y in zip(trace.x, trace.y, strict=True)})
        == 54
    )


def test_tasks_of_equal_subjectivity_still_have_a_scatter() -> None:
    alike = table(3).assign(subjectivity=0.5)

    figure = gap_scatter.gap_against_subjectivity(alike, None, measure="ratings", metric="accuracy")

    assert len(figure.layout.yaxis2.ticktext) == 3


def test_label_ceilings_stand_behind_the_scores_and_a_single_rater_beside_the_curves() -> None:
    scores = pd.DataFrame({"task": ["t", "u"], "arm": ["real", "real"], "macro_f1": [0.8, 0.9], "converged": True})
    curve = pd.DataFrame({"threshold": [0.6, 1.0], "accuracy": [0.7, 0.8], "low": 0.6, "high": 0.9, "n": [50, 30]})

    ceilings = {"u": Interval(0.85, 0.8, 0.9, 40)}
    drawn = gap_charts.scores_by_task(scores, metric="macro_f1", order=["t", "u"], ceilings=ceilings)
    many = gap_charts.threshold_curves(dict.fromkeys(ARMS, curve), curve)

    line = next(trace for trace in drawn.data if trace.name == "label ceiling")
    assert line.x[:2] == (0.55, 1.45) and line.text[0] == "0.850 [0.800, 0.900], 40 texts"
    assert [trace.name for trace in many.data] == [*ARMS, "label ceiling"] and "texts" in many.data[0].hovertemplate
    assert len({trace.x[0] for trace in many.data[:5]}) == 5
