"""The gap of a new task: equal to the posterior by brute force, and moved by evidence the way it should be."""

import numpy as np
import pytest
from scipy import special

from core.analysis.inference import new_task
from core.analysis.inference.new_task import LinePrior, Measured

PRIOR = LinePrior(0.15, 0.20, 0.08, 0.12)
TASKS = [
    Measured(-1.2, 0.02, 0.02), Measured(-0.3, 0.06, 0.03), Measured(0.4, 0.21, 0.02), Measured(1.5, 0.26, 0.05),
]  # fmt: skip


@pytest.mark.slow
def test_the_prediction_is_that_of_weighted_draws_from_the_prior() -> None:
    rng = np.random.default_rng(1)
    n = 2_000_000
    tau = np.abs(rng.normal(size=n)) * new_task.TAU_SCALE
    keep = (tau >= new_task.TAUS[0]) & (tau <= new_task.TAUS[-1])
    tau = tau[keep]
    n = len(tau)
    a, b, g = rng.normal(0.15, 0.20, n), rng.normal(0.08, 0.12, n), rng.choice(new_task.GROWTHS, n)
    log = np.zeros(n)
    for task in TASKS:
        variance = (tau * np.exp(g * task.z)) ** 2 + task.se**2
        log -= 0.5 * (np.log(variance) + (task.gap - a - b * task.z) ** 2 / variance)
    weight = np.exp(log - special.logsumexp(log))
    drawn = a + b * 0.8 + rng.normal(size=n) * tau * np.exp(g * 0.8)
    order = np.argsort(drawn)
    reached = np.cumsum(weight[order])

    found = new_task.posterior(TASKS, PRIOR).at(0.8)

    assert found.expected == pytest.approx(float(weight @ drawn), abs=0.002)
    for share in (0.1, 0.5, 0.9):
        expected = float(drawn[order][np.searchsorted(reached, share)])
        assert found.quantile(share) == pytest.approx(expected, abs=0.004)
        assert found.below(found.quantile(share)) == pytest.approx(share, abs=1e-4)


def test_without_a_task_the_assumption_alone_speaks() -> None:
    found = new_task.posterior([], PRIOR).at(0.0)

    assert found.expected == pytest.approx(0.15)
    assert (found.quantile(0.1), found.quantile(0.9)) == pytest.approx((-0.16, 0.46), abs=0.01)


def test_more_tasks_an_own_measurement_and_an_exact_place_each_narrow_the_prediction() -> None:
    few, many = new_task.posterior(TASKS, PRIOR), new_task.posterior(TASKS * 4, PRIOR)

    plain = few.at(0.8)

    assert many.at(0.8).sd < plain.sd
    assert few.at(0.8, extra=0.5).sd > plain.sd
    measured = plain.measured(0.3, 0.03)
    assert measured.sd < 0.04 < plain.sd and plain.expected < measured.expected < 0.3
    assert plain.blurred(0.05).sd == pytest.approx(np.hypot(plain.sd, 0.05))


def test_a_task_that_follows_the_others_lies_near_zero_and_a_strange_one_far_away() -> None:
    usual = [Measured(z, 0.1 + 0.1 * z, 0.02) for z in np.linspace(-1.5, 1.5, 8)]
    strange = [*usual, Measured(0.2, 0.6, 0.02)]

    assert np.abs(new_task.leave_one_out(usual, PRIOR)).max() < 1
    assert new_task.leave_one_out(strange, PRIOR)[-1] > 2.5


def test_how_much_tasks_differ_is_told_with_its_range() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=40)
    tasks = [Measured(at, 0.1 + rng.normal() * 0.08, 0.01) for at in z]

    middle, low, high = new_task.posterior(tasks, PRIOR).tau_range

    assert low < middle < high and 0.05 < middle < 0.12
    prior_only = new_task.posterior([], PRIOR).tau_range
    assert prior_only[2] - prior_only[1] > 3 * (high - low)
