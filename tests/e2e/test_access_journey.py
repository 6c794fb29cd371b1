"""Access control in real browsers: a rater's browser stays a rater's, and an organiser can get back in."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from tests.e2e.conftest import Server, dashboard
from tests.e2e.walking import PATIENCE, settled
from ui.door import tokens
from ui.frame import access, frame

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD = "open sesame"
ORGANISER = ["", *(path for of_group in frame.PAGES.values() for _, path, _ in of_group)]
REFUSED = "This page is for the organisers of the study"
BOTH = pytest.mark.parametrize("bare", [True, False], ids=["streamlit run", "make run"])


@pytest.fixture
def context(browser: "Browser") -> Any:
    """A new browser without cookies."""
    opened = browser.new_context()
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A function that gives a server whose home has a closed campaign with the token `x`; equal ones are the same."""
    made: dict[Any, Server] = {}
    with ExitStack() as running:

        def serve(*, bare: bool = False, **environ: str) -> Server:
            how = (bare, tuple(environ.items()))
            if how not in made:
                home = tmp_path_factory.mktemp("access") / "home"
                made[how] = running.enter_context(dashboard(home, environ, bare=bare))
                add_session(made[how])
            return made[how]

        yield serve


def add_session(server: Server) -> None:
    """Store a closed campaign with the token `x`."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        study = tasks.study_named(session, "somebody's")
        made = {"study_id": study.id, "task_id": None, "kind": CampaignKind.COMPARE, "source": "", "is_open": False}
        session.add(Campaign(name="closed", token="x", **made))
    store.close()


def opened(context: "BrowserContext", address: str) -> "Page":
    page = context.new_page()
    page.goto(address)
    return page


def come_as_rater(context: "BrowserContext", url: str) -> "Page":
    """Open a rater's link, and wait until the page says that the campaign is closed."""
    page = opened(context, f"{url}/rate?campaign=x")
    page.get_by_text("This labelling session has been closed").wait_for()
    settled(page)
    context.pages[0].wait_for_function("() => document.cookie.includes('litmus_rater')")
    return page


def assert_refused(context: "BrowserContext", address: str) -> None:
    page = opened(context, address)
    page.get_by_text(REFUSED).wait_for()
    assert page.get_by_test_id("stSidebarNav").count() == 0
    assert page.get_by_role("heading", level=1).count() == 0
    page.close()


def sign_in(page: "Page", password: str = PASSWORD) -> None:
    page.get_by_label("Organiser's password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def cookie(context: "BrowserContext", kind: str) -> Any:
    return next((cookie for cookie in context.cookies() if cookie["name"].startswith(f"litmus_{kind}")), None)


@BOTH
def test_a_raters_browser_is_refused_every_organiser_page_also_first_after_a_start(
    context: "BrowserContext", serve: Any, bare: bool
) -> None:
    server = serve(bare=bare)
    page = come_as_rater(context, server.url)
    assert page.get_by_test_id("stSidebarNav").count() == 0
    assert page.get_by_text(REFUSED).count() == 0
    for path in ORGANISER:
        assert_refused(context, f"{server.url}/{path}")

    for path in ("train", ""):
        server.kill()
        server.start()
        assert_refused(context, f"{server.url}/{path}")


@BOTH
def test_another_browser_is_the_organisers(
    context: "BrowserContext", browser: "Browser", serve: Any, bare: bool
) -> None:
    server = serve(bare=bare)
    come_as_rater(context, server.url)

    other = browser.new_context()
    page = opened(other, f"{server.url}/jobs")

    page.get_by_role("heading", name="Jobs").wait_for(timeout=PATIENCE)
    page.get_by_test_id("stSidebarNav").wait_for(timeout=PATIENCE)
    other.close()


def test_the_organisers_key_takes_the_mark_away_for_good(context: "BrowserContext", serve: Any) -> None:
    server = serve()
    come_as_rater(context, server.url)
    page = opened(context, f"{server.url}/jobs")
    page.get_by_text("organiser.key").wait_for()

    page.get_by_label("Organiser's key").fill(tokens.organiser_key(server.home))
    page.get_by_role("button", name="Open the organiser's pages").click()
    page.get_by_role("heading", name="Jobs").wait_for()
    page.wait_for_function("() => !document.cookie.includes('litmus_rater')")

    server.kill()
    server.start()
    again = opened(context, f"{server.url}/jobs")
    again.get_by_role("heading", name="Jobs").wait_for()
    assert again.get_by_text(REFUSED).count() == 0


@BOTH
def test_a_sign_in_survives_a_reload_and_a_restart_and_ends_with_signing_out(
    context: "BrowserContext", serve: Any, bare: bool
) -> None:
    server = serve(bare=bare, LITMUS_PASSWORD=PASSWORD)
    page = opened(context, f"{server.url}/jobs")
    sign_in(page)
    page.get_by_role("heading", name="Jobs").wait_for()
    settled(page)
    page.wait_for_timeout(1000)
    kept = cookie(context, "organiser")
    assert (kept["sameSite"], kept["httpOnly"]) == ("Strict", not bare)
    assert PASSWORD not in kept["value"]

    page.reload()
    page.get_by_role("heading", name="Jobs").wait_for()
    server.kill()
    server.start()
    page.goto(f"{server.url}/train")
    page.get_by_test_id("stSidebarNav").wait_for()
    other = opened(context, f"{server.url}/jobs")
    other.get_by_role("heading", name="Jobs").wait_for()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Organiser's password").wait_for()
    page.wait_for_timeout(1000)
    assert cookie(context, "organiser") is None
    page.reload()
    page.get_by_label("Organiser's password").wait_for()
    other.get_by_test_id("stSidebarNav").get_by_text("Train").click()
    other.get_by_label("Organiser's password").wait_for()


def test_a_marked_browser_comes_back_by_the_password(context: "BrowserContext", serve: Any) -> None:
    server = serve(LITMUS_PASSWORD=PASSWORD)
    come_as_rater(context, server.url)
    page = opened(context, f"{server.url}/jobs")
    page.get_by_text(REFUSED).wait_for()

    sign_in(page)
    page.get_by_role("heading", name="Jobs").wait_for()
    page.wait_for_function("() => !document.cookie.includes('litmus_rater')")

    page.reload()
    page.get_by_role("heading", name="Jobs").wait_for()


def test_a_preview_leaves_no_mark(context: "BrowserContext", serve: Any) -> None:
    server = serve()
    page = opened(context, f"{server.url}/rate?preview=unknown")
    page.get_by_test_id("stAlert").wait_for()
    settled(page)

    assert page.get_by_test_id("stSidebarNav").count() == 1
    assert cookie(context, "rater") is None
    opened(context, f"{server.url}/jobs").get_by_role("heading", name="Jobs").wait_for()


def test_a_link_with_an_unknown_campaign_leaves_no_mark(context: "BrowserContext", serve: Any) -> None:
    server = serve()
    page = opened(context, f"{server.url}/rate?campaign=unknown")
    page.get_by_text("does not belong to a labelling session").wait_for()
    settled(page)

    assert cookie(context, "rater") is None
    page.goto(f"{server.url}/jobs")
    page.get_by_role("heading", name="Jobs").wait_for()


@BOTH
def test_marks_and_sign_ins_work_under_a_path(context: "BrowserContext", serve: Any, bare: bool) -> None:
    server = serve(bare=bare, LITMUS_PASSWORD=PASSWORD, STREAMLIT_SERVER_BASE_URL_PATH="lab/litmus")
    page = opened(context, f"{server.url}/jobs")
    sign_in(page)
    page.get_by_role("heading", name="Jobs").wait_for()
    page.wait_for_timeout(1000)
    kept = cookie(context, "organiser")
    assert (kept["path"], kept["httpOnly"]) == ("/lab/litmus/", not bare)

    come_as_rater(context, server.url)

    assert cookie(context, "rater")["path"] == "/lab/litmus/"
    assert_refused(context, f"{server.url}/train")


def test_the_answer_to_a_raters_link_carries_the_mark(serve: Any) -> None:
    server = serve()

    with urllib.request.urlopen(f"{server.url}/rate?campaign=x") as answer:
        marked = answer.headers.get_all("Set-Cookie")
    with urllib.request.urlopen(f"{server.url}/rate?preview=x") as answer:
        not_marked = answer.headers.get_all("Set-Cookie") or []

    assert any(re.match(r"litmus_rater_\w+=1; .*SameSite=lax", each) for each in marked)
    assert not any("litmus_rater" in each for each in not_marked)


def test_a_made_up_sign_in_is_not_kept(serve: Any) -> None:
    server = serve(LITMUS_PASSWORD=PASSWORD)
    asked = urllib.request.Request(
        f"{server.url}/{access.ROUTE}", method="POST", headers={access.HEADER: f"9999999999.0.{'0' * 64}"}
    )

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked)


@BOTH
def test_a_proxy_without_a_password_opens_nothing(context: "BrowserContext", serve: Any, bare: bool) -> None:
    server = serve(bare=bare)
    context.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})

    page = opened(context, f"{server.url}/jobs")

    page.get_by_text("the organiser's pages need a password").wait_for()
    assert page.get_by_role("heading", level=1).count() == 0
