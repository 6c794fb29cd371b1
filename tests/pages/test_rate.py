"""The rating page: every step of a session, run through AppTest on a real store."""

import random
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, func, select
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterState, Split
from core.study.rows.sessions import Campaign, Rater, Rating, Skip
from core.study.rows.study import Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.subjectivity.sessions import assignment, campaigns, conduct, enrolment, protocol
from core.subjectivity.sessions.protocol import Protocol
from tests import apps
from ui.shared import links

LABELS = {"glad": "the writer feels good", "sad": "the writer feels bad"}
CHECK = protocol.default_check(CampaignKind.LABEL)
Make = Callable[..., Campaign]


@pytest.fixture
def make(home: Store) -> Make:
    """A function that makes a campaign over twelve letters, in a new study."""

    def one(rules: Protocol | None = None, **sizes: object) -> Campaign:
        with home.write() as session:
            study = tasks.study_named(session, "letters")
            task = session.scalar(select(Task)) or tasks.make_task(
                session, study_id=study.id, name="mood", question="How is the *writer*?", labels=LABELS
            )
            if session.scalar(select(func.count(Sample.id))) == 0:
                fill(session, task)
            plan = campaigns.Plan(
                **{"name": "r", "task": task, "per_class": 6, "items_per_rater": 3, "protocol": rules or Protocol()}
                | sizes
            )
            return campaigns.make(session, study_id=study.id, plan=plan)

    return one


def fill(session, task: Task) -> None:  # type: ignore[no-untyped-def]
    real = tasks.make_arm(session, task_id=task.id, name="real")
    labels = tasks.labels_of(session, task.id)
    for place in range(12):
        text = f"Letter {place}: <b>bold</b> and *starred*"
        session.add(
            Sample(
                arm_id=real.id,
                label_id=labels[place % 2].id,
                split=Split.TEST,
                text=text,
                text_hash=equal_texts.text_hash(text),
            )
        )
    session.flush()


def another_device() -> AppTest:
    """The rating page, opened by its address in a new session."""
    return apps.of_file(links.page_file("rate"))


def visit(app: AppTest, campaign: Campaign, **parameters: str) -> AppTest:
    app.query_params["campaign"] = campaign.token
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def agree(app: AppTest) -> AppTest:
    return app.button(key="rate.consent").click().run()


def answers(app: AppTest) -> list:  # type: ignore[type-arg]
    return [button for button in app.button if str(button.key).startswith("rate.answer.")]


def count(home: Store, row: type) -> int:
    with home() as session:
        return session.scalar(select(func.count(row.id))) or 0  # type: ignore[attr-defined]


def said(app: AppTest) -> str:
    return " ".join(
        str(element.value) for element in [*app.title, *app.markdown, *app.error, *app.warning, *app.caption]
    )


def take_check(app: AppTest, rater_id: int, *, rightly: bool) -> AppTest:
    for place, question in enumerate(CHECK):
        radio = app.radio(key=f"rate.check.{place}")
        right = radio.options.index(question.options[question.answer])
        radio.set_value(right if rightly else (right + 1) % len(radio.options))
    return check_button(app).click().run()


def check_button(app: AppTest) -> Button:
    return next(button for button in app.button if str(button.key).startswith("rate.check.go."))


def test_who_does_not_agree_leaves_no_trace(app: AppTest, home: Store, make: Make) -> None:
    visit(app, make())

    app.button(key="rate.decline").click().run()

    assert app.title[0].value == "That is all right"
    assert count(home, Rater) == 0


def test_the_welcome_says_how_many_items_and_how_long(app: AppTest, make: Make) -> None:
    visit(app, make())

    assert "up to 3 texts" in said(app)
    assert "about 1 minute" in said(app)


def test_a_text_is_shown_as_it_is(app: AppTest, make: Make) -> None:
    agree(visit(app, make()))

    assert any("<b>bold</b> and *starred*" in text.value for text in app.text)
    assert app.title[0].value == r"How is the \*writer\*?"


def test_a_no_to_the_screening_question_ends_with_its_own_code(app: AppTest, home: Store, make: Make) -> None:
    campaign = make(Protocol(screening="Do you read letters?"))
    visit(app, campaign)

    app.radio(key="rate.screening").set_value("No")
    agree(app)

    assert app.code[0].value == protocol.of(campaign).codes.screened_out
    assert not answers(app)


def test_without_an_answer_to_the_screening_question_nobody_joins(app: AppTest, home: Store, make: Make) -> None:
    visit(app, make(Protocol(screening="Do you read letters?")))

    agree(app)

    assert "answer the question" in app.error[0].value
    assert count(home, Rater) == 0


def test_a_failed_try_is_explained_and_a_second_one_may_pass(app: AppTest, make: Make) -> None:
    agree(visit(app, make(Protocol(check=CHECK))))
    app.button(key="rate.read_it").click().run()

    take_check(app, 1, rightly=False)
    assert "1 more try" in app.warning[0].value
    assert len(app.error) == len(CHECK)
    take_check(app, 1, rightly=True)

    assert answers(app)


def test_two_failed_tries_end_with_the_code_for_it(app: AppTest, make: Make) -> None:
    campaign = make(Protocol(check=CHECK))
    agree(visit(app, campaign))
    app.button(key="rate.read_it").click().run()

    take_check(app, 1, rightly=False)
    take_check(app, 1, rightly=False)

    assert app.title[0].value == "The session ends here"
    assert app.code[0].value == protocol.of(campaign).codes.failed_check


def test_questions_that_were_changed_meanwhile_cost_no_try_and_are_shown(app: AppTest, home: Store, make: Make) -> None:
    campaign = make(Protocol(check=CHECK, check_tries=1))
    agree(visit(app, campaign))
    app.button(key="rate.read_it").click().run()
    changed = tuple(
        question.model_copy(
            update={"text": f"New: {question.text}", "answer": (question.answer + 1) % len(question.options)}
        )
        for question in CHECK
    )
    with home.write() as session:
        stored = session.get_one(Campaign, campaign.id)
        stored.settings = stored.settings | Protocol(check=changed, check_tries=1).model_dump(mode="json")

    take_check(app, 1, rightly=True)

    assert "not counted as a try" in app.error[0].value and app.radio(key="rate.check.0").label.startswith("New")
    with home() as session:
        assert session.scalar(select(Rater.check_tries)) == 0


def test_an_unanswered_check_costs_no_try(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make(Protocol(check=CHECK))))
    app.button(key="rate.read_it").click().run()

    check_button(app).click().run()

    assert "answer every question" in app.error[0].value
    with home() as session:
        assert session.scalar(select(Rater.check_tries)) == 0


def test_instructions_come_before_the_first_item_with_examples(app: AppTest, make: Make) -> None:
    example = protocol.Example(text="The sun came out.", answer="glad", why="That is good.")
    agree(visit(app, make(Protocol(examples=(example,)), instructions="Read *each* once.")))

    assert {"Read *each* once.", "The sun came out."} <= {text.value for text in app.text}
    app.button(key="rate.read_it").click().run()
    assert answers(app)


def test_who_ran_out_of_items_keeps_the_code_on_reload_and_may_ask_for_more(
    app: AppTest, home: Store, make: Make
) -> None:
    campaign = make(per_class=1, items_per_rater=2, raters_per_item=1)
    with home.write() as session:
        other = enrolment.join(session, campaign, now=time.time())
        assignment.next_item(session, rater_id=other.id, now=time.time(), rng=random.Random(0))
    answers(agree(visit(app, campaign)))[0].click().run()
    code = app.query_params["me"]
    with home.write() as session:
        enrolment.leave(session, rater_id=other.id, now=time.time())

    back = visit(another_device(), campaign, me=code)
    assert back.code[0].value == protocol.of(campaign).codes.complete
    back.button(key="rate.more").click().run()

    assert answers(back)


def test_a_click_needs_few_statements(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make()))
    answers(app)[0].click().run()
    told: list[str] = []

    def count_it(_connection, _cursor, statement, *_rest) -> None:  # type: ignore[no-untyped-def]
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", count_it)
    try:
        answers(app)[0].click().run()
    finally:
        event.remove(Engine, "before_cursor_execute", count_it)

    assert count(home, Rating) == 2
    assert len(told) <= 22, told


def test_what_another_window_did_is_seen_at_once(app: AppTest, home: Store, make: Make) -> None:
    campaign = make()
    agree(visit(app, campaign))
    answers(app)[0].click().run()
    window = visit(another_device(), campaign, me=app.query_params["me"])
    undo = next(str(button.key) for button in window.button if str(button.key).startswith("rate.undo."))
    window.button(key=undo).click().run()

    app.run()

    shown = [each.get("progress")[0].proto.text for each in (app, window)]
    assert shown == ["0 of 3 done"] * 2
    assert count(home, Rating) == 0


def test_the_last_answer_can_be_taken_back_after_the_end(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make()))
    for _ in range(3):
        answers(app)[0].click().run()
    assert app.title[0].value == "Thank you"

    app.button(key="rate.undo.end").click().run()

    assert app.get("progress")[0].proto.text == "2 of 3 done"
    assert count(home, Rating) == 2


def test_an_item_is_skipped_with_a_reason(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make(Protocol(may_skip=True))))

    next(button for button in app.button if str(button.key).startswith("rate.skip.")).click().run()
    next(button for button in app.button if str(button.key).startswith("rate.reason.")).click().run()

    assert count(home, Skip) == 1
    assert app.get("progress")[0].proto.text == "1 of 3 done"


def test_who_stops_keeps_the_answers_and_can_go_on(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make()))
    answers(app)[0].click().run()

    next(button for button in app.button if str(button.key).startswith("rate.leave.")).click().run()
    app.button(key="rate.leave.yes").click().run()
    assert "You stopped after 1 item" in said(app)
    app.button(key="rate.go_on").click().run()

    assert app.get("progress")[0].proto.text == "1 of 3 done"
    assert count(home, Rating) == 1


def test_a_personal_code_is_taken_in_any_spelling(app: AppTest, home: Store, make: Make) -> None:
    campaign = make()
    agree(visit(app, campaign))
    answers(app)[0].click().run()
    code = app.query_params["me"]
    other = visit(another_device(), campaign)

    other.text_input(key="rate.code").set_value(code.lower().replace("-", " "))
    other.button(key="rate.back.go").click().run()

    assert other.get("progress")[0].proto.text == "1 of 3 done"
    assert count(home, Rater) == 1


def test_a_wrong_code_is_said_in_one_sentence(app: AppTest, make: Make) -> None:
    visit(app, make(), me="AAAA-BBBB-CCCC")

    assert "No rater of this session has the code" in app.warning[0].value
    assert app.button(key="rate.consent")


def test_a_panels_parameters_are_kept_and_leave_the_address(app: AppTest, home: Store, make: Make) -> None:
    visit(app, make(Protocol(panel=protocol.PROLIFIC)), PROLIFIC_PID="p1", STUDY_ID="s1")

    agree(app)

    assert set(app.query_params) == {"campaign", "me"}
    with home() as session:
        rater = session.scalars(select(Rater)).one()
        assert (rater.panel_id, rater.facts["STUDY_ID"]) == ("p1", "s1")


def test_a_panels_session_does_not_begin_without_its_id(app: AppTest, make: Make) -> None:
    visit(app, make(Protocol(panel=protocol.PROLIFIC)))

    assert "lacks PROLIFIC" in app.error[0].value
    assert not [button for button in app.button if button.key == "rate.consent"]


def test_another_persons_id_in_the_address_ends_what_somebody_began_here(app: AppTest, home: Store, make: Make) -> None:
    campaign = make(Protocol(panel=protocol.PROLIFIC))
    agree(visit(app, campaign, PROLIFIC_PID="p1"))

    visit(app, campaign, PROLIFIC_PID="p2")
    agree(app)

    with home() as session:
        assert session.scalars(select(Rater.panel_id).order_by(Rater.id)).all() == ["p1", "p2"]


def test_a_closed_session_says_so(app: AppTest, home: Store, make: Make) -> None:
    campaign = make()
    with home.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)

    visit(app, campaign)

    assert app.title[0].value == "This session has been closed"


def test_who_was_done_still_gets_the_code_after_closing(app: AppTest, home: Store, make: Make) -> None:
    campaign = make()
    agree(visit(app, campaign))
    for _ in range(3):
        answers(app)[0].click().run()
    with home.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)

    app.run()

    assert app.code[0].value == protocol.of(campaign).codes.complete


def test_a_preview_takes_the_same_way_and_stores_nothing(home: Store, make: Make) -> None:
    campaign = make(Protocol(check=CHECK, panel=protocol.PROLIFIC))
    app = another_device()
    app.query_params["preview"] = campaign.token
    agree(app.run())
    app.button(key="rate.read_it").click().run()
    take_check(app, 1, rightly=True)
    for _ in range(3):
        answers(app)[0].click().run()

    assert not app.exception
    assert app.title[0].value == "Thank you"
    assert any("nothing is stored" in text.value for text in app.markdown)
    assert count(home, Rater) + count(home, Rating) == 0


def test_a_rater_excluded_while_rating_sees_no_more_items_until_counted_again(
    app: AppTest, home: Store, make: Make
) -> None:
    campaign = make()
    agree(visit(app, campaign))
    with home.write() as session:
        rater = session.scalars(select(Rater)).one()
        rater.excluded_at, rater.state = 1.0, RaterState.FAILED_CHECK

    app.run()

    assert app.code[0].value == protocol.of(campaign).codes.failed_check
    assert "ended by its rules, or by the people who run it" in said(app) and "did not fit" not in said(app)
    with home.write() as session:
        conduct.include(session, rater_id=rater.id, now=2)

    app.run()

    assert answers(app) and not app.code


@pytest.mark.parametrize("kind", [CampaignKind.SCALE, CampaignKind.COMPARE_ITEMS])
def test_the_other_kinds_explain_what_subjective_means(app: AppTest, make: Make, kind: CampaignKind) -> None:
    agree(visit(app, make(kind=kind)))
    assert "thoughtful people" in said(app)

    app.button(key="rate.read_it").click().run()

    assert len(answers(app)) == (5 if kind == CampaignKind.SCALE else 3)


def test_a_second_click_on_the_same_check_costs_no_second_try(app: AppTest, home: Store, make: Make) -> None:
    agree(visit(app, make(Protocol(check=CHECK))))
    app.button(key="rate.read_it").click().run()
    with home.write() as session:
        session.scalars(select(Rater)).one().check_tries = 1  # the first click, in a window beside

    take_check(app, 1, rightly=False)

    assert answers(app) == []
    assert "1 more try" in app.warning[0].value


@pytest.mark.parametrize("passed", [True, False])
def test_whose_session_had_ended_has_the_code_after_closing_and_nothing_to_undo(
    app: AppTest, home: Store, make: Make, passed: bool
) -> None:
    campaign = make(Protocol(screening="Do you read letters?"))
    visit(app, campaign)
    app.radio(key="rate.screening").set_value("Yes" if passed else "No")
    agree(app)
    for _ in range(3 if passed else 0):
        answers(app)[0].click().run()
    with home.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)

    app.run()

    codes = protocol.of(campaign).codes
    assert app.code[0].value == (codes.complete if passed else codes.screened_out)
    assert not [button for button in app.button if button.key == "rate.undo.end"]


def test_who_skips_everything_is_told_so(app: AppTest, make: Make) -> None:
    campaign = make(Protocol(may_skip=True))
    agree(visit(app, campaign))
    for _ in range(3):
        next(button for button in app.button if str(button.key).startswith("rate.skip.")).click().run()
        next(button for button in app.button if str(button.key).startswith("rate.reason.")).click().run()

    assert "You skipped 3 items and answered none" in said(app)
    assert app.code[0].value == protocol.of(campaign).codes.screened_out


def test_a_preview_whose_sign_in_ran_out_answers_for_nobody(home: Store, make: Make) -> None:
    campaign = make()
    app = another_device()
    app.query_params["preview"] = campaign.token
    agree(app.run())
    shown = answers(app)[0]
    with home.write() as session:
        rater = enrolment.join(session, session.merge(campaign), now=0)
        rater.assigned_item_id = int(str(shown.key).split(".")[2])
    app.session_state["access.rater"] = True

    shown.click().run()

    assert count(home, Rating) == 0


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "\u202eabc\u2066", "a\u200b\u200cb", "👩🏽‍🚀" * 500, "<script>1</script>", "$x$ :red[y] ~~z~~"],
)
def test_any_text_can_be_rated_and_skipped_over(app: AppTest, home: Store, make: Make, text: str) -> None:
    campaign = make(instructions=text)
    with home.write() as session:
        for sample in session.scalars(select(Sample)):
            sample.text = f"{text} {sample.id}"
    agree(visit(app, campaign))
    app.button(key="rate.read_it").click().run()

    answers(app)[0].click().run()

    assert not app.exception
    assert count(home, Rating) == 1
