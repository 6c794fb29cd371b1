"""Sign-in at a real OpenID Connect provider on loopback: who is let in, and what a provider with bad habits opens (nothing)."""

import asyncio
import http.client
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from tests import oidc_provider
from tests.door.conftest import ask
from tests.e2e.conftest import Server, dashboard
from tests.oidc_provider import Provider
from tests.websocket_rater import Tab
from ui.door import tokens
from ui.door.oidc import routes
from ui.door.oidc.provider import Person, Reason, Refused
from ui.frame import access

pytestmark = pytest.mark.slow

GONE, UNTRUSTED = "does not answer as it should", "could not be verified"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with oidc_provider.running() as started:
        yield started


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard with the provider and without a password, whose home has a study."""
    with dashboard(tmp_path_factory.mktemp("oidc") / "home", provider.environ) as started:
        store = store_module.open_store(settings_module.load(started.environ))
        with store.write() as session:
            tasks.study_named(session, "tickets")
        store.close()
        yield started


@pytest.fixture(autouse=True)
def good_habits(provider: Provider) -> Iterator[None]:
    yield
    provider.habit = ""


@dataclass
class Visit:
    """A browser's way to the provider and back, request by request. `said`: the reason in the last address; "" if let in."""

    server: Server
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def get(self, path: str, **more: str) -> tuple[int, str]:
        """The status of an answer, and where it sends the browser."""
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            host = self.host or f"127.0.0.1:{self.server.port}"
            connection.request("GET", path, headers={"Host": host, "Cookie": kept, **more})
            answer = connection.getresponse()
            answer.read()
            for line in answer.headers.get_all("set-cookie") or []:
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
            return answer.status, answer.headers.get("location") or ""
        finally:
            connection.close()

    def begin(self, **more: str) -> str:
        """The provider's address to which the browser is sent."""
        status, address = self.get(f"/{routes.BEGIN}", **more)
        assert status == 303
        self.said = parse_qs(urlsplit(address).query).get(routes.TOLD, [""])[0]
        return address

    def choose(self, account: str, address: str) -> str:
        """The path and query by which the provider sends the browser back after the choice of an account."""
        parts = urlsplit(address)
        page = ask(parts.port or 0, f"{parts.path}?{parts.query}")
        assert page.status == 200
        found = re.search(rf'href="([^"]*)">{account}<', page.text)
        assert found
        back = urlsplit(found[1].replace("&amp;", "&"))
        return f"{back.path}?{back.query}"

    def come_back(self, path: str) -> None:
        status, address = self.get(path)
        assert status == 303
        self.said = parse_qs(urlsplit(address).query).get(routes.TOLD, [""])[0]

    def sign_in(self, account: str) -> None:
        address = self.begin()
        if not self.said:
            self.come_back(self.choose(account, address))


def seen(server: Server, visit: Visit, path: str = "jobs") -> list[str]:
    """Everything written on a page for this browser."""

    async def read() -> list[str]:
        kept = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        async with aiohttp.ClientSession(headers={"Cookie": kept} if kept else {}) as http:
            tab = Tab(http, server.url, path, f"{routes.TOLD}={visit.said}" if visit.said else "")
            await tab.open()
            found = [text.replace("\\", "") for text in tab.texts()]
            await tab.close()
        return found

    return asyncio.run(read())


@pytest.mark.parametrize(("account", "who"), [("olga", "organiser"), ("by-subject", "organiser"), ("victor", "viewer")])
def test_the_listed_are_let_in_as_what_they_are_listed(server: Server, account: str, who: str) -> None:
    visit = Visit(server)

    visit.sign_in(account)

    texts = seen(server, visit)
    assert ("Jobs" in texts) is (who == "organiser")
    assert any("You have a read-only view" in text for text in texts) is (who == "viewer")


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        ("nobody", "is not among the organisers and viewers"),
        ("ursula", "has not verified your e-mail address"),
        ("sneaky", "is not among the organisers and viewers"),
        ("decline", "was not finished"),
    ],
)
def test_everybody_else_reads_one_sentence_and_gets_no_page(server: Server, account: str, sentence: str) -> None:
    visit = Visit(server)

    visit.sign_in(account)

    assert not visit.cookies
    texts = seen(server, visit)
    assert sum(sentence in text for text in texts) == 1
    assert "Jobs" not in texts


@pytest.mark.parametrize("habit", sorted(oidc_provider.FORGED))
def test_a_token_that_does_not_hold_opens_nothing(server: Server, provider: Provider, habit: str) -> None:
    provider.habit = habit
    visit = Visit(server)

    visit.sign_in("by-subject" if habit == "about another person" else "olga")

    assert visit.said == Reason.UNTRUSTED
    assert not visit.cookies
    assert sum(UNTRUSTED in text for text in seen(server, visit)) == 1


@pytest.mark.parametrize("habit", sorted(oidc_provider.GONE))
def test_a_provider_that_does_not_answer_is_one_sentence(server: Server, provider: Provider, habit: str) -> None:
    provider.habit = habit
    visit = Visit(server)

    visit.sign_in("olga")

    assert visit.said == Reason.GONE
    assert not visit.cookies
    assert sum(GONE in text for text in seen(server, visit)) == 1


def test_an_address_that_the_provider_tells_apart_from_the_token_counts(server: Server, provider: Provider) -> None:
    provider.habit = "tells the address apart"
    visit = Visit(server)

    visit.sign_in("olga")

    assert "Jobs" in seen(server, visit)


def test_a_way_back_that_another_browser_began_opens_nothing(server: Server) -> None:
    hers, theirs = Visit(server), Visit(server)
    back = theirs.choose("olga", theirs.begin())

    hers.begin()
    hers.come_back(back)

    assert hers.said == Reason.STALE
    assert not hers.cookies


def test_a_way_back_works_once(server: Server) -> None:
    visit = Visit(server)
    back = visit.choose("olga", visit.begin())
    kept = dict(visit.cookies)

    visit.come_back(back)
    again = Visit(server, cookies=kept)
    again.come_back(back)

    assert not visit.said
    assert again.said == Reason.GONE
    assert not again.cookies


def test_a_state_that_is_past_its_time_opens_nothing(server: Server) -> None:
    settings = settings_module.load(server.environ)
    assert settings.oidc is not None
    old = tokens.sign(settings.home, settings.oidc.sign_in_secret, expires=time.time() - 1, purpose=routes.PURPOSE)
    visit = Visit(server, cookies={access.cookie_names(settings.home).provider: old})

    visit.come_back(f"/{routes.BACK}?code=x&state={old}")

    assert visit.said == Reason.STALE


def test_the_way_back_has_the_address_that_the_browser_uses_behind_a_proxy(server: Server) -> None:
    visit = Visit(server, host="localhost:9443")

    asked = parse_qs(urlsplit(visit.begin(**{"X-Forwarded-Proto": "https"})).query)

    assert asked["redirect_uri"] == ["https://localhost:9443/oauth2callback"]


def test_signing_out_ends_the_sign_in_for_a_copy_of_its_cookie_too(server: Server) -> None:
    visit = Visit(server)
    visit.sign_in("olga")

    async def sign_out() -> None:
        kept = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        async with aiohttp.ClientSession(headers={"Cookie": kept}) as http:
            tab = Tab(http, server.url, "jobs")
            await tab.open()
            button = tab.button("access.sign_out")
            assert button
            runs = tab.runs_finished
            await tab.click(button)
            await tab.until(lambda: tab.runs_finished > runs and not tab.is_running or None)
            await tab.close()

    asyncio.run(sign_out())

    assert "Jobs" not in seen(server, visit)


def test_no_secret_and_no_address_of_a_person_is_in_the_home_or_the_log(server: Server) -> None:
    for account in ("olga", "nobody"):
        Visit(server).sign_in(account)

    home = Path(server.environ["LITMUS_HOME"])
    files = [path.read_bytes() for path in [*home.rglob("*"), server.log] if path.is_file()]

    assert len(files) > 2
    for word in (oidc_provider.SECRET, "olga@example.org", "nobody@example.org"):
        assert not [1 for content in files if word.encode() in content.lower()]


def test_a_change_of_who_is_let_in_ends_the_sign_ins(server: Server) -> None:
    visit = Visit(server)
    visit.sign_in("olga")
    settings = settings_module.load(server.environ)
    changed = settings_module.load({**server.environ, "LITMUS_OIDC_ORGANISERS": "subject-7"})
    token = visit.cookies[access.cookie_names(settings.home).organiser]

    assert access.signed_in_as(settings, token, now=time.time()) is access.Visitor.ORGANISER
    assert access.signed_in_as(changed, token, now=time.time()) is None


def test_a_subject_in_the_form_of_an_address_is_nobodys_address() -> None:
    oidc = settings_module.load({**oidc_provider.ENVIRON, "LITMUS_OIDC_ISSUER": "https://login.example.org"}).oidc
    assert oidc is not None

    with pytest.raises(Refused) as refused:
        routes.is_organisers(oidc, Person("olga@example.org", "", is_verified=False))

    assert refused.value.reason is Reason.UNLISTED


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"LITMUS_OIDC_CLIENT_SECRET": ""}, "needs LITMUS_OIDC_CLIENT_SECRET too"),
        ({"LITMUS_OIDC_ORGANISERS": "", "LITMUS_OIDC_CLIENT_ID": ""}, "CLIENT_ID and LITMUS_OIDC_ORGANISERS too"),
        ({"LITMUS_OIDC_ISSUER": "http://login.example.org"}, "must be the provider's own URL"),
        ({"LITMUS_OIDC_ISSUER": "https://user:key@login.example.org"}, "must be the provider's own URL"),
        ({"LITMUS_OIDC_ISSUER": "login.example.org"}, "must be the provider's own URL"),
    ],
)
def test_settings_of_a_provider_that_cannot_work_are_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        settings_module.load({**oidc_provider.ENVIRON, "LITMUS_OIDC_ISSUER": "https://login.example.org", **changed})

    assert oidc_provider.SECRET not in str(refused.value)


def test_the_settings_are_shown_without_the_secret() -> None:
    settings = settings_module.load({**oidc_provider.ENVIRON, "LITMUS_OIDC_ISSUER": "https://login.example.org"})

    assert oidc_provider.SECRET not in repr(settings)
