"""Steps shared by several browser journeys."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.subjectivity.sessions.protocol import Question

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

PATIENCE = 60_000
STILL = 300  # ms
READING = 450  # ms; answers take no pointer for the first 350 ms of an item


def real_file(folder: Path) -> Path:
    """A table of sixty short letters, glad or sad, two thirds of them in the training split."""
    rows = []
    for number in range(60):
        glad = number % 2 == 0
        words = "what a lovely day at place" if glad else "everything went wrong at place"
        rows.append(f"{words} number {number},{'glad' if glad else 'sad'},{'test' if number % 3 == 0 else 'train'}")
    path = folder / "letters.csv"
    path.write_text("\n".join(["text,label,split", *rows]))
    return path


def at(page: "Page", name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=False).first.click()
    page.get_by_role("heading", level=1).first.wait_for(timeout=PATIENCE)
    settled(page)


def settled(page: "Page") -> None:
    """Wait until no script of the page has run for `STILL` milliseconds: a click on a page being drawn again can be lost."""
    page.evaluate("window.stillSince = null")
    page.wait_for_function(
        """still => {
            const app = document.querySelector('[data-testid="stApp"]');
            const isBusy = app === null || app.getAttribute('data-test-script-state') === 'running'
                || document.querySelector('[data-testid="stStatusWidget"]') !== null;
            if (isBusy) window.stillSince = null;
            else if (window.stillSince === null) window.stillSince = performance.now();
            return !isBusy && performance.now() - window.stillSince > still;
        }""",
        arg=STILL,
        timeout=PATIENCE,
    )


def click_in(page: "Page", drawing: "Locator", x: float, y: float) -> None:
    """Click at a place of something that is drawn on a canvas, once the page and the drawing stand still."""
    settled(page)
    before, box = None, drawing.bounding_box()
    while box != before:
        page.wait_for_timeout(STILL)
        before, box = box, drawing.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + y)


def connect(page: "Page", *, model: str, url: str = "", instead_of: str = "") -> None:
    """Fill in the connection panel of a page and press Test and keep."""
    if url and not instead_of:
        address = page.get_by_role("textbox", name=re.compile("Address of the endpoint"))
        address.fill(url)
        address.press("Enter")
    if instead_of:
        page.get_by_role(
            "button", name=re.compile(f"Remove {instead_of}|{instead_of}.*close|Clear", re.I)
        ).first.click()
    models = page.get_by_role("combobox", name=re.compile("Models"))
    models.fill(model)
    models.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Test and keep").click()


def pass_check(page: "Page", check: Sequence[Question], *, wrong: bool = False) -> None:
    """Answer the comprehension check, the last question wrongly on request."""
    for question in check:
        is_wrong = wrong and question is check[-1]
        page.get_by_text(question.options[1 if is_wrong else question.answer], exact=True).tap()
    page.get_by_role("button", name="Check my answers").tap()


def rate(page: "Page", numbers: range, *, total: int) -> None:
    """Answer the items at these positions (from 0), and wait for the next item or the end."""
    for number in numbers:
        page.get_by_text(f"{number} of {total} done").wait_for()
        page.wait_for_timeout(READING)
        page.get_by_role("button", name=re.compile("glad" if number % 2 else "sad")).click()
    if numbers.stop < total:
        page.get_by_text(f"{numbers.stop} of {total} done").wait_for()
        page.wait_for_timeout(READING)  # the counter stands above the item and is drawn before it
        settled(page)
    else:
        page.get_by_role("heading", name="Thank you").wait_for()


def choose(page: "Page", label: str, option: str) -> None:
    """Choose an option in a select box; open the list again if the page was redrawn meanwhile, which closes it."""
    box = page.get_by_role("combobox", name=label)
    there = page.get_by_test_id("stSelectboxVirtualDropdown").get_by_text(option, exact=True).first
    for _ in range(10):
        settled(page)
        box.click()
        box.fill(option)
        try:
            there.click(timeout=4000)
        except Exception:  # noqa: BLE001  Playwright's own, which is imported in browser tests only
            page.keyboard.press("Escape")
            continue
        settled(page)
        return
    raise AssertionError(f"{label} does not offer {option}")
