"""A page that stands open after its sign-in has ended carries out nothing: not a click, nor a part that draws itself again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import aiohttp
import pytest
from sqlalchemy import func, select

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.study import Job, Study
from tests.e2e.conftest import Server, dashboard
from tests.websocket_rater import Tab
from ui.door import ended, tokens
from ui.frame import access

pytestmark = pytest.mark.slow

PASSWORD, SECONDS = "correct horse battery", 6
BUTTON = "overview.sample"  # its callback queues a job


@dataclass(frozen=True)
class Sign:
    """A sign-in of an organiser: its token, and the Unix seconds at which the token expires."""

    token: str
    expires: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard with a password, whose home has no study until a click is carried out."""
    with dashboard(tmp_path_factory.mktemp("clicks") / "home", {"LITMUS_PASSWORD": PASSWORD}) as started:
        yield started


def sign(server: Server, seconds: float) -> Sign:
    expires = int(time.time() + seconds)
    return Sign(tokens.sign(server.home, PASSWORD, expires=expires), expires)


def stored(server: Server) -> int:
    """The number of studies and jobs in the database."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store() as session:
        found = sum(session.scalar(select(func.count(table.id))) or 0 for table in (Study, Job))
    store.close()
    return found


async def opened(http: aiohttp.ClientSession, server: Server, path: str = "") -> Tab:
    tab = Tab(http, server.url, path)
    await tab.open()
    await tab.settled()
    return tab


def asks_password(tab: Tab) -> bool:
    return any(shown.element.WhichOneof("type") == "text_input" for shown in tab.elements.values()) and not tab.button(
        BUTTON
    )


async def click_after(server: Server, sign: Sign, end: Callable[[], None], *, times: int = 1) -> bool:
    """Open Overview, end the sign-in, click, and say whether the page asks for the password then."""
    names = access.cookie_names(server.home)
    async with aiohttp.ClientSession(headers={"Cookie": f"{names.organiser}={sign.token}"}) as http:
        tab = await opened(http, server)
        button = tab.button(BUTTON)
        assert button
        await asyncio.to_thread(end)
        runs = tab.runs_finished
        for _ in range(times):
            await tab.click(button)
        await tab.until(lambda: tab.runs_finished > runs and not tab.is_running or None)
        await asyncio.sleep(1)
        await tab.settled()
        found = asks_password(tab)
        await tab.close()
    return found


@pytest.mark.parametrize("times", [1, 5])
def test_a_click_after_the_sign_in_has_expired_does_nothing(server: Server, times: int) -> None:
    before = stored(server)
    asyncio.run(warm(server))
    made = sign(server, SECONDS)

    def expire() -> None:
        time.sleep(max(0.0, made.expires + 0.5 - time.time()))

    is_asked = asyncio.run(click_after(server, made, expire, times=times))

    assert stored(server) == before
    assert is_asked


def test_a_click_after_signing_out_in_another_tab_does_nothing(server: Server) -> None:
    home, made, before = server.home, sign(server, 3600), stored(server)

    def sign_out() -> None:
        ended.end(home, made.token, expires=made.expires, now=time.time())

    is_asked = asyncio.run(click_after(server, made, sign_out))

    assert stored(server) == before
    assert is_asked


def test_a_part_that_draws_itself_again_shows_nothing_after_the_sign_in(server: Server) -> None:
    home, made = server.home, sign(server, 3600)
    names = access.cookie_names(home)

    async def watch() -> bool:
        async with aiohttp.ClientSession(headers={"Cookie": f"{names.organiser}={made.token}"}) as http:
            tab = await opened(http, server, "jobs")
            assert tab.timers
            assert "Jobs" in tab.texts()
            ended.end(home, made.token, expires=made.expires, now=time.time())
            runs = tab.runs_finished
            await tab.pass_time()
            await tab.until(lambda: tab.runs_finished > runs and not tab.is_running or None)
            await asyncio.sleep(1)
            await tab.settled()
            found = asks_password(tab) and "Jobs" not in tab.texts()
            await tab.close()
        return found

    assert asyncio.run(watch())


async def warm(server: Server) -> None:
    """Open a page once, so that the next page opens within seconds."""
    async with aiohttp.ClientSession() as http:
        tab = await opened(http, server)
        await tab.close()


def test_a_click_while_signed_in_is_carried_out(server: Server) -> None:
    before = stored(server)

    asyncio.run(click_after(server, sign(server, 3600), lambda: None))

    assert stored(server) > before
