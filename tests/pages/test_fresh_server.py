"""A page opened by its address on a fresh server runs without app.py and must draw its frame and check access itself."""

import tomllib
from pathlib import Path

from streamlit.proto.NewSession_pb2 import Config
from streamlit.runtime import app_session
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.study.store import Store
from tests import apps
from ui.shared import links


def alone(page: str) -> AppTest:
    return apps.of_file(links.page_file(page))


def test_an_organiser_page_frames_itself(home: Store) -> None:
    with home.write() as session:
        tasks.study_named(session, "tickets")

    page = alone("jobs").run()

    assert not page.exception
    assert page.title[0].value == "Jobs"
    assert page.sidebar.selectbox[0].value == "tickets"


def test_an_organiser_page_asked_for_with_a_raters_link_is_refused(home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "tickets")
        made = {"study_id": study.id, "task_id": None, "kind": CampaignKind.COMPARE, "source": ""}
        session.add(Campaign(name="open", token="x", **made))
    page = alone("train")
    page.query_params["campaign"] = "x"

    page.run()

    assert "for the organisers" in page.error[0].value
    assert not page.title


def test_an_error_offers_no_links_to_other_hosts(home: Store) -> None:
    written = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))

    assert written["client"]["showErrorLinks"] is False
    assert app_session._get_show_error_links() == Config.SHOW_ERROR_LINKS_FALSE
