"""Import of a faulty file of texts in a browser: the faults are shown before anything is stored, and one click mends them."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.study import Label, Sample
from tests.e2e.walking import PATIENCE, at, choose

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def odd_file(folder: Path) -> Path:
    """A table of forty letters with other column names, a label in two spellings, and a label that looks like a missing value."""
    rows = []
    for number in range(40):
        label = ("glad", "Glad", "sad", "sad")[number % 4]
        rows.append(f"a letter with the number {number},{label},{'test' if number % 3 == 0 else 'train'},note {number}")
    rows.append("a letter without a mood,N/A,train,")
    path = folder / "letters.csv"
    path.write_text("\n".join(["Letter,Mood,Set,Remark", *rows]))
    return path


def kept(server: Any) -> int:
    with store_module.open_store(settings_module.load(server.environ))() as session:
        return session.query(Sample).filter(Sample.status == "kept").count()


def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail after the time limit."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_what_is_found_in_a_file_is_seen_and_mended_before_it_is_stored(
    browser: "Browser", serve: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    server = serve()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    page.goto(server.url)
    page.get_by_label("Name of the study").fill("letters")
    page.get_by_label("Name of the study").press("Enter")
    expect(page.get_by_role("heading", name="Tasks and data")).to_be_visible()

    at(page, "Tasks and data")
    page.locator("input[type=file]").set_input_files(odd_file(tmp_path))
    page.get_by_label("Name of the task").fill("mood")
    page.get_by_label("Name of the task").press("Enter")
    expect(page.get_by_text("Choose the column of the text and another one for the label")).to_be_visible()
    choose(page, "Column of the text", "Letter")
    choose(page, "Column of the label", "Remark")
    expect(page.get_by_text("different labels in 40 rows")).to_be_visible()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    choose(page, "Column of the label", "Mood")
    expect(page.get_by_text("These labels look alike: Glad, glad.")).to_be_visible()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    page.get_by_text("Treat labels that look alike as the same").click()
    expect(page.get_by_text("41 rows, 40 will be kept")).to_be_visible()
    page.screenshot(path=str(tmp_path / "findings.png"), full_page=True)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("40 of 41 rows kept").first).to_be_visible()

    with store_module.open_store(settings_module.load(server.environ))() as session:
        assert {label.name for label in session.query(Label)} == {"glad", "sad"}
        assert session.query(Sample).count() == 40

    page.get_by_text("Undo an import, or put a task into the trash").click()
    page.get_by_role("button", name="Undo letters.csv (40 texts)").click()
    expect(page.get_by_text("40 texts were taken back")).to_be_visible()
    expect(page.get_by_text("40 of 41 rows kept in mood")).to_have_count(0)
    page.locator("input[type=file]").set_input_files(odd_file(tmp_path))
    choose(page, "Task", "mood")
    expect(page.get_by_role("combobox", name=re.compile("^Arm"))).to_have_value("real")
    choose(page, "Column of the text", "Letter")
    choose(page, "Column of the label", "Mood")
    page.get_by_text("Treat labels that look alike as the same").click()
    expect(page.get_by_text("41 rows, 40 will be kept")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    until(lambda: kept(server) == 40)

    at(page, "Overview")
    page.get_by_role("button", name="Trash").click()
    page.get_by_label("Write the name of the study").fill("letters")
    page.get_by_label("Write the name of the study").press("Enter")
    page.get_by_role("button", name="Put the study into the trash").click()
    expect(page.get_by_text("My task", exact=True)).to_be_visible()
    page.get_by_role("button", name="Trash (1)").click()
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_role("heading", name="letters")).to_be_visible()
    page.wait_for_timeout(1500)
    until(lambda: kept(server) == 40)
