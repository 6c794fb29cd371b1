"""Sign-in at a provider in a real browser: in as an organiser or a viewer, out again, and one sentence for everything else."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from tests import oidc_provider
from tests.e2e.conftest import Server, dashboard
from tests.e2e.walking import PATIENCE, settled
from tests.oidc_provider import Provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with oidc_provider.running() as started:
        yield started


@pytest.fixture(scope="module", params=["", "litmus"], ids=["at the root", "under a path"])
def server(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """A dashboard with the provider, at the root or under a path; its home has a study and a campaign with the token `x`."""
    environ = {**provider.environ, **({"STREAMLIT_SERVER_BASE_URL_PATH": request.param} if request.param else {})}
    home = tmp_path_factory.mktemp("oidc") / "home"
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
    with store.write() as session:
        study = tasks.study_named(session, "tickets")
        made = {"study_id": study.id, "task_id": None, "kind": CampaignKind.COMPARE, "source": "", "is_open": False}
        session.add(Campaign(name="closed", token="x", **made))
    store.close()
    with dashboard(home, environ) as started:
        yield started


@pytest.fixture
def context(browser: "Browser", provider: Provider) -> Any:
    """A new browser without cookies; the provider has its good habits back afterwards."""
    opened = browser.new_context()
    opened.set_default_timeout(PATIENCE)
    yield opened
    provider.habit = ""
    opened.close()


def sign_in(context: "BrowserContext", server: Server, account: str) -> "Page":
    page = context.new_page()
    page.goto(f"{server.url}/jobs")
    page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    page.get_by_role("link", name=account).click()
    return page


def sign_ins(context: "BrowserContext") -> list[Any]:
    return [cookie for cookie in context.cookies() if cookie["name"].startswith("litmus_organiser")]


def test_an_organiser_comes_in_and_goes_out(context: "BrowserContext", server: Server) -> None:
    page = sign_in(context, server, "olga")
    page.get_by_role("heading", name="Overview").or_(page.get_by_role("heading", level=1)).first.wait_for()
    page.get_by_test_id("stSidebarNav").wait_for()
    (cookie,) = sign_ins(context)
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert not [each for each in context.cookies() if each["name"].startswith("litmus_provider")]
    page.reload()
    page.get_by_test_id("stSidebarNav").wait_for()
    settled(page)

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()
    page.wait_for_timeout(500)
    page.reload()
    page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()

    assert page.get_by_role("heading", level=1).count() == 0
    assert sign_ins(context) == []


def test_a_viewer_sees_and_changes_nothing(context: "BrowserContext", server: Server) -> None:
    page = sign_in(context, server, "victor")

    page.get_by_text("Read-only view").wait_for()
    page.goto(f"{server.url}/jobs")
    page.get_by_text("You have a read-only view").wait_for()


def test_a_raters_browser_becomes_an_organisers(context: "BrowserContext", server: Server) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/rate?campaign=x")
    page.get_by_text("This labelling session has been closed").wait_for()

    page = sign_in(context, server, "olga")

    page.get_by_test_id("stSidebarNav").wait_for()
    assert not [each for each in context.cookies() if each["name"].startswith("litmus_rater")]


@pytest.mark.parametrize(
    ("account", "habit", "sentence"),
    [
        ("nobody", "", "is not among the organisers and viewers of this dashboard"),
        ("ursula", "", "has not verified your e-mail address"),
        ("decline", "", "was not finished"),
        ("olga", "wrong nonce", "could not be verified"),
        ("olga", "expired token", "could not be verified"),
        ("olga", "wrong audience", "could not be verified"),
        ("olga", "keys gone", "does not answer as it should"),
    ],
)
def test_everything_else_is_one_sentence_and_no_page(
    context: "BrowserContext", server: Server, provider: Provider, account: str, habit: str, sentence: str
) -> None:
    provider.habit = habit

    page = sign_in(context, server, account)

    page.get_by_text(sentence).wait_for()
    assert page.get_by_test_id("stAlert").count() == 1
    assert page.get_by_role("heading", level=1).count() == 0
    assert sign_ins(context) == []
    page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()


def test_a_provider_that_is_gone_is_one_sentence(context: "BrowserContext", server: Server, provider: Provider) -> None:
    provider.habit = "gone"
    page = context.new_page()
    page.goto(server.url)

    page.get_by_role("link", name="Sign in with 127.0.0.1").click()

    page.get_by_text("The sign-in provider 127.0.0.1 does not answer as it should").wait_for()
    assert page.get_by_role("heading", level=1).count() == 0
