"""The organiser's password: hashed, guessed at, and signed out of at every dashboard on one home."""

import asyncio
import os
import time
from pathlib import Path

import aiohttp
import argon2
import pytest
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from core.study.store import Store
from tests import apps
from tests.door.conftest import ask
from tests.e2e.conftest import Server
from tests.websocket_rater import Tab
from ui.door import connections, ended, guesses, passwords, tokens
from ui.frame import access, sign_in
from ui.shared import links

PASSWORD = "correct horse battery"
ENVIRON = {"LITMUS_PASSWORD": PASSWORD}
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
GUESSERS, SECONDS = 40, 30.0
FROM_ELSEWHERE = {"X-Forwarded-For": "198.51.100.20"}


def token(server: Server) -> str:
    return tokens.sign(Path(server.environ["LITMUS_HOME"]), PASSWORD, expires=time.time() + 3600)


async def opened(http: aiohttp.ClientSession, server: Server) -> Tab:
    tab = Tab(http, server.url, "jobs")
    await tab.open()
    return tab


async def give(tab: Tab, password: str) -> float:
    """Type the password, press the button, and give the seconds until the page has answered."""
    await tab.fill("Organiser's password", password)
    runs, button = tab.runs_finished, tab.button("FormSubmitter:frame.login")
    button = button or tab.button("Sign in")
    assert button is not None
    sent = await tab.click(button)
    await tab.until(lambda: tab.runs_finished > runs and not tab.is_running or None)
    await tab.settled()
    return time.perf_counter() - sent


async def is_open(server: Server, *, cookie: str) -> bool:
    names = access.cookie_names(Path(server.environ["LITMUS_HOME"]))
    async with aiohttp.ClientSession(headers={"Cookie": f"{names.organiser}={cookie}"}) as http:
        tab = await opened(http, server)
        found = "Jobs" in tab.texts()
        await tab.close()
    return found


async def guess(server: Server, until: float, room: asyncio.Semaphore) -> int:
    """Guess wrong passwords from one address until the time is over, and give their number.

    `room`: so many come in at a time, as the server closes connections of an address that are silent and too many.
    """
    count = 0
    async with aiohttp.ClientSession(headers={"X-Forwarded-For": "203.0.113.7"}) as http:
        async with room:
            tab = await opened(http, server)
        while time.monotonic() < until:
            await give(tab, f"guess {count}")
            count += 1
        await tab.close()
    return count


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True], ids=["another address", "a known browser at the guessers' address"])
def test_forty_guessers_never_slow_the_organisers_sign_in(server: Server, known: bool) -> None:
    home = Path(server.environ["LITMUS_HOME"])
    cookie = tokens.sign(home, PASSWORD, expires=time.time() + 3600, purpose="known")
    hers = {"X-Forwarded-For": "203.0.113.7", "Cookie": f"{access.cookie_names(home).known}={cookie}"}

    async def organiser() -> tuple[float, bool]:
        async with aiohttp.ClientSession(headers=hers if known else FROM_ELSEWHERE) as http:
            tab = await opened(http, server)
            took = await give(tab, PASSWORD)
            found = "Jobs" in tab.texts()
            await tab.close()
        return took, found

    async def attack() -> tuple[float, bool, int]:
        until = time.monotonic() + SECONDS
        room = asyncio.Semaphore(connections.SILENT_EACH // 2)
        guessers = [asyncio.create_task(guess(server, until, room)) for _ in range(GUESSERS)]
        await asyncio.sleep(SECONDS * 0.6)
        took, found = await organiser()
        return took, found, sum(await asyncio.gather(*guessers))

    alone, _ = asyncio.run(organiser())
    took, found, tried = asyncio.run(attack())

    assert found
    assert tried >= GUESSERS
    assert took < alone + 2  # a guesser waits 1, 2, 4 ... seconds


@pytest.mark.slow
def test_a_sign_out_holds_at_every_dashboard_on_the_home_and_after_a_restart(server: Server) -> None:
    made = token(server)
    other = Server(Path(server.environ["LITMUS_HOME"]), ENVIRON)
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        tasks.study_named(session, "tickets")
    store.close()
    try:
        other.start()
        assert asyncio.run(is_open(server, cookie=made))
        assert asyncio.run(is_open(other, cookie=made))

        asyncio.run(sign_out(server, made))
        assert not asyncio.run(is_open(other, cookie=made))
        other.kill()
        other.start()
        assert not asyncio.run(is_open(other, cookie=made))
        assert ask(server.port, f"/{access.ROUTE}", method="POST", **{access.HEADER: made}).status == 403
    finally:
        other.kill()


async def sign_out(server: Server, cookie: str) -> None:
    names = access.cookie_names(Path(server.environ["LITMUS_HOME"]))
    async with aiohttp.ClientSession(headers={"Cookie": f"{names.organiser}={cookie}"}) as http:
        tab = await opened(http, server)
        button = tab.button("access.sign_out")
        assert button is not None
        runs = tab.runs_finished
        await tab.click(button)
        await tab.until(lambda: tab.runs_finished > runs or None)
        await tab.close()


@pytest.mark.slow
def test_cookies_are_secure_behind_a_proxy_with_tls_and_the_browser_is_known_afterwards(server: Server) -> None:
    made = token(server)
    plain = ask(server.port, f"/{access.ROUTE}", method="POST", **{access.HEADER: made})
    behind = ask(server.port, "/_stcore/health", x_forwarded_proto="https")
    signed = ask(
        server.port, f"/{access.ROUTE}", method="POST", x_forwarded_proto="HTTPS, http", **{access.HEADER: made}
    )

    assert (plain.status, signed.status) == (204, 204)
    assert "Secure" not in plain.headers["set-cookie"]
    assert "_streamlit_xsrf" in behind.headers["set-cookie"]
    assert behind.headers["set-cookie"].endswith("; Secure")
    assert signed.headers["set-cookie"].startswith("litmus_known_")
    assert {"Secure", "HttpOnly", "SameSite=strict"} <= set(signed.headers["set-cookie"].split("; "))


def test_the_cookie_of_a_known_browser_opens_nothing(tmp_path: Path) -> None:
    known = tokens.sign(tmp_path, PASSWORD, expires=2e9, purpose="known")

    assert tokens.is_signed(tmp_path, PASSWORD, known, now=1.0, purpose="known")
    assert not tokens.is_signed(tmp_path, PASSWORD, known, now=1.0)


def test_an_ended_sign_in_is_remembered_until_it_would_have_expired(tmp_path: Path) -> None:
    ended.end(tmp_path, "a", expires=100, now=10.0)
    assert ended.has_ended(tmp_path, "a", expires=100)
    assert not ended.has_ended(tmp_path, "b", expires=100)

    ended.end(tmp_path, "c", expires=300, now=200.0)

    assert [path.name.partition(".")[0] for path in (tmp_path / settings_module.SIGNED_OUT).iterdir()] == ["300"]


def test_a_guesser_waits_ever_longer_and_nobody_else_does() -> None:
    kept, now, waits = guesses.Guesses(), 1000.0, []
    for _ in range(14):
        waits.append(kept.admit("guesser", now))
        now += waits[-1] + 0.001
        if waits[-1]:
            assert kept.admit("guesser", now) == 0
            now += 0.001

    assert waits[:4] == [0, 0, 0, pytest.approx(0.999, abs=0.01)]
    assert waits == sorted(waits)
    assert max(waits) <= guesses.LONGEST_WAIT
    assert kept.admit("organiser", now) == 0


def test_all_guessers_together_get_no_more_than_the_window_allows() -> None:
    kept = guesses.Guesses()
    for number in range(guesses.IN_ALL):
        assert kept.admit(f"guesser {number}", 1000.0) == 0

    assert kept.admit("guesser 1", 1001.0) == pytest.approx(guesses.WINDOW - 1)
    assert kept.admit("organiser", 1001.0) == 0
    assert kept.admit("guesser 1", 1000.0 + guesses.WINDOW) == 0


def test_a_right_guess_ends_the_waiting_and_an_hour_forgets() -> None:
    kept = guesses.Guesses()
    for _ in range(guesses.FREE):
        kept.admit("organiser", 1000.0)
    assert kept.admit("organiser", 1000.5) == pytest.approx(0.5)

    kept.succeeded("organiser")
    assert kept.admit("organiser", 1000.6) == 0

    kept.admit("guesser", 1000.0)
    kept.admit("organiser", 1000.0 + guesses.FORGOTTEN + 1)
    assert kept.count("guesser") == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (None, "this machine"),
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("testclient", "this machine"),
    ],
)
def test_guesses_count_against_an_address_or_a_network_of_version_6(address: str | None, counted: str) -> None:
    assert guesses.network(address) == counted


@pytest.mark.slow
def test_a_password_can_be_given_as_its_hash(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD_HASH", QUICK.hash(PASSWORD))
    page = apps.of_file(links.page_file("jobs")).run()

    _give(page, "guess")
    assert page.error[0].value == "That is not the password."

    _give(page, f" {PASSWORD} ")
    assert page.title[0].value == "Jobs"
    signed = page.session_state["access.token"]
    assert tokens.is_signed(Path(os.environ["LITMUS_HOME"]), os.environ["LITMUS_PASSWORD_HASH"], signed, now=1.0)


@pytest.mark.slow
def test_a_guess_that_comes_too_soon_is_not_checked_and_says_how_long_to_wait(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD", PASSWORD)
    page = apps.of_file(links.page_file("jobs")).run()
    for before in range(160, 0, -20):
        assert sign_in._guesses().admit("this machine", time.monotonic() - before) == 0

    _give(page, PASSWORD)

    assert "There were too many wrong answers: wait" in page.error[0].value
    assert not page.title


@pytest.mark.parametrize("given", ["secret", "$2b$12$abc", "$argon2id$", "$argon2id$v=19$m=1,t=1$a$b"])
def test_a_hash_that_is_no_argon2_hash_is_refused_with_a_sentence(given: str) -> None:
    with pytest.raises(StudyError, match="must be an argon2 hash"):
        settings_module.load({"LITMUS_PASSWORD_HASH": given})


def test_a_password_and_a_hash_together_are_refused() -> None:
    with pytest.raises(StudyError, match="not both"):
        settings_module.load({"LITMUS_PASSWORD_HASH": QUICK.hash("a"), "LITMUS_PASSWORD": "a"})


def test_a_short_password_is_known_and_a_hash_is_taken_on_trust() -> None:
    assert passwords.is_short(settings_module.load({"LITMUS_PASSWORD": "open sesame"}))
    assert not passwords.is_short(settings_module.load({"LITMUS_PASSWORD": PASSWORD}))
    assert not passwords.is_short(settings_module.load({"LITMUS_PASSWORD_HASH": QUICK.hash("a")}))


def _give(page: AppTest, secret: str) -> None:
    page.text_input(key="frame.password").set_value(secret)
    page.button[0].click().run()
