"""The page Report: the pack is built by a job, its parts can be looked at, and published gaps stand beside ours if any match."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.analysis import findings
from core.analysis.reports.pack import pack
from core.steps import share
from core.study import tasks
from core.study.rows.study import Job
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import opened
from tests.rated_study import add_ratings


def fill(home: Store, *names: str) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "s")
        for name in names:
            add_runs(session, make_task(session, study, name, arms=["zero-shot"]), {"real": 0.9, "zero-shot": 0.8})


def said(app: AppTest) -> str:
    shown = "\n".join(str(element.value) for element in (*app.info, *app.caption, *app.header, *app.text))
    return shown.replace("\\", "")


@pytest.mark.slow
def test_without_a_pack_the_page_says_what_it_is_and_a_click_queues_it(app: AppTest, home: Store) -> None:
    fill(home, "tickets")
    opened(app, "report")
    assert "The pack is a folder for a paper" in said(app)
    assert "Beside the paper" not in said(app)

    app.button(key="report.build").click().run()

    with home() as session:
        job = session.query(Job).one()
    assert job.key.startswith("pack:") and job.command[2] == "report" and job.command[-2:] == ["--metric", "macro_f1"]
    assert not app.exception


@pytest.mark.slow
def test_published_gaps_stand_beside_ours_and_say_that_they_were_not_checked(app: AppTest, home: Store) -> None:
    fill(home, "AG News", "humor")

    opened(app, "report")

    assert "Beside the paper" in said(app)
    assert "2 of 2 gaps over 2 tasks have the direction of the published gap;" in said(app)
    assert "recalled and were not checked" in said(app)


@pytest.mark.slow
def test_a_built_pack_is_offered_and_its_parts_are_shown(
    app: AppTest, home: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(home, "tickets")
    monkeypatch.setenv("PATH", str(tmp_path))
    with home() as session:
        study = tasks.studies(session)[0]
        pack.write(
            session, findings.collect(session, study), share.marked_folder(settings_module.load(), study) / "pack"
        )

    opened(app, "report")
    app.selectbox(key="report.part").select("tables.tex").run()

    assert {button.label for button in app.get("download_button")} == {
        "Report as HTML", "Tables for LaTeX", "Study file", "Whole pack as zip",
    }  # fmt: skip
    assert "\\toprule" in app.code[0].value
    assert "SVG and PDF need Chromium" in said(app)
    assert not app.exception


@pytest.mark.slow
def test_the_command_line_names_the_chosen_measure(app: AppTest, home: Store) -> None:
    with home.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "tickets", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8})
        add_ratings(session, task, noise=0.8)

    opened(app, "report")

    assert "litmus report pack --metric macro_f1 --measure ratings --study s" in app.code[-1].value
    assert not app.exception
