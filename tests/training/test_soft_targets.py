"""Soft targets: raters' shares in place of labels, which ratings count, and what a run with them knows and says."""

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.reports import silent
from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterKind, Split
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Prediction, Run, Sample, Study, Task
from core.study.store import Store
from core.training import fit, plan
from core.training.fitting import run_data
from core.training.settings import training_settings
from core.training.targets import rated
from tests.training.conftest import SETTINGS

SOFT = training_settings(SETTINGS.model_dump() | {"targets": "soft"})


def rate(session: Session, task: Task, given: list[tuple[RaterKind, str, bool]], *, texts: int | None = None) -> None:
    """Each rater (kind, label, excluded) gives the same label to the first training texts of the real arm."""
    campaign = Campaign(study_id=task.study_id, name="labels", kind=CampaignKind.LABEL, token="labels", task_id=task.id)
    session.add(campaign)
    session.flush()
    real = tasks.get_arm(session, task, "real")
    of_arm = select(Sample.id).where(Sample.arm_id == real.id, Sample.split == Split.TRAIN).order_by(Sample.id)
    raters = [
        Rater(
            campaign_id=campaign.id, pseudonym=f"r{n}", kind=kind, code=f"r{n}", excluded_at=1.0 if excluded else None
        )
        for n, (kind, _, excluded) in enumerate(given)
    ]
    session.add_all(raters)
    session.flush()
    for sample_id in list(session.scalars(of_arm))[:texts]:
        item = Item(campaign_id=campaign.id, external_id=str(sample_id), sample_id=sample_id)
        session.add(item)
        session.flush()
        session.add_all(
            Rating(item_id=item.id, rater_id=rater.id, label=label)
            for rater, (_, label, _) in zip(raters, given, strict=True)
        )


def planned(session: Session, task: Task, settings: object = SOFT) -> Run:
    """A run of the real arm on all of its 24 training texts."""
    real = tasks.get_arm(session, task, "real")
    made = plan.plan(session, task=task, arms=[real], encoders=["minilm"], seeds=[0], settings=settings)  # type: ignore[arg-type]
    return [*made.new, *made.existing][0]


def test_people_who_are_not_excluded_give_the_targets_and_the_run_says_how_many_texts_have_ratings(
    store: Store, task: Task
) -> None:
    given = [
        (RaterKind.PERSON, "good", False), (RaterKind.PERSON, "bad", False), (RaterKind.IMPORTED, "bad", False),
        (RaterKind.IMPORTED, "good", True), (RaterKind.LLM, "good", False), (RaterKind.SIMULATED, "good", False),
    ]  # fmt: skip
    with store.write() as session:
        rate(session, task, given, texts=10)
        run = planned(session, task)
    with store() as session:
        data = run_data.read(session, run.id)

    assert data is not None and len(data.train.shares) == 24
    shared = [shares for shares in data.train.shares if shares not in ([0.0, 1.0], [1.0, 0.0])]
    assert len(shared) == 10 and shared[0] == pytest.approx([2 / 3, 1 / 3])  # bad, good
    told = "10 of 24 training texts of arm real have ratings: their targets are the shares of the raters"
    assert any(told in note for note in run.config["notes"])


def test_the_texts_that_soft_targets_may_use_are_counted_for_each_arm(store: Store, task: Task) -> None:
    given = [(RaterKind.PERSON, "good", False), (RaterKind.PERSON, "no such label", False)]
    with store.write() as session:
        before = rated.texts_of_arms(session, session.get_one(Study, task.study_id))
        rate(session, task, given, texts=10)
        real = tasks.get_arm(session, task, "real")
        after = rated.texts_of_arms(session, session.get_one(Study, task.study_id))
        session.execute(update(Rater).values(excluded_at=1.0))
        excluded = rated.texts_of_arms(session, session.get_one(Study, task.study_id))

    assert before == excluded == {} and after == {real.id: 10}


def test_ratings_make_another_run_with_soft_targets_and_the_same_with_hard_ones(store: Store, task: Task) -> None:
    with store.write() as session:
        before = {name: planned(session, task, own).id for name, own in (("soft", SOFT), ("hard", SETTINGS))}
        without = session.get_one(Run, before["soft"]).config["notes"]
        rate(session, task, [(RaterKind.PERSON, "good", False)])
        after = {name: planned(session, task, own).id for name, own in (("soft", SOFT), ("hard", SETTINGS))}

    assert after["hard"] == before["hard"]
    assert after["soft"] != before["soft"]
    assert "No training text of arm real has ratings of people, so its soft targets are its labels." in without
    with store() as session, pytest.raises(StudyError, match="have changed since it was planned"):
        run_data.read(session, before["soft"])


@pytest.mark.slow
def test_a_run_whose_raters_are_divided_is_less_sure_of_its_answers(store: Store, task: Task) -> None:
    with store.write() as session:
        rate(session, task, [(RaterKind.PERSON, "good", False), (RaterKind.PERSON, "bad", False)])
        soft, hard = planned(session, task).id, planned(session, task, SETTINGS).id
    fit.execute(store, [soft, hard], report=silent)

    with store() as session:
        sure = {
            run_id: np.mean(session.scalars(select(Prediction.probability).where(Prediction.run_id == run_id)).all())
            for run_id in (soft, hard)
        }
    assert sure[soft] < 0.6 < sure[hard]


def test_soft_targets_and_class_weights_together_are_refused() -> None:
    with pytest.raises(StudyError, match="class_weights balanced needs hard targets"):
        training_settings({"targets": "soft", "class_weights": "balanced"})
    assert "targets" not in training_settings({}).model_dump()
