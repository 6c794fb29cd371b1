"""Plans: the cheapest sizes reach the power, smaller ones do not, and more of what is short is what helps."""

import dataclasses
import math

import numpy as np
import pytest

from core.analysis.inference import gaps
from core.analysis.planning import curves, measured, plan_words, plans, shown
from core.analysis.planning.inputs import Inputs, Number, Origin
from core.analysis.planning.plans import Asked, Question, Sizes
from core.errors import StudyError


def asked(question: Question, **changes: object) -> Asked:
    return dataclasses.replace(Asked(question, plans.EFFECTS[question]), **changes)


@pytest.mark.parametrize("question", [Question.GAP, Question.EQUIVALENCE, Question.ARMS])
def test_one_text_less_than_planned_misses_the_power(question: Question) -> None:
    made = plans.plan(asked(question), Inputs())
    fewer = dataclasses.replace(made.sizes, test_texts=made.sizes.whole[2] - 1)

    assert made.is_reached and made.power >= 0.8 > plans.power_of(made.asked, fewer, Inputs())


@pytest.mark.slow
def test_no_mix_that_reaches_the_power_is_cheaper() -> None:
    for question in Question:
        made = plans.plan(asked(question), Inputs())
        costs = [plans.effort_usd(made.asked, sizes, Inputs()) for sizes in (made.sizes, *made.others)]
        assert costs == sorted(costs) and len(costs) > 1


def test_dear_training_moves_a_plan_from_seeds_to_texts() -> None:
    cheap = plans.plan(asked(Question.GAP), Inputs())
    dear = plans.plan(asked(Question.GAP), Inputs().given(machine_usd=50.0))

    assert dear.sizes.whole[1] < cheap.sizes.whole[1] and dear.sizes.whole[2] > cheap.sizes.whole[2]


def test_test_texts_that_are_there_cost_nothing_and_are_all_used() -> None:
    inputs = dataclasses.replace(
        Inputs(), texts_there=Number(2000.0, Origin.STUDY, ""), tasks_there=Number(1.0, Origin.STUDY, "")
    )
    made = plans.plan(asked(Question.GAP), inputs)

    assert made.sizes == Sizes(1, 5, 2000, 0) and made.people_minutes == 0


def test_four_tasks_are_never_sold_as_a_test_of_the_slope() -> None:
    made = plans.plan(asked(Question.SLOPE, fixed=Sizes(tasks=4)), Inputs())

    assert not made.is_reached and made.power < 0.3
    assert "is out of reach" in plan_words.headline(made)
    assert plans.power_of(made.asked, Sizes(3, 3, 1000, 62), Inputs()) == 0


def test_the_smallest_effect_is_what_the_same_sizes_find() -> None:
    sizes = Sizes(10, 3, 300, 40)
    for question in (Question.SLOPE, Question.GAP):
        found = plans.smallest_effect(asked(question), sizes, Inputs())

        assert found is not None
        assert plans.power_of(asked(question, effect=found), sizes, Inputs()) >= 0.8
        assert plans.power_of(asked(question, effect=found - 0.002), sizes, Inputs()) < 0.8


def test_the_parts_of_the_error_come_back_from_measured_gaps() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        share = rng.choice([0.5, 0.9], size=400)  # of seeds that get a text right: p (1 - p) is 0.17 in the mean
        moved = share - rng.choice([0.0, 0.2], size=400)  # the difference has a variance of 0.01 over texts
        arms = [
            gaps.accuracy(np.zeros(400), rng.random((5, 400)) > one + rng.normal(size=(5, 1)) * 0.03)
            for one in (share, moved)
        ]
        found.append(gaps.gap(*arms))

    numbers = measured.of_gaps(found, "gaps")

    assert numbers["seed_sd"].value == pytest.approx(0.03, abs=0.01)
    assert numbers["text_variance"].value == pytest.approx(0.01, abs=0.01)
    assert numbers["answer_variance"].value == pytest.approx(0.19, abs=0.03)
    assert measured.of_gaps([gaps.gap(gaps.accuracy([0, 1], [0, 1]), gaps.accuracy([0, 1], [0, 0]))], "gaps") == {}


def test_the_figure_says_where_each_line_crosses_the_wanted_power() -> None:
    made = plans.plan(asked(Question.GAP), Inputs())
    table = curves.curves(made)

    assert set(table["line"]) == {"3 seeds", "5 seeds", "10 seeds", "20 seeds"}
    assert table["power"].between(0, 1).all()
    assert f"20 seeds: from about {made.sizes.test_texts:,} test texts on" in curves.reading(made, table)
    assert "3 seeds: not with 5,000 test texts" in curves.reading(made, table)


@pytest.mark.parametrize("tasks", [1, 3, 4, 10])
def test_the_card_says_what_sizes_can_show_in_sentences_without_undefined_numbers(tasks: int) -> None:
    sentences = [*shown.by_runs(Inputs(), tasks=tasks, seeds=3), *shown.by_ratings(Inputs(), tasks=tasks, seeds=3)]

    assert not any("nan" in sentence or "None" in sentence for sentence in sentences)
    assert any("needs 4 tasks" in sentence for sentence in sentences) == (tasks < 4)
    assert "With 2 seeds no gap has an interval" in shown.by_runs(Inputs(), tasks=tasks, seeds=2)[0]


def test_numbers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(StudyError, match="tau must be a number of 0 or more"):
        Inputs().given(tau=math.nan)
    with pytest.raises(StudyError, match="nothing to plan"):
        plans.plan(asked(Question.GAP), Inputs().given(seed_sd=0.0, text_variance=0.0))


def test_a_study_that_reaches_the_power_is_not_called_out_of_reach() -> None:
    made = plans.plan(asked(Question.SLOPE, effect=0.3, fixed=Sizes(tasks=7)), Inputs())

    assert made.is_reached and made.power >= made.asked.wanted
