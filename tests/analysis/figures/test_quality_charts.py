"""Figures of data quality: their marks, their n, and generated text that is escaped."""

import math

import pandas as pd
import plotly.graph_objects as go
import pytest

from core.analysis.figures import gap_charts, quality_charts
from core.quality import fidelity, leakage, measures

NAN = math.nan
TABLE = pd.DataFrame(
    [
        ("remote_clique_cosine", "real", "real", 0.9, 0.88, 0.92, "95 % interval", 100),
        ("remote_clique_cosine", "zero-shot", "zero-shot", 0.7, 0.68, 0.72, "95 % interval", 100),
        ("words_median", "real", "real", 12.0, 8.0, 20.0, "quartiles", 400),
        ("words_median", "zero-shot", "zero-shot", 15.0, 14.0, 16.0, "quartiles", 120),
        ("copies", "real", "real", NAN, NAN, NAN, "", 400),
        ("copies", "zero-shot", "zero-shot", 0.05, NAN, NAN, "", 120),
        ("self_bleu", "real", "real", 0.1, NAN, NAN, "", 100),
    ],
    columns=measures.TABLE_COLUMNS,
)
POINTS = pd.DataFrame(
    [
        (1, "real", "glad", 0.0, 1.0, "a plain text"),
        (2, "real", "sad", 1.0, 1.0, "x" * 300),
        (3, "zero-shot", "glad", 2.0, 0.0, "<b>bold</b> & more"),
    ],
    columns=measures.POINT_COLUMNS,
)


def titles(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def test_a_measure_has_one_dot_per_arm_in_its_colour_and_says_its_n() -> None:
    figure = quality_charts.measure_dots(TABLE, measure="words_median")

    assert titles(figure) == ["<b>Words per text (median)</b><br>n 120 to 400"]
    assert {(dot.name, dot.marker.color, dot.marker.symbol) for dot in figure.data} == {
        ("real", gap_charts.colour("real"), "circle"),
        ("zero-shot", gap_charts.colour("zero-shot"), "square"),
    }
    assert list(figure.layout.yaxis.categoryarray) == ["zero-shot", "real"]


def test_a_bar_is_drawn_only_where_there_is_a_spread_and_the_hover_says_which() -> None:
    clique, words, copies = (
        {dot.name: dot for dot in quality_charts.measure_dots(TABLE, measure=measure).data}
        for measure in ("remote_clique_cosine", "words_median", "copies")
    )

    assert clique["real"].error_x.array[0] == pytest.approx(0.02)
    assert "(95 % interval)" in clique["real"].hovertemplate
    assert "(quartiles)" in words["real"].hovertemplate
    assert copies["zero-shot"].error_x.array is None


def test_a_measure_of_nothing_is_an_empty_figure() -> None:
    assert not quality_charts.measure_dots(TABLE.iloc[:0], measure="copies").data


def test_cues_are_drawn_with_intervals_the_surest_on_top() -> None:
    texts = [f"{'wow oh' if k % 2 else 'hm'} {'so' if k % 4 == 1 else 'then'} {k}" for k in range(60)]
    labels = ["glad" if k % 2 else "sad" for k in range(60)]
    cues = leakage.cues(texts, labels)

    figure = quality_charts.cues_bars(cues, label="glad", arm="zero-shot", top=3)

    dots = figure.data[0]
    assert dots.y[-1] == cues.loc[cues["label"] == "glad", "word"].iloc[0]
    assert len(dots.y) == 3
    assert figure.layout.xaxis.title.text == "Log odds ratio (n 30 against 30)"
    assert (dots.error_x.array > 0).all()
    assert quality_charts.cues_bars(cues, label="none", arm="real").layout.xaxis.title.text == "Log odds ratio "


def test_confusion_shows_counts_readable_on_light_and_dark_cells() -> None:
    rows = [("a<b", "a<b")] * 8 + [("a<b", "c")] * 2 + [("c", "c")] * 3
    pairs = pd.DataFrame([(k, one, two, "") for k, (one, two) in enumerate(rows)], columns=fidelity.PAIR_COLUMNS)

    figure = quality_charts.confusion(fidelity.table(pairs, ["a<b", "c"]), other="the judge")

    cells = {(note.y, note.x): (note.text, note.font.color) for note in figure.layout.annotations}
    assert cells["a&lt;b (n 10)", "a&lt;b"] == ("8", "white")
    assert cells["a&lt;b (n 10)", "c"] == ("2", "#1B2A38")
    assert cells["c (n 3)", "a&lt;b"][0] == "0"
    assert figure.layout.xaxis.title.text == "Label by the judge (n 13)"


@pytest.mark.parametrize(("by", "names"), [("arm", ["real (n 2)", "zero-shot (n 1)"]), ("label", None)])
def test_points_carry_their_sample_and_the_beginning_of_their_text(by: str, names: list[str] | None) -> None:
    figure = quality_charts.embedding_map(POINTS, by=by)

    shown = {ident: text for trace in figure.data for ident, text in zip(trace.customdata, trace.text, strict=True)}
    assert shown[3] == "&lt;b&gt;bold&lt;/b&gt; &amp; more"
    assert len(shown[2]) == quality_charts.HOVERED
    assert {trace.type for trace in figure.data} == {"scattergl"}
    assert names is None or [trace.name for trace in figure.data] == names
    assert len(figure.data) == (2 if by == "arm" else 3)


def test_a_point_by_label_keeps_its_arms_marker_and_takes_its_labels_colour() -> None:
    figure = quality_charts.embedding_map(POINTS, by="label")

    look = {trace.name: (trace.marker.symbol, trace.marker.color) for trace in figure.data}
    assert look["real · glad (n 1)"][1] == look["zero-shot · glad (n 1)"][1] != look["real · sad (n 1)"][1]
    assert look["real · glad (n 1)"][0] == look["real · sad (n 1)"][0] != look["zero-shot · glad (n 1)"][0]


def test_two_arms_of_one_kind_can_be_told_apart_on_the_map() -> None:
    figure = quality_charts.embedding_map(POINTS.assign(arm=["zero-shot", "zero-shot-b", "zero-shot-c"]))

    assert (
        len({trace.marker.symbol for trace in figure.data}) == len({trace.marker.color for trace in figure.data}) == 3
    )


def test_a_difference_of_nothing_does_not_fill_the_axis() -> None:
    rows = pd.DataFrame(
        {"measure": "self_bleu", "arm": ["real", "zero-shot"], "value": [0.340, 0.342], "low": NAN, "high": NAN,
         "n": 100, "spread": ""}
    )  # fmt: skip

    low, high = quality_charts.measure_dots(rows, measure="self_bleu").layout.xaxis.range

    assert (low, high) == (pytest.approx(0.291), pytest.approx(0.391))
