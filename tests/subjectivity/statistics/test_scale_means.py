"""Mean ratings: equal to analysis of variance where every rater rates every text, and undefined where nothing can be told."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.subjectivity.statistics.scale_means import mean_rating


def table(answers: np.ndarray) -> pd.DataFrame:
    """Answers (texts x raters) as one row per answer."""
    texts, raters = np.indices(answers.shape)
    return pd.DataFrame({"item_id": texts.ravel(), "rater_id": raters.ravel(), "label": answers.ravel()})


def test_where_raters_do_not_differ_it_is_nearly_the_t_interval_over_texts() -> None:
    rng = np.random.default_rng(1)
    of_text = rng.normal(3, 1, size=(60, 1))
    answers = of_text + rng.normal(0, 0.3, size=(60, 8))
    answers -= answers.mean(axis=0) - answers.mean()

    found = mean_rating(table(answers))

    expected = stats.ttest_1samp(answers.mean(axis=1), 0).confidence_interval()
    assert found.value == pytest.approx(answers.mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.02)
    assert found.n == 60


def test_raters_who_differ_widen_the_interval_and_few_of_them_more() -> None:
    rng = np.random.default_rng(2)
    texts = rng.normal(3, 0.5, size=(50, 1))
    alike = mean_rating(table(texts + rng.normal(0, 0.05, size=(50, 4))))
    apart = mean_rating(table(texts + np.array([[-1.0, -0.3, 0.3, 1.0]])))
    many = mean_rating(table(texts + np.tile([[-1.0, -0.3, 0.3, 1.0]], 5)))

    assert apart.high - apart.low > 4 * (alike.high - alike.low)
    assert many.high - many.low < (apart.high - apart.low) / 2


def test_one_text_one_rater_or_equal_answers_have_no_interval() -> None:
    for answers in (np.array([[1.0, 2.0, 3.0]]), np.array([[1.0], [2.0]]), np.full((4, 3), 2.0)):
        found = mean_rating(table(answers))
        assert found.value == answers.mean() and not found.is_defined
    assert math.isnan(mean_rating(table(np.empty((0, 0)))).value)
