"""From a verdict on one task, and from a mark in the figure of gaps to the prompt behind it, in the browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from tests.e2e import walking
from tests.e2e.conftest import dashboard
from tests.finished_study import add_runs, make_task
from tests.study.archive import whole_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLICK_ARRIVES = 1_500  # ms until the page runs again

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def opened(browser: "Browser", address: str) -> "Page":
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.get_by_role("heading", level=1).first.wait_for(timeout=walking.PATIENCE)
    walking.settled(page)
    return page


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose home holds the study `whole` and one of a single task without ratings."""
    home = tmp_path_factory.mktemp("findings") / "home"
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
    with store.write() as session:
        whole_study.fill(session)
        task = make_task(session, tasks.study_named(session, "one"), "tickets", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
    store.close()
    with dashboard(home) as server:
        yield server.url


def test_a_study_of_one_task_without_ratings_has_a_verdict(browser: "Browser", address: str) -> None:
    page = opened(browser, f"{address}/verdict?study=one&task=tickets")

    page.get_by_text("points lost (95 % interval [").first.wait_for(timeout=walking.PATIENCE)
    page.get_by_text("Collect real texts").wait_for(timeout=walking.PATIENCE)
    page.get_by_text("it is taken as an average task").first.wait_for(timeout=walking.PATIENCE)
    assert "nan" not in page.get_by_test_id("stMain").inner_text()
    page.close()


def test_a_mark_that_is_clicked_leads_to_the_prompt_behind_it(browser: "Browser", address: str) -> None:
    page = opened(browser, f"{address}/analyse?study=whole")
    marks = page.locator(".js-plotly-plot .scatterlayer .points path.point")
    marks.first.wait_for(timeout=walking.PATIENCE)
    chosen = page.get_by_role("combobox", name="What a gap came from")

    for place in range(marks.count()):
        marks.nth(place).scroll_into_view_if_needed()
        box = marks.nth(place).bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(CLICK_ARRIVES)
        walking.settled(page)
        if page.get_by_role("heading", name="tone · zero-shot").count():
            break
    page.get_by_role("heading", name="tone · zero-shot").wait_for(timeout=walking.PATIENCE)
    walking.settled(page)
    page.get_by_text("Prompt version 1", exact=True).click()
    page.get_by_text("You are =a writer").first.wait_for(timeout=walking.PATIENCE)
    walking.settled(page)
    page.get_by_role("link", name="The prompt on Prompts").click()

    page.get_by_role("heading", name="Prompts").wait_for(timeout=walking.PATIENCE)
    page.get_by_text("You are =a writer").first.wait_for(timeout=walking.PATIENCE)
    assert chosen.count() == 0
    page.close()


def test_a_chart_is_read_out_and_saved_in_one_press_and_the_content_is_one_key_away(
    browser: "Browser", address: str
) -> None:
    page = opened(browser, f"{address}/analyse?study=whole")

    page.get_by_role("img", name="Chart. Lost to real texts").wait_for(timeout=walking.PATIENCE)
    page.locator(".st-key-analyse-plot-download button").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Picture as PNG").click()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")

    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    assert page.evaluate("document.querySelector('.st-key-analyse-metric').contains(document.activeElement)")
    page.close()


def test_a_view_in_the_address_stands_in_no_buttons_way_and_a_page_is_one_step_of_the_history(
    browser: "Browser", address: str
) -> None:
    page = opened(browser, f"{address}/plan?study=whole")

    for path, view, other in (("inspect", "inspect.view", "Labels"), ("compare", "compare.view", "Classes")):
        page.get_by_role("link", name=path.capitalize(), exact=True).click()
        page.get_by_role("heading", name=path.capitalize(), level=1).wait_for(timeout=walking.PATIENCE)
        walking.settled(page)
        page.get_by_test_id("stMain").get_by_role("radio", name=other, exact=True).click()
        page.wait_for_function(f"() => new URL(location).searchParams.get('{view}') === '{other}'")
        walking.settled(page)
        page.get_by_role("button", name="Go to").click()
        page.wait_for_function(f"() => !location.pathname.startsWith('/{path}') && location.search.includes('task=')")
        page.wait_for_timeout(CLICK_ARRIVES)
        walking.settled(page)
        assert page.get_by_text("has encountered an error").count() == 0

    page.go_back()
    page.get_by_role("heading", name="Compare", level=1).wait_for(timeout=walking.PATIENCE)
    page.get_by_role("radio", name="Classes", exact=True, checked=True).wait_for(timeout=walking.PATIENCE)
    page.close()
