"""Figures of raters' answers: their marks, their n, and their sentences."""

import math

import numpy as np
import pandas as pd
import pytest

from core.analysis.figures import rating_charts
from core.subjectivity.statistics import agreement, majority, ranking

NAN = math.nan


def beats(*pairs: str) -> pd.DataFrame:
    """Comparisons by one rater each: "ab" means that a won against b."""
    rows = [(f"r{row}", pair[0], pair[-1], "left") for row, pair in enumerate(pairs)]
    return pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner"])


CLEAR = beats(*["ab", "bc", "ac"] * 30, "ba", "cb", "ca")
CIRCLE = beats("ab", "bc", "ca", "xa", "xb", "ad")


def ratings(*items: str) -> pd.DataFrame:
    """Ratings of items; an item "aab" has three raters, who chose a, a and b."""
    rows = [(f"i{place}", f"r{rater}", label) for place, item in enumerate(items) for rater, label in enumerate(item)]
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])


def test_strengths_stand_with_intervals_the_most_on_top() -> None:
    chart = rating_charts.strengths(ranking.side_by_side(CLEAR), ranking.differences(CLEAR))

    dots = chart.figure.data[0]
    assert list(chart.figure.layout.yaxis.ticktext) == ["a", "b", "c"]
    assert chart.figure.layout.yaxis.range[0] > chart.figure.layout.yaxis.range[1]
    assert (np.asarray(dots.error_x.array) > 0).all()
    assert "n 93" in chart.figure.layout.xaxis.title.text
    assert chart.reading == "All 3 are told apart."


def test_names_that_are_tied_are_joined_by_a_line() -> None:
    comparisons = beats(*["ac", "bc", "ab", "ba"] * 20, "ca", "cb")

    chart = rating_charts.strengths(ranking.side_by_side(comparisons), ranking.differences(comparisons))

    upright = [s for s in chart.figure.layout.shapes if s.xref == "paper" and s.x0 == s.x1]
    assert [(line.y0, line.y1) for line in upright] == [(-0.2, 1.2)]
    assert [note.text for note in chart.figure.layout.annotations] == ["tied"]
    assert chart.reading == "c is less subjective than all others; a and b cannot be told apart."


def test_names_that_are_written_alike_keep_their_own_lines() -> None:
    comparisons = beats(*["ac", "bc", "ab", "ba", "ad", "bd", "cd", "dc"] * 20, "ca", "cb", "da", "db")
    alike = {"a": "Same beginning", "c": "Same beginning"}

    table, differences = ranking.side_by_side(comparisons), ranking.differences(comparisons)
    figures = [rating_charts.strengths(table, differences, shown=shown).figure for shown in (None, alike)]

    assert figures[0].layout.shapes == figures[1].layout.shapes and len(figures[0].layout.shapes) > 4
    assert sorted(figures[1].layout.yaxis.ticktext) == ["Same beginning", "Same beginning", "b", "d"]


def test_strengths_without_intervals_have_no_lines() -> None:
    comparisons = beats("ab", "bc")

    chart = rating_charts.strengths(ranking.side_by_side(comparisons), ranking.differences(comparisons))

    assert not [s for s in chart.figure.layout.shapes if s.yref == "y"]
    assert chart.reading == "No difference has an interval yet, so no two can be told apart."


def test_the_majority_graph_puts_levels_from_left_to_right_and_a_row_for_each_name() -> None:
    graph = majority.graph(CIRCLE)

    nodes = rating_charts.majority_graph(graph).figure.data[-1]

    at = dict(zip(nodes.text, zip(nodes.x, nodes.y, strict=True), strict=True))
    assert {name: round(x) for name, (x, _) in at.items()} == graph.levels
    assert len({y for _, y in at.values()}) == 5


def test_a_circle_is_drawn_as_one_box_around_its_names() -> None:
    chart = rating_charts.majority_graph(majority.graph(CIRCLE))

    (box,) = chart.figure.layout.shapes
    nodes = chart.figure.data[-1]
    inside = {
        name
        for name, x, y in zip(nodes.text, nodes.x, nodes.y, strict=True)
        if box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1
    }
    assert inside == {"a", "b", "c"}
    assert chart.reading == "5 names on 3 levels from 6 comparisons; a, b and c beat each other in a circle."


def test_every_edge_tells_its_count_once() -> None:
    graph = majority.graph(beats("ab", "ab", "ba", "bc", "ac"))

    figure = rating_charts.majority_graph(graph).figure

    said = sorted(text for trace in figure.data[:2] for text in trace.text if text)
    assert said == ["a over b: 2 to 1", "a over c: 1 to 0", "b over c: 1 to 0"]


def test_pairs_without_a_majority_are_told() -> None:
    chart = rating_charts.majority_graph(majority.graph(beats("ab", "ba", "bc")))

    assert chart.reading.endswith("1 pair has as many wins each way.")


def test_agreement_of_items_is_counted_in_tenths() -> None:
    items = agreement.by_item(ratings("aaa", "aab", "abc", "aaaa", "a"))

    chart = rating_charts.agreement_histogram(items)

    bars = dict(zip(np.round(chart.figure.data[0].x, 2), chart.figure.data[0].y, strict=True))
    assert {x: y for x, y in bars.items() if y} == {0.35: 1, 0.65: 1, 0.95: 2}
    assert "n 4 items, 13 ratings" in chart.figure.layout.xaxis.title.text
    assert chart.reading == (
        "Agreement is 0.75 on average; raters all agree on 2 of 4 items (1 with one rating left out)."
    )


def test_the_mean_has_the_interval_that_it_is_given_and_none_without() -> None:
    items = agreement.by_item(ratings("aaaaa", "abcde"))

    assert rating_charts.agreement_histogram(items).reading.startswith("Agreement is 0.60 on average")
    given = rating_charts.agreement_histogram(items, low=0.2, high=1)
    assert given.reading.startswith("Agreement is 0.60 [0.20, 1.00] on average")
    assert len(given.figure.layout.shapes) == 2


def test_agreement_of_single_ratings_is_not_shown() -> None:
    chart = rating_charts.agreement_histogram(agreement.by_item(ratings("a", "b")))

    assert sum(chart.figure.data[0].y) == 0
    assert chart.reading == "No item has two ratings yet."


ALPHAS = pd.DataFrame(
    [(20, NAN, NAN, NAN, 0.0), (40, 0.5, 0.2, 0.8, 60.0), (80, 0.4, 0.3, 0.5, 120.0)],
    columns=["n_ratings", "value", "low", "high", "at"],
)


@pytest.mark.parametrize(("x", "title"), [("n_ratings", "Ratings (n 80)"), ("at", "Time (n 80 ratings)")])
def test_alpha_so_far_is_a_line_in_its_band(x: str, title: str) -> None:
    chart = rating_charts.alpha_so_far(ALPHAS, x=x)

    band, line = chart.figure.data
    assert list(band.y) == [0.8, 0.5, 0.3, 0.2]
    assert list(line.y) == [0.5, 0.4]
    assert chart.figure.layout.xaxis.title.text == title
    assert chart.reading == "After 80 ratings alpha is 0.40 [0.30, 0.50]."


def test_alpha_that_is_not_defined_is_said() -> None:
    assert rating_charts.alpha_so_far(ALPHAS.head(1)).reading == "Alpha is not defined yet after 20 ratings."
    assert rating_charts.alpha_so_far(ALPHAS.head(0)).reading == "Alpha is not defined yet after 0 ratings."


WIDTHS = pd.DataFrame(
    [(200, 0.3, 0.28, 0.33), (400, 0.21, 0.2, 0.23), (800, 0.15, 0.14, 0.16)],
    columns=["n_ratings", "width", "low", "high"],
)


@pytest.mark.parametrize(
    ("target", "reading"),
    [
        (0.25, "About 400 ratings bring the interval to 0.25 or less."),
        (0.1, "Even 800 ratings leave the interval about 0.15 wide; 0.10 is wanted."),
        (None, "With 800 ratings the interval is about 0.15 wide (0.14 to 0.16)."),
    ],
)
def test_the_width_says_how_many_ratings_are_needed(target: float | None, reading: str) -> None:
    chart = rating_charts.interval_width(WIDTHS, target=target, now=300)

    assert chart.reading == reading
    assert len(chart.figure.layout.shapes) == (1 if target is None else 2)
    assert chart.figure.layout.xaxis.title.text == "Ratings (n 300 now)"


GROUPS = pd.DataFrame(
    [
        ("news", "people", 0.7, 0.6, 0.8, 100),
        ("news", "LLM raters", 0.9, 0.85, 0.95, 50),
        ("irony", "people", 0.3, 0.2, 0.4, 100),
        ("irony", "LLM raters", 0.2, 0.1, 0.3, 50),
        ("humor", "people", 0.1, 0.0, 0.2, 100),
    ],
    columns=["name", "group", "value", "low", "high", "n"],
)


def test_people_and_llm_raters_are_two_marks_in_two_colours() -> None:
    chart = rating_charts.people_and_llm(GROUPS)

    people, llm = chart.figure.data
    assert (people.name, llm.name) == ("people (n 300)", "LLM raters (n 100)")
    assert people.marker.color != llm.marker.color
    assert people.marker.symbol != llm.marker.symbol
    assert chart.reading == (
        "Krippendorff's alpha is higher among LLM raters than among people for 1 of 2; the intervals are apart for 1 of 2."
    )


def test_groups_without_intervals_are_not_said_to_overlap() -> None:
    chart = rating_charts.people_and_llm(GROUPS.assign(low=NAN, high=NAN))

    assert chart.reading.endswith("for 1 of 2; there are no intervals yet.")


def test_one_group_alone_is_not_compared() -> None:
    chart = rating_charts.people_and_llm(GROUPS[GROUPS["group"] == "people"])

    assert chart.reading.endswith("for one group only; LLM raters are never counted as people.")


def test_names_are_shown_letter_by_letter_and_cut_where_a_phone_has_no_room() -> None:
    comparisons = CLEAR.replace({"a": "<b>x</b>", "b": "y" * 40})

    chart = rating_charts.strengths(ranking.side_by_side(comparisons), ranking.differences(comparisons))

    shown = list(chart.figure.layout.yaxis.ticktext)
    assert shown[0] == "&lt;b&gt;x&lt;/b&gt;"
    assert shown[1] == "y" * 25 + "…"
