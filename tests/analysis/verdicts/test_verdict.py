"""The verdict on a task: what moves it, when it advises what, and what it says in words."""

import math
import re
from dataclasses import replace

import pytest

from core.analysis.inference.gaps import Gap
from core.analysis.verdicts import verdict, verdict_words
from core.analysis.verdicts.measured import ArmGap, KnownTask
from core.analysis.verdicts.verdict import Advice
from core.errors import StudyError
from core.interval import Interval
from core.study.rows.kinds import ArmKind
from core.subjectivity.levels import Measure

NOTE = "An interval needs 3 seeds in each arm; there are 1 and 1."


def measured(value: float, se: float = 0.02, *, arm: str = "zero-shot", encoder: str = "minilm") -> ArmGap:
    half = 2 * se
    gap = Gap(value, value - half, value + half, se, 60.0, 200, (3, 3), se**2 / 2, se**2 / 2, "")
    return ArmGap(arm, ArmKind(arm), encoder, gap)


def rated(value: float, error: float = 0.05) -> Interval:
    return Interval(value, value - 1.96 * error, value + 1.96 * error, 200)


def study(*, n: int, a: float = 0.1, b: float = 0.1) -> list[KnownTask]:
    """Tasks from objective to subjective whose gaps lie on a line over (1 - alpha - 0.75) / 0.25."""
    places = [-1.5 + 3 * place / max(n - 1, 1) for place in range(n)]
    return [
        KnownTask(f"task {place}", rated(0.75 + 0.25 * z), (measured(a + b * z + 0.01 * (-1) ** place),))
        for place, z in enumerate(places)
    ]


def judged(task: KnownTask, others: list[KnownTask], **given: float) -> verdict.Verdict:
    return verdict.verdict(task, others, measure=Measure.RATINGS, **given)


def test_a_limit_of_a_gain_that_is_a_loss_is_named() -> None:
    assert verdict_words.between_gains(-0.06, -0.02) == "[2, 6]"
    assert verdict_words.between_gains(-0.06, 0.04) == "[4 lost, 6 gained]"
    assert verdict_words.between_gains(-0.06, 0.0003) == "[0, 6]"
    said = verdict_words.amount(-0.0141, -0.07, 0.04, level=95)
    assert said == "1 point gained (95 % interval [4 lost, 7 gained])"


def test_an_objective_task_of_a_study_where_little_is_lost_may_be_generated() -> None:
    found = judged(KnownTask("new", rated(0.45)), study(n=10, a=0.05, b=0.05))

    assert found.advice == Advice.GENERATE and found.arm == "zero-shot"
    assert found.low < found.expected_gap < found.high < 0.06
    assert found.chance_within_margin > 0.8
    assert "Generate: train on zero-shot texts." in verdict_words.headline(found, Measure.RATINGS)


def test_a_subjective_task_of_a_study_where_much_is_lost_is_to_be_collected() -> None:
    found = judged(KnownTask("new", rated(1.1)), study(n=10, a=0.25, b=0.12))

    assert found.advice == Advice.COLLECT and found.expected_gap > 0.3
    assert found.arms[0].n_tasks == 10 and found.arms[0].inside >= 8


def test_few_tasks_ask_for_a_pilot_and_own_runs_decide() -> None:
    new = KnownTask("new", rated(0.7))
    tried = KnownTask("new", rated(0.7), (measured(0.01, 0.01), measured(-0.02, 0.01, arm="few-shot")))

    unsure, sure = judged(new, study(n=2)), judged(tried, study(n=2))

    assert unsure.advice == Advice.PILOT
    assert any("say little" in reason for reason in verdict_words.reasons(unsure))
    assert sure.advice == Advice.GENERATE and sure.high - sure.low < unsure.high - unsure.low
    said = verdict_words.headline(sure, Measure.RATINGS)
    assert said.startswith(
        "zero-shot: 1 point lost (95 % interval [-1, 3]); few-shot: 2 points gained (95 % interval [0, 4]); people hardly agree."
    )


def test_an_arm_that_is_surer_than_the_simplest_likely_one_is_named() -> None:
    def said(few_shot: float) -> str:
        gaps = (measured(0.025, 0.02), measured(few_shot, 0.02, arm="few-shot"))
        return verdict_words.headline(judged(KnownTask("new", rated(0.7), gaps), study(n=2)))

    surer = said(-0.03)
    assert (
        "Generate: train on zero-shot texts. They are the simplest that are likely to lose at most 5 points; " in surer
    )
    assert surer.endswith("few-shot texts are surer still.")
    assert said(0.04).endswith("Generate: train on zero-shot texts.")


def test_runs_that_had_not_converged_are_told_beside_the_number_that_rests_on_them() -> None:
    own = measured(0.2)
    cut = KnownTask("new", rated(0.7), (replace(own, gap=replace(own.gap, unconverged=2)),))
    others = [
        replace(task, gaps=tuple(replace(one, gap=replace(one.gap, unconverged=1)) for one in task.gaps))
        for task in study(n=2)
    ]
    expected = judged(KnownTask("new", rated(0.7)), [*others, *study(n=4)])

    found = judged(cut, study(n=4))

    assert verdict_words.headline(found).startswith(
        "zero-shot: 20 points lost (95 % interval [16, 24]; 2 of 6 runs not converged). "
    )
    assert "| zero-shot (2 of 6 runs not converged) |" in verdict_words.markdown(found)
    assert "; 2 of 6 other tasks with runs not converged)." in verdict_words.headline(expected)
    assert any("had not converged in 2 other tasks" in reason for reason in verdict_words.reasons(expected))
    two = replace(cut, gaps=(*cut.gaps, replace(cut.gaps[0], arm="zero-shot-b"), measured(0.3, arm="mixed")))
    assert verdict_words.headline(judged(two, study(n=4), margin=0.25)).endswith(
        "zero-shot-b: 20 points lost (95 % interval [16, 24]; 2 of 6 runs not converged); mixed: 30 points lost (95 % interval "
        "[26, 34]). Generate: train on zero-shot texts."
    )
    assert "converged" not in verdict_words.markdown(judged(replace(cut, gaps=(own,)), study(n=4)))


def test_without_any_task_only_a_weak_assumption_speaks_and_says_so() -> None:
    found = verdict.verdict(KnownTask("new", None), [], measure=None)

    assert found.advice == Advice.PILOT and {arm.n_tasks for arm in found.arms} == {0}
    assert [arm.kind for arm in found.arms] == [ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT]
    assert "From a weak assumption alone" in verdict_words.headline(found)
    assert "Nobody rated this task, so it is taken as an average task of the study." in verdict_words.reasons(found)


def test_a_task_nobody_rated_is_an_average_task_with_a_wider_interval() -> None:
    others = study(n=10)

    unrated, average = judged(KnownTask("new", None), others), judged(KnownTask("new", rated(0.75)), others)

    assert unrated.expected_gap == pytest.approx(average.expected_gap, abs=0.02)
    assert unrated.high - unrated.low > 1.5 * (average.high - average.low)


def test_a_task_in_no_comparison_is_refused_and_never_an_average_task() -> None:
    others = study(n=8)

    refused = verdict.verdict(KnownTask("new", None), others, measure=Measure.COMPARISONS)

    assert refused.is_withheld and refused.advice == Advice.PILOT
    assert "Compare this task with the others." in verdict_words.headline(refused, Measure.COMPARISONS)
    assert verdict_words.reasons(refused, Measure.COMPARISONS) == [verdict_words.COMPARE]
    assert "points lost" not in verdict_words.markdown(refused, Measure.COMPARISONS)
    assert not judged(KnownTask("new", None), others).is_withheld


def test_own_runs_of_a_task_in_no_comparison_speak_without_the_other_tasks() -> None:
    own = KnownTask("new", None, (measured(0.2),))

    found = verdict.verdict(own, study(n=8), measure=Measure.COMPARISONS)

    assert not found.is_withheld and found.arms == verdict.verdict(own, [], measure=Measure.COMPARISONS).arms
    assert {arm.n_tasks for arm in found.arms} == {0}
    assert any("compare this task with the others" in reason for reason in verdict_words.reasons(found))


def test_arms_that_learned_nothing_speak_for_nobody() -> None:
    others = study(n=6)
    dull = KnownTask("dull", rated(0.8), (measured(0.0),), unlearned="the real arm is no better than chance")

    found = judged(KnownTask("new", rated(0.8)), [*others, dull])
    own = judged(dull, others)

    assert found.arms == judged(KnownTask("new", rated(0.8)), others).arms
    assert (
        "Left out, because their real arm is not shown to beat chance and the commonest label: dull."
        in verdict_words.reasons(found)
    )
    assert own.advice == Advice.PILOT and verdict_words.reasons(own) == [verdict_words.WITHHELD]
    assert "points lost" not in verdict_words.markdown(own)
    assert own.is_withheld and verdict_words.headline(own).startswith(
        "No verdict yet: the real arm is no better than chance"
    )


def test_a_gap_that_may_be_no_loss_never_ends_in_the_advice_to_collect() -> None:
    wide = measured(0.16, 0.09)
    open_gap = replace(wide, gap=replace(wide.gap, low=-0.21, high=0.53, df=2.0))

    found = judged(KnownTask("new", None, (open_gap,)), [])

    assert found.advice == Advice.PILOT and found.arms[0].is_open(0.05)
    assert "It cannot be told yet whether zero-shot texts stay within the margin" in verdict_words.headline(found)
    assert judged(KnownTask("new", None, (measured(0.16, 0.02),)), []).advice == Advice.COLLECT


def test_an_error_on_few_degrees_of_freedom_widens_the_expectation() -> None:
    many = measured(0.16, 0.03)
    few = replace(many, gap=replace(many.gap, df=2.0))

    sure, unsure = (judged(KnownTask("new", None, (one,)), []) for one in (many, few))

    assert unsure.high - unsure.low > 1.3 * (sure.high - sure.low)


def test_every_interval_names_its_level_and_what_the_expectation_rests_on_is_said_once() -> None:
    found = judged(KnownTask("new", None, (measured(0.16),)), [])

    said = verdict_words.reasons(found)

    assert any("measured: 16 points lost (95 % interval [12, 20])" in reason for reason in said)
    assert any("rests on this task's own runs" in reason for reason in said)
    assert not any("not on this study" in reason for reason in said)


def test_an_untrained_task_names_only_kinds_of_arms_that_it_has_and_a_gain_is_a_gain() -> None:
    found = judged(KnownTask("new", rated(0.1), kinds=(ArmKind.FEW_SHOT,)), [])

    said = verdict_words.headline(found)

    assert [arm.kind for arm in found.arms] == [ArmKind.FEW_SHOT]
    assert "gained (80 % interval [" in said and "-" not in said.split("gained")[0].split("alone")[1]


def test_a_gap_without_an_interval_is_no_evidence() -> None:
    nan = math.nan
    loose = ArmGap("zero-shot", ArmKind.ZERO_SHOT, "minilm", Gap(0.3, nan, nan, nan, nan, 90, (1, 1), 0.1, nan, NOTE))

    found = judged(KnownTask("new", rated(0.8), (loose,)), study(n=6))

    assert found.arms[0].own == ()
    assert found.expected_gap == pytest.approx(judged(KnownTask("new", rated(0.8)), study(n=6)).expected_gap)


def test_a_task_far_outside_is_extrapolated_and_several_encoders_are_one_gap() -> None:
    others = study(n=6)
    twice = [
        KnownTask(task.name, task.subjectivity, (*task.gaps, measured(task.gaps[0].gap.value, encoder="bert")))
        for task in others
    ]

    far = judged(KnownTask("new", rated(1.6)), others)

    assert far.is_extrapolated and not judged(KnownTask("new", rated(0.7)), others).is_extrapolated
    assert judged(KnownTask("new", rated(0.7)), twice).arms == judged(KnownTask("new", rated(0.7)), others).arms


def test_a_comment_for_a_pull_request_holds_a_row_for_each_arm() -> None:
    found = judged(
        KnownTask("new", rated(0.7), (measured(0.22, 0.02), measured(0.06, 0.03, arm="few-shot"))), study(n=4)
    )

    said = verdict_words.markdown(found, Measure.RATINGS)

    assert said.startswith(f"### new: {found.advice}\n") and "| zero-shot |" in said and "| few-shot |" in said
    assert "nan" not in said


def test_names_cannot_break_the_table_of_a_comment_or_begin_a_heading() -> None:
    gaps = (replace(measured(0.22, 0.02), arm="zero-shot|x"), replace(measured(0.06, 0.03), arm="few_*shot*"))
    found = judged(KnownTask("new <b>_x_", rated(0.7), gaps), study(n=4))

    said = verdict_words.markdown(found, Measure.RATINGS, costs=["zero-shot|x: [1](2)"])

    assert said.startswith(rf"### new \<b\>\_x\_: {found.advice}") and r"- zero-shot\|x: \[1\](2)" in said
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len(rows) >= 4 and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert r"few\_\*shot\*" in said and not re.search(r"(?<!\\)[*_]", said)


def test_a_margin_of_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="above 0"):
        judged(KnownTask("new", rated(0.7)), study(n=4), margin=0.0)
