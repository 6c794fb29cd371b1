"""Two dashboards on PostgreSQL behind nginx, with the very configuration of `deploy/nginx`: TLS, a path, websockets, one dashboard each."""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from tests import nginx, postgresql
from tests.e2e.conftest import Server
from tests.ports import free_port
from tests.websocket_rater import Tab
from ui.door import tokens
from ui.frame import access

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Site:
    """nginx with its dashboards. `log`: what nginx has written."""

    url: str
    dashboards: list[Server]
    log: Path

    def upstreams(self, request: str) -> list[str]:
        """The dashboard of each logged request whose line holds these words."""
        return [line.split()[-2] for line in self.log.read_text().splitlines() if f" {request} " in line]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not nginx.is_here():
        pytest.skip("nginx or openssl was not found: what stands in front of the dashboards is left out")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    with postgresql.serve() as database:
        environ = {
            "LITMUS_DATABASE": postgresql.new_database(database),
            "LITMUS_PASSWORD": PASSWORD,
            "LITMUS_METRICS": "on",
            "STREAMLIT_SERVER_BASE_URL_PATH": "litmus",
        }
        dashboards = [Server(folder / "home", environ) for _ in range(2)]
        for dashboard in dashboards:
            dashboard.log = folder / f"{dashboard.port}.log"
        running = None
        try:
            fill(dashboards[0])
            for dashboard in dashboards:
                dashboard.start()
            running = nginx.start(folder, port, [each.port for each in dashboards])
            yield Site(f"https://127.0.0.1:{port}/litmus", dashboards, folder / "nginx.log")
        finally:
            for dashboard in dashboards:
                dashboard.end()
            if running is not None:
                running.terminate()
                running.wait(20)


def fill(dashboard: Server) -> None:
    """Store a study, and a closed campaign with the token `x`."""
    store = store_module.open_store(settings_module.load(dashboard.environ))
    with store.write() as session:
        study = tasks.study_named(session, "tickets")
        session.add(Campaign(name="c", token="x", study_id=study.id, kind=CampaignKind.COMPARE, is_open=False))
    store.close()


def browser(site: Site, cookie: str = "") -> aiohttp.ClientSession:
    return nginx.browser(site.log.parent, cookie)


def origin(site: Site) -> str:
    return site.url.removesuffix("/litmus")


def test_a_page_and_its_websocket_come_through_tls_and_the_path(site: Site) -> None:
    home = Path(site.dashboards[0].environ["LITMUS_HOME"])
    token = tokens.sign(home, PASSWORD, expires=time.time() + 3600)

    async def visit() -> list[str]:
        async with browser(site, f"{access.cookie_names(home).organiser}={token}") as http:
            tab = Tab(http, site.url, "jobs", origin=origin(site))
            await tab.open()
            await tab.close()
            return tab.texts() + [each.label for each in tab.buttons()]

    shown = asyncio.run(visit())
    assert "Jobs" in shown
    assert "Sign out" in shown


def test_a_visitor_stays_with_one_dashboard_and_visitors_are_spread(site: Site) -> None:
    async def visit() -> set[str]:
        async with browser(site) as http:
            answers = []
            for _ in range(5):
                async with http.get(f"{site.url}/healthz") as answer:
                    assert (answer.status, await answer.text()) == (200, "database ok\ndisk ok\n")
                    answers.append(answer.headers["x-request-id"])
            await asyncio.sleep(0.3)
            return {upstream for each in answers for upstream in site.upstreams(each)}

    seen = [asyncio.run(visit()) for _ in range(12)]

    assert {len(each) for each in seen} == {1}
    assert len(set.union(*seen)) == 2


def test_cookies_are_for_tls_only_and_their_path_is_the_dashboards(site: Site) -> None:
    async def visit() -> list[str]:
        async with browser(site) as http, http.get(f"{site.url}/rate?campaign=x") as answer:
            return answer.headers.getall("set-cookie")

    marked = asyncio.run(visit())

    assert {re.split("=|_[0-9a-f]{8}", each)[0] for each in marked} >= {"litmus_route", "litmus_rater"}
    assert all("Secure" in each and "Path=/litmus/" in each for each in marked if each.startswith("litmus"))


def test_links_are_not_in_the_log_of_nginx_and_numbers_are_not_shown_to_visitors(site: Site) -> None:
    async def visit() -> tuple[int, int]:
        async with (
            browser(site) as http,
            http.get(f"{site.url}/rate?campaign=planted-token") as rated,
            http.get(f"{site.url}/metrics") as shown,
        ):
            return rated.status, shown.status

    assert asyncio.run(visit()) == (200, 404)
    time.sleep(0.3)
    assert "GET /litmus/rate " in site.log.read_text()
    assert "planted" not in site.log.read_text()


def test_when_a_dashboard_is_gone_its_visitors_come_to_the_other(site: Site) -> None:
    async def visit(http: aiohttp.ClientSession) -> int:
        async with http.get(f"{site.url}/jobs") as answer:
            return answer.status

    async def visits() -> list[int]:
        async with browser(site) as one, browser(site) as two, browser(site) as three:
            before = [await visit(each) for each in (one, two, three)]
            site.dashboards[0].kill()
            return before + [await visit(each) for each in (one, two, three)]

    assert asyncio.run(visits()) == [200] * 6
