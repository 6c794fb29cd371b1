"""Jobs: the list is narrowed by state and by words of the title."""

from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.study.rows.kinds import JobState, Slot
from core.study.store import Store
from tests.pages.test_pages import opened


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
