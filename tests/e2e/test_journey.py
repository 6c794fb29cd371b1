"""The main journey in a browser: import, texts from an LLM, ratings on a phone, and training that outlives the server."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Rating
from core.study.rows.study import Job, Run
from core.subjectivity.sessions.protocol import default_check
from tests.e2e.walking import PATIENCE, PHONE, at, connect, pass_check, rate, real_file
from tests.llm_server import LlmServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_from_real_data_to_scores_and_ratings(browser: "Browser", serve: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    with LlmServer(latency=0.05, seed=1, models=["tester"]) as llm:
        server = serve(OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="none")
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)

        page.goto(server.url)
        page.get_by_label("Name of the study").fill("journey")
        page.get_by_label("Name of the study").press("Enter")
        expect(page.get_by_role("heading", name="Tasks and data")).to_be_visible()

        at(page, "Tasks and data")
        page.locator("input[type=file]").set_input_files(real_file(tmp_path))
        page.get_by_label("Name of the task").fill("mood")
        page.get_by_label("What a labeller is asked").fill("How does the writer feel?")
        page.get_by_label("What a labeller is asked").press("Enter")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("60 of 60 rows kept").first).to_be_visible()

        at(page, "Prompts")
        page.get_by_role("button", name="Save as a new version").click()
        expect(page.get_by_text("Version 1 of mood")).to_be_visible()

        at(page, "Generate")
        page.get_by_label("Texts per label").fill("20")
        connect(page, model="tester")
        page.get_by_text("Connected to tester").wait_for()
        page.get_by_role("button", name="Generate zero-shot texts").click()
        expect(page.get_by_text("Newest samples")).to_be_visible()
        kept = page.get_by_test_id("stMetric").filter(has_text=re.compile("^Kept")).get_by_test_id("stMetricValue")
        expect(kept).to_have_text("40")

        at(page, "Inspect")
        expect(page.get_by_text("100 samples")).to_be_visible()

        at(page, "Campaigns")
        page.get_by_label("Name", exact=True).fill("first round")
        page.get_by_role("spinbutton", name="Items per rater", exact=True).fill("3")
        page.get_by_role("button", name="Make the campaign").click()
        link = page.get_by_test_id("stCode").filter(has_text="/rate?campaign=").first.inner_text().strip()
        rate_three_items_on_a_phone(browser, link)

        train_through_a_restart(page, server)
    assert llm.counts()["answered"] <= 12
    with store_module.open_store(settings_module.load(server.environ))() as session:
        jobs = [job for job in session.query(Job) if job.title.startswith("Train")]
        assert [(job.state, job.attempt) for job in jobs] == [("done", 1), ("done", 1)]
        assert session.query(Run).filter(Run.finished_at.is_not(None)).count() == 2
        assert session.query(Rating).count() == 3


def rate_three_items_on_a_phone(browser: "Browser", link: str) -> None:
    phone = browser.new_context(**PHONE).new_page()
    phone.set_default_timeout(PATIENCE)
    phone.goto(link)
    phone.get_by_role("button", name="I agree, start").tap()
    phone.get_by_role("button", name="Go on to a short check").tap()
    pass_check(phone, default_check(CampaignKind.LABEL))
    rate(phone, range(3), total=3)
    assert phone.get_by_test_id("stSidebarNav").count() == 0
    phone.context.close()


def train_through_a_restart(page: "Page", server: Any) -> None:
    from playwright.sync_api import expect

    at(page, "Train")
    page.get_by_role("spinbutton", name="Seeds").fill("1")
    page.get_by_role("combobox", name="Length in").click()
    page.get_by_role("option", name="steps").click()
    page.get_by_role("spinbutton", name="Steps").fill("30")
    page.get_by_role("button", name="Queue the runs").click()
    expect(page.get_by_text(re.compile(r"\d+ of 30")).first).to_be_visible(
        timeout=3 * PATIENCE
    )  # jobs give way to other tests
    server.kill()
    server.start()
    page.goto(f"{server.url}/train")
    expect(page.get_by_text(re.compile(r"\d+ of 30")).first).to_be_visible(
        timeout=3 * PATIENCE
    )  # jobs give way to other tests
    expect(page.get_by_text("on real test data", exact=False).first).to_be_visible(timeout=4 * PATIENCE)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=4 * PATIENCE)


@pytest.mark.parametrize("bare", [True, False], ids=["streamlit run", "make run"])
def test_a_deep_link_on_a_fresh_server_opens_that_page_in_its_frame(browser: "Browser", serve: Any, bare: bool) -> None:
    server = serve(bare=bare)
    page = browser.new_page()

    page.goto(f"{server.url}/jobs")

    page.get_by_role("heading", name="Jobs").wait_for(timeout=PATIENCE)
    page.get_by_test_id("stSidebarNav").get_by_text("Tasks and data").wait_for(timeout=PATIENCE)
    assert page.get_by_text("Page not found").count() == 0


def test_nothing_leaves_the_machine(browser: "Browser", serve: Any) -> None:
    server = serve()
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for path in ("", "data", "analyse", "rate?campaign=x"):
        page.goto(f"{server.url}/{path}")
        page.wait_for_timeout(2000)

    outside = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert outside == []
