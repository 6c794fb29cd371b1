"""A finished study becomes a paper pack and a zip in the browser, and the zip a study of the same numbers in an empty home."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from core import settings as settings_module
from core.analysis import findings
from core.analysis.reports import report
from core.study import store as store_module
from core.study.rows.study import Study
from core.study.store import Store
from tests.e2e import walking
from tests.study.archive import whole_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def store_of(home: Path) -> Store:
    return store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))


def numbers(home: Path) -> str:
    """Everything that is computed from the study of a home, with every digit."""
    store = store_of(home)
    with store() as session:
        study = session.scalars(select(Study).where(Study.name == "whole")).one()
        found = json.dumps(findings.as_json(findings.collect(session, study), report=""))
    store.close()
    return found


def saved(page: "Page", label: str, folder: Path) -> Path:
    """The file that a download button gives."""
    with page.expect_download(timeout=walking.PATIENCE) as download:
        page.get_by_role("button", name=label, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_study_is_reported_exported_and_taken_in_elsewhere(browser: "Browser", serve: Any, tmp_path: Path) -> None:
    store = store_of(tmp_path / "home")
    with store.write() as session:
        whole_study.fill(session)
    store.close()
    before = numbers(tmp_path / "home")
    server = serve()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{server.url}/report?study=whole")
    page.get_by_role("button", name="Build the pack").click(timeout=walking.PATIENCE)
    page.get_by_role("button", name="Tables for LaTeX").wait_for(timeout=4 * walking.PATIENCE)

    assert "\\toprule" in saved(page, "Tables for LaTeX", tmp_path).read_text()
    assert saved(page, "Report as PDF", tmp_path).read_bytes().startswith(b"%PDF")
    page.get_by_role("button", name="Export the study").click()
    page.get_by_role("button", name="Study as zip").wait_for(timeout=2 * walking.PATIENCE)
    exported = saved(page, "Study as zip", tmp_path)
    page.close()
    server.kill()

    other = type(server)(tmp_path / "other", {})
    try:
        other.start()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(other.url)
        page.get_by_role("button", name="Bring in an exported study").click(timeout=walking.PATIENCE)
        page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(exported)
        page.get_by_role("button", name="Bring it in").click(timeout=walking.PATIENCE)
        page.get_by_role("heading", name="whole", exact=True).wait_for(timeout=walking.PATIENCE)
        page.close()
    finally:
        other.end()

    assert numbers(tmp_path / "other") == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_from_disk_without_network_and_fits_a_phone(
    browser: "Browser", tmp_path: Path, scheme: Any
) -> None:
    store = store_of(tmp_path / "home")
    with store.write() as session:
        study = whole_study.fill(session)
        path = report.write(session, findings.collect(session, study), tmp_path / "out")
    store.close()
    context = browser.new_context(viewport={"width": 360, "height": 740}, offline=True, color_scheme=scheme)
    page, asked, errors = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(path.as_uri())
    page.locator(".js-plotly-plot .main-svg").first.wait_for()

    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == [] and errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ink = page.evaluate("getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert abs(brightness(ink) - brightness(paper)) > 100
    context.close()


def brightness(colour: str) -> float:
    """The mean of red, green and blue of "rgb(...)", 0 to 255."""
    parts = [float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    return sum(parts) / 3
