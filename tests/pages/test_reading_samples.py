"""Inspect: samples are read one by one with keys, and the labels of all arms stand beside each other."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.study.rows.kinds import JudgementKind, SampleStatus
from core.study.rows.study import Judgement, Sample
from core.study.store import Store
from tests.pages.test_pages import fill, opened


def reading(app: AppTest, home: Store, folder: Path) -> AppTest:
    fill(home, folder)
    opened(app, "inspect")
    way = next(control for control in app.get("button_group") if control.key == "samples.way")
    return way.set_value("One by one").run()


def texts(app: AppTest) -> list[str]:
    return [str(element.value) for element in app.text]


@pytest.mark.slow
def test_samples_are_read_in_turn_and_a_label_or_a_rejection_goes_on_to_the_next(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    reading(app, home, tmp_path)
    assert {"1 of 42", "text number 0"} <= set(texts(app))

    app.button(key="samples.label.1").click().run()
    assert {"2 of 42", "text number 1"} <= set(texts(app))
    app.button(key="samples.decide").click().run()
    assert {"3 of 42", "text number 2"} <= set(texts(app))
    app.button(key="samples.back").click().run()

    assert app.button(key="samples.decide").label == "Restore"
    with home() as session:
        [given] = session.scalars(select(Judgement).where(Judgement.kind == JudgementKind.HUMAN)).all()
        rejected = session.scalars(select(Sample.text).where(Sample.status == SampleStatus.REJECTED)).all()
        assert session.get_one(Sample, given.sample_id).text == "text number 0"
    assert rejected == ["text number 1"]


@pytest.mark.slow
def test_where_only_kept_samples_are_read_the_next_takes_the_place_of_a_rejected_sample(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    reading(app, home, tmp_path)
    next(box for box in app.selectbox if box.label == "Status").set_value("kept").run()
    assert {"1 of 42", "text number 0"} <= set(texts(app))

    app.button(key="samples.decide").click().run()

    assert {"1 of 41", "text number 1"} <= set(texts(app))


def test_the_labels_view_opens_on_the_labels_there_are_and_shows_all_arms(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    with home.write() as session:
        for sample in session.scalars(select(Sample)).all():
            session.add(
                Judgement(
                    sample_id=sample.id, label_id=sample.label_id, kind=JudgementKind.HUMAN, judge="me", content="yes",
                )
            )  # fmt: skip
    app.query_params["inspect.view"] = "Labels"

    opened(app, "inspect")

    beside = next(frame.value for frame in app.dataframe if "arm" in frame.value)
    assert beside[["arm", "agreement", "n"]].values.tolist() == [["real", 1.0, 40], ["zero-shot", 1.0, 2]]
