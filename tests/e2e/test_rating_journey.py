"""A rater's session in a browser: on a phone by touch, on a laptop by keyboard alone, and on a second device."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import CampaignKind, RaterState
from core.study.rows.sessions import Campaign, Comparison, Rater, Rating, Skip
from core.study.store import Store
from core.subjectivity.sessions import campaigns, protocol
from core.subjectivity.sessions.protocol import Protocol
from tests.e2e.conftest import Server, dashboard
from tests.e2e.walking import PATIENCE, PHONE, READING, pass_check, rate, real_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LAPTOP = {"viewport": {"width": 1280, "height": 800}}
LABELS = {"glad": "the writer feels good", "sad": "the writer feels bad"}
CHECK = protocol.default_check(CampaignKind.LABEL)


@dataclass
class House:
    """A running dashboard that the tests share, its store, and a study of this test with one task of sixty letters."""

    server: Server
    store: Store
    study_id: int

    def link(self, *, items: int, rules: Protocol, kind: CampaignKind = CampaignKind.LABEL) -> str:
        with self.store.write() as session:
            task = tasks.get_task(session, self.study_id, "mood")
            plan = campaigns.Plan(
                name="r", kind=kind, task=task, per_class=10, items_per_rater=items, raters_per_item=1, protocol=rules
            )
            return f"{self.server.url}/rate?campaign={campaigns.make(session, study_id=self.study_id, plan=plan).token}"

    def raters(self) -> list[Rater]:
        with self.store() as session:
            return list(session.scalars(select(Rater).join(Campaign).where(Campaign.study_id == self.study_id)))

    def given(self, row: type) -> list[Any]:
        """The ratings, comparisons or skips of the raters of this test."""
        raters = [rater.id for rater in self.raters()]
        with self.store() as session:
            return [each for each in session.scalars(select(row)) if each.rater_id in raters]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("rating") / "home") as server:
        yield server


@pytest.fixture
def house(running: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    store = store_module.open_store(settings_module.load(running.environ))
    with store.write() as session:
        study = tasks.study_named(session, request.node.name)
        task = tasks.make_task(session, study_id=study.id, name="mood", question="How is the writer?", labels=LABELS)
        real = tasks.make_arm(session, task_id=task.id, name="real")
        letters = tables.read(real_file(tmp_path))
        importing.bring_in(session, task=task, arm=real, table=letters, options=importing.Options())
    yield House(running, store, study.id)
    store.close()


@pytest.fixture
def device(browser: "Browser") -> Iterator[Any]:
    """A function that opens a page on a new device."""
    opened: list[BrowserContext] = []

    def on(size: dict[str, Any]) -> "Page":
        context = browser.new_context(**size)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        return page

    yield on
    for context in opened:
        context.close()


def test_from_consent_to_the_code_on_a_phone(house: House, device: Any) -> None:
    rules = Protocol(check=CHECK, panel=protocol.PROLIFIC)
    link = house.link(items=10, rules=rules)
    phone = device(PHONE)

    phone.goto(f"{link}&PROLIFIC_PID=person-1&STUDY_ID=s")
    phone.get_by_role("button", name="I agree, start").tap()
    phone.get_by_role("button", name="Go on to a short check").tap()
    pass_check(phone, CHECK, wrong=True)
    phone.get_by_text("you have 1 more try").wait_for()
    pass_check(phone, CHECK)
    rate(phone, range(5), total=10)
    text = phone.locator(".st-key-rate_text").inner_text()
    phone.reload()
    phone.get_by_text("5 of 10 done").wait_for()
    assert phone.locator(".st-key-rate_text").inner_text() == text
    assert "PROLIFIC_PID" not in phone.url
    rate(phone, range(5, 10), total=10)
    phone.get_by_role("heading", name="Thank you").wait_for()

    [rater] = house.raters()
    assert (rater.state, rater.panel_id, len(house.given(Rating))) == (RaterState.DONE, "person-1", 10)
    code = phone.get_by_test_id("stCode").first.inner_text().strip()
    back = phone.get_by_role("link", name="Go back and hand in the code").get_attribute("href")
    assert code and back == protocol.PROLIFIC_RETURN.format(code=code)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_another_device_goes_on_by_the_personal_code_and_a_second_rater_gets_other_items(
    house: House, device: Any
) -> None:
    link = house.link(items=4, rules=Protocol())
    phone = device(PHONE)
    begin(phone, link)
    rate(phone, range(2), total=4)
    text = phone.locator(".st-key-rate_text").inner_text()
    [rater] = house.raters()

    laptop = device(LAPTOP)
    laptop.goto(link)
    laptop.get_by_text("I have been here before").click()
    laptop.get_by_label("My personal code").fill(rater.code.lower().replace("-", ""))
    laptop.get_by_role("button", name="Go on where I stopped").click()
    laptop.get_by_text("2 of 4 done").wait_for()
    assert laptop.locator(".st-key-rate_text").inner_text() == text
    second = device(PHONE)
    begin(second, link)
    rate(second, range(4), total=4)

    given = house.given(Rating)
    of_second = {rating.item_id for rating in given if rating.rater_id != rater.id}
    assert len(of_second) == 4
    assert not of_second & {rating.item_id for rating in given if rating.rater_id == rater.id}


def test_a_double_click_rates_once_and_leaves_the_next_item_unanswered(house: House, device: Any) -> None:
    page = device(LAPTOP)
    begin(page, house.link(items=4, rules=Protocol()))
    button = page.get_by_role("button", name=re.compile("glad"))
    button.hover()
    box = button.bounding_box()
    assert box is not None

    page.mouse.dblclick(box["x"] + 60, box["y"] + box["height"] / 2, delay=20)
    page.get_by_text("1 of 4 done").wait_for()
    page.mouse.click(box["x"] + 60, box["y"] + box["height"] / 2)
    page.wait_for_timeout(1000)

    assert len(house.given(Rating)) == 1
    assert page.get_by_text("1 of 4 done").count() == 1


def test_a_whole_session_by_keyboard_alone(house: House, device: Any) -> None:
    page = device(LAPTOP)
    page.goto(house.link(items=4, rules=Protocol(may_skip=True)))
    page.get_by_role("button", name="I agree, start").wait_for()
    reach(page, "I agree, start")
    page.keyboard.press("Enter")
    page.get_by_text("0 of 4 done").wait_for()

    press(page, "1", "1 of 4 done")
    assert page.evaluate("document.activeElement.matches('.st-key-rate_text')")
    page.keyboard.press("Tab")
    assert "glad" in page.evaluate("document.activeElement.innerText")
    press(page, "Enter", "2 of 4 done")
    page.wait_for_timeout(500)
    for _ in range(15):
        page.keyboard.down("2")
        page.wait_for_timeout(40)
    page.keyboard.up("2")
    page.get_by_text("3 of 4 done").wait_for()
    press(page, "Control+z", "2 of 4 done")
    press(page, "2", "3 of 4 done")
    reach(page, "Skip")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    reach(page, "None of the answers fits")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()

    labels = sorted(rating.label for rating in house.given(Rating))
    assert labels == ["glad", "glad", "sad"]
    assert [skip.reason for skip in house.given(Skip)] == ["None of the answers fits"]


def test_a_screen_reader_hears_the_place_the_question_and_named_answers(house: House, device: Any) -> None:
    page = device(LAPTOP)
    begin(page, house.link(items=4, rules=Protocol()))

    tree = page.locator(".st-key-rate").aria_snapshot()

    assert "status: Item 1 out of 4" in tree
    assert 'heading "How is the writer?" [level=1]' in tree
    assert 'button "glad the writer feels good Shortcut 1"' in tree
    assert page.evaluate("document.documentElement.lang") == "en"


def test_who_stops_may_go_on_and_the_last_answer_may_be_taken_back(house: House, device: Any) -> None:
    phone = device(PHONE)
    begin(phone, house.link(items=2, rules=Protocol(), kind=CampaignKind.COMPARE_ITEMS), instructions=True)
    answer = phone.get_by_role("button", name="The first text")
    answer.tap()
    phone.get_by_text("1 of 2 done").wait_for()

    phone.get_by_role("button", name="Stop here").tap()
    phone.get_by_role("dialog").get_by_role("button", name="Stop here").tap()
    phone.get_by_text("You stopped after 1 item").wait_for()
    phone.get_by_role("button", name="Go on where I stopped").tap()
    phone.get_by_text("1 of 2 done").wait_for()
    answer.tap()
    phone.get_by_text("You answered 2 items").wait_for()
    phone.get_by_role("button", name="Undo the last answer").tap()
    phone.get_by_text("1 of 2 done").wait_for()

    assert len(house.given(Comparison)) == 1
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_panels_raters_go_back_by_themselves_unless_they_stay(house: House, device: Any) -> None:
    panel = protocol.Panel(return_url=f"{house.server.url}/_stcore/health?cc={{code}}", go_back_by_itself=True)
    link = house.link(items=1, rules=Protocol(panel=panel))

    staying, going = device(PHONE), device(PHONE)
    begin(staying, link)
    rate(staying, range(1), total=1)
    staying.get_by_role("button", name="Stay here").tap()
    begin(going, link)
    rate(going, range(1), total=1)
    going.wait_for_url(re.compile(r"/_stcore/health\?cc=C"))

    assert staying.get_by_role("heading", name="Thank you").count() == 1


def begin(page: "Page", link: str, *, instructions: bool = False) -> None:
    page.goto(link)
    page.get_by_role("button", name="I agree, start").click()
    if instructions:
        page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile(r"^0 of \d+ done")).wait_for()


def press(page: "Page", key: str, then: str) -> None:
    """Press a key once the guard against held keys lets it through, and wait for the result."""
    page.wait_for_timeout(500)
    page.keyboard.press(key)
    page.get_by_text(then).wait_for()
    page.wait_for_timeout(200)


def reach(page: "Page", name: str) -> None:
    """Move the focus to the control with this name by the Tab key."""
    for _ in range(20):
        if name in page.evaluate(
            "document.activeElement.matches('button') ? document.activeElement.innerText : ''"
        ).split("\n"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_the_link_opened_again_in_the_same_browser_is_the_same_person_unless_they_say_otherwise(
    house: House, device: Any
) -> None:
    link = house.link(items=4, rules=Protocol())
    phone = device(PHONE)
    begin(phone, link)
    rate(phone, range(2), total=4)

    again = phone.context.new_page()
    again.set_default_timeout(PATIENCE)
    again.goto(link)
    again.get_by_text("2 of 4 done").wait_for()
    assert len(house.raters()) == 1
    again.get_by_role("button", name="Not you? Begin as somebody else").click()
    again.get_by_role("button", name="I agree, start").click()
    again.get_by_text("0 of 4 done").wait_for()

    assert len(house.raters()) == 2


@pytest.mark.parametrize("panel", [protocol.Panel(id_parameter="workerId"), protocol.Panel()])
def test_two_people_of_a_panel_at_one_browser_are_two_raters(house: House, device: Any, panel: protocol.Panel) -> None:
    link = house.link(items=4, rules=Protocol(panel=panel))
    phone = device(PHONE)
    begin(phone, f"{link}&workerId=A1FIRST")
    rate(phone, range(2), total=4)

    begin(phone, f"{link}&workerId=A2SECOND")
    again = phone.context.new_page()
    again.set_default_timeout(PATIENCE)
    again.goto(f"{link}&workerId=A1FIRST")
    again.get_by_text("2 of 4 done").wait_for()

    assert len(house.raters()) == 2
    assert len({rating.rater_id for rating in house.given(Rating)}) == 1


@pytest.mark.parametrize("when", ["before it is noticed", "while it is down", "as soon as it is back"])
def test_a_click_around_a_restart_of_the_server_counts_or_is_asked_for_once_more(
    house: House, device: Any, when: str
) -> None:
    page = device(LAPTOP)
    begin(page, house.link(items=4, rules=Protocol()))
    rate(page, range(1), total=4)
    page.wait_for_timeout(READING)

    house.server.kill()
    if when == "while it is down":
        page.wait_for_timeout(3000)
    if when != "as soon as it is back":
        page.get_by_role("button", name=re.compile("glad")).click(force=True)
    house.server.start()
    if when == "as soon as it is back":
        page.get_by_role("button", name=re.compile("glad")).click()
    told = page.get_by_text("The connection was lost for a moment")
    page.get_by_text("2 of 4 done").or_(told).first.wait_for()
    page.wait_for_timeout(2000)
    counted = page.get_by_text("2 of 4 done").count() == 1
    assert len(house.given(Rating)) == (2 if counted else 1)

    rate(page, range(2 if counted else 1, 4), total=4)
    page.get_by_role("heading", name="Thank you").wait_for()
    assert told.count() == 0
    assert len(house.given(Rating)) == 4
