"""Take a picture of every page at desktop and phone width, light and dark, from a running dashboard.

python -m tests.e2e.screenshots http://127.0.0.1:8501 docs/screenshots [--study NAME] [--rate LINK] [PAGE ...]
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PAGES = {
    "overview": "",
    **{name: name for name in ("data", "prompts", "generate", "inspect", "campaigns", "train", "jobs", "analyse")},
    **{f"inspect-{view.lower()}": f"inspect?inspect.view={view}" for view in ("Quality", "Labels", "Leakage", "Map")},
}
SIZES = {1280: 800, 360: 740}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", default=[])
    parser.add_argument("--study", default="")
    parser.add_argument("--rate", default="", help="a rater's link")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, height in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                for name in asked.pages or PAGES:
                    path = PAGES[name]
                    page.goto(f"{asked.url}/{path}{'&' if '?' in path else '?'}study={asked.study}")
                    take(page, asked.folder / f"{name}-{width}-{scheme}.png")
                if asked.rate:
                    rate(context.new_page(), asked.rate, asked.folder, f"{width}-{scheme}")
                context.close()


def take(page: Page, path: Path) -> None:
    """The whole page, after it has settled."""
    page.get_by_test_id("stAppViewContainer").wait_for()
    page.wait_for_timeout(2500)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')", timeout=30_000)
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMainBlockContainer\"]')?.scrollHeight ?? 0")
    size = page.viewport_size or {"width": 1280, "height": 800}
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(int(height) + 60, 3000))})
    page.wait_for_timeout(1200)
    page.screenshot(path=path)
    page.set_viewport_size(size)


def rate(page: Page, link: str, folder: Path, suffix: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="I agree").wait_for()
    take(page, folder / f"rate-consent-{suffix}.png")
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("progressbar").first.wait_for()
    take(page, folder / f"rate-item-{suffix}.png")


if __name__ == "__main__":
    main()
