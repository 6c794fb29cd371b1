"""Jobs: the list is narrowed by state and by words of the title."""

from pathlib import Path

import pytest
from filelock import FileLock
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.study.rows.kinds import JobState, Slot
from core.study.store import Store
from tests.pages.test_pages import opened
from ui.shared import resources


def test_a_click_is_carried_out_although_the_page_is_asked_to_draw_itself_anew_meanwhile(
    app: AppTest, home: Store, home_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileLock(home_folder / "runner.lock"):  # nobody takes the job
        with home.write() as session:
            job = queue.enqueue(session, title="Train", command=["-m", "core", "jobs"], key="t", slot=Slot.CPU)
        opened(app, "jobs")
        asked = []

        def interrupted() -> bool:
            context = get_script_run_ctx()
            if not asked and context is not None and context.script_requests is not None:
                asked.append(
                    context.script_requests.request_rerun(RerunData(page_script_hash=context.page_script_hash))
                )
            return reads_only()

        reads_only = resources.reads_only
        monkeypatch.setattr(resources, "reads_only", interrupted)
        cancel = next(button for button in app.button if button.label == "Cancel")
        cancel.click().run()

    with home() as session:
        assert asked == [True] and queue.get(session, job.id).state == JobState.CANCELLED


def listed(app: AppTest) -> list[str]:
    return [str(element.value).split(" ", 1)[1] for element in app.text]


def test_jobs_are_found_by_their_state_and_by_words_of_their_title(app: AppTest, home: Store) -> None:
    with home.write() as session:
        for title, state in (
            ("Train mood", JobState.FAILED),
            ("Train news", JobState.DONE),
            ("Judge tweet_mood", JobState.DONE),
        ):
            made = queue.enqueue(session, title=title, command=["-m", "core", "jobs"], key=title, slot=Slot.CPU)
            queue.move(session, made.id, attempt=0, frm=(JobState.QUEUED,), to=state)
    opened(app, "jobs")
    assert listed(app) == ["Judge tweet mood", "Train news", "Train mood"]

    app.text_input(key="jobs.words").set_value("MOOD").run()
    assert listed(app) == ["Judge tweet mood", "Train mood"]
    show = next(control for control in app.get("button_group") if control.key == "jobs.show")
    show.set_value("Done").run()
    assert listed(app) == ["Judge tweet mood"]
    for words in ("tweet mood", "tweet_mood"):
        app.text_input(key="jobs.words").set_value(words).run()
        assert listed(app) == ["Judge tweet mood"]
    app.text_input(key="jobs.words").set_value("nothing like it").run()

    assert [element.value for element in app.info] == ["No job passes this filter."]
