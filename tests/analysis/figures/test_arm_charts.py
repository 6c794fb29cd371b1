"""Figures of compared arms: what is drawn, in which order, and nothing where a number is undefined."""

import math

import numpy as np
import pandas as pd
import pytest

from core.analysis.arms import classes, differences, sizes, trained
from core.analysis.figures import arm_charts
from core.analysis.points import Metric
from tests.analysis.arms.runs_of_arms import LABELS, study_of, trained_arm

REAL, OTHER = trained_arm("real"), trained_arm("zero-shot", right=0.7)


def drawn_differences(*, seeds: int = 3) -> list[dict[str, object]]:
    arms = [trained_arm("real", seeds=seeds), trained_arm("<b>", right=0.7, seeds=seeds)]
    found = differences.between(trained.comparable(study_of(*arms), "t"), metric=Metric.ACCURACY)
    figure = arm_charts.difference_intervals(differences.table(found), margin=0.02, metric=Metric.ACCURACY)
    return [trace.to_plotly_json() for trace in figure.data]


def test_a_difference_has_a_thin_bar_a_thick_bar_and_a_mark_in_points() -> None:
    thin, thick, mark = drawn_differences()

    assert thin["x"][0] < thick["x"][0] < mark["x"][0] < thick["x"][1] < thin["x"][1]  # type: ignore[index]
    assert mark["y"] == ["&lt;b&gt; against real"] and abs(mark["x"][0]) > 1  # type: ignore[index]


def test_a_difference_without_an_interval_has_a_mark_only() -> None:
    (mark,) = drawn_differences(seeds=1)

    assert "without an interval" in str(mark["hovertemplate"])


def test_confusions_show_shares_with_counts_and_their_change() -> None:
    found = classes.of_pair(REAL, OTHER, LABELS | {3: "a label of many words"})

    figure, change = arm_charts.confusion(found.arm), arm_charts.confusion_change(found.base, found.arm)

    shares = found.arm.shares
    assert figure.data[0].z == pytest.approx(shares, nan_ok=True)
    assert figure.layout.annotations[0].text.startswith(f"{shares[0, 0]:.0%}<br>")
    assert figure.layout.annotations[-1].text == "–" == change.layout.annotations[-1].text
    assert figure.layout.yaxis.ticktext == ("yes", "no", "a label of …") and figure.layout.yaxis.autorange == "reversed"
    assert change.data[0].z[:2] == pytest.approx((shares - found.base.shares)[:2], nan_ok=True)


def test_many_labels_are_coloured_and_not_written_out() -> None:
    labels = {number: f"label {number}" for number in range(1, 20)}

    assert not arm_charts.confusion(classes.confusion(REAL, labels)).layout.annotations


def test_classes_without_test_texts_are_not_drawn() -> None:
    table = classes.by_class(REAL, OTHER, LABELS | {3: "maybe"})

    assert arm_charts.class_f1(table, base="real", arm="zero-shot").data[0].y == ("no (n 100)", "yes (n 100)")


def test_learning_curves_keep_each_size_apart_and_name_it() -> None:
    arms = [trained_arm(arm, n_train=n) for arm in ("real", "few-shot", "few-shot-b") for n in (50, 200)]

    figure = arm_charts.learning_curves(sizes.curves(arms, metric=Metric.ACCURACY), metric=Metric.ACCURACY)

    assert [trace.name for trace in figure.data] == ["real", "few-shot", "few-shot-b"]
    assert figure.data[1].x == pytest.approx([50, 200]) and figure.data[0].x[0] < 50 < figure.data[2].x[0]
    assert [row[2] for row in figure.data[0].customdata] == [50, 200]
    assert figure.data[2].line.dash == "dash" and figure.layout.xaxis.ticktext == ("50", "200")


def test_arms_of_unknown_cost_are_not_drawn() -> None:
    table = pd.DataFrame({"arm": ["real", "a", "b"], "mean_score": [0.9, 0.8, 0.7], "cost_usd": [math.nan, 1.0, 2.0]})

    figure = arm_charts.beside_score(
        table.assign(low=[0.8, 0.7, np.nan], high=[1, 0.9, np.nan]), x="cost_usd", title="US dollars", metric="accuracy"
    )

    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert figure.data[0].error_y.array is not None and figure.data[1].error_y.array is None
