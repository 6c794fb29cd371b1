"""Soft-label scores by hand, and against sklearn's log loss; what is not stored is not guessed."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from core.analysis.instances import soft_labels
from core.analysis.instances.soft_labels import SoftScores

TRUTH = pd.Series({1: "yes", 2: "no"})
SHARES = pd.DataFrame({"yes": [0.8, 0.5], "no": [0.2, 0.5]}, index=[1, 2])


def answers(*rows: tuple[str, int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["arm", "sample_id", "predicted", "probability"])


def of(found: SoftScores, arm: str) -> "pd.Series[float]":
    return found.table.set_index("arm").loc[arm]


def test_two_labels_by_hand() -> None:
    found = soft_labels.soft_scores(
        SHARES, answers(("real", 1, "yes", 0.9), ("real", 2, "no", 0.6)), TRUTH, real="real"
    )

    own = of(found, "real")
    assert own["manhattan"] == pytest.approx((0.2 + 0.2) / 2, abs=1e-12)
    first = -(0.8 * math.log(0.9) + 0.2 * math.log(0.1))
    second = -(0.5 * math.log(0.4) + 0.5 * math.log(0.6))
    assert own["cross_entropy"] == pytest.approx((first + second) / 2, abs=1e-12)
    assert of(found, "labels of the texts")["manhattan"] == pytest.approx((0.4 + 1.0) / 2, abs=1e-12)
    assert found.entropy < own["cross_entropy"] and found.is_whole


def test_where_raters_agree_cross_entropy_is_log_loss() -> None:
    rng = np.random.default_rng(0)
    truth = pd.Series(rng.choice(["yes", "no"], size=60))
    shares = pd.DataFrame({"yes": (truth == "yes").astype(float), "no": (truth == "no").astype(float)})
    yes = rng.uniform(0.05, 0.95, size=60)
    predicted = np.where(yes > 0.5, "yes", "no")
    known = pd.DataFrame(
        {"arm": "real", "sample_id": range(60), "predicted": predicted, "probability": np.maximum(yes, 1 - yes)}
    )

    own = of(soft_labels.soft_scores(shares, known, truth, real="real"), "real")

    assert own["cross_entropy"] == pytest.approx(log_loss(truth, yes, labels=["no", "yes"]), abs=1e-12)
    assert own["cross_entropy_low"] < own["cross_entropy"] < own["cross_entropy_high"] and own["n"] == 60


def test_runs_of_an_arm_are_averaged_for_each_text_before_texts_are() -> None:
    one = answers(("real", 1, "yes", 0.9), ("real", 1, "no", 0.7), ("real", 2, "no", 0.6))

    found = soft_labels.soft_scores(SHARES, one, TRUTH, real="real")

    assert of(found, "real")["manhattan"] == pytest.approx(((0.2 + 1.0) / 2 + 0.2) / 2, abs=1e-12)


def test_with_more_labels_only_the_predicted_label_counts_and_there_is_no_cross_entropy() -> None:
    shares = pd.DataFrame({"a": [0.6], "b": [0.4], "c": [0.0]}, index=[1])

    found = soft_labels.soft_scores(shares, answers(("real", 1, "a", 0.5)), pd.Series({1: "b"}), real="real")

    assert not found.is_whole and of(found, "real")["manhattan"] == pytest.approx(0.8, abs=1e-12)
    assert math.isnan(of(found, "real")["cross_entropy"])


def test_arms_are_compared_with_the_real_arm_over_the_same_texts() -> None:
    rng = np.random.default_rng(1)
    shares = pd.DataFrame({"yes": rng.random(40)}).assign(no=lambda table: 1 - table["yes"])
    near = [("real", n, "yes", float(shares["yes"][n])) for n in range(40)]
    far = [("zero-shot", n, "yes", float(np.clip(shares["yes"][n] + 0.3, 0, 1))) for n in range(40)]

    found = soft_labels.soft_scores(shares, answers(*near, *far), pd.Series("yes", index=range(40)), real="real")

    gap = found.further["zero-shot"]
    assert list(found.further) == ["zero-shot"] and 0 < gap.low < gap.value < gap.high < 0.61 and gap.n == 40
    assert of(found, "real")["manhattan"] == pytest.approx(0, abs=1e-12)


def test_an_arm_is_compared_with_the_real_arm_of_its_own_encoder() -> None:
    rng = np.random.default_rng(1)
    shares = pd.DataFrame({"yes": rng.random(40)}).assign(no=lambda table: 1 - table["yes"])
    rows = [
        (arm, encoder, "c", n, "yes", float(np.clip(shares["yes"][n] + off, 0, 1)))
        for arm, encoder, off in (("real", "near", 0.3), ("zero-shot", "near", 0.3), ("real", "far", 0.0))
        for n in range(40)
    ]
    known = pd.DataFrame(rows, columns=["arm", "encoder", "conditions", "sample_id", "predicted", "probability"])
    truth = pd.Series("yes", index=range(40))

    found = soft_labels.soft_scores(shares, known, truth, real="real").further["zero-shot"]

    assert found.value == pytest.approx(0, abs=1e-12) and found.n == 40
    assert soft_labels.soft_scores(shares, known, truth, real="real", unlearned={"near"}).further == {}


def test_a_certain_and_wrong_answer_has_a_finite_cross_entropy() -> None:
    found = soft_labels.soft_scores(SHARES, answers(("real", 1, "no", 1.0)), TRUTH, real="real")

    assert math.isfinite(of(found, "real")["cross_entropy"]) and math.isnan(of(found, "real")["manhattan_low"])


def test_with_more_labels_stored_probabilities_count_in_the_order_of_the_labels_names() -> None:
    shares = pd.DataFrame({"b": [0.6], "c": [0.4], "a": [0.0]}, index=[1])
    known = answers(("real", 1, "b", 0.5)).assign(probabilities=[[0.2, 0.5, 0.3]])

    whole = soft_labels.soft_scores(shares, known, pd.Series({1: "b"}), real="real")
    some = soft_labels.soft_scores(
        shares, pd.concat([known, known.assign(probabilities=None)]), pd.Series({1: "b"}), real="real"
    )

    assert whole.is_whole and of(whole, "real")["manhattan"] == pytest.approx(0.1 + 0.1 + 0.2, abs=1e-12)
    assert of(whole, "real")["cross_entropy"] == pytest.approx(-(0.6 * math.log(0.5) + 0.4 * math.log(0.3)), abs=1e-12)
    assert not some.is_whole and of(some, "real")["manhattan"] == pytest.approx(0.8, abs=1e-12)
