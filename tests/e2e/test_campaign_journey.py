"""An organiser makes a campaign, copies its link, and watches how far people agree while they rate."""

import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import CampaignKind, RaterState
from core.study.store import Store
from core.subjectivity.sessions import assignment, campaigns, enrolment
from core.subjectivity.sessions.protocol import default_check
from tests.e2e.walking import PATIENCE, PHONE, pass_check, rate, real_file, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
VIEWS = ("Live", "Results", "Raters", "LLM raters", "Link and settings", "Export")


def study_of(server: Any, folder: Path) -> Store:
    """The server's store, with a study of one task."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = tasks.make_task(
            session,
            study_id=study.id,
            name="mood",
            question="How does the writer feel?",
            labels={"glad": "", "sad": ""},
        )
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(
            session, task=task, arm=arm, table=tables.read(real_file(folder)), options=importing.Options()
        )
    return store


def rate_all(store: Store, token: str, *, seed: int) -> None:
    """A rater who answers every item, mostly with the label in the text."""
    rng = random.Random(seed)
    with store.write() as session:
        rater = enrolment.join(session, campaigns.by_token(session, token), now=time.time())
        rater.state = RaterState.RATING
    while True:
        with store.write() as session:
            item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=rng)
            if item is None:
                return
            said = "glad" if (item.id + (rng.random() < 0.2)) % 2 else "sad"
            assignment.record(session, rater_id=rater.id, item_id=item.id, answer=said, now=time.time())


def test_an_organiser_makes_a_campaign_copies_its_link_and_watches_agreement(
    browser: "Browser", serve: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    server = serve()
    study_of(server, tmp_path)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    warned: list[str] = []
    page.on("console", lambda line: warned.append(line.text) if "Infinite extent" in line.text else None)

    page.goto(f"{server.url}/campaigns")
    page.get_by_label("Name", exact=True).fill("first round")
    page.get_by_role("spinbutton", name="Texts per label").fill("5")
    page.get_by_role("spinbutton", name="Items per rater", exact=True).fill("10")
    page.get_by_role("spinbutton", name="Raters per item").fill("2")
    page.get_by_role("spinbutton", name="Raters per item").press("Enter")
    needed = page.get_by_test_id("stMetric").filter(has_text="Answers wanted").get_by_test_id("stMetricValue")
    expect(needed).to_have_text("20")
    page.get_by_role("button", name="Make the campaign").click()

    link = copied_link(page)
    assert link.startswith(f"{server.url}/rate?campaign=")
    expect(page.get_by_alt_text("QR code of the link for raters")).to_be_visible()

    page.get_by_text("Live", exact=True).click()
    expect(page.get_by_text("0 of 20 answers")).to_be_visible()
    overview = context.new_page()
    overview.goto(server.url)
    counted = overview.get_by_test_id("stMetric").filter(has_text="Answers about subjectivity")
    expect(counted.get_by_test_id("stMetricValue")).to_have_text("0")
    for name in ("first", "second"):
        rate_on_a_phone(browser, link, reloads=name == "first")

    expect(page.get_by_text("20 of 20 answers")).to_be_visible()
    alpha = page.get_by_test_id("stMetric").filter(has_text="Alpha so far").get_by_test_id("stMetricValue")
    expect(alpha).to_have_text(re.compile(r"^-?\d\.\d\d$"))
    expect(page.get_by_text("Least agreed")).to_be_visible()
    expect(counted.get_by_test_id("stMetricValue")).to_have_text("20")
    assert not warned


def rate_on_a_phone(browser: "Browser", link: str, *, reloads: bool) -> None:
    """Rate ten items, from the consent over a check passed at the second try to the completion code."""
    context = browser.new_context(**PHONE)
    phone = context.new_page()
    phone.set_default_timeout(PATIENCE)
    phone.goto(link)
    phone.get_by_role("button", name="I agree, start").tap()
    phone.get_by_role("button", name="Go on to a short check").tap()
    pass_check(phone, default_check(CampaignKind.LABEL), wrong=True)
    phone.get_by_text("you have 1 more try").wait_for()
    pass_check(phone, default_check(CampaignKind.LABEL))
    rate(phone, range(4), total=10)
    if reloads:
        phone.reload()
    rate(phone, range(4, 9), total=10)
    phone.get_by_role("button", name=re.compile("glad")).dblclick()
    phone.get_by_role("heading", name="Thank you").wait_for()
    assert phone.get_by_test_id("stCode").first.inner_text().strip()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_view_of_a_campaign_scrolls_sideways(browser: "Browser", serve: Any, tmp_path: Path, width: int) -> None:
    server = serve()
    store = study_of(server, tmp_path)
    with store.write() as session:
        task = tasks.tasks(session, tasks.studies(session)[0].id)[0]
        plan = campaigns.Plan(name="first round", task=task, per_class=5)
        campaign = campaigns.make(session, study_id=task.study_id, plan=plan)
    rate_all(store, campaign.token, seed=1)
    rate_all(store, campaign.token, seed=2)
    page = browser.new_page(viewport={"width": width, "height": 740})
    page.set_default_timeout(PATIENCE)

    for view in VIEWS:
        page.goto(f"{server.url}/campaigns?campaigns.id={campaign.id}&campaigns.view={view}")
        page.get_by_text("first round").first.wait_for()
        settled(page)
        assert page.get_by_test_id("stException").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.close()


def copied_link(page: "Page") -> str:
    """The text that the copy button beside the link puts on the clipboard."""
    block = page.get_by_test_id("stCode").filter(has_text="/rate?campaign=").first
    block.get_by_role("button", name="Copy to clipboard").click()
    return str(page.evaluate("navigator.clipboard.readText()"))
