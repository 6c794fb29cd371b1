"""Take the pictures of README.md and docs/tour.md from the sample study: `make screenshots`.

The dashboard runs on a new home with the finished sample study in it. Pictures are WebP files of the first screen at 1280 x 800.
"""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from core.analysis.reports.pack import pictures
from core.steps.guide import finished_sample
from tests.e2e.conftest import ROOT, Server

FOLDER = ROOT / "docs" / "screenshots"
STUDY = finished_sample.NAME
TASK = "headline_sarcasm"
PICTURES = {
    "overview": "",
    "inspect": f"inspect?task={TASK}",
    "campaigns": "campaigns",
    "analyse": "analyse",
    "verdict": f"verdict?task={TASK}",
    "present": "present?slide=Result",
}
PATIENCE = 120_000  # milliseconds
QUALITY = 82
MOST_BYTES = 150_000


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="litmus-pictures-") as folder:
        environ = {**os.environ, "LITMUS_HOME": folder}
        subprocess.run([sys.executable, "-m", "core", "demo", "--finished"], cwd=ROOT, env=environ, check=True)
        server = Server(Path(folder), {"LITMUS_LOCAL_SERVERS": "none"})
        server.start()
        try:
            take_all(server.url)
        finally:
            server.kill()


def take_all(url: str) -> None:
    """Save every picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.set_default_timeout(PATIENCE)
        for name, path in PICTURES.items():
            page.goto(f"{url}/{path}{'&' if '?' in path else '?'}study={STUDY}")
            page.get_by_role("heading", level=1).first.wait_for()
            settle(page)
            if name in OPENING:
                OPENING[name](page)
                settle(page)
            save(page.screenshot(), FOLDER / f"{name}.webp")
        browser.close()


def _choose_a_sample(page: Page) -> None:
    """Choose the third sample of the list on Inspect."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 220)
    page.mouse.move(5, 5)


def _open_ratings(page: Page) -> None:
    """Open what the raters of the task answered."""
    row = page.locator("[class*='st-key-campaign-']").filter(has_text=TASK.replace("_", " "))
    row.get_by_role("button", name="Open", exact=True).last.click()
    page.get_by_text("Krippendorff").first.wait_for()
    page.mouse.move(5, 5)


OPENING: dict[str, Callable[[Page], None]] = {"inspect": _choose_a_sample, "campaigns": _open_ratings}


def settle(page: Page) -> None:
    """Wait until nothing is being drawn."""
    page.wait_for_timeout(1000)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")
    page.wait_for_function("() => !document.querySelector('[data-test-script-state=\"running\"]')")
    page.wait_for_timeout(2500)


def save(picture: bytes, path: Path) -> None:
    """Write a picture as WebP. Raises `ValueError` if the file is too large for the repository."""
    Image.open(io.BytesIO(picture)).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{path} has {size:,} bytes; at most {MOST_BYTES:,} belong into the repository.")


if __name__ == "__main__":
    main()
