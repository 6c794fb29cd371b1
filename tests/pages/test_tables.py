"""The shared table widget and durations: headings, cells with intervals, and times in words."""

import json
import math

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ui.inspect import reading
from ui.shared import tables, uploads
from ui.shared.durations import duration, minutes
from ui.train import run

DAY = 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (45, "45 s"), (90, "90 s"), (91, "2 min"), (5400, "90 min"), (5401, "1.5 h"), (30 * 3600, "30 h"),
     (4 * DAY, "4 days"), (math.nan, "–"), (math.inf, "–")],
)  # fmt: skip
def test_a_duration_is_said_in_the_largest_fitting_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_minutes_are_whole_and_at_least_one() -> None:
    assert [minutes(number) for number in (0.2, 1.4, 11.6)] == ["1 minute", "1 minute", "12 minutes"]


def test_a_column_has_one_heading_and_n_one_meaning() -> None:
    assert tables.HEADINGS["n"] == "n"
    assert tables.HEADINGS["n_ratings"] == "Answers"


def test_cells_hold_intervals_and_stay_empty_where_there_are_none() -> None:
    frame = pd.DataFrame(
        {"alpha": [0.5, 0.25, math.nan], "alpha_low": [0.4, math.nan, math.nan], "alpha_high": [0.6, math.nan, math.nan], "n": [9, 2, 0]}
    )  # fmt: skip

    cells = tables.with_intervals(frame, "alpha", n="n")
    limits = tables.intervals(frame, low="alpha_low", high="alpha_high")

    assert cells == ["0.50 [0.40, 0.60]", "0.25", "–"]
    assert limits == ["[0.40, 0.60]", "", ""]


def test_columns_for_the_program_are_left_out_and_scores_have_three_decimals() -> None:
    columns = tables._columns(
        pd.DataFrame({"macro_f1": [0.5], "agreement": [0.5], "run_id": [3], "text": ["a"]}), ("text",)
    )

    assert columns["run_id"] is None
    assert columns["macro_f1"]["type_config"]["format"] == "%.3f"
    assert columns["agreement"]["type_config"]["format"] == "%.2f"
    assert columns["text"]["label"] == "Text"
    assert columns["text"]["width"] == tables.ROOM


def test_a_stored_reason_is_said_in_words() -> None:
    shown = tables._readable(pd.DataFrame({"reason": ["over quota", "copy of an example"], "rows": [3, 1]}))

    assert list(shown["reason"]) == ["more than were asked for", "copy of an example"]


def test_predictions_are_right_or_wrong_in_words_and_the_wrong_ones_can_stand_alone() -> None:
    found = pd.DataFrame({"text": ["a", "b"], "correct": [True, False]})

    assert list(run._in_words(found, only_wrong=False)["correct"]) == ["right", "wrong"]
    assert list(run._in_words(found, only_wrong=True)["text"]) == ["b"]


def test_an_uploaded_file_is_read_once_for_its_content() -> None:
    first = uploads._parsed("digest of this test", "a.csv", None, b"text,label\nhello,yes\n")
    again = uploads._parsed("digest of this test", "a.csv", None, b"not read")

    assert again.frame.equals(first.frame)
    assert again.file == "a.csv"


def test_how_an_answer_ended_is_said_in_words() -> None:
    assert reading._end("stop") == "the model ended it"
    assert reading._end("length") == "cut off at the longest length allowed"
    assert "odd" in reading._end("odd")


def test_differences_of_scores_stand_in_points_and_scores_as_they_are() -> None:
    def page() -> None:
        import math

        import pandas as pd

        from ui.shared import tables

        frame = pd.DataFrame({"score_real": [0.905], "gap": [0.0234], "low": [math.nan], "high": [0.0712]})
        tables.table(frame, key="differences", in_points=("gap", "low", "high", "tau"))

    drawn = AppTest.from_function(page).run().dataframe[0]

    assert drawn.value.iloc[0].fillna(-1).round(6).to_dict() == {
        "score_real": 0.905,
        "gap": 2.34,
        "low": -1,
        "high": 7.12,
    }
    columns = json.loads(drawn.proto.columns)
    assert (columns["gap"]["label"], columns["high"]["label"]) == ("Gap, points", "High, points")
    assert columns["gap"]["type_config"]["format"] == "%.1f" and columns["score_real"]["label"] == "Real"
