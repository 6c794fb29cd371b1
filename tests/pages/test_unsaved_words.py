"""What is typed into a form and not saved is there again in the next session of the same browser."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.store import Store
from tests import apps
from tests.pages.conftest import ROOT
from tests.pages.test_pages import fill, opened

BROWSER = "0123456789abcdef" * 2
CONTEXT = "prompts.context.1.zero-shot.0.0"


@pytest.fixture
def again(tmp_path: Path) -> AppTest:
    """Another session of the browser of `app`, as after a reload of the tab."""
    shutil.copy(ROOT / "app.py", tmp_path / "again.py")
    return of_browser(apps.of_file(tmp_path / "again.py"))


def of_browser(app: AppTest) -> AppTest:
    app.session_state["unsaved.browser"] = BROWSER
    return app


@pytest.mark.slow
def test_a_prompt_that_was_typed_outlives_a_reload_until_it_is_saved(
    app: AppTest, again: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(of_browser(app), "prompts")
    app.text_area(key=CONTEXT).set_value("You write short texts.").run()

    opened(again, "prompts")

    assert again.text_area(key=CONTEXT).value == "You write short texts."
    assert any("not saved" in element.value for element in again.caption)
    again.button(key="prompts.save").click().run()
    assert not any((home_of(home) / "unsaved").iterdir())


@pytest.mark.slow
def test_a_ready_prompt_that_was_chosen_and_changed_outlives_a_reload(
    app: AppTest, again: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(of_browser(app), "prompts")
    app.button(key="drafts.start.1.zero-shot.rewrite").click().run()
    begun = CONTEXT.removesuffix("0") + "1"
    app.text_area(key=begun).set_value("Rewrite.").run()

    opened(again, "prompts")

    assert again.text_area(key=begun).value == "Rewrite."


@pytest.mark.slow
def test_the_meaning_of_a_label_and_the_words_of_a_campaign_outlive_a_reload(
    app: AppTest, again: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    with home() as session:
        label = tasks.labels_of(session, 1)[0]
    meaning = f"tasks.meaning.1.{label.id}.False"
    opened(of_browser(app), "data")
    app.text_input(key=meaning).set_value("cannot wait").run()
    opened(app, "campaigns")
    app.text_input(key="campaigns.name").set_value("pilot")
    app.text_area(key="campaigns.new.label.consent").set_value("I take part.").run()

    opened(again, "data")
    assert again.text_input(key=meaning).value == "cannot wait"
    opened(again, "campaigns")
    assert again.text_input(key="campaigns.name").value == "pilot"
    assert again.text_area(key="campaigns.new.label.consent").value == "I take part."
    again.button(key="campaigns.make").click().run()
    assert again.session_state["unsaved.fields"].keys() == {f"urgency|{meaning}"}


@pytest.mark.slow
def test_words_typed_over_a_question_that_was_changed_elsewhere_do_not_come_back(
    app: AppTest, again: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(of_browser(app), "data")
    app.text_input(key="tasks.question.1.False").set_value("Mine?").run()
    with home.write() as session:
        tasks.describe(session, 1, question="Changed elsewhere?", descriptions={})

    opened(again, "data")

    assert again.text_input(key="tasks.question.1.False").value == "Changed elsewhere?"


def home_of(home: Store) -> Path:
    with home() as session:
        return Path(str(session.connection().engine.url.database)).parent
