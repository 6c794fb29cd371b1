"""A verdict in words: its headline, its reasons, and a comment for a pull request."""

import math
from collections.abc import Sequence

from core.analysis.inference.power import Noise
from core.analysis.verdicts.measured import WITHIN_80, ArmGap
from core.analysis.verdicts.verdict import FEW_TASKS, LIKELY, UNLIKELY, Advice, ArmVerdict, Verdict
from core.interval import Interval, clopper_pearson
from core.subjectivity.levels import Measure
from core.wording import counted, listed, markdown_text, percent, shown

PILOT_SEEDS, PILOT_TEXTS = 3, 300
SURE_TASKS = 6  # from so many tasks on, how much tasks differ is known well enough to say no more about it
AGREEMENT_WORDS = ((0.8, "people agree well"), (0.667, "people agree moderately"), (0.4, "people agree little"))
WITHHELD = (
    "Train the real arm with more steps or on more real texts, or check its labels; more real test texts narrow its score. A verdict "
    "follows once the real arm is shown to beat chance and always the commonest label."
)
UNLEARNED = "No verdict yet: {why}, so a gap to it means nothing. Train with more steps or on more real texts, or test on more real texts."
UNCOMPARED = "No verdict yet: people compared the other tasks but not this one. Compare this task with the others."
COMPARE = (
    "Ask people in a campaign of comparisons which task is more subjective, or train an arm of this task: a gap measured here "
    "needs no comparison."
)
ADVICE_WORDS = {
    Advice.GENERATE: "Generate: train on {arm} texts.",
    Advice.MIX: "Mix: train on {arm} texts, synthetic beside real ones.",
    Advice.COLLECT: "Collect real texts: {arms} texts are not likely to stay within the margin.",
    Advice.PILOT: "Pilot first: what is known does not decide.",
}
OPEN = (
    "It cannot be told yet whether {arm} texts stay within the margin: the interval holds both {within} and a loss above the margin. More "
    "real test texts, more seeds or longer training narrow it."
)
OF_OWN = "{it} of new test texts and new trainings, not of another set of generated texts."
TRY = (
    "Pilot {arm} texts first: they were not trained yet and may stay within the margin; what is measured of {measured} texts does not "
    "show that they do."
)
MORE = (
    "Measure more: {arm} texts are neither likely nor unlikely to stay within the margin. More real test texts, more seeds or another arm "
    "may settle it."
)


def points(gap: float) -> str:
    """A gap as whole points, such as "22" for 0.22; one decimal under 1 point."""
    scaled = 100 * gap
    if abs(scaled) < 0.05:
        return "0"
    return f"{scaled:.1f}" if abs(scaled) < 0.95 else f"{scaled:.0f}"


def counted_points(gap: float) -> str:
    """A gap as points with the word, such as "1 point" or "-2 points"."""
    return f"{points(gap)} {'point' if points(gap) in {'1', '-1'} else 'points'}"


def amount(gap: float, low: float, high: float, *, level: int, more: str = "") -> str:
    """A gap as points lost, or gained where it lies below 0, with its interval and the level of the interval in percent, such as
    "20 points lost (95 % interval [16, 24])"; `more` stands in the brackets too."""
    is_gain = gap < 0 and points(gap) != "0"
    limits = between_gains(low, high) if is_gain else between(low, high)
    return f"{counted_points(abs(gap))} {'gained' if is_gain else 'lost'} ({level} % interval {limits}{more})"


def margin_points(margin: float) -> str:
    """A margin as points with the word and all its digits, such as "2.5 points"."""
    return f"{100 * margin:.6g} {'point' if math.isclose(margin, 0.01) else 'points'}"


def between(low: float, high: float) -> str:
    """The limits of a gap in points, such as "[19, 26]"."""
    return f"[{points(low)}, {points(high)}]"


def between_gains(low: float, high: float) -> str:
    """The limits of a gap in points where its value is a gain, such as "[2, 6]" for a gain of 2 to 6; a limit that is a loss is named,
    such as "[4 lost, 6 gained]", as figures show losses to the right."""
    if not high > 0 or points(high) == "0":
        return between(-high, -low)
    return f"[{points(high)} lost, {points(-low)} gained]"


def headline(found: Verdict, measure: Measure | None = None) -> str:
    """The verdict in one or two sentences, with the gaps that the task's own runs measured, if there are any."""
    if found.is_withheld:
        return _why_withheld(found)[0]
    measured = [(arm, one) for arm in found.arms for one in arm.own]
    if measured:
        said = "; ".join(_lost(one, named=_name(arm, one)) for arm, one in measured)
        people = agreement_words(found.subjectivity, measure)
        named = next(arm for arm in found.arms if arm.arm == found.arm)
        cut = (
            f" What is expected of {named.arm} is not settled{_cut_tasks(named)}."
            if not named.own and _cut_tasks(named)
            else ""
        )
        return f"{said}{f'; {people}' if people else ''}. {advised(found)}{cut}"
    named = next(arm for arm in found.arms if arm.arm == found.arm)
    cut = _inside(_cut(named) or _cut_tasks(named))
    expected = amount(found.expected_gap, found.low, found.high, level=80, more=cut)
    if not any(arm.n_tasks for arm in found.arms):
        return (
            "Nothing is measured yet: no gap of this task has an interval, and no other task has a gap that counts and a subjectivity. "
            f"From a weak assumption alone: {expected} with {found.arm} texts. Trainings of this task on real and on LLM texts, with 3 "
            "seeds each, measure it."
        )
    return f"Expected with {found.arm}: {expected}. {advised(found)}"


def brief(found: Verdict) -> str:
    """What stands behind the advice, in a line: the gap of the arm that it names, measured or expected."""
    if found.is_withheld:
        return _why_withheld(found)[0]
    named = next(arm for arm in found.arms if arm.arm == found.arm)
    if named.own:
        return "; ".join(_lost(one, named=_name(named, one)) for one in named.own)
    cut = _inside(_cut_tasks(named))
    return f"Expected with {named.arm}: {amount(named.gap, named.low, named.high, level=80, more=cut)}"


def reasons(found: Verdict, measure: Measure | None = None) -> list[str]:
    """Why the verdict is what it is, a sentence or two for each reason."""
    if found.is_withheld:
        return [_why_withheld(found)[1]]
    named = next(arm for arm in found.arms if arm.arm == found.arm)
    said = [_subjectivity(found, measure), _expectation(found, named), _tasks(named)]
    own = [_own(one, named=_name(arm, one)) for arm in found.arms for one in arm.own]
    said += [*own, OF_OWN.format(it="They speak" if len(own) > 1 else "It speaks")] if own else [_pilot(named)]
    return [reason for reason in (*said, *_warnings(found)) if reason]


def advised(found: Verdict) -> str:
    """What to do, in a sentence or two."""
    measured = [arm for arm in found.arms if arm.own]
    if found.advice == Advice.PILOT and measured:
        may_do = [arm for arm in measured if arm.chance > UNLIKELY or arm.has_no_loss]
        undecided = [arm for arm in may_do if arm.is_undecided(found.margin)]
        named = next((arm for arm in undecided if arm.arm == found.arm), next(iter(undecided), None))
        if named is not None:
            return OPEN.format(arm=named.arm, within="no loss" if named.has_no_loss else "a loss within the margin")
        if found.arm not in [arm.arm for arm in measured]:
            return TRY.format(arm=found.arm, measured=" and ".join(arm.arm for arm in measured))
        return MORE.format(arm=found.arm)
    said = ADVICE_WORDS[found.advice].format(arm=found.arm, arms=" and ".join(arm.arm for arm in found.arms))
    return said + (_surer(found) if found.advice in (Advice.GENERATE, Advice.MIX) else "")


def _surer(found: Verdict) -> str:
    """A sentence about arms that are surer than the one advised, which is the simplest of the likely ones; "" without any."""
    named = next(arm for arm in found.arms if arm.arm == found.arm)
    percent = round(100 * named.chance)
    surer = [
        arm.arm for arm in found.arms if arm.is_known and round(100 * arm.chance) > percent and arm.gap < named.gap
    ]
    if not surer:
        return ""
    return f" They are the simplest that are likely to lose at most {margin_points(found.margin)}; {listed(surer)} texts are surer still."


def agreement_words(subjectivity: Interval | None, measure: Measure | None) -> str:
    """How far people agree, in words; "" where they were not asked to label texts."""
    if subjectivity is None or measure != Measure.RATINGS or not math.isfinite(subjectivity.value):
        return ""
    alpha = 1 - subjectivity.value
    return next((words for least, words in AGREEMENT_WORDS if alpha >= least), "people hardly agree")


def markdown(
    found: Verdict, measure: Measure | None = None, *, costs: Sequence[str] = (), changes: Sequence[str] = ()
) -> str:
    """The verdict as a comment for a pull request, with names and sentences escaped.

    `costs` and `changes` are sentences of `around.of_verdict`.
    """
    task = markdown_text(found.task)
    if found.is_withheld:
        return f"### {task}: no verdict\n\n{markdown_text(' '.join(_why_withheld(found)))}\n"
    rows = [
        f"| {markdown_text(arm.arm + _cut(arm))} | {points(arm.gap)} | {between(arm.low, arm.high)} | {percent(arm.chance)} |"
        for arm in found.arms
    ]
    return "\n".join(
        [
            f"### {task}: {found.advice}",
            "",
            markdown_text(headline(found, measure)),
            "",
            f"| arm | points lost | 80 % interval | chance to lose at most {margin_points(found.margin)} |",
            "|---|---:|---:|---:|",
            *rows,
            "",
            *(f"- {markdown_text(reason)}" for reason in reasons(found, measure)),
            "",
            *_listed("What it costs", costs),
            *_listed("What would change it", changes),
        ]
    )


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    return [f"#### {title}", "", *(f"- {markdown_text(sentence)}" for sentence in sentences), ""] if sentences else []


def _why_withheld(found: Verdict) -> tuple[str, str]:
    """Why there is no verdict, and what to do."""
    return (UNCOMPARED, COMPARE) if found.is_uncompared else (UNLEARNED.format(why=found.why_unlearned), WITHHELD)


def _name(arm: ArmVerdict, one: ArmGap) -> str:
    """The name of an arm, with the encoder of a gap where the arm has gaps with several."""
    return f"{arm.arm} with {one.encoder}" if len(arm.own) > 1 else arm.arm


def _lost(one: ArmGap, *, named: str) -> str:
    cut = _inside(_of_runs(one.gap.unconverged, sum(one.gap.n_seeds)))
    return f"{named}: {amount(one.gap.value, one.gap.low, one.gap.high, level=95, more=cut)}"


def _cut(arm: ArmVerdict) -> str:
    """How many of the runs behind the arm's own gaps had not converged, in brackets; "" if all had."""
    return _of_runs(arm.unconverged, arm.n_runs)


def _of_runs(unconverged: int, n: int) -> str:
    return f" ({unconverged} of {counted(n, 'run')} not converged)" if unconverged else ""


def _inside(brackets: str) -> str:
    """Words in brackets as a further part of other brackets: "; 2 of 6 runs not converged"."""
    return f"; {brackets.strip(' ()')}" if brackets else ""


def _cut_tasks(arm: ArmVerdict) -> str:
    """How many of the other tasks behind an expectation have runs that had not converged, in brackets; "" if none has."""
    if not arm.cut_tasks:
        return ""
    return f" ({arm.cut_tasks} of {counted(arm.n_tasks, 'other task')} with runs not converged)"


def _subjectivity(found: Verdict, measure: Measure | None) -> str:
    if found.is_uncompared:
        return "It is in no comparison, so the other tasks say nothing about it: compare this task with the others."
    if found.subjectivity is None and found.is_rated:
        return (
            "People rated this task, but their answers give no number for its subjectivity (as where all are alike, or each text has one "
            "rater), so it is taken as an average task of the study."
        )
    if found.subjectivity is None:
        return "Nobody rated this task, so it is taken as an average task of the study."
    words = agreement_words(found.subjectivity, measure)
    return f"Its subjectivity is {found.subjectivity.text()}{f': {words}' if words else ''}."


def _expectation(found: Verdict, arm: ArmVerdict) -> str:
    resting = (
        f" It rests on runs that had not converged in {counted(arm.cut_tasks, 'other task')}, so it may change with longer training."
        if arm.cut_tasks
        else ""
    )
    chance = f"The chance to lose at most {margin_points(found.margin)} is {percent(arm.chance)}.{resting}"
    if arm.own:
        return f"Its own runs and the expectation together: {amount(arm.gap, arm.low, arm.high, level=80)} with {arm.arm} texts. {chance}"
    half = (
        f"Half of tasks like this one lose less than {counted_points(arm.gap)} with {arm.arm}"
        if points(arm.gap)[0] != "-"
        else f"Half of tasks like this one gain more than {counted_points(-arm.gap)} with {arm.arm}"
    )
    return f"{half}; 8 of 10 lie between {_side(arm.low)} and {_side(arm.high)}. {chance}"


def _side(gap: float) -> str:
    """A gap as points lost or gained, such as "6 points gained"."""
    return f"{counted_points(-gap)} gained" if points(gap)[0] == "-" else f"{counted_points(gap)} lost"


def _tasks(arm: ArmVerdict) -> str:
    n = arm.n_tasks
    if not n:
        assumed = "a weak assumption from published work that was not checked"
        if arm.own:
            return (
                f"The expectation rests on this task's own runs and on {assumed}; no other task says anything about it."
            )
        return f"The expectation rests on {assumed}, not on this study."
    if n <= FEW_TASKS:
        rest = "this task's own runs and on an assumption" if arm.own else "an assumption"
        return f"{counted(n, 'other task')} say{'s' if n == 1 else ''} little; the interval rests mostly on {rest}."
    middle, low, high = arm.tau
    few = (
        f" With {n} tasks, how much tasks differ beyond their subjectivity is hardly known ({points(middle)} points, could be "
        f"{points(low)} to {points(high)})."
        if n < SURE_TASKS
        else ""
    )
    inside = arm.inside or 0
    record = clopper_pearson(inside, n)
    bad = " That is fewer than the interval promises: do not trust it." if record.high < LIKELY else ""
    return (
        f"{n} other tasks with such an arm count; {inside} of them lie in the interval that the others "
        f"foretell.{bad}{few}"
    )


def _own(one: ArmGap, *, named: str) -> str:
    own = one.gap
    over = f"{counted(own.n_texts, 'test text')} and {counted(min(own.n_seeds), 'seed')}"
    note = f" {own.note}" if own.note else ""
    return f"{named}, measured: {amount(own.value, own.low, own.high, level=95)}, over {over}.{note}"


def _pilot(arm: ArmVerdict) -> str:
    """What a pilot would change: the half width of the 80 % interval now and with own runs."""
    error = Noise().gap_error(seeds=PILOT_SEEDS, texts=PILOT_TEXTS)
    after = WITHIN_80 * math.sqrt(1 / (1 / arm.sd**2 + 1 / error**2))
    return (
        f"A pilot with {PILOT_TEXTS} labelled test texts and {PILOT_SEEDS} seeds would narrow it from "
        f"±{points((arm.high - arm.low) / 2)} to ±{points(after)} points."
    )


def _warnings(found: Verdict) -> list[str]:
    said = []
    if found.is_extrapolated:
        said.append(
            "The task lies outside the subjectivities of the study's other tasks: the expectation is extrapolated."
        )
    if found.unlearned:
        said.append(
            "Left out, because their real arm is not shown to beat chance and the commonest label: "
            f"{', '.join(map(shown, found.unlearned))}."
        )
    if found.unplaced and not found.is_uncompared:
        said.append(
            f"Left out, because their subjectivity is not known: {', '.join(map(shown, found.unplaced))}. Ratings of these tasks let "
            "them say something about this one."
        )
    return said
