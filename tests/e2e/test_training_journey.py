"""A sweep in the browser: the forecast, the grid that fills, a job cancelled and tried again, and a run beside the real arm's."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import JobState, Split
from core.study.rows.study import Job, Run, Sample
from core.study.splits import equal_texts
from core.study.store import Store
from tests.e2e import walking
from tests.jobs.bench import until
from tests.texts import keep_new

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROW, HEAD, BOX = 35, 52, 20  # pixels: height of a row, the middle of the first row, the middle of its box

TRAINING = {"steps": 12, "batch_size": 8, "learning_rate": 5e-5, "max_length": 32}

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def make_study(store: Store) -> None:
    """A task with 40 training and 20 test texts in the real arm, and 40 texts in the arm zero-shot."""
    with store.write() as session:
        study = tasks.study_named(session, "sweep")
        study.config = {**study.config, "encoders": ["minilm"], "seeds": [0, 1, 2], "training": TRAINING}
        task = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"good": "", "bad": ""})
        ids = {label.name: label.id for label in tasks.labels_of(session, task.id)}
        for arm, splits in (("real", {Split.TRAIN: 20, Split.TEST: 10}), ("zero-shot", {Split.TRAIN: 20})):
            own = tasks.make_arm(session, task_id=task.id, name=arm)
            for split, n in splits.items():
                for word, label in (("lovely", "good"), ("awful", "bad")):
                    texts = [f"the {split} {place} of the {arm} was {word} today" for place in range(n)]
                    keep_new(
                        session,
                        [
                            Sample(
                                arm_id=own.id,
                                label_id=ids[label],
                                split=split,
                                text=text,
                                text_hash=equal_texts.text_hash(text),
                            )
                            for text in texts
                        ],
                    )


def test_a_sweep_is_planned_watched_cancelled_tried_again_and_read(
    browser: "Browser", serve: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=walking.PATIENCE)
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(tmp_path / "home")}))
    make_study(store)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(walking.PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(f"{serve().url}/train?study=sweep")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    expect(page.get_by_text("6 runs.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"No GPU on this machine.*About .* in all"))).to_be_visible()

    walking.settled(page)
    page.get_by_role("button", name="Queue the runs").click()
    expect(page.get_by_text(re.compile(r"6 runs planned: .*(waiting|running)"))).to_be_visible()
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_role("button", name="Retry").wait_for()
    stopped = cancelled(store)
    walking.settled(page)
    page.get_by_role("button", name="Retry").first.click()

    # the other job is still training: what was waited for before Retry came is waited for here
    expect(page.get_by_text("6 runs planned: 6 done")).to_be_visible(timeout=5 * walking.PATIENCE)
    until(lambda: state_of(store, stopped) == JobState.DONE)  # a job ends a moment after its last run
    with store() as session:
        assert all(run.finished_at for run in session.query(Run))
    open_run(page)
    page.get_by_text(re.compile("^(real|zero-shot) mistakes \\d+ of 20 test texts")).wait_for()
    expect(page.get_by_role("combobox", name=re.compile("Beside"))).to_be_visible()
    expect(page.locator(".js-plotly-plot", has_text="zero-shot minus real")).to_be_visible()
    assert errors == []
    page.close()
    store.close()


def cancelled(store: Store) -> int:
    """The id of the job that was cancelled."""
    with store() as session:
        return int(session.query(Job).filter(Job.state == JobState.CANCELLED).one().id)


def state_of(store: Store, job_id: int) -> JobState:
    with store() as session:
        return session.get_one(Job, job_id).state


def open_run(page: "Page") -> None:
    """Choose the fourth run of the table of runs: the first of the arm zero-shot."""
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    walking.click_in(page, table, BOX, HEAD + 3 * ROW)
