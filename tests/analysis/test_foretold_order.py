"""The order foretold before training beside the order after training."""

import itertools
import math

import pytest
from scipy import stats

from core.analysis import foretold_order
from core.quality.beside_real import order
from core.study import tasks
from core.study.store import Store
from tests import finished_study, measured

CHAMFER = {"grid": 0.31, "long": 0.28, "simple": 0.22, "odd": 0.20, "short": 0.18}


def test_rho_is_spearman_s_and_its_chance_is_that_of_all_orders() -> None:
    scores = {"grid": 0.70, "long": 0.72, "simple": 0.66, "odd": 0.60, "short": 0.61}
    xs, ys = list(CHAMFER.values()), list(scores.values())
    rho = stats.spearmanr(xs, ys).statistic
    as_near = [stats.spearmanr(xs, other).statistic >= rho - 1e-9 for other in itertools.permutations(ys)]

    found = foretold_order.compare(CHAMFER, scores, n_runs=dict.fromkeys(scores, 3))

    assert found is not None
    assert found.rho == pytest.approx(rho)
    assert found.by_chance == pytest.approx(sum(as_near) / len(as_near))
    assert found.table["arm"].tolist() == list(CHAMFER)
    assert found.table["trained"].tolist() == [2, 1, 3, 5, 4]
    assert "grid, was number 2, 0.020 below long" in foretold_order.sentence(found)


def test_a_perfect_order_of_many_arms_is_rare_by_chance() -> None:
    many = {f"arm {place}": -place for place in range(9)}

    found = foretold_order.compare(many, many, n_runs={})

    assert found is not None
    assert (found.rho, found.n) == (1, 9)
    assert 0 < found.by_chance < 0.01


def test_two_arms_have_an_order_without_a_correlation_and_one_arm_has_none() -> None:
    two = foretold_order.compare(CHAMFER, {"grid": 0.7, "odd": 0.6}, n_runs={"grid": 1, "odd": 1})

    assert two is not None
    assert math.isnan(two.rho)
    assert "no correlation can be computed over 2 arms" in foretold_order.sentence(two)
    assert foretold_order.sentence(two).endswith("Not trained yet: long, simple, short.")
    assert "1 run each, which says little" in foretold_order.sentence(two)
    assert foretold_order.compare(CHAMFER, {"grid": 0.7}, n_runs={}) is None


def test_arms_that_were_trained_with_different_encoders_are_not_ranked_in_one_table(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "deeds")
        task = finished_study.make_task(session, study, "mood", arms=["grid", "long", "short", "odd"])
        foretold = order.foretell(
            measured.by_distance({"real": 0.5, "grid": 0.4, "long": 0.3, "short": 0.2, "odd": 0.1})
        )
        finished_study.add_runs(session, task, {"grid": 0.9, "long": 0.75})
        finished_study.add_runs(session, task, {"short": 0.6, "odd": 0.55}, encoder="bert", seeds=2)

        found = foretold_order.of_task(session, task, foretold)
        finished_study.add_runs(session, task, {"grid": 0.9, "long": 0.75}, encoder="roberta", seeds=2)
        twice = foretold_order.of_task(session, task, foretold)

    assert found is not None and twice is not None
    assert found.table["arm"].tolist() == ["grid", "long"] and found.untrained == ("short", "odd")
    assert "macro-F1, 3 runs each)" in foretold_order.sentence(found)
    assert twice.table["arm"].tolist() == ["grid", "long"] and twice.table["n_runs"].tolist() == [5, 5]


def test_unequal_numbers_of_runs_are_said() -> None:
    found = foretold_order.compare(CHAMFER, {"grid": 0.7, "odd": 0.6}, n_runs={"grid": 5, "odd": 3})

    assert found is not None and "macro-F1, 3 to 5 runs each)" in foretold_order.sentence(found)


def test_scores_are_those_of_finished_runs_of_the_arms_in_the_order(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "deeds")
        task = finished_study.make_task(session, study, "mood", arms=["grid", "long", "short"])
        foretold = order.foretell(measured.by_distance({"real": 0.4, "grid": 0.3, "long": 0.2, "short": 0.1}))
        assert foretold_order.of_task(session, task, foretold) is None

        finished_study.add_runs(session, task, {"real": 0.95, "grid": 0.9, "long": 0.75, "short": 0.6})

        found = foretold_order.of_task(session, task, foretold)
        withheld = foretold_order.of_task(session, task, order.foretell(measured.by_distance({"grid": 0.3})))

    assert found is not None and withheld is None
    assert found.rho == pytest.approx(1)
    assert found.by_chance == pytest.approx(1 / 6)
    assert found.table["n_runs"].tolist() == [3, 3, 3]
