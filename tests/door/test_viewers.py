"""Viewers may look and change nothing: the store refuses them, whatever reaches the server, and a read-only link ends."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import func, select, update
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store
from tests import apps
from tests.door.conftest import ask
from tests.e2e.conftest import Server
from tests.websocket_rater import Button, Tab
from ui.door import tokens, view_links
from ui.frame import access
from ui.shared import links

PASSWORD, VIEWERS = "correct horse battery", "only for looking"
ENVIRON = {"LITMUS_PASSWORD": PASSWORD, "LITMUS_VIEWER_PASSWORD": VIEWERS}
NOON, DAY = 1_800_000_000.0, 86_400.0


def changing_page() -> None:
    import streamlit as st

    import ui
    from core.study import tasks

    ui.guard("viewer", need_study=False)
    if st.button("Change", key="change"):
        with ui.show_errors(), ui.store().write() as session:
            tasks.study_named(session, "made by a viewer")
    if st.button("Change while reading", key="sneak"):
        with ui.show_errors(), ui.store()() as session:
            tasks.study_named(session, "made by a viewer")
            session.commit()


@pytest.fixture
def viewer(home: Store, home_folder: Path) -> AppTest:
    """A page with buttons that change the study, opened by a read-only link."""
    page = apps.of_function(changing_page)
    page.query_params["view"] = view_links.make(home_folder, name="group", now=time.time(), days=1)
    return page.run()


@pytest.mark.slow
@pytest.mark.parametrize("button", ["change", "sneak"])
def test_what_writes_refuses_a_viewer_in_one_sentence(viewer: AppTest, home: Store, button: str) -> None:
    viewer.button(key=button).click().run()

    assert not viewer.exception
    assert "read\\-only view" in viewer.error[0].value
    with home() as session:
        assert session.scalar(select(func.count(Study.id))) == 0


def test_an_organiser_may_change_on_the_same_page(home: Store) -> None:
    page = apps.of_function(changing_page).run()

    page.button(key="change").click().run()

    assert not page.error
    with home() as session:
        assert session.scalars(select(Study.name)).all() == ["made by a viewer"]


def test_statements_are_refused_in_a_read_only_store_too(home: Store) -> None:
    with home.write() as session:
        tasks.study_named(session, "kept")

    with store_module.read_only(home)() as session, pytest.raises(store_module.ReadOnly):
        session.execute(update(Study).values(name="changed"))

    with home() as session:
        assert session.scalars(select(Study.name)).all() == ["kept"]


def test_a_link_that_an_organiser_ends_closes_the_page(viewer: AppTest, home_folder: Path) -> None:
    (link,) = view_links.links(home_folder)

    view_links.end(home_folder, link.id)
    viewer.run()

    assert not viewer.button
    assert "This read-only link has ended" in viewer.error[0].value


def test_a_link_holds_until_its_date_and_its_token_is_stored_nowhere(tmp_path: Path) -> None:
    token = view_links.make(tmp_path, name="the reading group", now=NOON, days=7)

    assert view_links.is_open(tmp_path, token, now=NOON + 7 * DAY - 1)
    assert not view_links.is_open(tmp_path, token, now=NOON + 7 * DAY)
    assert not view_links.is_open(tmp_path, "guessed", now=NOON)
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(stored) == 1
    assert token not in stored[0].read_text() + stored[0].name
    assert stored[0].stat().st_mode & 0o777 == 0o600


def test_making_a_link_removes_those_that_have_ended(tmp_path: Path) -> None:
    view_links.make(tmp_path, name="old", now=NOON, days=1)

    view_links.make(tmp_path, name="new", now=NOON + 2 * DAY, days=1)

    assert [link.name for link in view_links.links(tmp_path)] == ["new"]


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "two\nlines"])
def test_a_link_needs_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="whom the link is for"):
        view_links.make(tmp_path, name=name, now=NOON, days=1)


def test_a_damaged_file_opens_nothing(tmp_path: Path) -> None:
    token = view_links.make(tmp_path, name="group", now=NOON, days=1)
    (path,) = (tmp_path / settings_module.VIEW_LINKS).iterdir()
    path.write_text('{"name": "group"')

    assert not view_links.is_open(tmp_path, token, now=NOON)
    assert view_links.links(tmp_path) == []


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LITMUS_VIEWER_PASSWORD": "b"}, "set LITMUS_PASSWORD too"),
        ({"LITMUS_PASSWORD": "a", "LITMUS_VIEWER_PASSWORD": "a"}, "must differ"),
        ({"LITMUS_PASSWORD": "a", "LITMUS_VIEWER_PASSWORD_HASH": "b"}, "LITMUS_VIEWER_PASSWORD_HASH must be an argon2"),
    ],
)
def test_a_viewers_password_that_would_make_organisers_is_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        settings_module.load(environ)


def test_the_viewers_password_signs_a_viewer_in(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    with home.write() as session:
        tasks.study_named(session, "tickets")
    page = apps.of_file(links.page_file("verdict")).run()

    page.text_input(key="frame.password").set_value(VIEWERS)
    page.button[0].click().run()

    assert page.title[0].value == "Verdict"
    assert any("Read-only view" in caption.value for caption in page.sidebar.caption)
    page.sidebar.button[0].click().run()
    assert page.text_input(key="frame.password")


def test_report_makes_a_link_and_ends_it(home: Store, home_folder: Path) -> None:
    with home.write() as session:
        tasks.study_named(session, "tickets")
    page = apps.of_file(links.page_file("report")).run()

    page.text_input(key="view_links.name").set_value("the reading group")
    next(button for button in page.button if button.label == "Make a read-only link").click().run()

    assert not page.exception
    (link,) = view_links.links(home_folder)
    shown = next(code.value for code in page.code if "view=" in code.value)
    token = shown.partition("view=")[2].partition("&")[0]
    assert view_links.is_open(home_folder, token, now=time.time())
    assert link.name == "the reading group"

    next(button for button in page.button if button.label == "End the link").click().run()

    assert not view_links.is_open(home_folder, token, now=time.time())


@pytest.mark.slow
def test_a_click_that_only_organisers_see_changes_nothing_over_a_bare_websocket(server: Server) -> None:
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        study = tasks.study_named(session, "tickets")
    home, now = Path(server.environ["LITMUS_HOME"]), time.time()
    name = access.cookie_names(home).organiser
    organiser = tokens.sign(home, PASSWORD, expires=now + 3600)
    viewing = tokens.sign(home, VIEWERS, expires=now + 3600, purpose="viewing")

    async def click(token: str, wanted: Button | None) -> Button:
        """Click on the button that puts the study aside, or on one with the same identity, on Overview."""
        async with aiohttp.ClientSession(headers={"Cookie": f"{name}={token}"}) as http:
            tab = Tab(http, server.url, "")
            await tab.open()
            seen = tab.button("studies.aside.do")
            assert (seen is None) is (wanted is not None)
            button = seen or wanted
            assert button is not None
            if wanted is not None:
                runs = tab.runs_finished
                await tab.click(button)
                await tab.until(lambda: True if tab.runs_finished > runs and not tab.is_running else None)
            await tab.close()
            return button

    asyncio.run(click(viewing, asyncio.run(click(organiser, None))))

    with store() as session:
        assert [each.id for each in tasks.studies(session)] == [study.id]
    store.close()


@pytest.mark.slow
def test_a_viewers_sign_in_is_kept_but_makes_no_known_browser(server: Server) -> None:
    home = Path(server.environ["LITMUS_HOME"])
    made = tokens.sign(home, VIEWERS, expires=time.time() + 3600, purpose="viewing")

    answer = ask(server.port, f"/{access.ROUTE}", method="POST", **{access.HEADER: made})

    assert answer.status == 204
    assert made in answer.headers["set-cookie"]
