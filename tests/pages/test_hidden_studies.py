"""Studies that are hidden from the lists: there is always a way to show them again."""

from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.store import Store
from core.study.upkeep import studies
from tests.pages.test_pages import opened


def test_a_hidden_only_study_can_be_shown_again(app: AppTest, home: Store) -> None:
    with home.write() as session:
        made = tasks.study_named(session, "mine")
        studies.put_aside(session, made.id, True)
    opened(app, "overview")

    app.button(key=f"studies.back.{made.id}").click().run()

    assert not app.exception
    with home() as session:
        assert [study.name for study in tasks.studies(session)] == ["mine"]


def test_who_begins_a_study_under_a_hidden_name_sees_it(app: AppTest, home: Store) -> None:
    with home.write() as session:
        studies.put_aside(session, tasks.study_named(session, "mine").id, True)
    opened(app, "overview")

    app.text_input(key="overview.name").set_value("mine")
    app.button(key="overview.make").click().run()

    with home() as session:
        assert [study.name for study in tasks.studies(session)] == ["mine"]
