"""The cheapest study that answers a question with a wanted power, or the power of a study of given sizes."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from core.analysis.inference import gaps, power
from core.analysis.inference.power import SlopeStudy
from core.analysis.planning.inputs import Inputs
from core.analysis.verdicts import verdict
from core.errors import StudyError

WANTED = 0.8
MOST_TASKS, MOST_SEEDS, MOST_TEXTS, MOST_RATINGS = (
    40,
    20,
    5000,
    200,
)  # of a study; seeds an arm, test texts and ratings a task
LEAST_TEXTS, LEAST_RATINGS = 30, 20
SEEDS = (3, 4, 5, 6, 8, 10, 14, MOST_SEEDS)
FEW_SEEDS = (3, 5, 10)  # where tasks count most
TEXTS = (50, 100, 200, 400, 1000, MOST_TEXTS)
RATINGS = (LEAST_RATINGS, 40, 80, MOST_RATINGS)
RULE = 1.3  # tasks that the reported test of a slope needs, for each that a t test needs; it only orders the candidates
SIMULATED = 6  # candidates whose tasks are counted by simulation
MOST_EFFECT = 0.5  # the largest gap, slope or difference that a size is asked about


class Question(StrEnum):
    """What a study is to find out.

    `slope`: whether the gap grows with subjectivity, over tasks. `gap`: whether a synthetic arm of one task differs from its real
    arm. `equivalence`: whether it is as good within a margin. `arms`: whether two synthetic arms differ, on one task or in the mean
    over tasks.
    """

    SLOPE = "slope"
    GAP = "gap"
    EQUIVALENCE = "equivalence"
    ARMS = "arms"


EFFECTS = {Question.SLOPE: 0.10, Question.GAP: 0.05, Question.EQUIVALENCE: 0.0, Question.ARMS: 0.05}


@dataclass(frozen=True)
class Sizes:
    """The sizes of a study. `seeds`: of each arm; `test_texts` and `ratings` (answers about subjectivity): of each task.

    None as a size stands for a size that the plan is to find.
    """

    tasks: int | None = None
    seeds: int | None = None
    test_texts: int | None = None
    ratings: int | None = None

    @property
    def whole(self) -> tuple[int, int, int, int]:
        """Tasks, seeds, test texts and ratings, 0 where a size is None."""
        return self.tasks or 0, self.seeds or 0, self.test_texts or 0, self.ratings or 0


@dataclass(frozen=True)
class Asked:
    """A question with what is to be found.

    `effect`: the true rise of the gap per standard deviation of subjectivity (slope), gap, difference (arms), or gap of an arm that is
    as good (equivalence), in score units. `margin`: of the equivalence test. `is_over_tasks`: arms are compared in the mean over tasks.
    `fixed`: sizes that are given. `wanted`: the power to reach.
    """

    question: Question
    effect: float
    margin: float = verdict.MARGIN
    is_over_tasks: bool = False
    fixed: Sizes = Sizes()
    wanted: float = WANTED

    @property
    def counts_tasks(self) -> bool:
        """Whether tasks are the independent unit."""
        return self.question is Question.SLOPE or self.is_over_tasks


@dataclass(frozen=True)
class Plan:
    """The answer to a question: the cheapest `sizes` that reach the wanted power, if any do.

    `power`: of these sizes. If `is_reached` is False, `sizes` are those of the largest study that was looked at, and `power` is the
    best that was reached. `minutes` of training on one slot and `cost_usd` of generation (None if unknown) are of the whole study;
    `people_minutes` are for test texts that are not there yet and for answers about subjectivity. `others` reach the power too and
    cost more, the cheaper first.
    """

    asked: Asked
    inputs: Inputs
    sizes: Sizes
    power: float
    is_reached: bool
    minutes: float
    cost_usd: float | None
    people_minutes: float
    others: tuple[Sizes, ...] = ()


def plan(asked: Asked, inputs: Inputs) -> Plan:
    """The cheapest study that reaches the wanted power. Raises `StudyError` for a question or sizes out of range."""
    check(asked, inputs)
    found = {sizes for sizes in _candidates(asked, inputs) if sizes is not None}
    if found:
        best, *others = sorted(found, key=lambda sizes: (effort_usd(asked, sizes, inputs), sizes.whole))
        return dataclasses.replace(_plan(asked, inputs, best, is_reached=True), others=tuple(others))
    return _plan(asked, inputs, _largest(asked, inputs), is_reached=False)


def power_of(asked: Asked, sizes: Sizes, inputs: Inputs) -> float:
    """The probability that a study of these sizes finds what is asked. Of a slope by 2,000 simulated studies under the reported
    test (CR2 by task, Satterthwaite degrees), else by formula on the degrees that the reported interval will have."""
    tasks, seeds, texts, ratings = sizes.whole
    if asked.question is Question.SLOPE:
        return power.simulated_power(asked.effect, _slope_study(sizes, inputs)) if tasks >= power.LEAST_TASKS else 0.0
    noise = inputs.noise
    se = noise.gap_error(seeds=seeds, texts=texts)
    if asked.is_over_tasks:
        return power.mean_power(asked.effect, tasks=tasks, tau=inputs.number("tau"), se=se) if tasks > 1 else 0.0
    reported = noise.reported(seeds=seeds, texts=texts)
    if asked.question is Question.EQUIVALENCE:
        return power.equivalence_power(asked.effect, asked.margin, se, reported=reported)
    return power.difference_power(asked.effect, se, reported=reported)


def smallest_effect(asked: Asked, sizes: Sizes, inputs: Inputs) -> float | None:
    """The smallest slope, gap or difference (of equivalence: margin) that a study of these sizes finds with the wanted power; None
    if it lies above 0.5."""

    def found(size: float) -> float:
        if asked.question is Question.EQUIVALENCE:
            return power_of(dataclasses.replace(asked, margin=size), sizes, inputs)
        return power_of(dataclasses.replace(asked, effect=size), sizes, inputs)

    low, high = 0.0, MOST_EFFECT
    if found(high) < asked.wanted:
        return None
    while high - low > 0.0005:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= asked.wanted else (middle, high)
    return high


def least_seeds(inputs: Inputs) -> int:
    """The fewest seeds that give a gap an interval."""
    return 1 if inputs.number("spread_df") > 0 else gaps.FEWEST_SEEDS


def minutes(sizes: Sizes, inputs: Inputs) -> float:
    """Minutes of training on one slot: two arms of every task, one encoder."""
    tasks, seeds, *_ = sizes.whole
    return 2 * tasks * seeds * inputs.number("seconds_per_run") / 60


def people_minutes(sizes: Sizes, inputs: Inputs) -> float:
    """Minutes of people: a label for each test text that is not there yet, and the answers about subjectivity."""
    tasks, _, texts, _ = sizes.whole
    there = min(tasks, int(inputs.number("tasks_there")))
    labels = there * max(0, texts - int(inputs.number("texts_there"))) + (tasks - there) * texts
    return (labels + answers(sizes, inputs)) * inputs.number("seconds_per_answer") / 60


def answers(sizes: Sizes, inputs: Inputs) -> int:
    """All answers about subjectivity; a comparison of two tasks is a single answer about both."""
    tasks, *_, ratings = sizes.whole
    return math.ceil(tasks * ratings / inputs.number("tasks_per_answer"))


def cost_usd(asked: Asked, sizes: Sizes, inputs: Inputs) -> float | None:
    """US dollars of generating the synthetic arms of every task; None if the price of a text is unknown."""
    arms = 2 if asked.question is Question.ARMS else 1
    cost = sizes.whole[0] * arms * inputs.number("train_size") * inputs.number("usd_per_text")
    return cost if math.isfinite(cost) else None


def effort_usd(asked: Asked, sizes: Sizes, inputs: Inputs) -> float:
    """What a study costs in all by the assumed prices of an hour of people and of training; texts of unknown price count 0."""
    people = people_minutes(sizes, inputs) / 60 * inputs.number("person_usd")
    machine = minutes(sizes, inputs) / 60 * inputs.number("machine_usd")
    return people + machine + (cost_usd(asked, sizes, inputs) or 0.0)


def _plan(asked: Asked, inputs: Inputs, sizes: Sizes, *, is_reached: bool) -> Plan:
    return Plan(
        asked,
        inputs,
        sizes,
        power_of(asked, sizes, inputs),
        is_reached,
        minutes(sizes, inputs),
        cost_usd(asked, sizes, inputs),
        people_minutes(sizes, inputs),
    )


def _slope_study(sizes: Sizes, inputs: Inputs) -> SlopeStudy:
    tasks, seeds, texts, ratings = sizes.whole
    error = math.sqrt(inputs.number("rating_variance") * (1 - 1 / tasks) / ratings)
    return SlopeStudy(tasks, inputs.number("tau"), inputs.noise.gap_error(seeds=seeds, texts=texts), error, 1.0)


def _largest(asked: Asked, inputs: Inputs) -> Sizes:
    """The largest study that is looked at, with the sizes that are fixed."""
    fixed = asked.fixed
    texts = max(MOST_TEXTS, int(inputs.number("texts_there")))
    return Sizes(
        fixed.tasks or (MOST_TASKS if asked.counts_tasks else 1),
        fixed.seeds or MOST_SEEDS,
        fixed.test_texts or texts,
        (fixed.ratings or MOST_RATINGS) if asked.question is Question.SLOPE else 0,
    )


def _candidates(asked: Asked, inputs: Inputs) -> Iterator[Sizes | None]:
    """Studies that reach the wanted power, each the smallest of its kind; None where no size does."""
    if not asked.counts_tasks:
        yield from (_fewest_texts(asked, inputs, seeds) for seeds in _seeds(asked, SEEDS))
        return
    there = int(inputs.number("texts_there"))
    texts = (
        [asked.fixed.test_texts] if asked.fixed.test_texts else [n for n in TEXTS if n >= there] + [there] * (there > 0)
    )
    ratings = [asked.fixed.ratings] if asked.fixed.ratings else RATINGS
    grid = [
        Sizes(None, *sizes)
        for sizes in product(_seeds(asked, FEW_SEEDS), texts, ratings if asked.question is Question.SLOPE else [0])
    ]
    if asked.is_over_tasks:
        found = [_fewest_tasks(asked, inputs, sizes, power_of) for sizes in grid]
        yield from found if any(found) else [_fewest_tasks(asked, inputs, _largest(asked, inputs), power_of)]
        return
    ruled = [sizes for one in grid if (sizes := _fewest_tasks(asked, inputs, one, _by_rule)) is not None]
    ruled.sort(key=lambda sizes: effort_usd(asked, sizes, inputs))
    first = [_fewest_tasks(asked, inputs, sizes, power_of) for sizes in ruled[:SIMULATED]]
    if not any(first) and (largest := _fewest_tasks(asked, inputs, _largest(asked, inputs), power_of)) is not None:
        further = (_fewest_tasks(asked, inputs, sizes, power_of) for sizes in ruled[SIMULATED:])
        first.append(next(filter(None, further), largest))
    yield from first


def _by_rule(asked: Asked, sizes: Sizes, inputs: Inputs) -> float:
    """The power of a t test of the slope with 1.3 times fewer tasks."""
    tasks = max(power.LEAST_TASKS, int(sizes.whole[0] / RULE))
    return power.slope_power(asked.effect, _slope_study(dataclasses.replace(sizes, tasks=tasks), inputs))


def _seeds(asked: Asked, usual: Sequence[int]) -> list[int]:
    return [asked.fixed.seeds] if asked.fixed.seeds else list(usual)


def _fewest_texts(asked: Asked, inputs: Inputs, seeds: int) -> Sizes | None:
    there = int(inputs.number("texts_there"))
    range_ = (
        (asked.fixed.test_texts,) * 2 if asked.fixed.test_texts else (max(there, LEAST_TEXTS), max(there, MOST_TEXTS))
    )
    return _first(
        range_, lambda texts: Sizes(1, seeds, texts, 0), lambda sizes: power_of(asked, sizes, inputs), asked.wanted
    )


def _fewest_tasks(
    asked: Asked, inputs: Inputs, sizes: Sizes, power_by: Callable[[Asked, Sizes, Inputs], float]
) -> Sizes | None:
    least = power.LEAST_TASKS if asked.question is Question.SLOPE else 2
    range_ = (asked.fixed.tasks,) * 2 if asked.fixed.tasks else (least, MOST_TASKS)
    return _first(
        range_,
        lambda tasks: dataclasses.replace(sizes, tasks=tasks),
        lambda sizes: power_by(asked, sizes, inputs),
        asked.wanted,
    )


def _first(
    between: tuple[int, int], sized: Callable[[int], Sizes], power_by: Callable[[Sizes], float], wanted: float
) -> Sizes | None:
    """The sizes at the first number in `between` (both ends included) that reaches the wanted power, which grows with it."""
    low, high = between
    if power_by(sized(high)) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_by(sized(middle)) >= wanted else (middle + 1, high)
    return sized(low)


def check(asked: Asked, inputs: Inputs) -> None:
    """Raise `StudyError` for an effect, margin, power or size out of range."""
    is_margin = asked.question is Question.EQUIVALENCE
    if not inputs.noise.gap_error(seeds=1, texts=1):
        raise StudyError("Where scores spread neither over seeds nor over texts there is nothing to plan.")
    if not 0 < asked.wanted < 1:
        raise StudyError(f"The wanted power lies between 0 and 1, such as 0.8; it is {asked.wanted:g}.")
    if is_margin and not 0 < asked.margin < 1:
        raise StudyError(f"The margin lies between 0 and 1, such as 0.05 for 5 points; it is {asked.margin:g}.")
    if is_margin and not 0 <= asked.effect < asked.margin:
        raise StudyError(
            f"The true gap must lie below the margin, {asked.margin:g}, to be shown within it; it is {asked.effect:g}."
        )
    if not is_margin and not 0 < asked.effect < 1:
        raise StudyError(
            f"What is to be found lies between 0 and 1, such as 0.05 for 5 points; it is {asked.effect:g}."
        )
    least = {
        "tasks": power.LEAST_TASKS if asked.question is Question.SLOPE else 2 if asked.is_over_tasks else 1,
        "seeds": least_seeds(inputs),
        "test_texts": 2,
        "ratings": 1,
    }
    for name, value in dataclasses.asdict(asked.fixed).items():
        if value is not None and value < least[name]:
            raise StudyError(
                f"This question needs at least {least[name]} {name.replace('_', ' ')}; {value} were given."
            )
    if asked.fixed.ratings is not None and asked.question is not Question.SLOPE:
        raise StudyError("Answers about subjectivity belong to the question slope; this question needs none.")
    if asked.fixed.tasks is not None and not asked.counts_tasks and asked.fixed.tasks != 1:
        raise StudyError(f"This question is about one task; {asked.fixed.tasks} were given.")
