"""A plan in words: what is needed, what it costs, what it means for the decision, and which numbers are assumed."""

import math

from core.analysis.planning import plans
from core.analysis.planning.inputs import Inputs, Origin
from core.analysis.planning.plans import Asked, Plan, Question, Sizes

NAMES = {
    "seed_sd": "Spread of one arm's score over seeds (standard deviation)",
    "text_variance": "Variance over test texts of real correct minus synthetic correct",
    "answer_variance": "Variance of one answer over seeds",
    "spread_df": "Degrees of freedom that other arms lend to the spread over seeds",
    "tau": "Spread of tasks beyond subjectivity (standard deviation)",
    "rating_variance": "Variance of a task's subjectivity from one answer (tasks' spread = 1)",
    "tasks_per_answer": "Tasks that one answer about subjectivity is about",
    "seconds_per_run": "Seconds of one training",
    "usd_per_text": "US dollars of one kept text",
    "train_size": "Training texts of an arm",
    "seconds_per_answer": "Seconds of one label or answer",
    "texts_there": "Labelled test texts that a task has",
    "tasks_there": "Tasks with test texts",
    "ratings_there": "Answers about a task's subjectivity",
    "person_usd": "US dollars of an hour of people",
    "machine_usd": "US dollars of an hour of training",
}
UNCERTAIN = (
    "The measured spreads are uncertain themselves: from gaps with 3 seeds and 200 test texts, a study whose power is 80 % is planned "
    "as one with 46 to 99 % (one gap), 59 to 99 % (four gaps) or 71 to 95 % (twelve)."
)
TOO_HIGH = 4  # points of power by which simulated studies stay under the plan at most: docs/methods.md
ONE_ENCODER = (
    "One encoder; minutes are those of one training after another; training texts of the real arm are taken as there."
)


def points(share: float) -> str:
    """A gap in score units as points: "5 points", "1 point", "2.5 points"."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text} point{'' if text == '1' else 's'}"


def percent(share: float) -> str:
    """A power as "80 %"; "under 1 %" and "over 99 %" at the ends."""
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def aim(asked: Asked) -> str:
    """What is to be found, as the end of "A study that ..."."""
    effect = points(asked.effect)
    if asked.question is Question.SLOPE:
        return f"finds that the gap grows by {effect} per standard deviation of subjectivity over tasks"
    if asked.question is Question.GAP:
        return f"tells a gap of {effect} from none"
    if asked.question is Question.EQUIVALENCE:
        true = "is exactly as good" if not asked.effect else f"loses {effect}"
        return f"shows an arm as good as real within {points(asked.margin)}, where the arm in truth {true},"
    where = "in the mean over tasks" if asked.is_over_tasks else "on one task"
    return f"tells two synthetic arms that differ by {effect} {where} apart"


def size_words(asked: Asked, sizes: Sizes, inputs: Inputs) -> str:
    """The sizes of a study in words: "20 tasks, 3 seeds an arm, 50 test texts a task and 20 comparisons a task (200 in all)"."""
    tasks, seeds, texts, ratings = sizes.whole
    parts = [f"{tasks} task{'s' if tasks > 1 else ''}", f"{seeds} seed{'s' if seeds > 1 else ''} an arm"]
    parts.append(f"{texts:,} test texts{' a task' if tasks > 1 else ''}")
    if asked.question is Question.SLOPE:
        parts.append(f"{ratings} {answer_name(inputs)} a task ({plans.answers(sizes, inputs):,} in all)")
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def answer_name(inputs: Inputs) -> str:
    """What one answer about subjectivity is called, in the plural."""
    return "comparisons" if inputs.number("tasks_per_answer") > 1 else "ratings"


def headline(plan: Plan) -> str:
    """What is needed, or that no study within the limits reaches the wanted power, with the best power reached."""
    sizes = size_words(plan.asked, plan.sizes, plan.inputs)
    goal = f"A study that {aim(plan.asked)}"
    if plan.is_reached:
        return f"{goal} in {percent(plan.power)} of cases needs {sizes}."
    reached = percent(plan.power)
    return f"{goal} in {percent(plan.asked.wanted)} of cases is out of reach: {sizes} find it in {reached}."


def effort(plan: Plan) -> str:
    """What the sizes of a plan cost: training, people, generation."""
    training = minutes_words(plan.minutes)
    cost = "generation at an unknown price" if plan.cost_usd is None else f"${plan.cost_usd:,.2f} of generation"
    return f"That is {training} of training, {minutes_words(plan.people_minutes)} of people's time, and {cost}. {ONE_ENCODER}"


def meaning(plan: Plan) -> str:
    """What the plan means for the decision."""
    asked = plan.asked
    if not plan.is_reached:
        if asked.question is Question.EQUIVALENCE:
            return "Do not promise this result: ask for a wider margin, or for more seeds and texts than are looked at here."
        return "A study of this size that finds nothing shows nothing: ask for a larger effect, or report the interval only."
    missed = percent(1 - plan.power)
    if asked.question is Question.EQUIVALENCE:
        return f"In the other {missed} of cases the study ends with “not shown”, although the arm is as good."
    return (
        f"If the effect is there, {missed} of such studies miss it; a smaller study that finds nothing shows nothing."
    )


def basis(plan: Plan) -> str:
    """How the power was computed, and how far it rests on assumptions."""
    if plan.asked.question is Question.SLOPE:
        how = "Power from 2,000 simulated studies under the test that is reported (CR2 by task, Satterthwaite degrees)."
    else:
        how = "Power by formula, over what the reported interval will be by chance."
    how += (
        f" In 1,000 simulated studies of each of 16 designs the power was up to {TOO_HIGH} points lower than planned."
    )
    if plan.inputs.text_variance.origin is Origin.ASSUMED:
        return f"{how} The spreads over seeds and texts are assumed: train one task with 3 seeds, then plan again from its runs."
    if plan.inputs.text_variance.origin is Origin.STUDY and plan.asked.question is not Question.SLOPE:
        return f"{how} {UNCERTAIN}"
    return how


def assumptions(inputs: Inputs) -> list[dict[str, object]]:
    """Every number that a plan rests on: name, value (None if unknown), where it is from (study, assumption, given), and words."""
    found = []
    for name in NAMES:
        number = getattr(inputs, name)
        value = number.value if number.value is None or math.isfinite(number.value) else None
        found.append({"name": name, "value": value, "from": str(number.origin), "words": number.words})
    return found


def minutes_words(number: float) -> str:
    """A number of minutes as "12 minutes", from 90 on as "3.5 hours"."""
    if number < 90:
        return f"{math.ceil(number)} minute{'' if math.ceil(number) == 1 else 's'}"
    return f"{number / 60:.1f}".removesuffix(".0") + " hours"
