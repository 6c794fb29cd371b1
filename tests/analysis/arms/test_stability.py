"""Stability over seeds: each seed is a rater, and what one seed or one answer leaves undefined is said."""

import math

import numpy as np
import pandas as pd
import pytest

from core.analysis.arms import stability
from core.subjectivity.statistics import agreement
from tests.analysis.arms.runs_of_arms import trained_arm


def test_alpha_takes_the_seeds_as_raters_and_changes_count_texts_on_which_any_seed_differs() -> None:
    arm = trained_arm("few-shot", right=0.8, seeds=4)
    found = stability.of_arm(arm)

    rows = [(text, seed, label) for seed, own in enumerate(arm.predicted) for text, label in enumerate(own)]
    ratings = pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])
    assert found.alpha.value == pytest.approx(agreement.krippendorff_alpha(ratings), abs=1e-12)
    assert found.changed.value == np.mean([len(set(column)) > 1 for column in arm.predicted.T])
    assert found.changed.low < found.changed.value < found.changed.high and found.n_seeds == 4
    assert "of 200 test texts changes with the seed (4 seeds); alpha over seeds 0." in stability.sentence(found)


def test_one_seed_and_one_answer_say_why_there_is_no_number() -> None:
    single = stability.of_arm(trained_arm("real", seeds=1))
    same = stability.of_arm(trained_arm("zero-shot", predicted=np.ones((3, 200), dtype=int)))

    assert stability.sentence(single) == "real: One seed says nothing about other seeds; train two more."
    assert math.isnan(same.alpha.value) and same.changed.value == 0
    assert stability.sentence(same).endswith("All seeds answer the same label to every text, so alpha is undefined.")
    table = stability.table([single, same])
    assert list(table.columns) == stability.COLUMNS and table["n_test"].tolist() == [200, 200]
