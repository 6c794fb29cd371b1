"""Whether the power that the planner names is that of the test that is reported: slope, gap, equivalence, arm against arm."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.analysis.inference import clusters, comparisons, gaps
from core.analysis.planning import measured, plans
from core.analysis.planning.inputs import Inputs, Number, Origin
from core.analysis.planning.plans import Asked, Question, Sizes
from core.subjectivity.statistics import ranking
from tests.simulations import test_gap_intervals as intervals
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack
from tests.simulations.test_gap_intervals import TEXT_SD, Cell, classes_of

OFF = 5  # points of power
REAL = 1.6  # logit of a right answer of the real arm


class Design(NamedTuple):
    """`lost`: logits that the second arm lies below the first."""

    question: Question
    cell: Cell
    lost: float
    margin: float = 0.05


DESIGNS = [
    Design(Question.GAP, Cell(74, 3, "medium"), 0.9),
    Design(Question.GAP, Cell(200, 3, "small"), 0.5),
    Design(Question.GAP, Cell(500, 3, "medium", 0.87), 0.4),
    Design(Question.GAP, Cell(1000, 5, "medium"), 0.3),
    Design(Question.GAP, Cell(500, 10, "large"), 0.6),
    Design(Question.EQUIVALENCE, Cell(200, 3, "small"), 0.0, 0.08),
    Design(Question.EQUIVALENCE, Cell(500, 5, "medium"), 0.0, 0.06),
    Design(Question.EQUIVALENCE, Cell(1000, 10, "medium"), 0.1),
    Design(Question.ARMS, Cell(300, 5, "medium"), 0.4),
    Design(Question.ARMS, Cell(1000, 3, "small", 0.25, 4), 0.3),
]


def expected_score(logit: float, cell: Cell) -> float:
    """The macro-F1 over endlessly many texts, in the mean over trainings."""
    return float(intervals.expected_f1(logit, cell).mean())


def scored(
    rng: np.random.Generator, logit: float, cell: Cell, actual: np.ndarray, difficulty: np.ndarray
) -> gaps.Scored:
    return gaps.macro_f1(actual, intervals.answered(rng, logit, cell, actual, difficulty))


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("design", DESIGNS, ids=[f"{one.question} {one.cell} {one.lost}" for one in DESIGNS])
def test_the_power_on_one_task_is_that_of_the_reported_interval(design: Design, note: Note) -> None:
    rng = np.random.default_rng(DESIGNS.index(design))
    cell, first = design.cell, 1.2 if design.question is Question.ARMS else REAL
    true = expected_score(first, cell) - expected_score(first - design.lost, cell)
    asked = Asked(design.question, true, design.margin)
    planned = 100 * plans.power_of(asked, Sizes(1, cell.seeds, cell.texts, 0), piloted(rng, cell, first, design.lost))
    found = [answered(asked, one_gap(rng, cell, first, design.lost)) for _ in range(STUDIES)]

    note_row(note, design.question, Sizes(1, cell.seeds, cell.texts, 0), true, planned, 100 * float(np.mean(found)))
    assert abs(planned - 100 * float(np.mean(found))) <= OFF + slack(planned)


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize(("tasks", "tau"), [(6, 0.04), (12, 0.06)])
def test_the_power_of_arms_over_tasks_is_that_of_the_reported_mean(tasks: int, tau: float, note: Note) -> None:
    rng = np.random.default_rng(tasks)
    cell, lost = Cell(300, 3, "medium"), 0.4
    true = expected_score(1.2, cell) - expected_score(1.2 - lost, cell)
    inputs = dataclasses.replace(piloted(rng, cell, 1.2, lost), tau=Number(tau, Origin.GIVEN, ""))
    sizes, asked = Sizes(tasks, cell.seeds, cell.texts, 0), Asked(Question.ARMS, true, is_over_tasks=True)
    planned, found = 100 * plans.power_of(asked, sizes, inputs), []
    for _ in range(STUDIES):
        own = [one_gap(rng, cell, 1.2, lost) for _ in range(tasks)]
        apart = rng.normal(size=tasks) * tau
        pooled = comparisons.pooled([gap.value for gap in own] + apart, [gap.se for gap in own])
        found.append(pooled.p < 0.05)

    note_row(note, "arms over tasks", sizes, true, planned, 100 * float(np.mean(found)))
    assert abs(planned - 100 * float(np.mean(found))) <= OFF + slack(planned)


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize(("tasks", "ratings", "rise"), [(6, 62, 0.15), (10, 62, 0.1), (16, 30, 0.1), (24, 62, 0.06)])
def test_the_power_of_a_slope_is_that_of_the_reported_test(tasks: int, ratings: int, rise: float, note: Note) -> None:
    rng = np.random.default_rng([tasks, ratings])
    cell, at = Cell(200, 3, "medium"), np.linspace(-3, 5, 200)
    scores = np.array([expected_score(logit, cell) for logit in at])
    sizes, asked = Sizes(tasks, cell.seeds, cell.texts, ratings), Asked(Question.SLOPE, rise)
    inputs = piloted(rng, cell, REAL, 0.6)
    planned = 100 * plans.power_of(asked, sizes, inputs)
    best, found = expected_score(REAL, cell), []
    for _ in range(STUDIES):
        x = rng.normal(size=tasks)
        wanted = np.clip(best - 0.1 - rise * x - rng.normal(size=tasks) * inputs.number("tau"), scores[0], scores[-1])
        own = [one_gap(rng, cell, REAL, REAL - float(np.interp(score, scores, at))).value for score in wanted]
        place = strengths(rng, x, ratings)
        design = np.column_stack([np.ones(tasks), place])
        found.append(clusters.fit(design, own, np.arange(tasks)).coefficient(1).p < 0.05)

    note_row(note, "slope", sizes, rise, planned, 100 * float(np.mean(found)))
    assert abs(planned - 100 * float(np.mean(found))) <= OFF + slack(planned)


def note_row(note: Note, question: str, sizes: Sizes, effect: float, planned: float, simulated: float) -> None:
    tasks, seeds, texts, ratings = sizes.whole
    note(
        question=str(question), tasks=tasks, seeds=seeds, texts=texts, comparisons=ratings, effect=effect, planned=planned,
        simulated=simulated,
    )  # fmt: skip


def answered(asked: Asked, gap: gaps.Gap) -> bool:
    """Whether what is reported of a gap says what was asked."""
    if asked.question is Question.EQUIVALENCE:
        return comparisons.equivalence(gap, margin=asked.margin).is_equivalent
    return gap.low > 0 or gap.high < 0


def piloted(rng: np.random.Generator, cell: Cell, first: float, lost: float) -> Inputs:
    """The numbers that the planner takes from a study, here one with many texts and seeds."""
    pilots = [one_gap(rng, cell._replace(texts=4000, seeds=20), first, lost) for _ in range(3)]
    return dataclasses.replace(Inputs(), **measured.of_gaps(pilots, "pilots"))


def one_gap(rng: np.random.Generator, cell: Cell, first: float, lost: float) -> gaps.Gap:
    actual = classes_of(cell)
    difficulty = rng.normal(size=cell.texts) * TEXT_SD
    one, other = (scored(rng, logit, cell, actual, difficulty) for logit in (first, first - lost))
    return gaps.gap(one, other)


def strengths(rng: np.random.Generator, x: np.ndarray, ratings: int) -> np.ndarray:
    """Bradley-Terry strengths of tasks of subjectivity `x`, each compared `ratings` times, by raters with a view of their own."""
    n, tasks = len(x) * ratings // 2, len(x)
    left = rng.integers(0, tasks, n)
    right = (left + rng.integers(1, tasks, n)) % tasks
    rater = np.arange(n) // 10
    own = x + rng.normal(size=(rater[-1] + 1, tasks)) * 0.4
    wins = rng.random(n) < 1 / (1 + np.exp(own[rater, right] - own[rater, left]))
    table = pd.DataFrame({
        "rater_id": rater.astype(str), "left": left.astype(str), "right": right.astype(str),
        "winner": np.where(wins, "left", "right"),
    })  # fmt: skip
    found = ranking.bradley_terry(table).strength
    return np.array([found[str(task)].value for task in range(tasks)])
