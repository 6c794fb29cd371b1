"""Every page without data, with data, and with invalid input."""

import os
import re
import time
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import JobState, Slot
from core.study.rows.sessions import Rating
from core.study.rows.study import Completion, Job, Label, Prompt, Study
from core.study.store import Store
from core.subjectivity.sessions import campaigns
from core.synthesis.prompts import drafts, versions
from tests.finished_study import add_runs, make_task
from ui.shared import jobs, links
from ui.shared.words import plain

ORGANISER = [
    "overview", "data", "plan", "prompts", "generate", "inspect", "campaigns", "train", "jobs", "analyse", "compare", "verdict",
    "present", "help",
]  # fmt: skip


def fill(store: Store, folder: Path, *, name: str = "urgency") -> Study:
    """A study with one task, real texts and a few synthetic texts; another `name` adds another task."""
    rows = [f"text number {n},{'yes' if n % 2 else 'no'},{'test' if n % 4 > 1 else 'train'}" for n in range(40)]
    real, made = folder / "real.csv", folder / "made.csv"
    real.write_text("\n".join(["text,label,split", *rows]))
    made.write_text("text,label\n=cmd(),yes\n<b>bold</b> **stars**,no\n")
    with store.write() as session:
        study = tasks.study_named(session, "tickets")
        task = tasks.make_task(
            session, study_id=study.id, name=name, question="Is it urgent?", labels={"yes": "", "no": ""}
        )
        for arm, path in (("real", real), ("zero-shot", made)):
            own = tasks.make_arm(session, task_id=task.id, name=arm)
            importing.bring_in(session, task=task, arm=own, table=tables.read(path), options=importing.Options())
    return study


def opened(app: AppTest, page: str) -> AppTest:
    app.run()
    app.switch_page(str(links.page_file(page))).run()
    assert not app.exception, app.exception[0].value
    return app


@pytest.mark.parametrize("page", ORGANISER)
def test_a_page_without_a_study_says_what_to_do_next(app: AppTest, page: str) -> None:
    opened(app, page)

    said = [element.value for element in (*app.info, *app.title)]
    assert any(
        "no study yet" in text or "training data work" in text or "No job has run" in text or text == "Help"
        for text in said
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", ORGANISER)
def test_every_page_opens_on_a_study_with_data(app: AppTest, home: Store, tmp_path: Path, page: str) -> None:
    fill(home, tmp_path)

    opened(app, page)

    assert app.title
    assert not app.error


def test_making_a_study_from_the_overview_leads_to_where_its_texts_are_brought_in(app: AppTest, home: Store) -> None:
    app.run()
    app.text_input(key="overview.name").set_value("mine")

    app.button(key="overview.make").click().run()

    assert not app.exception
    assert app.title[0].value == "Tasks and data"
    assert app.sidebar.selectbox[0].value == "mine"
    with home() as session:
        assert session.scalars(select(Study.name)).all() == ["mine"]


def test_the_ten_tasks_are_one_click_away_and_each_says_what_it_needs_next(app: AppTest, home: Store) -> None:
    app.run()

    app.button(key="overview.make_ten").click().run()

    assert not app.exception
    assert app.title[0].value == "Tasks and data"
    assert any("Bring in real texts" in element.value for element in app.markdown)
    with home() as session:
        assert len(tasks.tasks(session, session.scalars(select(Study.id)).one())) == 10


@pytest.mark.slow
def test_the_next_step_stands_at_the_head_of_every_page_and_its_button_leads_there(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")
    said = [element.value for element in app.markdown if "Next:" in element.value]

    app.button(key="way.next").click().run()

    assert len(said) == 1
    assert "Train on the real and on the synthetic texts of urgency" in said[0]
    assert app.title[0].value == "Train"


@pytest.mark.slow
def test_an_arm_is_made_with_a_name_of_its_own_renamed_and_deleted(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")

    app.text_input(key="prompts.arms.name.0").set_value("few-shot-short")
    app.selectbox(key="prompts.arms.begin.0").set_value("rewrite")
    app.button(key="prompts.arms.make").click().run()
    with home() as session:
        made = tasks.find_arm(session, 1, "few-shot-short")
        assert made is not None
    app.text_input(key=f"prompts.arms.rename.{made.id}.1").set_value("grounded").run()
    app.button(key="prompts.arms.rename").click().run()

    assert not app.exception
    assert "grounded" in str(app.button_group(key="prompts.arm.1").value)
    app.button(key="prompts.arms.delete").click().run()
    with home() as session:
        assert [arm.name for arm in tasks.arms(session, 1)] == ["real", "zero-shot"]


@pytest.mark.slow
def test_a_study_is_renamed_and_copied_from_the_overview(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    app.run()

    app.text_input(key=f"studies.rename.{study.id}").set_value("letters").run()
    app.button(key="studies.rename.do").click().run()
    app.text_input(key=f"studies.copy.{study.id}").set_value("letters-2").run()
    app.button(key="studies.copy.do").click().run()

    assert not app.exception
    assert app.title[0].value == plain("letters-2")
    with home() as session:
        assert [known.name for known in tasks.studies(session)] == ["letters-2", "letters"]


def test_a_study_without_a_name_is_refused_with_a_sentence(app: AppTest, home: Store) -> None:
    app.run()

    app.button(key="overview.make").click().run()

    assert "The name of the study is empty" in app.error[0].value


@pytest.mark.slow
def test_saving_a_prompt_makes_a_version_and_saving_it_again_does_not(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")

    app.button(key="prompts.save").click().run()
    app.button(key="prompts.save").click().run()

    assert not app.exception
    with home() as session:
        assert session.scalars(select(Prompt.version)).all() == [1]


@pytest.mark.slow
def test_an_unknown_placeholder_in_a_prompt_is_said_and_keeps_what_was_typed(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")
    area = next(area for area in app.text_area if "generation" in str(area.key))

    area.set_value("Write {lable}").run()
    app.button(key="prompts.save").click().run()

    assert any("lable" in error.value for error in app.error)
    assert next(area for area in app.text_area if "generation" in str(area.key)).value == "Write {lable}"


@pytest.mark.slow
def test_nothing_can_be_generated_before_a_model_is_connected(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)

    opened(app, "generate")

    start = app.button(key="generate.start")
    assert start.disabled
    assert "Connect a model first" in start.help


@pytest.mark.slow
def test_queuing_runs_twice_makes_one_set_of_jobs(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "train")
    app.multiselect(key="train.arms.1").set_value(["real"]).run()

    app.button(key="train.start").click().run()
    with home() as session:
        first = session.scalar(select(func.count(Job.id)))
    app.button(key="train.start").click().run()

    assert not app.exception
    with home() as session:
        assert session.scalar(select(func.count(Job.id))) == first > 0


def test_a_rater_consents_answers_and_sees_no_organiser_page(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        task = tasks.get_task(session, study.id, "urgency")
        campaign = campaigns.make(
            session,
            study_id=task.study_id,
            plan=campaigns.Plan(name="r", task=task, per_class=2, items_per_rater=3),
        )
    app.query_params["campaign"] = campaign.token
    app.run()

    app.button(key="rate.consent").click().run()
    for _ in range(3):
        next(button for button in app.button if str(button.key).startswith("rate.answer.")).click().run()

    assert not app.exception
    assert app.title[0].value == "Thank you"
    assert not app.sidebar.selectbox
    with home() as session:
        assert session.scalar(select(func.count(Rating.id))) == 3
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        app.switch_page(str(links.page_file("train")))


def test_a_wrong_link_is_one_sentence(app: AppTest) -> None:
    app.query_params["campaign"] = "guessed"

    app.run()

    assert not app.exception
    assert "does not belong to a labelling session" in app.error[0].value


@pytest.mark.slow
def test_with_a_password_organiser_pages_stay_shut_until_it_is_given(
    app: AppTest, home: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home, tmp_path)
    monkeypatch.setenv("LITMUS_PASSWORD", "open sesame")
    app.run()
    assert not app.sidebar.selectbox
    assert not app.title

    app.text_input(key="frame.password").set_value("wrong")
    app.button[0].click().run()
    assert app.error[0].value == "That is not the password."

    app.text_input(key="frame.password").set_value("open sesame")
    app.button[0].click().run()
    assert app.title[0].value == "tickets"


def paused_job(store: Store, *, resume_at: float | None = None) -> Job:
    with store.write() as session:
        job = queue.enqueue(session, title="Generate", command=["-m", "core", "jobs"], key="g", slot=Slot.API)
        job = queue.request_pause(session, job.id)
        job.resume_at, job.error = resume_at, "The endpoint asks to wait." if resume_at else None
        return job


def test_a_paused_job_can_be_resumed_or_cancelled_and_then_retried(app: AppTest, home: Store) -> None:
    job = paused_job(home)
    opened(app, "jobs")
    assert app.button(key=f"jobs.resume.{job.id}").label == "Resume"

    app.button(key=f"jobs.cancel.{job.id}").click().run()

    with home() as session:
        assert queue.get(session, job.id).state == JobState.CANCELLED
    assert app.button(key=f"jobs.retry.{job.id}")
    with pytest.raises(KeyError):
        app.button(key=f"jobs.resume.{job.id}")


def test_failed_jobs_are_retried_together_and_a_job_that_is_done_runs_again(app: AppTest, home: Store) -> None:
    ends = {"a": JobState.FAILED, "b": JobState.FAILED, "c": JobState.DONE}
    with home.write() as session:
        made = {
            key: queue.enqueue(session, title=key, command=["-m", "core", "jobs"], key=key, slot=Slot.CPU)
            for key in ends
        }
        for key, state in ends.items():
            queue.move(session, made[key].id, attempt=0, frm=(JobState.QUEUED,), to=state)
    opened(app, "jobs")

    app.button(key="jobs.retry_failed").click().run()
    app.button(key=f"jobs.run-again.{made['c'].id}").click().run()

    with home() as session:
        active = sorted(job.key for job in queue.rows(session, active_only=True))
    assert active == ["a", "b", "c"]


def test_a_run_that_was_taken_up_from_its_checkpoint_says_at_which_step() -> None:
    at = {"done": 60, "total": 200, "done_at_start": 40, "started_at": 100.0, "at": 150.0, "resumed_at": 40.0}
    job = Job(title="t", command=[], key="t", slot=Slot.CPU, state=JobState.RUNNING, progress=at)

    words = jobs.progress_words(job, now=150.0)

    assert "this run resumed at step 40, from its checkpoint" in words


def test_a_job_that_waits_for_its_endpoint_says_until_when_as_a_notice(app: AppTest, home: Store) -> None:
    job = paused_job(home, resume_at=time.time() + 720)

    opened(app, "jobs")

    assert app.button(key=f"jobs.resume.{job.id}").label == "Resume now"
    assert not app.error
    assert re.match(r"Paused until .*\d\d\\:\d\d \\\(in 12 min\\\)\\. The endpoint asks to wait", app.info[0].value)


def test_progress_of_a_generation_is_put_in_words() -> None:
    counts = {"refused": 5.0, "duplicate text": 9.0}
    at = {"done": 412, "total": 600, "done_at_start": 107, "started_at": 100.0, "at": 150.0, "rejected": counts}
    job = Job(title="g", command=[], key="g", slot=Slot.API, state=JobState.RUNNING, progress=at)
    job.progress |= {"cost_usd": 0.01234, "tokens": 4321.0, "in_flight": 8.0, "paused_s": 12.0}

    assert jobs.progress_words(job, now=150.0) == (
        "412 of 600 · 6.1 a second · about 31 s left · $0.0123 · 4,321 tokens · 8 in flight · endpoint asks to wait 12 s"
        " · 14 rejected: duplicate text 9, refused 5"
    )
    job.state = JobState.PAUSED
    del job.progress["cost_usd"]
    assert jobs.progress_words(job, now=150.0).startswith("412 of 600 · cost unknown · 4,321 tokens · 14 rejected")
    job.progress |= {"not_taken": {"temperature (m)": 1.0}, "rejected": {}}
    assert jobs.progress_words(job, now=150.0).endswith("· without temperature (m), which the model does not take")


def test_the_end_of_a_pause_is_on_the_clock_of_the_browser() -> None:
    noon = 1_800_014_400.0  # 15 January 2027, 12:00 UTC

    assert jobs.until_words(noon, now=noon - 720, offset=-540) == "Paused until 21:00 (in 12 min)"
    assert jobs.until_words(noon, now=noon - 30 * 3600, offset=0) == "Paused until 15 Jan 12:00 (in 30 h)"
    assert jobs.until_words(noon, now=noon + 5, offset=0) == "Paused until 12:00, going on now"


def test_what_a_label_means_is_changed_on_tasks_and_data(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "data")
    field = next(field for field in app.text_input if field.label == "What yes means")

    field.set_value("cannot wait")
    next(button for button in app.button if button.label == "Save").click().run()

    assert not app.exception
    with home() as session:
        assert dict(session.execute(select(Label.name, Label.description)).all()) == {"yes": "cannot wait", "no": ""}


@pytest.mark.slow
def test_the_task_in_hand_is_the_same_on_every_page_and_stands_in_the_url(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        other = tasks.make_task(session, study_id=study.id, name="tone", question="?", labels={"kind": "", "rude": ""})
        tasks.make_arm(session, task_id=other.id, name="zero-shot")
    opened(app, "prompts")

    next(box for box in app.selectbox if box.label == "Task").set_value("tone").run()
    app.switch_page(str(links.page_file("generate"))).run()

    assert next(box for box in app.selectbox if box.label == "Task").value == "tone"
    assert app.query_params["task"] in ("tone", ["tone"])


@pytest.mark.slow
def test_a_second_arm_is_chosen_saved_and_stays_in_hand_on_the_next_page(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    opened(app, "prompts")
    with home() as session:
        task = tasks.get_task(session, study.id, "urgency")
    app.button(key="prompts.save").click().run()

    app.segmented_control(key=f"prompts.arm.{task.id}").set_value("few-shot").run()
    app.button(key="prompts.save").click().run()

    assert not app.exception
    app.switch_page(str(links.page_file("generate"))).run()
    assert not app.exception
    assert app.segmented_control(key=f"generate.arm.{task.id}").value == "few-shot"
    with home() as session:
        assert {arm.name for arm in tasks.arms(session, task.id)} == {"real", "zero-shot", "few-shot"}
        assert session.scalar(select(func.count(Prompt.id))) == 2


@pytest.mark.slow
def test_what_was_typed_into_a_prompt_is_still_there_after_a_look_at_another_page(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")
    part = next(area for area in app.text_area if str(area.key).startswith("prompts.context."))
    part.set_value("Typed and not saved yet.").run()

    app.switch_page(str(links.page_file("train"))).run()
    app.number_input(key="train.1.passes").set_value(15).run()
    app.switch_page(str(links.page_file("prompts"))).run()

    assert "Typed and not saved yet." in {area.value for area in app.text_area}
    app.switch_page(str(links.page_file("train"))).run()
    assert app.number_input(key="train.1.passes").value == 15


@pytest.mark.slow
def test_the_length_of_a_training_is_in_passes_or_in_steps(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "train")

    assert any("in 200 steps" in caption.value for caption in app.caption)  # the floor: the task is small
    app.selectbox(key="train.1.unit").set_value("steps").run()
    app.number_input(key="train.1.steps").set_value(33).run()

    assert any("in 33 steps" in caption.value for caption in app.caption)


@pytest.mark.slow
def test_a_preset_brings_its_encoders_and_settings_and_the_studys_own_stay_as_they_were(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "train")
    app.number_input(key="train.1.seeds").set_value(2).run()

    app.selectbox(key="train.preset").set_value("paper").run()

    told = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert not app.exception
    assert app.multiselect(key="train.paper.encoders").value == ["bert-base-uncased", "roberta-base"]
    assert app.number_input(key="train.paper.seeds").value == 3
    assert (
        "3 seeds; at most 3,000 training texts a label; batches of 64; learning rate 5e-05; up to 128 tokens." in told
    )
    assert "unverified" in told and "of 3,000 a label that are asked for" in told
    app.selectbox(key="train.preset").set_value("quick").run()
    told = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert "The preset quick stands for minilm; 3 seeds" in told and "It leaves the length as it is" in told
    app.selectbox(key="train.preset").set_value("study").run()
    assert app.multiselect(key="train.1.encoders").value == ["minilm"]
    assert app.number_input(key="train.1.seeds").value == 2


def test_an_arm_shows_its_own_jobs_and_not_those_of_an_arm_whose_name_begins_alike(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        task = tasks.get_task(session, study.id, "urgency")
        for name in ("zero-shot", "zero-shot-gpt4"):
            arm = tasks.make_arm(session, task_id=task.id, name=name)
            title = f"Generate {task.name} · {name}"
            key = f"generate:{arm.id}"
            job = queue.enqueue(
                session, title=title, command=["-m", "core", "jobs"], key=key, slot=Slot.API, study_id=study.id
            )
            queue.request_pause(session, job.id)

    opened(app, "generate")

    assert [text.value for text in app.text if "Generate urgency" in text.value] == ["⏸️ Generate urgency · zero-shot"]


def test_a_study_is_put_into_the_trash_by_its_name_and_taken_out_again(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    opened(app, "overview")
    assert app.button(key="trash.study").disabled

    app.text_input(key="trash.name").set_value("tickets").run()
    app.button(key="trash.study").click().run()

    assert not app.exception
    with home() as session:
        assert tasks.studies(session) == []
    app.button(key=f"trash.out.study.{study.id}").click().run()
    assert not app.exception
    with home() as session:
        assert [one.name for one in tasks.studies(session)] == ["tickets"]


def test_an_import_is_undone_and_a_task_put_away_on_tasks_and_data(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    with home() as session:
        task = tasks.get_task(session, study.id, "urgency")
    opened(app, "data")
    undo = next(button for button in app.button if str(button.key).startswith("trash.undo.") and "made" in button.label)

    undo.click().run()
    app.button(key=f"trash.task.{task.id}").click().run()

    assert not app.exception
    with home() as session:
        assert tasks.tasks(session, study.id) == []


@pytest.mark.slow
def test_a_generation_that_kept_nothing_is_no_success_and_its_answers_can_be_read(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        task = tasks.get_task(session, study.id, "urgency")
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot-none")
        draft = drafts.default(task, tasks.labels_of(session, task.id), kind=arm.kind)
        prompt = versions.save(session, arm_id=arm.id, draft=draft)
        label = session.scalars(select(Label)).first()
        assert label is not None
        session.add(
            Completion(
                arm_id=arm.id, label_id=label.id, slot=0, prompt_id=prompt.id, provider="openai", model="m", request={},
                content="I would rather not write that.", finish_reason="stop", tokens_in=1, tokens_out=1, cost_usd=None,
                latency_s=0.1, reject_reason="refusal", parsed_at=1.0,
            )
        )  # fmt: skip
        job = queue.enqueue(
            session, title="Generate", command=["-m", "core", "jobs"], key=f"generate:{arm.id}", slot=Slot.API,
            study_id=study.id,
        )  # fmt: skip
        job.state, job.progress = JobState.DONE, {"done": 0, "total": 4, "kept": 0}

    opened(app, "generate")
    app.segmented_control(key=f"generate.arm.{task.id}").set_value("zero-shot-none").run()

    assert not app.exception
    assert any("No text has been kept" in warning.value for warning in app.warning)
    assert any("rather not write" in str(table.value.to_dict()) for table in app.dataframe)
    app.switch_page(str(links.page_file("jobs"))).run()
    assert any(text.value.startswith("⚠️ Generate") for text in app.text)


def test_the_time_left_is_not_said_after_the_first_slow_step() -> None:
    at = {"done": 1, "total": 720, "done_at_start": 0, "started_at": 100.0, "at": 135.0, "tokens": 0, "in_flight": 0}
    job = Job(title="t", command=[], key="t", slot=Slot.API, state=JobState.RUNNING, progress=at)

    first = jobs.progress_words(job, now=135.0)
    job.progress |= {"done": 15}
    later = jobs.progress_words(job, now=135.0)

    assert first == "1 of 720 · 2 a minute"
    assert later == "15 of 720 · 26 a minute · about 27 min left"


def test_no_time_left_is_said_while_what_follows_the_last_step_runs() -> None:
    at = {"done": 30, "total": 30, "done_at_start": 0, "started_at": 100.0, "at": 130.0, "tokens": 0, "in_flight": 0}
    job = Job(title="t", command=[], key="t", slot=Slot.CPU, state=JobState.RUNNING, progress=at)

    assert jobs.progress_words(job, now=130.0) == "30 of 30 · 1.0 a second"


def test_a_time_left_of_which_two_rates_disagree_is_a_range() -> None:
    at = {
        "done": 300,
        "total": 500,
        "done_at_start": 0,
        "started_at": 0.0,
        "at": 400.0,
        "recent_at": 300.0,
        "recent_done": 280,
    }
    job = Job(title="t", command=[], key="t", slot=Slot.CPU, state=JobState.RUNNING, progress=at)

    assert jobs.progress_words(job, now=400.0).endswith("4 to 17 min left")


def test_a_waiting_job_names_those_that_hold_the_slots(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    command = ["-m", "core"]
    with home.write() as session:
        held = queue.enqueue(session, title="Train_18 runs", key="a", command=command, slot=Slot.CPU, study_id=study.id)
        queue.enqueue(session, title="Train 2 runs", key="b", command=command, slot=Slot.CPU)
        queue.enqueue(session, title="Train 3 runs", key="c", command=command, slot=Slot.CPU)
        queue.enqueue(session, title="Write", key="d", command=command, slot=Slot.API)
        queue.move(session, held.id, attempt=held.attempt, frm=(JobState.QUEUED,), to=JobState.RUNNING)
    with FileLock(Path(os.environ["LITMUS_HOME"]) / "runner.lock"):  # no runner takes one of them meanwhile
        opened(app, "jobs")

    told = [caption.value.replace("\\", "") for caption in app.caption if "free slot" in caption.value]
    holds = "Waiting for a free slot: “Train 18 runs” of tickets holds them."
    assert told == ["Waiting for a free slot.", f"{holds} 1 job before it in the queue.", holds]


def test_jobs_name_their_study(app: AppTest, home: Store) -> None:
    with home.write() as session:
        for name in ("first", "second"):
            of = tasks.study_named(session, name).id
            queue.enqueue(
                session, title=f"Job of {name}", command=["-m", "core", "jobs"], key=name, slot=Slot.API, study_id=of
            )
    opened(app, "jobs")

    of_each = [element.value.partition(" · ")[0] for element in app.caption if "job " in element.value]

    assert of_each == ["second", "first"]


@pytest.mark.slow
def test_the_looks_of_a_page_do_not_stand_among_its_messages(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)

    opened(app, "present")

    styles = [element.proto.body for element in app.main.get("html") if "<style>" in element.proto.body]
    assert len(styles) == 2  # the frame's and the slides'
    assert all("<style>" not in element.proto.body for element in app._tree[2].get("html"))


@pytest.mark.slow
def test_names_of_tasks_are_chosen_and_thrown_away_without_underscores(app: AppTest, home: Store) -> None:
    with home.write() as session:
        task = make_task(session, tasks.study_named(session, "names"), "news_topic", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})

    on_train = opened(app, "train").multiselect(key="train.tasks.1").proto.options
    on_analyse = next(
        box for box in opened(app, "analyse").selectbox if box.label.startswith("What a gap came from")
    ).options
    thrown = [element.value for element in opened(app, "data").text]

    assert list(on_train) == ["news topic"]
    assert on_analyse == ["news topic · zero-shot · minilm"]
    assert "news topic" in thrown
