"""What a run learns on the page Train: labels or raters' shares, in the settings that the page shows and queues."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Run, Sample, Study
from core.study.store import Store
from tests.pages.test_pages import fill, opened


def rate_training_texts(store: Store, study_id: int) -> None:
    """Two people disagree about four training texts of the real arm."""
    with store.write() as session:
        task = tasks.get_task(session, study_id, "urgency")
        campaign = Campaign(study_id=study_id, name="l", kind=CampaignKind.LABEL, token="l", task_id=task.id)
        session.add(campaign)
        session.flush()
        raters = [
            Rater(campaign_id=campaign.id, pseudonym=name, kind=RaterKind.PERSON, code=name) for name in ("a", "b")
        ]
        session.add_all(raters)
        session.flush()
        real = tasks.get_arm(session, task, "real")
        of_arm = select(Sample.id).where(Sample.arm_id == real.id, Sample.split == Split.TRAIN).order_by(Sample.id)
        for sample_id in list(session.scalars(of_arm))[:4]:
            item = Item(campaign_id=campaign.id, external_id=str(sample_id), sample_id=sample_id)
            session.add(item)
            session.flush()
            for rater, label in zip(raters, ("yes", "no"), strict=True):
                session.add(Rating(item_id=item.id, rater_id=rater.id, label=label))


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def test_without_ratings_the_targets_are_labels_and_a_sentence_says_what_soft_ones_need(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)

    opened(app, "train")

    assert app.selectbox(key="train.1.targets").disabled
    assert "no training text of these arms has ratings of people, which soft targets need" in captions(app)


@pytest.mark.slow
def test_soft_targets_stand_in_the_file_that_the_page_shows_and_in_the_runs_that_it_queues(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    rate_training_texts(home, study.id)
    opened(app, "train")

    app.selectbox(key="train.1.targets").set_value("soft").run()

    assert "Soft targets: 4 training texts of these arms with ratings" in captions(app)
    assert any("targets: soft" in block.value for block in app.code)
    app.multiselect(key="train.arms.1").set_value(["zero-shot"]).run()
    assert app.selectbox(key="train.1.targets").disabled and not any(
        "targets: soft" in block.value for block in app.code
    )
    app.multiselect(key="train.arms.1").set_value(["real"]).run()
    app.button(key="train.start").click().run()
    with home() as session:
        queued = list(session.scalars(select(Run)))
    assert not app.exception and {run.config["training"]["targets"] for run in queued} == {"soft"}


@pytest.mark.slow
def test_weights_of_classes_and_texts_stand_in_the_file_and_texts_without_any_close_the_field(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    opened(app, "train")
    assert app.selectbox(key="train.1.sample_weights").disabled and "Texts count alike" in captions(app)
    with home.write() as session:
        task = tasks.get_task(session, study.id, "urgency")
        for sample in session.scalars(select(Sample).where(Sample.arm_id == tasks.get_arm(session, task, "real").id)):
            sample.weight = 2.0

    app.selectbox(key="train.1.class_weights").set_value("balanced").run()
    app.selectbox(key="train.1.sample_weights").set_value("column").run()

    assert not app.exception and " of these arms with a weight; other texts count 1." in captions(app)
    shown = " ".join(block.value for block in app.code)
    assert "class_weights: balanced" in shown and "sample_weights: column" in shown


def test_tasks_without_training_texts_are_named_in_one_sentence(app: AppTest, home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "empty")
        for name in ("first_mood", "second_mood", "third_mood"):
            made = tasks.make_task(session, study_id=study.id, name=name, question="?", labels={"yes": "", "no": ""})
            tasks.make_arm(session, task_id=made.id, name="real")
            tasks.make_arm(session, task_id=made.id, name="zero-shot")

    opened(app, "train")

    said = captions(app)
    assert (
        "A chosen arm has no training text yet on first mood, second mood, third mood, so no arm trains there." in said
    )
    assert "trains on 0 texts" not in said


@pytest.mark.slow
def test_an_arm_with_too_few_texts_of_a_label_is_named_before_anything_is_queued(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        task = tasks.get_task(session, study.id, "urgency")
        label = tasks.labels_of(session, task.id)[0].id
        made = tasks.make_arm(session, task_id=task.id, name="lopsided")
        own = {"arm_id": made.id, "split": Split.TRAIN, "status": SampleStatus.KEPT}
        for n in range(30):
            text, other = f"one more text {n}", tasks.labels_of(session, task.id)[1].id
            session.add(Sample(text=text, text_hash=text, label_id=label if n < 3 else other, **own))

    opened(app, "train")
    app.multiselect(key="train.arms.1").set_value(["real", "lopsided"]).run()

    with home() as session:
        few, many = (name.name for name in tasks.labels_of(session, task.id))
    said = captions(app)
    assert (
        f"Arm lopsided has too few texts of a label for equally many of each: it trains on {many} 17, {few} 3" in said
    )
    assert f"more texts of {few} would help" in said and "Arm real has too few" not in said


@pytest.mark.slow
def test_more_settings_are_said_and_stand_in_the_file_that_the_page_shows(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "train")

    app.number_input(key="train.1.batch_size").set_value(16)
    app.number_input(key="train.1.learning_rate").set_value(2e-5)
    app.number_input(key="train.1.max_length").set_value(64)
    app.number_input(key="train.1.per_label").set_value(5).run()

    shown = " ".join(code.value for code in app.code)
    assert "Batches of 16, learning rate 2e-05, up to 64 tokens, at most 5 training texts a label" in captions(app)
    assert "every arm trains on" in captions(app)
    for line in ("batch_size: 16", "max_length: 64", "per_label: 5"):
        assert line in shown


def test_a_setting_that_is_left_alone_changes_nothing(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "train")

    shown = " ".join(code.value for code in app.code)

    assert "batch_size: 32" in shown and "per_label" not in shown


@pytest.mark.slow
def test_what_was_typed_for_one_study_is_not_trained_in_another(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    with home.write() as session:
        other = tasks.study_named(session, "other")
        other.config = {**other.config, "training": {"steps": 7, "batch_size": 8}}
        made = tasks.make_task(session, study_id=other.id, name="mood", question="?", labels={"yes": "", "no": ""})
        tasks.make_arm(session, task_id=made.id, name="real")
    opened(app, "train")  # the newest study is in hand
    app.number_input(key=f"train.{other.id}.batch_size").set_value(16).run()

    app.session_state["frame.study"] = app.session_state["frame.choice"] = "tickets"
    app.run()
    first = app.number_input(key="train.1.batch_size").value
    app.session_state["frame.study"] = app.session_state["frame.choice"] = "other"
    app.run()

    assert not app.exception
    assert first == 32
    assert app.number_input(key=f"train.{other.id}.steps").value == 7


@pytest.mark.slow
@pytest.mark.parametrize("button", ["train.start", "train.curve.start"])
def test_the_seeds_of_the_study_are_trained_and_more_only_beyond_them(
    app: AppTest, home: Store, tmp_path: Path, button: str
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        made = session.get_one(Study, study.id)
        made.config = {**made.config, "seeds": [11, 12, 13]}
    opened(app, "train")
    before = " ".join(code.value for code in app.code)
    app.multiselect(key="train.curve.sizes").set_value(["all"])
    app.number_input(key="train.1.seeds").set_value(4).run()

    app.button(key=button).click().run()

    assert not app.exception and not app.error
    assert "seeds: [11, 12, 13]" in before
    with home() as session:
        assert set(session.scalars(select(Run.seed))) == {11, 12, 13, 0}


def test_the_command_lines_train_and_say_that_every_arm_is_trained(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)

    opened(app, "train")

    shown = [code.value for code in app.code]
    assert "litmus report pack --study tickets\nlitmus run pack/study.yaml" in shown
    assert "trains every task and every arm of the study" in captions(app)
