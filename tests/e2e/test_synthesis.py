"""Synthesis in a browser: connect a model, edit and try a prompt, estimate, generate, inspect, reject, and trace a sample."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.study import Completion, Prompt, Sample, Trial
from tests.e2e.walking import PATIENCE, at, click_in, connect, real_file, settled
from tests.llm_server import LlmServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_from_a_connection_to_an_inspected_sample(browser: "Browser", serve: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    with LlmServer(latency=0.2, seed=3, models=["tester", "other"]) as llm:
        server = serve(OPENAI_API_KEY="none")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(server.url)
        make_a_task(page, tmp_path)

        at(page, "Prompts")
        connect(page, url=llm.url, model="testre")
        expect(page.get_by_text(re.compile("does not know the model")).first).to_be_visible()
        connect(page, model="tester", instead_of="testre")
        expect(page.get_by_text("Connected to tester")).to_be_visible()
        edit_the_prompt(page, "Write as people do in letters to an old friend.")
        try_five(page)

        at(page, "Generate")
        estimate(page)
        page.get_by_role("button", name="Generate zero-shot texts").click()
        kept = page.get_by_test_id("stMetric").filter(has_text=re.compile("^Kept")).get_by_test_id("stMetricValue")
        expect(kept).to_have_text("60")
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)

        at(page, "Inspect")
        reject_one_and_open_its_completion(page)
    with store_module.open_store(settings_module.load(server.environ))() as session:
        assert [prompt.version for prompt in session.query(Prompt)] == [1]
        assert session.query(Trial).count() == 5
        assert session.query(Sample).filter_by(status="rejected", reject_reason="rejected by a person").count() == 1
        assert session.query(Completion).count() == llm.counts()["answered"] - 5 - 1


def make_a_task(page: "Page", folder: Path) -> None:
    page.get_by_label("Name of the study").fill("synthesis")
    page.get_by_label("Name of the study").press("Enter")
    page.get_by_role("heading", name="Tasks and data").wait_for()
    at(page, "Tasks and data")
    page.locator("input[type=file]").set_input_files(real_file(folder))
    page.get_by_label("Name of the task").fill("mood")
    page.get_by_label("What a labeller is asked").fill("How does the writer feel?")
    page.get_by_label("What a labeller is asked").press("Enter")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("60 of 60 rows kept").first.wait_for()


def edit_the_prompt(page: "Page", sentence: str) -> None:
    area = page.get_by_role("textbox", name="Context")
    area.fill(f"{area.input_value()}\n{sentence}")
    area.press("Control+Enter")
    page.get_by_text(sentence).first.wait_for()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Version 1 of mood").wait_for()


def try_five(page: "Page") -> None:
    settled(page)
    page.get_by_role("button", name="Try five now").click()
    page.get_by_text("5 calls", exact=True).wait_for()
    page.get_by_text(re.compile("from 5 calls with this prompt")).wait_for()


def estimate(page: "Page") -> None:
    page.get_by_label("Texts per label").fill("30")
    page.get_by_label("Texts per label").press("Enter")
    page.get_by_text("Estimated from 5 calls made with this prompt").wait_for()
    page.get_by_text("The price of tester is unknown").wait_for()
    page.get_by_role("button", name="Prices").click()
    page.get_by_label("Tokens in").fill("1")
    page.get_by_label("Tokens out").fill("2")
    page.get_by_role("button", name="Set", exact=True).click()
    page.get_by_text(re.compile(r"\$0\.\d+ to \$0\.\d+")).wait_for()


def reject_one_and_open_its_completion(page: "Page") -> None:
    page.get_by_role("combobox", name=re.compile("^Arm")).click()
    page.get_by_role("option", name="zero-shot").click()
    page.get_by_text("60 samples").wait_for()
    choose_first_row(page)
    page.get_by_text("The raw completion").wait_for()
    page.get_by_text(re.compile(r"^1\. .+")).first.wait_for()
    page.get_by_role("button", name="Reject", exact=True).click()
    page.get_by_text(re.compile(r"rejected \(rejected by a person\)")).wait_for()


def choose_first_row(page: "Page") -> None:
    """Tick the first row by a click at the position of its box: the table is a canvas."""
    click_in(page, page.get_by_test_id("stDataFrame").first, 20, 52)
