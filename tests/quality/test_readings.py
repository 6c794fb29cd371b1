"""Sentences on words that give labels away, and on how far texts are told apart from real ones."""

from dataclasses import replace

from core.interval import Interval
from core.quality import readings
from core.quality.leakage import Apart, Score
from tests import measured


def test_no_word_beyond_chance_is_not_said_to_give_labels_away() -> None:
    inside, outside = (
        Score(100, value, value) for value in (Interval(0.9, 0.85, 0.95, 50), Interval(0.5, 0.4, 0.6, 50))
    )
    real, made = measured.arm("real"), replace(measured.arm("zero-shot"), within=inside, bag_of_words=outside)

    said = readings.reading(measured.task(real, made))["leakage"][-1]

    assert (
        "no single word gives a label away beyond chance. Its words taken together give the labels away in this arm, and"
        in said
    )
    assert "listed" not in said


def test_an_auc_below_a_half_is_explained() -> None:
    real, made = measured.arm("real"), replace(measured.arm("zero-shot"), apart=Apart(0.28, 0.1, 5, 20, 20))

    said = readings.reading(measured.task(real, made))["likeness"][0]

    assert "AUC 0.28 (0.5 = not at all; n 20 each), and below 0.5 too: what the classifier learned was chance" in said
