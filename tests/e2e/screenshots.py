"""Take a picture of every page at desktop and phone width, light and dark, from a running dashboard.

python -m tests.e2e.screenshots http://127.0.0.1:8501 docs/screenshots [--study NAME] [--campaign NUMBER]
    [--rate LINK] [--item KIND=LINK ...] [PAGE ...]

`--campaign` adds the views of one campaign, `--rate` a rater's way through a short session with a check, `--item` one item
of a campaign of another kind. These raters are real ones: they count in the campaign of their link.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PAGES = {
    "overview": "",
    **{
        name: name
        for name in ("data", "prompts", "generate", "inspect", "campaigns", "train", "jobs", "analyse", "verdict")
    },
    **{f"inspect-{view.lower()}": f"inspect?inspect.view={view}" for view in ("Quality", "Labels", "Leakage", "Map")},
    "campaigns-new": "campaigns",
}
VIEWS = {
    "live": "Live",
    "results": "Results",
    "raters": "Raters",
    "llm": "LLM raters",
    "link": "Link and settings",
    "export": "Export",
}
FIRST_RIGHT = ("My own honest reading", "Choose the one that fits better")
SIZES = {1280: 800, 360: 740}
LONGEST = 3000
MOST_ITEMS = 60


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", default=[], help="pages of the dashboard, or rate; default: all there are")
    parser.add_argument("--study", default="")
    parser.add_argument("--campaign", default="", help="the number of a campaign whose views are wanted")
    parser.add_argument("--rate", default="", help="a rater's link to a short session with a check")
    parser.add_argument("--item", action="append", default=[], metavar="KIND=LINK")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    paths = PAGES | {
        f"campaigns-{name}": f"campaigns?campaigns.id={asked.campaign}&campaigns.view={view}"
        for name, view in VIEWS.items()
        if asked.campaign
    }
    wanted = asked.pages or [*paths, "rate"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        each(browser, lambda page, suffix: pages(page, asked, {n: paths[n] for n in wanted if n in paths}, suffix))
        if "rate" in wanted:
            each(browser, lambda page, suffix: raters(page, asked, suffix))


def each(browser: Browser, draw: Callable[[Page, str], None]) -> None:
    """Call `draw` with a new visitor's page for every size and colour scheme."""
    for width, height in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            draw(context.new_page(), f"{width}-{scheme}")
            context.close()


def pages(page: Page, asked: argparse.Namespace, paths: dict[str, str], suffix: str) -> None:
    for name, path in paths.items():
        page.goto(f"{asked.url}/{path}{'&' if '?' in path else '?'}study={asked.study}")
        if name == "campaigns-new":
            open_form(page)
        take(page, asked.folder / f"{name}-{suffix}.png")


def open_form(page: Page) -> None:
    page.get_by_text("New campaign", exact=True).first.wait_for()
    if not page.get_by_role("button", name="Make the campaign").is_visible():
        page.get_by_text("New campaign", exact=True).first.click()
    page.get_by_role("button", name="Make the campaign").wait_for()


def raters(page: Page, asked: argparse.Namespace, suffix: str) -> None:
    if asked.rate:
        rate(page, asked.rate, asked.folder, suffix)
    for given in asked.item:
        kind, _, link = given.partition("=")
        begin(page, link)
        take(page, asked.folder / f"rate-item-{kind}-{suffix}.png")


def take(page: Page, path: Path) -> None:
    """Save a picture of the whole page, after the page has settled."""
    page.get_by_test_id("stAppViewContainer").wait_for()
    page.wait_for_timeout(2500)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')", timeout=30_000)
    page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]')?.scrollTo(0, 0)")
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMainBlockContainer\"]')?.scrollHeight ?? 0")
    size = page.viewport_size or {"width": 1280, "height": 800}
    if height > size["height"]:
        page.set_viewport_size({"width": size["width"], "height": min(int(height) + 60, LONGEST)})
        page.wait_for_timeout(1200)
    page.screenshot(path=path)
    page.set_viewport_size(size)


def rate(page: Page, link: str, folder: Path, suffix: str) -> None:
    """Save a picture of every step of a session: consent, instructions, check, item, end."""
    page.goto(link)
    page.get_by_role("button", name="I agree").wait_for()
    take(page, folder / f"rate-consent-{suffix}.png")
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Go on to a short check").wait_for()
    take(page, folder / f"rate-instructions-{suffix}.png")
    page.get_by_role("button", name="Go on to a short check").click()
    page.get_by_role("button", name="Check my answers").wait_for()
    take(page, folder / f"rate-check-{suffix}.png")
    pass_check(page)
    take(page, folder / f"rate-item-{suffix}.png")
    thanks = page.get_by_role("heading", name="Thank you")
    for _ in range(MOST_ITEMS):
        if thanks.count():
            break
        page.locator(".st-key-rate_answers button").first.click()
        page.wait_for_timeout(1000)
    thanks.wait_for()
    take(page, folder / f"rate-done-{suffix}.png")


def pass_check(page: Page) -> None:
    for words in FIRST_RIGHT:
        page.get_by_text(words, exact=True).click()
    page.get_by_role("button", name="Check my answers").click()
    page.locator(".st-key-rate_answers button").first.wait_for()


def begin(page: Page, link: str) -> None:
    """Go to the first item of a session without a check."""
    page.goto(link)
    page.get_by_role("button", name="I agree").click()
    start = page.get_by_role("button", name="Start", exact=True)
    start.or_(page.locator(".st-key-rate_answers")).first.wait_for()
    if start.count():
        start.click()
    page.locator(".st-key-rate_answers button").first.wait_for()


if __name__ == "__main__":
    main()
