"""Every page of the dashboard under the rules of axe: no serious and no critical finding, light and dark, wide and narrow."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from tests.e2e.walking import PATIENCE, PHONE, settled
from tests.study.archive import whole_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = (
    "", "data", "plan", "prompts", "generate", "inspect", "inspect?inspect.view=Quality", "inspect?inspect.view=Labels",
    "campaigns", "train", "jobs", "analyse", "compare", "verdict", "report", "present",
)  # fmt: skip
SCREENS: dict[str, dict[str, Any]] = {
    "wide and light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "narrow and dark": {**PHONE, "color_scheme": "dark"},
}
MENDED = """() => [...document.querySelectorAll('[data-testid="stSidebarNavItems"]')].every((pages) => pages.role === "presentation")"""
GRAVE = ("serious", "critical")
LOOKS = 3


@pytest.mark.parametrize("screen", SCREENS)
def test_no_page_has_a_serious_finding(browser: "Browser", serve: Any, tmp_path: Path, screen: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(tmp_path / "home")}))
    with store.write() as session:
        study = whole_study.fill(session).name
    store.close()
    server = serve()
    context = browser.new_context(**SCREENS[screen], bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    grave: dict[str, list[str]] = {}
    looked_at = 0

    for path in PAGES:
        page.goto(f"{server.url}/{path}{'&' if '?' in path else '?'}study={study}")
        page.get_by_role("heading", level=1).first.wait_for()
        settled(page)
        page.wait_for_function(MENDED)  # by a script that loads after the page is drawn
        for _ in range(LOOKS):  # a part that is being drawn anew is faint for a moment
            found = axe.run(page).response
            looked_at += len(found["passes"])
            of_page = [
                f"{violation['id']}: {[node['html'][:120] for node in violation['nodes'][:2]]}"
                for violation in found["violations"]
                if violation["impact"] in GRAVE
            ]
            if not of_page:
                break
            page.wait_for_timeout(2000)
        if of_page:
            grave[path] = of_page
    context.close()

    assert looked_at > 10 * len(PAGES)  # the rules did run
    assert grave == {}
