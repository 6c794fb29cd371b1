"""Least squares against certified and published values: NIST's Norris, Wampler and Longley data, Anscombe's quartet."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.datasets import longley

from core.analysis import regression
from core.analysis.inference import clusters

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "linear_regression.json").read_text(encoding="utf-8"))
LONGLEY = [  # certified by NIST, StRD linear regression; the data come with statsmodels
    -3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359, -0.0511041056535807,
    1829.15146461355,
]  # fmt: skip


def test_norris_gives_the_certified_line() -> None:
    known = GOLDEN["norris"]

    found = regression.fit(pd.DataFrame({"x": known["x"], "y": known["y"]}), x="x", y="y")

    assert found.n == 36
    assert found.slope == pytest.approx(known["slope"], rel=1e-12)
    assert found.intercept == pytest.approx(known["intercept"], rel=1e-10)
    assert found.r2 == pytest.approx(known["r2"], rel=1e-13)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_anscombes_four_sets_have_one_line(number: int) -> None:
    known = GOLDEN["anscombe"]
    points = pd.DataFrame({"x": known["x4"] if number == 4 else known["x"], "y": known[f"y{number}"]})

    found = regression.fit(points, x="x", y="y")

    assert found.slope == pytest.approx(0.500, abs=5e-4)
    assert found.intercept == pytest.approx(3.00, abs=5e-3)
    assert found.r2 == pytest.approx(0.67, abs=5e-3)
    assert np.isfinite(found.low) == (number != 4)  # in the fourth set one point decides the slope


def test_longley_gives_the_certified_coefficients_although_its_columns_nearly_determine_each_other() -> None:
    data = longley.load_pandas()
    design = np.column_stack([np.ones(len(data.endog)), data.exog.to_numpy(dtype=float)])

    found = clusters.fit(design, data.endog.to_numpy(dtype=float), np.arange(len(design)))

    assert found.values == pytest.approx(LONGLEY, rel=1e-8)


@pytest.mark.parametrize(
    "weights", [[1, 1, 1, 1, 1, 1], [1, 0.1, 0.01, 0.001, 0.0001, 0.00001]], ids=["Wampler1", "Wampler2"]
)
def test_wamplers_polynomials_have_the_coefficients_that_made_them(weights: list[float]) -> None:
    x = np.arange(21.0)
    design = np.vander(x, 6, increasing=True)

    found = clusters.fit(design, design @ np.array(weights), np.arange(21))

    assert found.values == pytest.approx(weights, rel=1e-6)
