"""A change that cannot be made is a sentence on the page that was clicked, and never a traceback."""

import dataclasses
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.quality import measures
from core.study import tasks, trash
from core.study.rows.sessions import Rater
from core.study.rows.study import Study
from core.study.store import Store
from core.study.upkeep import arms, studies
from core.subjectivity.sessions import conduct
from tests import measured
from tests.pages import test_campaigns_page as campaign_page
from tests.pages.test_pages import fill, opened
from tests.pages.test_reading_samples import reading, texts

REMOVED = "was removed while Litmus had it open, so nothing is stored"


def warned(app: AppTest) -> str:
    assert not app.exception, app.exception[0].value
    return " ".join(warning.value for warning in app.warning).replace("\\", "")


def click_without_database(app: AppTest, key: str) -> str:
    """Click a button while the file of the database is elsewhere; return the warnings of the page once the file is back."""
    folder = settings_module.load().home
    (folder / "litmus.db").rename(folder / "elsewhere.db")
    app.button(key=key).click().run()
    (folder / "elsewhere.db").rename(folder / "litmus.db")
    assert not app.exception, app.exception[0].value
    return warned(app.run())


@pytest.mark.slow
@pytest.mark.parametrize("action", ["rename", "delete"])
def test_an_arm_that_was_deleted_meanwhile_is_said_to_be_gone(
    app: AppTest, home: Store, tmp_path: Path, action: str
) -> None:
    fill(home, tmp_path)
    with home.write() as session:
        gone = tasks.make_arm(session, task_id=1, name="few-shot").id
    app.query_params["arm"] = "few-shot"
    opened(app, "prompts")
    with home.write() as session:
        arms.delete_arm(session, gone)

    app.button(key=f"prompts.arms.{action}").click().run()

    assert "This arm does not exist any more" in warned(app)


@pytest.mark.parametrize("key", ["studies.rename.do", "studies.copy.do", "studies.aside.do"])
def test_a_study_that_went_to_the_trash_meanwhile_is_said_to_be_there_and_stays_as_it_is(
    app: AppTest, home: Store, tmp_path: Path, key: str
) -> None:
    study = fill(home, tmp_path)
    app.run()
    with home.write() as session:
        trash.put_study(session, study.id, name="tickets", now=time.time())

    app.button(key=key).click().run()

    assert "This study is in the trash" in warned(app)
    assert not app.toast or "hidden" not in app.toast[0].value
    with home() as session:
        found = session.scalars(select(Study)).all()
    assert [(each.id, studies.is_aside(each)) for each in found] == [(study.id, False)]
    assert "in the trash" in found[0].name


def test_a_hidden_study_that_went_to_the_trash_meanwhile_is_not_shown_again(app: AppTest, home: Store) -> None:
    with home.write() as session:
        hidden = studies.put_aside(session, tasks.study_named(session, "mine").id, True)
    app.run()
    with home.write() as session:
        trash.put_study(session, hidden.id, name="mine", now=time.time())

    app.button(key=f"studies.back.{hidden.id}").click().run()

    assert "This study is in the trash" in warned(app)


def test_the_sample_is_not_run_into_a_study_of_ones_own(app: AppTest, home: Store) -> None:
    with home.write() as session:
        tasks.study_named(session, "sample-study")
    app.run()

    app.button(key="overview.sample").click().run()

    assert "belongs to the sample study, but a study of yours has it" in warned(app)


@pytest.mark.parametrize("key", ["overview.finished", "overview.sample"])
def test_the_doors_of_the_first_screen_say_why_nothing_is_stored(app: AppTest, home: Store, key: str) -> None:
    app.run()

    assert REMOVED in click_without_database(app, key)


@pytest.mark.parametrize("key", ["report.build", "report.export"])
def test_a_pack_or_an_export_that_cannot_be_queued_says_why(
    app: AppTest, home: Store, tmp_path: Path, key: str
) -> None:
    fill(home, tmp_path)
    opened(app, "report")

    assert REMOVED in click_without_database(app, key)


def test_a_campaign_that_cannot_be_closed_says_why(app: AppTest, home: Store, tmp_path: Path) -> None:
    campaign = campaign_page.made(home, fill(home, tmp_path))
    campaign_page.at(app, campaign, "Link and settings")

    assert REMOVED in click_without_database(app, f"campaigns.toggle.{campaign.id}")


@pytest.mark.slow
@pytest.mark.parametrize("action", ["exclude", "include"])
def test_a_rater_who_cannot_be_excluded_or_counted_again_says_why(
    app: AppTest, home: Store, tmp_path: Path, action: str
) -> None:
    campaign = campaign_page.made(home, fill(home, tmp_path))
    campaign_page.rated(home, campaign, raters=1)
    with home.write() as session:
        rater_id = session.scalars(select(Rater.id)).one()
        if action == "include":
            conduct.exclude(session, rater_id=rater_id, because="copied", now=1.0)
    campaign_page.at(app, campaign, "Raters")
    row = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.session_state[f"raters.table.{campaign.id}.0"] = row
    app.run()

    assert REMOVED in click_without_database(app, f"raters.{action}.{rater_id}")


@pytest.mark.parametrize("key", ["samples.label.1", "samples.decide"])
def test_a_sample_that_cannot_be_labelled_or_rejected_says_why_and_stays_on_the_screen(
    app: AppTest, home: Store, tmp_path: Path, key: str
) -> None:
    reading(app, home, tmp_path)

    assert REMOVED in click_without_database(app, key)
    assert {"1 of 42", "text number 0"} <= set(texts(app))


@pytest.mark.slow
def test_near_duplicates_that_cannot_be_rejected_say_why(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    with home() as session:
        digest = measures.digest(session, 1)
    near = dataclasses.replace(measured.arm("zero-shot"), arm_id=2, near_groups=[[41, 42]])
    measures.write(settings_module.load(), measured.task(measured.arm("real"), near, name="urgency", digest=digest))
    app.query_params["inspect.view"] = "Quality"
    opened(app, "inspect")

    assert REMOVED in click_without_database(app, "quality.near.2")
