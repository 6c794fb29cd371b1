"""What given seeds, test texts and ratings can show, in sentences for the cards beside Train and Campaigns"""

import dataclasses

from core.analysis.inference import power
from core.analysis.planning import plan_words, plans
from core.analysis.planning.inputs import Inputs
from core.analysis.planning.plans import Asked, Question, Sizes

PER_STEP = " per standard deviation of subjectivity"
USUAL_TEXTS, USUAL_RATINGS = 300, 40  # said where the study has none yet


def by_runs(inputs: Inputs, *, tasks: int, seeds: int) -> list[str]:
    """What runs of so many tasks and seeds can show: a gap, equivalence, a slope."""
    sizes = _of_study(inputs, tasks=tasks, seeds=seeds)
    if seeds < plans.least_seeds(inputs):
        return [
            f"With {seeds} seed{'s' if seeds > 1 else ''} no gap has an interval: {plans.least_seeds(inputs)} are needed."
        ]
    none_yet = "" if inputs.number("texts_there") else " (no task has any yet)"
    there = f"With {seeds} seeds and {sizes.test_texts:,} test texts{none_yet}"
    gap, margin = (_smallest(question, sizes, inputs) for question in (Question.GAP, Question.EQUIVALENCE))
    return [
        f"{there} {_found('a difference from real', gap)}; an arm that is exactly as good as real is shown to be so "
        + (f"within {plan_words.points(margin)}." if margin else "within no margin up to 50 points."),
        _slope(sizes, inputs),
    ]


def by_ratings(inputs: Inputs, *, tasks: int, seeds: int) -> list[str]:
    """What the answers about subjectivity can show of a slope, and what twice as many, or twice as many tasks, would change."""
    sizes = _of_study(inputs, tasks=tasks, seeds=max(seeds, plans.least_seeds(inputs)))
    sentences = [_slope(sizes, inputs)]
    if tasks >= power.LEAST_TASKS:
        more_answers = dataclasses.replace(sizes, ratings=2 * sizes.whole[3])
        more_tasks = dataclasses.replace(sizes, tasks=2 * tasks)
        answers, others = (_smallest(Question.SLOPE, larger, inputs) for larger in (more_answers, more_tasks))
        sentences.append(
            f"Twice as many {plan_words.answer_name(inputs)}: {_found('a rise', answers)}. Twice as many tasks: {_found('a rise', others)}."
        )
    return sentences


def _of_study(inputs: Inputs, *, tasks: int, seeds: int) -> Sizes:
    """Sizes with the test texts and answers of the study, or usual numbers of them."""
    texts, ratings = (int(inputs.number(name)) for name in ("texts_there", "ratings_there"))
    return Sizes(tasks, seeds, texts or USUAL_TEXTS, ratings or USUAL_RATINGS)


def _slope(sizes: Sizes, inputs: Inputs) -> str:
    tasks, _, _, ratings = sizes.whole
    if tasks < power.LEAST_TASKS:
        return f"Whether the gap grows with subjectivity needs {power.LEAST_TASKS} tasks for an interval; there are {tasks}."
    none_yet = "" if inputs.number("ratings_there") else " (there are none yet)"
    start = f"With {tasks} tasks and {ratings} {plan_words.answer_name(inputs)} a task{none_yet}"
    rise = _smallest(Question.SLOPE, sizes, inputs)
    return f"{start} {_found('a rise of the gap', rise, PER_STEP)}."


def _found(what: str, effect: float | None, per: str = "") -> str:
    if effect is None:
        return f"even {what} by 50 points{per} is not found with {plan_words.percent(plans.WANTED)} power"
    return f"{what} by {plan_words.points(effect)}{per} is found with {plan_words.percent(plans.WANTED)} power"


def _smallest(question: Question, sizes: Sizes, inputs: Inputs) -> float | None:
    return plans.smallest_effect(Asked(question, plans.EFFECTS[question]), sizes, inputs)
