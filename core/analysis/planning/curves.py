"""Power against the number of tasks or test texts: the table and the reading of the figure of a plan."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import pandas as pd

from core.analysis.planning import plan_words, plans
from core.analysis.planning.plans import Asked, Plan, Question, Sizes

TASKS = (4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 35, plans.MOST_TASKS)
TEXTS = (30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, plans.MOST_TEXTS)
SEEDS = (3, 5, 10, plans.MOST_SEEDS)
TIMES = (0.5, 1.0, 1.5)  # the effect that is asked about


def axis(asked: Asked) -> str:
    """The column of the table that the figure draws from left to right: tasks or test_texts."""
    return "tasks" if asked.counts_tasks else "test_texts"


def curves(plan: Plan) -> pd.DataFrame:
    """The power of studies around a plan: columns line, tasks, seeds, test_texts, ratings (of each task), power in [0, 1].

    Where tasks count, a line is for an effect half, once and 1.5 times as large as is asked about; else for a number of seeds.
    """
    rows = [(line, *sizes.whole, plans.power_of(asked, sizes, plan.inputs)) for line, asked, sizes in _studies(plan)]
    return pd.DataFrame(rows, columns=["line", "tasks", "seeds", "test_texts", "ratings", "power"])


def reading(plan: Plan, table: pd.DataFrame) -> str:
    """From where on each line of the figure reaches the wanted power, and what this means for the decision."""
    along, asked = axis(plan.asked), plan.asked
    unit = "tasks" if along == "tasks" else "test texts"
    parts = []
    for line, own in table.groupby("line", sort=False):
        reached = _crossing(own[along].tolist(), own["power"].tolist(), asked.wanted)
        where = f"from about {reached:,} {unit} on" if reached else f"not with {own[along].max():,} {unit}"
        parts.append(f"{line}: {where}")
    drawn = " (2,000 simulated studies a point, give or take 2 %)" if asked.question is Question.SLOPE else ""
    return (
        f"{plan_words.percent(asked.wanted)} power{drawn}: {'; '.join(parts)}. Below the dotted line a study misses too often what is "
        "there: spend on what lifts your line over it, or do not run it."
    )


def _crossing(sizes: Sequence[int], powers: Sequence[float], wanted: float) -> int | None:
    """Where a line first reaches the wanted power, between two sizes by a straight line; None if no size does."""
    at = next((place for place, power in enumerate(powers) if power >= wanted), None)
    if not at:
        return None if at is None else sizes[0]
    share = (wanted - powers[at - 1]) / (powers[at] - powers[at - 1])
    return math.ceil(sizes[at - 1] + share * (sizes[at] - sizes[at - 1]))


def _studies(plan: Plan) -> Iterator[tuple[str, Asked, Sizes]]:
    asked, sizes = plan.asked, plan.sizes
    if asked.counts_tasks:
        for times in TIMES:
            larger = dataclasses.replace(asked, effect=min(asked.effect * times, 0.99))
            for tasks in sorted({*TASKS, sizes.whole[0]}):
                yield plan_words.points(larger.effect), larger, dataclasses.replace(sizes, tasks=tasks)
        return
    for seeds in sorted({*SEEDS, sizes.whole[1]}):
        for texts in sorted({*TEXTS, sizes.whole[2]}):
            yield f"{seeds} seeds", asked, dataclasses.replace(sizes, seeds=seeds, test_texts=texts)
