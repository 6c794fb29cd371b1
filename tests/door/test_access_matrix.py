"""Every page and address for every kind of visitor, as the first request after a start and later: who sees what.

The visitors speak with the server over a bare websocket, so that nothing a browser does or leaves out decides.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from tests import oidc_provider
from tests.door.conftest import ask
from tests.e2e.conftest import Server
from tests.websocket_rater import Tab
from ui.door import tokens, view_links
from ui.frame import access, frame
from ui.shared import links

pytestmark = pytest.mark.slow

PASSWORD, VIEWERS, SECRET = "correct horse battery", "only for looking", "the-secret-study"
# The provider is not asked: sign-ins are made as its answers make them.
PROVIDER = {**oidc_provider.ENVIRON, "LITMUS_OIDC_ISSUER": "http://127.0.0.1:9"}
ENVIRON = {"LITMUS_PASSWORD": PASSWORD, "LITMUS_VIEWER_PASSWORD": VIEWERS, **PROVIDER}
PAGES = ["", *(path for of_group in frame.PAGES.values() for _, path, _ in of_group), "nowhere"]
NOBODY, REFUSED = "nobody", "viewer, refused"
ORGANISER, VIEWER, RATER, STRANGER = (
    access.Visitor.ORGANISER, access.Visitor.VIEWER, access.Visitor.RATER, access.Visitor.STRANGER,
)  # fmt: skip
FOR_VIEWERS = ["", *links.FOR_VIEWERS, "nowhere"]


@dataclass(frozen=True)
class Way:
    """A way to come: the cookies of the browser, the query of the address, and who the visitor is to the server."""

    cookies: tuple[str, ...]
    query: str
    who: str

    @property
    def is_signed_in(self) -> bool:
        return not {"signed", "by provider"}.isdisjoint(self.cookies)


WAYS = {
    "no cookie": Way((), "", STRANGER),
    "forged sign-in": Way(("forged",), "", STRANGER),
    "expired sign-in": Way(("expired",), "", STRANGER),
    "cookie of a known browser as sign-in": Way(("known as sign-in",), "", STRANGER),
    "sign-in": Way(("signed",), "", ORGANISER),
    "viewer's sign-in": Way(("viewing",), "", VIEWER),
    "viewer's sign-in with an organiser's purpose": Way(("viewing as sign-in",), "", STRANGER),
    "expired viewer's sign-in": Way(("expired viewing",), "", STRANGER),
    "sign-in by provider": Way(("by provider",), "", ORGANISER),
    "viewer's sign-in by provider": Way(("viewing by provider",), "", VIEWER),
    "sign-in by provider under other lists": Way(("by other lists",), "", STRANGER),
    "expired sign-in by provider": Way(("expired by provider",), "", STRANGER),
    "state on the way to the provider as sign-in": Way(("state as sign-in",), "", STRANGER),
    "sign-in by provider and mark": Way(("by provider", "mark"), "", RATER),
    "read-only link": Way((), "view=OPEN", VIEWER),
    "read-only link and sign-in": Way(("signed",), "view=OPEN", VIEWER),
    "read-only link and mark": Way(("mark",), "view=OPEN", VIEWER),
    "ended read-only link": Way((), "view=PAST", STRANGER),
    "guessed read-only link": Way((), "view=guessed", STRANGER),
    "viewer's sign-in and mark": Way(("viewing", "mark"), "", RATER),
    "rater's link and viewer's sign-in": Way(("viewing",), "campaign=x", RATER),
    "mark": Way(("mark",), "", RATER),
    "mark and sign-in": Way(("mark", "signed"), "", RATER),
    "rater's link": Way((), "campaign=x", RATER),
    "rater's link and sign-in": Way(("signed",), "campaign=x", RATER),
    "unknown link": Way((), "campaign=unknown", NOBODY),
    "unknown link and sign-in": Way(("signed",), "campaign=unknown", NOBODY),
    "unknown link and mark": Way(("mark",), "campaign=unknown", RATER),
}
# Address -> the status for everyone, whatever their cookies.
ADDRESSES = {
    "/": 200,
    "/jobs": 200,
    "/_stcore/health": 200,
    "/_stcore/host-config": 200,
    "/_stcore/metrics": 404,
    "/_stcore/agent/interact": 404,
    "/auth/login": 404,
    "/auth/logout": 404,
    "/oauth2callback": 303,
    "/oauth2callback?code=x&state=x": 303,
    "/-/oidc": 303,
    "/media/unknown.csv": 404,
    "/media/../litmus.db": 400,
}


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    """The server, whose home has a study and a closed campaign with the token `x`."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        study = tasks.study_named(session, SECRET)
        made = {"study_id": study.id, "task_id": None, "kind": CampaignKind.COMPARE, "source": "", "is_open": False}
        session.add(Campaign(name="closed", token="x", **made))
    store.close()
    return server


def cookies(server: Server, kinds: tuple[str, ...]) -> dict[str, str]:
    home = Path(server.environ["LITMUS_HOME"])
    names, now = access.cookie_names(home), time.time()
    secret, others = (
        settings_module.load({**server.environ, **changed}).oidc
        for changed in ({}, {"LITMUS_OIDC_ORGANISERS": "somebody@example.org"})
    )
    assert secret and others
    by_provider, by_others = secret.sign_in_secret, others.sign_in_secret
    made: Mapping[str, tuple[str, str]] = {
        "forged": (names.organiser, f"9999999999.0.{'0' * 64}"),
        "expired": (names.organiser, tokens.sign(home, PASSWORD, expires=now - 1)),
        "known as sign-in": (names.organiser, tokens.sign(home, PASSWORD, expires=now + 60, purpose="known")),
        "signed": (names.organiser, tokens.sign(home, PASSWORD, expires=now + 3600)),
        "viewing": (names.organiser, tokens.sign(home, VIEWERS, expires=now + 3600, purpose="viewing")),
        "viewing as sign-in": (names.organiser, tokens.sign(home, VIEWERS, expires=now + 3600)),
        "expired viewing": (names.organiser, tokens.sign(home, VIEWERS, expires=now - 1, purpose="viewing")),
        "by provider": (names.organiser, tokens.sign(home, by_provider, expires=now + 3600)),
        "viewing by provider": (names.organiser, tokens.sign(home, by_provider, expires=now + 3600, purpose="viewing")),
        "by other lists": (names.organiser, tokens.sign(home, by_others, expires=now + 3600)),
        "expired by provider": (names.organiser, tokens.sign(home, by_provider, expires=now - 1)),
        "state as sign-in": (names.organiser, tokens.sign(home, by_provider, expires=now + 60, purpose="oidc")),
        "mark": (names.rater, "1"),
    }
    return dict(made[kind] for kind in kinds)


def query(server: Server, way: Way) -> str:
    """The query of a way, with the token of a read-only link that holds, or has ended, in place of its name."""
    home, now = Path(server.environ["LITMUS_HOME"]), time.time()
    made = {
        name: view_links.make(home, name=name, now=now, days=days)
        for name, days in (("OPEN", 1), ("PAST", -1))
        if name in way.query
    }
    return way.query.replace("OPEN", made.get("OPEN", "")).replace("PAST", made.get("PAST", ""))


def expected(way: Way, path: str) -> str:
    """Whose view a visitor gets of a page: a viewer is refused the pages that change a study."""
    return REFUSED if way.who is VIEWER and path not in FOR_VIEWERS else way.who


async def seen(server: Server, path: str, way: Way) -> tuple[str | None, bool]:
    """Whose view of a page this visitor gets (None: no known view), and whether anything in it names the study."""
    text = "; ".join(f"{name}={value}" for name, value in cookies(server, way.cookies).items())
    async with aiohttp.ClientSession(headers={"Cookie": text} if text else {}) as http:
        tab = Tab(http, server.url, path, query(server, way))
        await tab.open()
        messages = [shown.element for shown in tab.elements.values()]
        said = "\n".join(tab.texts())
        await tab.close()
    kinds = {message.WhichOneof("type") for message in messages}
    asks = [message.text_input.label for message in messages if message.WhichOneof("type") == "text_input"]
    names_it = any(SECRET.encode() in message.SerializeToString() for message in messages)
    if "does not belong to a labelling session" in said:
        return (RATER if "mark" in way.cookies else NOBODY if "heading" not in kinds and not asks else None), names_it
    if "This labelling session has been closed" in said:
        return RATER, names_it
    if "You have a read-only view" in said:
        return (REFUSED if "heading" not in kinds else None), names_it
    if "for the organisers of the study" in said:
        return (RATER if "heading" not in kinds else None), names_it
    if asks == ["Organiser's or viewer's password"] and "heading" not in kinds:
        return STRANGER, names_it
    if "Read-only view" in said and "heading" in kinds:
        return VIEWER, names_it
    return (ORGANISER if "heading" in kinds or "There is no study yet." in said else None), names_it


@pytest.mark.parametrize("name", WAYS)
def test_every_page_shows_a_visitor_what_is_theirs(filled: Server, name: str) -> None:
    way = WAYS[name]

    found = {path: asyncio.run(seen(filled, path, way)) for path in PAGES}

    assert {path: who for path, (who, _) in found.items() if who != expected(way, path)} == {}
    assert {path for path, (_, names_it) in found.items() if names_it} == (
        set(PAGES) if way.who is VIEWER or (way.is_signed_in and way.who is not RATER) else set()
    )


@pytest.mark.parametrize(
    "name", ["no cookie", "sign-in", "sign-in by provider", "read-only link", "mark", "rater's link"]
)
def test_the_first_request_after_a_start_is_no_exception(filled: Server, name: str) -> None:
    filled.kill()
    filled.start()

    who, names_it = asyncio.run(seen(filled, "data", WAYS[name]))

    assert who == expected(WAYS[name], "data")
    assert names_it is (WAYS[name].who in (ORGANISER, VIEWER))


@pytest.mark.parametrize("name", ["no cookie", "mark"])
def test_a_preview_is_the_organisers_alone(filled: Server, name: str) -> None:
    way = Way(WAYS[name].cookies, "preview=x", WAYS[name].who)

    assert asyncio.run(seen(filled, "rate", way)) == (way.who, False)


@pytest.mark.parametrize("kinds", [(), ("signed",), ("mark",)], ids=["no cookie", "sign-in", "mark"])
def test_addresses_beside_the_pages_answer_everyone_alike(filled: Server, kinds: tuple[str, ...]) -> None:
    text = "; ".join(f"{name}={value}" for name, value in cookies(filled, kinds).items())

    found = {address: ask(filled.port, address, cookie=text) for address in ADDRESSES}

    assert {address: answer.status for address, answer in found.items()} == ADDRESSES
    assert [address for address, answer in found.items() if SECRET in answer.text] == []
