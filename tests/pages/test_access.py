"""Access control: raters stay raters, organisers come back by key or password, and sign-in tokens expire in time."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.study.store import Store
from core.subjectivity.sessions import campaigns
from tests import apps
from ui.door import tokens
from ui.frame import access, frame, sign_in
from ui.shared import links

PASSWORD = "open sesame"
ORGANISER = [path for of_group in frame.PAGES.values() for _, path, _ in of_group]
NOON = 1_800_000_000.0


def rate_page() -> None:
    import streamlit as st

    import ui
    from ui.frame import access

    ui.guard("rater", need_study=False)
    st.text("rating " + access.rater_token() + (" in a preview" if access.is_preview() else ""))


def visiting(query: dict[str, str]) -> AppTest:
    page = apps.of_function(rate_page)
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def give(page: AppTest, secret: str) -> AppTest:
    page.text_input(key="frame.password").set_value(secret)
    return page.button[0].click().run()


@pytest.fixture
def link(home: Store) -> str:
    """The token of a campaign."""
    with home.write() as session:
        study = tasks.study_named(session, "somebody's")
        made = {"study_id": study.id, "task_id": None, "kind": CampaignKind.COMPARE, "source": ""}
        session.add(Campaign(name="open", token="x", **made))
    return "x"


@pytest.fixture
def closed(link: str) -> AppTest:
    """The page Jobs, requested by a visitor who came by a rater's link."""
    page = apps.of_file(links.page_file("jobs"))
    page.query_params["campaign"] = "x"
    return page.run()


@pytest.mark.slow
@pytest.mark.parametrize("path", ORGANISER)
def test_a_rater_is_refused_every_organiser_page(link: str, path: str) -> None:
    page = apps.of_file(links.page_file(path))
    page.query_params["campaign"] = "x"

    page.run()

    assert not page.exception
    assert "for the organisers" in page.error[0].value
    assert not page.title
    assert not page.sidebar.children


def test_the_organisers_key_opens_the_pages_again(closed: AppTest, tmp_path: Path) -> None:
    give(closed, tokens.organiser_key(tmp_path / "home"))

    assert not closed.exception
    assert closed.title[0].value == "Jobs"
    assert "campaign" not in closed.query_params


@pytest.mark.slow
def test_a_wrong_key_waits_and_opens_nothing(closed: AppTest) -> None:
    before = time.monotonic()

    give(closed, "guess")

    assert time.monotonic() - before >= sign_in.WAIT_AFTER_A_WRONG_ONE
    assert closed.error[1].value == "That is not the organiser's key."
    assert not closed.title


@pytest.mark.slow
def test_with_a_password_the_way_back_is_the_password_and_not_the_key(
    link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD", PASSWORD)
    page = apps.of_file(links.page_file("jobs"))
    page.query_params["campaign"] = link
    page.run()

    give(page, tokens.organiser_key(tmp_path / "home"))
    assert page.error[1].value == "That is not the password."

    give(page, PASSWORD)
    assert page.title[0].value == "Jobs"


def test_signing_out_closes_the_pages(app: AppTest, home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD", PASSWORD)
    with home.write() as session:
        tasks.study_named(session, "tickets")
    give(app.run(), PASSWORD)
    assert app.title

    app.button(key="access.sign_out").click().run()

    assert not app.exception
    assert not app.title
    assert app.text_input(key="frame.password")


def test_without_a_password_there_is_nothing_to_sign_out_of(app: AppTest) -> None:
    app.run()

    assert not [button for button in app.button if button.label == "Sign out"]


def test_an_organiser_previews_without_becoming_a_rater(home: Store) -> None:
    page = visiting({"preview": "abc"})

    assert page.text[0].value == "rating abc in a preview"
    assert "access.rater" not in page.session_state or not page.session_state["access.rater"]


def test_a_preview_is_refused_to_a_rater(link: str) -> None:
    page = visiting({"campaign": link})
    assert page.text[0].value == "rating x"

    del page.query_params["campaign"]
    page.query_params["preview"] = "abc"
    page.run()

    assert "for the organisers" in page.error[0].value
    assert not page.text


def test_a_preview_asks_a_stranger_for_the_password(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD", PASSWORD)

    page = visiting({"preview": "abc"})

    assert page.text_input(key="frame.password")
    assert not page.text


def test_a_link_that_says_both_makes_a_rater(link: str) -> None:
    page = visiting({"campaign": link, "preview": link})

    assert page.text[0].value == "rating x"


@pytest.mark.parametrize("path", ["rate", "jobs"])
def test_a_link_with_an_unknown_campaign_is_one_sentence_and_makes_no_rater(link: str, path: str) -> None:
    page = apps.of_file(links.page_file(path))
    page.query_params["campaign"] = "guessed"
    page.run()
    assert [error.value for error in page.error] == [campaigns.UNKNOWN_LINK]
    assert not page.title

    del page.query_params["campaign"]
    page.run()

    assert not page.session_state["access.rater"]
    assert "for the organisers" not in "".join(error.value for error in page.error)


def test_a_link_with_an_unknown_campaign_names_no_page_to_a_stranger(
    link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITMUS_PASSWORD", PASSWORD)

    page = visiting({"campaign": "guessed"})

    assert [error.value for error in page.error] == [campaigns.UNKNOWN_LINK]
    assert not page.text_input


def test_while_the_database_cannot_be_read_a_raters_link_shuts_the_organisers_pages(
    link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITMUS_DATABASE", "sqlite:////proc/nowhere/litmus.db")
    page = apps.of_file(links.page_file("jobs"))
    page.query_params["campaign"] = "guessed"

    page.run()

    assert "for the organisers" in page.error[0].value
    assert not page.session_state["access.rater"]


def test_a_raters_page_opens_while_the_database_cannot_be_read(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITMUS_DATABASE", "sqlite:////proc/nowhere/litmus.db")

    page = visiting({"campaign": "abc"})

    assert not page.exception
    assert page.text[0].value == "rating abc"


def test_an_empty_key_file_is_said_and_opens_nothing(home: Store, tmp_path: Path, closed: AppTest) -> None:
    tokens.key_file(tmp_path / "home").write_text("\n")

    give(closed, "")

    assert not closed.title
    assert "is empty" in closed.error[1].value.replace("\\", "")


def test_a_sign_in_holds_until_it_expires(tmp_path: Path) -> None:
    token = tokens.sign(tmp_path, PASSWORD, expires=NOON)

    assert tokens.is_signed(tmp_path, PASSWORD, token, now=NOON - 1)
    assert not tokens.is_signed(tmp_path, PASSWORD, token, now=NOON)


def test_a_changed_password_ends_every_sign_in(tmp_path: Path) -> None:
    token = tokens.sign(tmp_path, PASSWORD, expires=NOON)

    assert not tokens.is_signed(tmp_path, "another", token, now=NOON - 1)


def test_a_sign_in_is_worth_nothing_at_another_home(tmp_path: Path) -> None:
    token = tokens.sign(tmp_path / "here", PASSWORD, expires=NOON)

    assert not tokens.is_signed(tmp_path / "there", PASSWORD, token, now=NOON - 1)


@pytest.mark.parametrize("change", ["later", "empty", "words", "other signature", "not ascii"])
def test_a_sign_in_that_was_changed_is_refused(tmp_path: Path, change: str) -> None:
    expires, nonce, signature = tokens.sign(tmp_path, PASSWORD, expires=NOON).split(".")
    changed = {
        "later": f"{int(expires) + 1}.{nonce}.{signature}",
        "empty": "",
        "words": "let me in please",
        "other signature": f"{expires}.{nonce}.{'0' * len(signature)}",
        "not ascii": f"{expires}.{nonce}.é",
    }[change]

    assert not tokens.is_signed(tmp_path, PASSWORD, changed, now=NOON - 1)


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: tokens.organiser_key(tmp_path / "home"), range(32)))

    assert len(keys) == 1
    assert tokens.key_file(tmp_path / "home").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["organiser.key"]


def test_an_unreadable_key_is_one_sentence(tmp_path: Path) -> None:
    tokens.key_file(tmp_path).mkdir()

    with pytest.raises(StudyError, match="organiser's key in .* cannot be read"):
        tokens.organiser_key(tmp_path)


def test_homes_do_not_share_cookies() -> None:
    assert access.cookie_names(Path("/one")) != access.cookie_names(Path("/two"))
