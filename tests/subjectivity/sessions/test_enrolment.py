"""Enrolment of raters: consent, comprehension check, return, early end, and completion codes."""

import pytest

from core.errors import StudyError
from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Rater
from core.subjectivity.sessions import assignment, enrolment, protocol
from core.subjectivity.sessions.enrolment import Ending
from core.subjectivity.sessions.protocol import Codes, Protocol, Question
from tests.subjectivity.conftest import Sessions

CHECK = (
    Question(text="How many?", options=("one", "two"), answer=1),
    Question(text="And now?", options=("a", "b"), answer=0),
)
FROM_PROLIFIC = {"PROLIFIC_PID": "5f00aa", "STUDY_ID": "s1", "SESSION_ID": "x", "other": "no"}


def checked(sessions: Sessions, rater: Rater, *answers: int) -> list[int]:
    with sessions.store.write() as session:
        return enrolment.check(session, rater_id=rater.id, answers=answers, now=1)


def joined(sessions: Sessions, campaign: Campaign, address: dict[str, str]) -> Rater:
    with sessions.store.write() as session:
        return enrolment.join(session, campaign, now=0, panel=enrolment.panel_ids(campaign, address))


def ended_for(sessions: Sessions, campaign: Campaign, rater: Rater) -> Ending:
    with sessions.store() as session:
        return enrolment.ending(session, campaign, session.get_one(Rater, rater.id))


def test_nothing_is_shown_before_the_check_is_passed(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)))
    assert sessions.shown(rater) is None

    assert checked(sessions, rater, 1, 0) == []

    assert sessions.shown(rater) is not None


def test_a_second_try_is_allowed_and_the_wrong_answers_are_named(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)))

    assert checked(sessions, rater, 0, 0) == [0]
    assert sessions.again(rater).state == RaterState.CHECKING

    assert checked(sessions, rater, 1, 0) == []
    assert sessions.again(rater).state == RaterState.RATING


def test_the_session_ends_with_its_own_code_when_the_last_try_fails(sessions: Sessions) -> None:
    codes = Codes(complete="DONE", screened_out="OUT", failed_check="FAILED")
    campaign = sessions.campaign(protocol=Protocol(check=CHECK, codes=codes, panel=protocol.PROLIFIC))
    rater = joined(sessions, campaign, FROM_PROLIFIC)

    checked(sessions, rater, 0, 0)
    checked(sessions, rater, 0, 1)
    checked(sessions, rater, 1, 0)

    ended = ended_for(sessions, campaign, rater)
    assert ended.state == RaterState.FAILED_CHECK
    assert ended.code == "FAILED"
    assert ended.url == "https://app.prolific.com/submissions/complete?cc=FAILED"
    assert sessions.shown(rater) is None


def test_an_unanswered_question_costs_no_try(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)))

    with pytest.raises(StudyError, match="every question"):
        checked(sessions, rater, 1)

    assert sessions.again(rater).check_tries == 0


def test_a_finished_session_ends_with_the_completion_code(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=2)
    rater = sessions.rater(campaign)

    sessions.rate(rater, "yes")

    ended = ended_for(sessions, campaign, rater)
    assert (ended.state, ended.code) == (RaterState.DONE, protocol.of(campaign).codes.complete)
    assert ended.code
    assert ended.url == ""


def test_the_codes_of_a_campaign_differ(sessions: Sessions) -> None:
    codes = protocol.of(sessions.campaign()).codes

    assert len({codes.complete, codes.screened_out, codes.failed_check, ""}) == 4


def test_who_does_not_pass_the_screening_sees_no_item_and_has_a_code(sessions: Sessions) -> None:
    campaign = sessions.campaign(protocol=Protocol(screening="Do you read English well?"))
    with sessions.store.write() as session:
        rater = enrolment.join(session, campaign, now=0, passed_screening=False)

    assert sessions.shown(rater) is None
    assert ended_for(sessions, campaign, rater).code == protocol.of(campaign).codes.screened_out


def test_a_personal_code_is_found_whatever_its_case_and_dashes(sessions: Sessions) -> None:
    campaign = sessions.campaign()
    rater = sessions.rater(campaign)

    with sessions.store() as session:
        found = [
            enrolment.come_back(session, campaign, typed)
            for typed in (rater.code, rater.code.lower(), rater.code.replace("-", " "), f"  {rater.code} ", "ABCD", "")
        ]

    assert [other.id if other else None for other in found] == [rater.id] * 4 + [None, None]


def test_a_pseudonym_says_nothing_about_the_personal_code(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())

    assert not set(enrolment.tidy_code(rater.pseudonym.removeprefix("rater-")).split("-")) & set(rater.code.split("-"))


def test_someone_from_a_panel_is_the_same_rater_when_coming_again(sessions: Sessions) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))

    first, second = joined(sessions, campaign, FROM_PROLIFIC), joined(sessions, campaign, FROM_PROLIFIC)
    other = joined(sessions, campaign, {**FROM_PROLIFIC, "PROLIFIC_PID": "6b"})

    assert first.id == second.id != other.id
    assert first.facts == {"PROLIFIC_PID": "5f00aa", "STUDY_ID": "s1", "SESSION_ID": "x"}
    with sessions.store() as session:
        back = enrolment.come_back(session, campaign, "", panel=enrolment.panel_ids(campaign, FROM_PROLIFIC))
    assert back is not None
    assert back.id == first.id


def test_a_panels_address_without_its_id_is_refused(sessions: Sessions) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))

    with pytest.raises(StudyError, match="lacks PROLIFIC_PID"):
        enrolment.panel_ids(campaign, {"STUDY_ID": "s1"})


def test_leaving_gives_the_item_back_at_once_and_keeps_the_answers(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=1, items_per_rater=2, raters_per_item=1)
    rater, other = sessions.rater(campaign), sessions.rater(campaign)
    sessions.rate(rater, "yes", limit=1)
    left = sessions.shown(rater)
    assert left is not None

    with sessions.store.write() as session:
        enrolment.leave(session, rater_id=rater.id, now=5)

    assert ended_for(sessions, campaign, rater).code == ""
    assert [item.id for item in sessions.rate(other, "no")] == [left.id]


def test_someone_who_left_can_go_on(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)))
    checked(sessions, rater, 1, 0)
    sessions.rate(rater, "yes", limit=1)

    with sessions.store.write() as session:
        enrolment.leave(session, rater_id=rater.id, now=5)
        enrolment.go_on(session, rater_id=rater.id)

    assert sessions.shown(rater) is not None


def test_leaving_does_not_pass_the_check(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)))

    with sessions.store.write() as session:
        enrolment.leave(session, rater_id=rater.id, now=5)
        enrolment.go_on(session, rater_id=rater.id)

    assert sessions.again(rater).state == RaterState.CHECKING


def test_models_take_no_check(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(check=CHECK)), kind=RaterKind.LLM)

    assert rater.state == RaterState.RATING


def test_who_found_nothing_left_to_rate_has_not_completed_the_session(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=1, raters_per_item=1)
    sessions.rate(sessions.rater(campaign), "yes")
    late = sessions.rater(campaign)

    assert sessions.shown(late) is None

    ended = ended_for(sessions, campaign, late)
    assert (ended.state, ended.answered) == (RaterState.DONE, 0)
    assert ended.code == protocol.of(campaign).codes.screened_out


def test_who_skipped_everything_has_not_completed_the_session(sessions: Sessions) -> None:
    rules = Protocol(may_skip=True, attention_every=2)
    campaign = sessions.campaign(items_per_rater=4, protocol=rules)
    rater = sessions.rater(campaign)

    while (item := sessions.shown(rater)) is not None:
        if item.role == ItemRole.ATTENTION:
            sessions.answer(rater, item, str(item.expected))
            continue
        with sessions.store.write() as session:
            assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=rules.skip_reasons[0], now=1)

    assert ended_for(sessions, campaign, rater).code == protocol.of(campaign).codes.screened_out


@pytest.mark.parametrize("given", [" 5f00aa ", "5f\0" + "00aa", "5f00\ud800aa\n"])
def test_a_panels_id_is_the_same_whatever_an_address_puts_around_it(sessions: Sessions, given: str) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))
    first = joined(sessions, campaign, FROM_PROLIFIC)

    again = joined(sessions, campaign, {**FROM_PROLIFIC, "PROLIFIC_PID": given})

    assert again.id == first.id
    with sessions.store() as session:
        back = enrolment.come_back(session, campaign, "", panel={"PROLIFIC_PID": given})
    assert back is not None
    assert back.id == first.id


def test_a_very_long_panel_id_comes_back_as_the_same_rater(sessions: Sessions) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))
    address = {**FROM_PROLIFIC, "PROLIFIC_PID": "x" * 10_000}
    first = joined(sessions, campaign, address)

    with sessions.store() as session:
        back = enrolment.come_back(session, campaign, "", panel=address)

    assert back is not None
    assert back.id == first.id


@pytest.mark.parametrize("typed", ["AB\0CD", "\ud800", "\u202e", "x" * 10_000])
def test_a_code_that_none_can_be_is_nobodys(sessions: Sessions, typed: str) -> None:
    campaign = sessions.campaign()

    with sessions.store() as session:
        assert enrolment.come_back(session, campaign, typed) is None


def test_a_personal_code_opens_no_other_campaign(sessions: Sessions) -> None:
    rater, other = sessions.rater(sessions.campaign()), sessions.campaign(name="another")

    with sessions.store() as session:
        assert enrolment.come_back(session, other, rater.code) is None


@pytest.mark.parametrize(
    "value",
    [
        "{{%PROLIFIC_PID%}}", "{{PROLIFIC_PID}}", "${e://Field/PROLIFIC_PID}", "[ID]", "%WORKER_ID%", "<participant>", "[[rid]]",
        "PROLIFIC_PID", "prolific-pid", "ASSIGNMENT_ID_NOT_AVAILABLE", "undefined", "null", "{id}", "$workerId", "__RID__",
        "[%RID%]", "{% worker %}", "%7B%7BPROLIFIC_PID%7D%7D", "%%EXTERNAL_ID%%", "<id>", "ID-OF-THE-PERSON", "PARTICIPANT_ID",
        "WORKER_ID_HERE", "yourWorkerId", "insert participant code here", "the person's id", "xxx", "XX-XX", "???", "...",
    ],
)  # fmt: skip
def test_a_placeholder_that_was_never_filled_in_is_nobody(sessions: Sessions, value: str) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))

    with pytest.raises(StudyError, match="still holds the placeholder"):
        enrolment.panel_ids(campaign, FROM_PROLIFIC | {"PROLIFIC_PID": value})
    with sessions.store() as session:
        assert enrolment.come_back(session, campaign, "", panel=FROM_PROLIFIC | {"PROLIFIC_PID": value}) is None


@pytest.mark.parametrize(
    "value",
    [
        "5f00aa1234567890abcdef12", "A1EXAMPLEAAAA1", "user-17", "ann@panel.example", "000123", "R_2x%3D", "48213", "1111", "Xavier",
        "worker@company.example", "Ann Ahere", "Will Add", "participant-7", "Rater.Nr3", "王小明", "x1", "p1", "ID0042", "a1b2-c3d4", "Max",
        "participant_a", "rater-s", "PersonA",
    ],
)  # fmt: skip
def test_ids_as_panels_give_them_are_taken(value: str) -> None:
    assert not enrolment.is_placeholder(value, "PROLIFIC_PID")


def test_a_panels_id_goes_before_the_personal_code_of_somebody_else(sessions: Sessions) -> None:
    campaign = sessions.campaign(protocol=Protocol(panel=protocol.PROLIFIC))
    with sessions.store.write() as session:
        first = enrolment.join(session, campaign, now=0, panel=FROM_PROLIFIC)

    with sessions.store() as session:
        other = FROM_PROLIFIC | {"PROLIFIC_PID": "5f00aa1234567890abcdef99"}
        assert enrolment.come_back(session, campaign, first.code, panel=other) is None
        back = enrolment.come_back(session, campaign, first.code, panel=FROM_PROLIFIC)
        assert back is not None and back.id == first.id


def test_the_id_in_an_address_is_found_by_the_names_that_panels_use() -> None:
    assert enrolment.id_in_address({"campaign": "t", "utm_source": "mail", "workerId": "A1"}) == "workerid=A1"
    assert enrolment.id_in_address({"campaign": "t", "me": "C"}) == ""
