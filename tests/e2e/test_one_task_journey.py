"""Somebody with one task and a table of texts: from an empty home to a verdict by the next step that every page names."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.walking import PATIENCE, connect, real_file, settled
from tests.llm_server import LlmServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SOON = 15 * 60  # seconds in which the verdict has to be there


class Walk:
    """A page on which steps are taken by the button of the next step; counts them, and keeps errors and foreign requests."""

    def __init__(self, page: "Page", url: str) -> None:
        self.page, self.steps = page, 0
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((url, "data:", "blob:")) else self.outside.append(asked.url),
        )

    def next(self, name: str, *, heading: str) -> None:
        settled(self.page)
        self.page.get_by_role("button", name=f"Go to {name}", exact=True).click()
        self.page.get_by_role("heading", name=heading, level=1).wait_for()
        settled(self.page)
        self.steps += 1


def test_one_task_gets_its_verdict_by_the_next_step_alone(browser: "Browser", serve: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    began = time.monotonic()
    with LlmServer(latency=0.05, seed=1, models=["tester"]) as llm:
        server = serve(OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="none")
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        walk = Walk(page, server.url)

        page.goto(server.url)
        page.get_by_label("Name of the study").fill("letters")
        page.get_by_role("button", name="Begin with my texts").click()
        page.get_by_role("heading", name="Tasks and data", level=1).wait_for()
        page.locator("input[type=file]").set_input_files(real_file(tmp_path))
        page.get_by_label("Name of the task").fill("mood")
        page.get_by_label("What a labeller is asked").fill("How does the writer feel?")
        page.get_by_label("What a labeller is asked").press("Enter")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("60 of 60 rows kept").first).to_be_visible()

        walk.next("Prompt", heading="Prompts")
        page.get_by_role("button", name="Save as a new version").click()
        expect(page.get_by_text("Version 1 of mood")).to_be_visible()

        walk.next("LLM texts", heading="Generate")
        page.get_by_label("Texts per label").fill("20")
        connect(page, model="tester")
        page.get_by_text("Connected to tester").wait_for()
        page.get_by_role("button", name="Generate zero-shot texts").click()
        expect(page.get_by_text("Newest samples")).to_be_visible()

        walk.next("Training", heading="Train")
        page.get_by_role("combobox", name="Length in").click()
        page.get_by_role("option", name="steps").click()
        page.get_by_role("spinbutton", name="Steps").fill("10")
        page.get_by_role("spinbutton", name="Steps").press("Enter")
        settled(page)
        page.get_by_role("button", name="Queue the runs").click()
        expect(page.get_by_text(re.compile("Training is going on"))).to_be_visible(timeout=3 * PATIENCE)
        expect(page.get_by_text("Read the verdict on mood")).to_be_visible(timeout=6 * PATIENCE)

        walk.next("Verdict", heading="Verdict")
        expect(page.get_by_text(re.compile(r"points lost|points gained")).first).to_be_visible()
        expect(page.get_by_text("The same in a terminal")).to_be_visible()
    assert walk.steps == 4
    assert walk.errors == []
    assert walk.outside == []
    assert time.monotonic() - began < SOON
