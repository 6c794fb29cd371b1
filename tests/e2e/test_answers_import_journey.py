"""Import of a faulty file of answers in a browser: unknown labels get a meaning and rater columns are named before storing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.sessions import Rating
from tests.e2e.walking import PATIENCE, at, choose, real_file, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PICTURES = os.environ.get("LITMUS_PICTURES")  # a folder to look at


def picture(page: "Page", name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def wide_file(folder: Path) -> Path:
    """A table of twelve letters with the answers of three people, who say yes for the label glad, and a column of remarks."""
    rows = ["item,text,anna,ben,cleo,remarks"]
    for n in range(12):
        rows.append(
            f"{n},what a lovely day at place number {n},yes,{'no' if n % 3 else 'yes'},{'-' if n == 4 else 'yes'},see {n}"
        )
    path = folder / "answers.csv"
    path.write_text("\n".join(rows))
    return path


def test_answers_with_other_words_get_a_meaning_before_they_are_stored(
    browser: "Browser", serve: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    server = serve()
    imported = [sys.executable, "-m", "core", "import", str(real_file(tmp_path)), "--task", "mood", "--arm", "real"]
    subprocess.run(imported, env=server.environ, check=True, capture_output=True)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(server.url)
    at(page, "Campaigns")
    settled(page)
    page.get_by_text("Bring in answers from a file").click()
    settled(page)
    choose(page, "About", "mood")
    page.locator("input[type=file]").set_input_files(wide_file(tmp_path))
    page.get_by_text("A row is an item, each other column a rater").click()
    expect(page.get_by_role("combobox", name="“yes” means")).to_be_visible()
    expect(page.get_by_text("No label in answers.csv is one of the task's")).to_be_visible()
    picture(page, "strangers")
    choose(page, "“yes” means", "glad")
    expect(page.get_by_text("36 answers, 27 will be kept")).to_be_visible()
    choose(page, "“no” means", "sad")
    expect(page.get_by_text("36 answers, 35 will be kept")).to_be_visible()
    expect(page.get_by_text("not a rater from “remarks”")).to_be_visible()
    for rater in ("anna", "ben"):
        page.get_by_role("combobox", name="Columns of raters").fill(rater)
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
    page.keyboard.press("Escape")
    expect(page.get_by_text("24 answers, 24 will be kept")).to_be_visible()
    picture(page, "meant")
    page.set_viewport_size({"width": 360, "height": 740})
    picture(page, "meant-phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Import answers").click()
    expect(page.get_by_text("24 of 24 answers kept").first).to_be_visible()

    with store_module.open_store(settings_module.load(server.environ))() as session:
        assert sorted({rating.label for rating in session.query(Rating)}) == ["glad", "sad"]
        assert session.query(Rating).count() == 24
