"""Words typed into a form and never left: the tab is loaded again, and they are there; another browser does not see them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from tests.e2e.walking import PATIENCE, at
from tests.pages.test_pages import fill

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
WORDS = "Write {n} letters to an old friend that read {label}."


def test_words_in_hand_are_there_after_a_reload_and_in_no_other_browser(
    browser: "Browser", serve: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(tmp_path / "home")}))
    fill(store, tmp_path)
    store.close()
    server = serve()
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)

    page.goto(f"{server.url}/prompts")
    generation(page).fill(WORDS)
    wait_until_kept(tmp_path / "home" / "unsaved")
    page.reload()
    expect(generation(page)).to_have_value(WORDS)
    expect(page.get_by_text("What was typed before is back")).to_be_visible()

    at(page, "Jobs")
    at(page, "Prompts")
    expect(generation(page)).to_have_value(WORDS)
    other = browser.new_page()
    other.goto(f"{server.url}/prompts")
    expect(generation(other)).to_be_visible()
    expect(generation(other)).not_to_have_value(WORDS)


def wait_until_kept(folder: Path) -> None:
    """Wait for the words of a field that still has the focus: they are sent after a pause in typing."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not any("old friend" in path.read_text(encoding="utf-8") for path in folder.glob("*.json")):
        assert time.monotonic() < deadline, "the words were not kept"
        time.sleep(0.1)


def generation(page: "Page") -> Any:
    return page.get_by_role("textbox", name="Generation", exact=True)
