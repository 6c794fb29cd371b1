"""The verdict where a task has several arms of a kind, several encoders, arms that were not tried, or arms that never disagree."""

import math
from dataclasses import replace

import pytest

from core.analysis.figures import gap_charts
from core.analysis.inference.gaps import Gap
from core.analysis.verdicts import measured as put_together
from core.analysis.verdicts import verdict, verdict_words
from core.analysis.verdicts.measured import ArmGap, KnownTask
from core.analysis.verdicts.verdict import Advice
from core.errors import StudyError
from core.study.rows.kinds import ArmKind
from tests.analysis.verdicts.test_verdict import judged, measured, rated, study


def named(value: float, se: float, arm: str, *, kind: ArmKind = ArmKind.ZERO_SHOT, encoder: str = "minilm") -> ArmGap:
    return replace(measured(value, se, encoder=encoder), arm=arm, kind=kind)


def test_every_encoder_of_an_arm_is_named_with_its_gap() -> None:
    task = KnownTask("new", None, (measured(0.2), measured(0.22, encoder="bert")))

    found = judged(task, [])

    said = verdict_words.headline(found)
    assert "zero-shot with minilm: 20 points lost" in said and "zero-shot with bert: 22 points lost" in said
    assert "Nothing is measured" not in said and "Collect real texts" in said
    assert not any("pilot" in reason for reason in verdict_words.reasons(found))
    table = gap_charts.verdict_table(found)
    assert list(table["encoder"]) == ["minilm", "bert"] and table["measured"].notna().all()
    assert len(gap_charts.verdict_intervals(found, metric="macro_f1").data) == 3


def test_arms_of_one_kind_are_judged_one_by_one() -> None:
    task = KnownTask("new", None, (named(0.0, 0.005, "zero-shot"), named(0.08, 0.005, "zero-shot-b")))

    found = judged(task, [])

    assert [arm.arm for arm in found.arms] == ["zero-shot", "zero-shot-b"]
    first, second = found.arms
    assert first.chance > 0.95 and second.chance < 0.05
    assert (found.advice, found.arm) == (Advice.GENERATE, "zero-shot")
    assert "zero-shot-b: 8 points lost" in verdict_words.headline(found)


def test_how_much_gaps_that_are_put_together_differ_widens_what_is_said_of_one() -> None:
    close, apart = (
        put_together.by_kind(KnownTask("t", None, (named(-by, 0.01, "a"), named(by, 0.01, "b"))))[ArmKind.ZERO_SHOT]
        for by in (0.0, 0.08)
    )

    assert close.value == apart.value == 0
    assert (close.between, close.error_of_one) == (0, close.se)
    assert apart.se == close.se
    assert apart.error_of_one**2 == pytest.approx(2 * 0.08**2)
    assert apart.averaged == pytest.approx((2 * 0.08**2 - apart.se**2) / 2)


def test_arms_that_never_disagree_are_measured() -> None:
    nan = math.nan
    alike = ArmGap(
        "few-shot",
        ArmKind.FEW_SHOT,
        "minilm",
        Gap(0.0, -0.01, 0.01, nan, nan, 300, (3, 3), 0.0, 0.0, "Never disagree."),
    )

    found = judged(KnownTask("easy", None, (alike,)), [])

    assert (found.advice, found.arm) == (Advice.GENERATE, "few-shot")
    assert verdict_words.headline(found).startswith("few-shot: 0 points lost (95 % interval [-1, 1])")
    assert put_together.by_kind(KnownTask("easy", None, (alike,)))[ArmKind.FEW_SHOT].se == pytest.approx(
        0.01 / 1.96, rel=1e-3
    )


@pytest.mark.parametrize("margin", [5, 1, 0, -0.1, math.nan])
def test_a_margin_that_is_no_share_is_refused(margin: float) -> None:
    with pytest.raises(StudyError, match=r"above 0 and below 1, such as 0\.05 for 5 points"):
        judged(KnownTask("new", None, (measured(0.3),)), [], margin=margin)


def test_an_arm_that_was_not_tried_keeps_the_advice_from_being_to_collect() -> None:
    kinds = (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT)

    found = judged(KnownTask("new", None, (measured(0.2),), kinds=kinds), [])

    assert [arm.arm for arm in found.arms] == ["zero-shot", "few-shot"]
    assert (found.advice, found.arm) == (Advice.PILOT, "few-shot")
    assert "Pilot few-shot texts first" in verdict_words.headline(found)
    hardly = judged(KnownTask("new", None, (measured(0.1, 0.03),), kinds=kinds), [])
    assert hardly.arms[0].is_undecided(0.05) and "Pilot few-shot texts first" in verdict_words.headline(hardly)


def test_an_arm_of_which_few_tasks_speak_is_not_advised_because_another_one_was_trained() -> None:
    gains = [replace(task, gaps=(measured(-0.04, 0.005),)) for task in study(n=3)]
    few_shot = named(0.0, 0.01, "few-shot", kind=ArmKind.FEW_SHOT)

    found = judged(KnownTask("new", rated(0.75), (few_shot,)), gains)

    assert (found.advice, found.arm) == (Advice.GENERATE, "few-shot")


def test_measured_tasks_are_told_to_measure_more_and_never_to_pilot() -> None:
    edge = judged(KnownTask("new", None, (measured(0.05, 0.01),)), [])

    assert edge.advice == Advice.PILOT
    assert "the interval holds both a loss within the margin and a loss above the margin" in verdict_words.headline(
        edge
    )
    assert "Pilot first" not in verdict_words.markdown(edge)


def test_the_expectation_of_a_measured_arm_does_not_speak_of_other_tasks() -> None:
    found = judged(KnownTask("new", None, (measured(0.1, 0.01),)), [])

    said = " ".join(verdict_words.reasons(found))

    assert "Its own runs and the expectation together: 10 points lost (80 % interval [9, 11])" in said
    assert "Half of tasks" not in said and "8 of 10" not in said


@pytest.mark.parametrize(
    ("margin", "words"), [(0.025, "2.5 points"), (0.01, "1 point"), (0.045, "4.5 points"), (0.05, "5 points")]
)
def test_a_margin_keeps_its_half_points(margin: float, words: str) -> None:
    found = judged(KnownTask("new", None, (measured(0.1),)), [], margin=margin)

    assert f"chance to lose at most {words} " in verdict_words.markdown(found)
    assert f"The chance to lose at most {words} is" in " ".join(verdict_words.reasons(found))


def test_what_was_rated_without_a_number_and_what_has_no_place_is_said() -> None:
    others = [*study(n=4), KnownTask("odd_one", None, (measured(0.1),))]

    alike = judged(KnownTask("new", None, is_rated=True), others)
    asked = judged(KnownTask("new", None), others)

    assert verdict_words.reasons(alike)[0].startswith("People rated this task, but their answers give no number")
    assert verdict_words.reasons(asked)[0].startswith("Nobody rated this task")
    assert any(
        "Left out, because their subjectivity is not known: odd one." in reason
        for reason in verdict_words.reasons(asked)
    )


def test_a_task_beyond_those_that_were_trained_is_extrapolated_whatever_else_was_rated() -> None:
    low = [replace(task, subjectivity=rated(0.2 + 0.02 * place)) for place, task in enumerate(study(n=5))]
    far = KnownTask("new", rated(0.9))

    assert judged(far, low).is_extrapolated
    assert judged(far, [*low, KnownTask("untrained", rated(0.9))]).is_extrapolated


def test_few_tasks_give_no_count_of_those_inside() -> None:
    found = judged(KnownTask("new", rated(0.75)), study(n=2))

    assert found.arms[0].inside is None
    assert verdict.FEW_TASKS > 2
