"""Every answer carries the security headers, and every page runs under them in a real browser without an error."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from tests.door.conftest import ask
from tests.e2e import walking
from tests.e2e.conftest import Server
from tests.study.archive import whole_study
from ui.frame import frame

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.slow

PAGES = ["" if path == "overview" else path for of_group in frame.PAGES.values() for _, path, _ in of_group]
ADDRESSES = [
    "/",
    "/data",
    "/rate?campaign=x",
    "/_stcore/health",
    "/_stcore/host-config",
    "/media/x.csv",
    "/_stcore/metrics",
]
VIOLATIONS = """
window.violations = []
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)
})
"""


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    """The address of a server whose home holds a whole study."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        whole_study.fill(session)
    store.close()
    return server.url


@pytest.fixture(scope="module")
def context(browser: "Browser") -> Iterator[Any]:
    opened = browser.new_context(viewport={"width": 1280, "height": 900})
    opened.add_init_script(VIOLATIONS)
    yield opened
    opened.close()


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_carries_the_headers(server: Server, path: str) -> None:
    headers = ask(server.port, path).headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


def test_a_refusal_carries_them_too(server: Server) -> None:
    answers = [ask(server.port, "/", host="evil.example"), ask(server.port, "/%2e%2e/x"), ask(server.port, "/media/x")]

    assert {answer.status for answer in answers} <= {400, 404, 421}
    assert {answer.headers["x-frame-options"] for answer in answers} == {"DENY"}


def test_scripts_may_not_be_inline_nor_foreign(server: Server) -> None:
    policy = ask(server.port, "/").headers["content-security-policy"]
    scripts = next(each for each in policy.split("; ") if each.startswith("script-src"))

    assert "unsafe-inline" not in scripts
    assert "http" not in policy


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/interact", "/_stcore/agent/openapi.json"])
def test_counters_and_the_interface_for_programs_are_closed(server: Server, path: str) -> None:
    assert ask(server.port, path).status == 404
    assert ask(server.port, path, method="POST", content_length="0").status == 404


def test_no_other_site_is_named_as_one_that_may_embed_the_dashboard(server: Server) -> None:
    assert '"allowedOrigins":[]' in ask(server.port, "/_stcore/host-config").text


@pytest.mark.e2e
@pytest.mark.parametrize("path", [*PAGES, "rate?preview=unknown"])
def test_a_page_runs_under_the_headers_without_an_error(context: "BrowserContext", address: str, path: str) -> None:
    errors: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(f"{request.url} {request.failure}"))

    page.goto(f"{address}/{path}{'' if '?' in path else '?study=whole'}")
    page.get_by_role("heading", level=1).or_(page.get_by_test_id("stAlert")).first.wait_for(timeout=walking.PATIENCE)
    walking.settled(page)

    assert page.evaluate("window.violations") == []
    assert [error for error in errors if "ERR_ABORTED" not in error] == []
    page.close()


@pytest.mark.e2e
def test_no_page_can_be_framed(context: "BrowserContext", address: str) -> None:
    outside = context.new_page()
    outside.set_content(f"<iframe src='{address}/data'></iframe>")
    outside.wait_for_timeout(3000)

    assert all("Tasks and data" not in frame.content() for frame in outside.frames[1:])
    assert outside.frames[1].url.startswith("chrome-error:")
    outside.close()
