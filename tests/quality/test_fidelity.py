"""Label fidelity: a published kappa; judges, people and raters stay apart; unusable answers are counted."""

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.proportion import proportion_confint

from core.quality import fidelity
from core.quality.fidelity import By
from core.study import tasks
from core.study.rows.kinds import CampaignKind, ItemRole, JudgementKind, RaterKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Judgement, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store

GOLDEN = Path(__file__).parents[1] / "golden"
LABELS = ["glad", "sad"]
Judge = Callable[..., None]


def pairs(*rows: tuple[str, str]) -> pd.DataFrame:
    found = [(k, intended, other, "" if other else fidelity.NO_LABEL) for k, (intended, other) in enumerate(rows)]
    return pd.DataFrame(found, columns=fidelity.PAIR_COLUMNS)


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        labels = {"glad": "happy", "sad": "unhappy"}
        return tasks.make_task(session, study_id=study.id, name="mood", question="How?", labels=labels)


@pytest.fixture
def arm_id(store: Store, task: Task) -> int:
    """An arm with six kept texts (ids 1 to 6), three glad, then three sad, and one rejected text."""
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot")
        glad, sad = tasks.labels_of(session, task.id)
        session.add_all([
                Sample(
                    arm_id=arm.id, label_id=label.id, split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text),
                    status=SampleStatus.REJECTED if text == "letter 6" else SampleStatus.KEPT,
                )
                for k, label in enumerate([glad] * 3 + [sad] * 4)
                for text in [f"letter {k}"]
            ])  # fmt: skip
        return arm.id


@pytest.fixture
def judge(store: Store, task: Task) -> Judge:
    def add(sample_id: int, label: str | None, *, who: str = "m", kind: JudgementKind = JudgementKind.JUDGE) -> None:
        with store.write() as session:
            ids = {found.name: found.id for found in tasks.labels_of(session, task.id)}
            label_id = ids[label] if label else None
            session.add(Judgement(sample_id=sample_id, kind=kind, judge=who, label_id=label_id))

    return add


@pytest.fixture
def rate(store: Store, task: Task) -> Callable[..., None]:
    """A function that gives a sample these labels, each by a new rater, in a new campaign."""
    numbers = itertools.count()

    def add(
        sample_id: int,
        *answers: str,
        kind: RaterKind = RaterKind.PERSON,
        asked: CampaignKind = CampaignKind.LABEL,
        role: ItemRole = ItemRole.ITEM,
        excluded: bool = False,
    ) -> None:
        with store.write() as session:
            name = f"c{next(numbers)}"
            campaign = Campaign(
                study_id=task.study_id, task_id=task.id, name=name, kind=asked, token=name
            )  # fmt: skip
            session.add(campaign)
            session.flush()
            item = Item(campaign_id=campaign.id, external_id="1", sample_id=sample_id, role=role)
            raters = [
                Rater(
                    campaign_id=campaign.id, pseudonym=f"r{k}", kind=kind, code=f"{name}-{k}",
                    excluded_at=1.0 if excluded else None,
                )
                for k in range(len(answers))
            ]  # fmt: skip
            session.add_all([item, *raters])
            session.flush()
            session.add_all(
                Rating(item_id=item.id, rater_id=rater.id, label=label)
                for rater, label in zip(raters, answers, strict=True)
            )

    return add


def test_the_published_kappa_is_reproduced() -> None:
    golden = json.loads((GOLDEN / "artstein_poesio_2008.json").read_text(encoding="utf-8"))
    names = golden["labels"]
    rows = [(names[i], names[j]) for i in range(2) for j in range(2) for _ in range(golden["table"][i][j])]

    found = fidelity.table(pairs(*rows), names)

    assert found.kappa == pytest.approx(golden["kappa"], abs=5e-4)
    assert (found.n, found.agreement.value) == (100, pytest.approx(golden["agreement"]))
    assert found.confusion.to_numpy().tolist() == golden["table"]
    assert (found.agreement.low, found.agreement.high) == pytest.approx(
        proportion_confint(70, 100, method="wilson"), abs=1e-9
    )


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_kappa_is_that_of_scikit_learn_and_nan_where_it_is_undefined(rows: list[tuple[str, str]]) -> None:
    first, second = zip(*rows, strict=True)

    found = fidelity.table(pairs(*rows), list("abc"))

    if len({*first, *second}) == 1:
        assert math.isnan(found.kappa)
        assert "undefined" in found.note
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_agreement_is_given_per_intended_label_and_a_label_without_samples_is_nan() -> None:
    found = fidelity.table(pairs(("glad", "glad"), ("glad", "sad"), ("sad", "sad"), ("sad", "")), [*LABELS, "cross"])

    by_label = found.per_class.set_index("label")
    assert by_label["n"].to_dict() == {"glad": 2, "sad": 1, "cross": 0}
    assert by_label.loc["glad", "agreement"] == 0.5
    assert np.isnan(by_label.loc["cross", ["agreement", "low", "high"]].astype(float)).all()
    assert (found.n, found.n_unusable) == (3, 1)
    assert found.note == "1 answer left out: names no label of the task."


def test_nothing_to_compare_is_nan_with_a_sentence() -> None:
    found = fidelity.table(pairs(), LABELS)

    assert found.n == 0
    assert all(math.isnan(value) for value in (found.agreement.value, found.agreement.low, found.kappa))
    assert found.confusion.shape == (2, 2)
    assert "No sample has another label yet" in found.note


def test_a_judge_and_a_human_are_kept_apart_and_a_rejected_sample_is_left_out(
    store: Store, arm_id: int, judge: Judge
) -> None:
    judge(1, "sad")
    judge(2, None)
    judge(7, "sad")
    judge(1, "glad", who="me", kind=JudgementKind.HUMAN)
    with store() as session:
        by_judge = fidelity.pairs(session, arm_id=arm_id, by=By.JUDGE)
        by_human = fidelity.pairs(session, arm_id=arm_id, by=By.HUMAN)
        named = fidelity.judges(session, arm_id=arm_id, kind=JudgementKind.JUDGE)

    assert by_judge.to_numpy().tolist() == [[1, "glad", "sad", ""], [2, "glad", "", fidelity.NO_LABEL]]
    assert by_human["other"].tolist() == ["glad"]
    assert named == {"m": 2}


def test_of_several_judges_the_newest_counts_unless_one_is_named(store: Store, arm_id: int, judge: Judge) -> None:
    judge(1, "sad", who="first")
    judge(1, "glad", who="second")
    judge(2, "sad", who="first")
    with store() as session:
        newest = fidelity.pairs(session, arm_id=arm_id, by=By.JUDGE)
        first = fidelity.pairs(session, arm_id=arm_id, by=By.JUDGE, judge="first")

    assert newest["other"].tolist() == ["glad", "sad"]
    assert first["other"].tolist() == ["sad", "sad"]


def test_raters_give_the_majority_over_campaigns_and_ties_are_counted(
    store: Store, arm_id: int, rate: Callable[..., None]
) -> None:
    rate(1, "glad", "sad")
    rate(1, "sad")
    rate(2, "glad", "sad")
    rate(3, "glad", "glad", "sad")
    rate(4, "no idea", "no idea", "sad")
    rate(5, "glad", "glad", kind=RaterKind.LLM)
    with store() as session:
        found = fidelity.pairs(session, arm_id=arm_id, by=By.RATERS)

    assert found[["sample_id", "other"]].to_numpy().tolist() == [[1, "sad"], [2, ""], [3, "glad"], [4, ""]]
    assert found["reason"].tolist() == ["", fidelity.TIE, "", fidelity.NO_LABEL]
    assert fidelity.table(found, LABELS).n_unusable == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "left_out",
    [{"excluded": True}, {"role": ItemRole.GOLD}, {"asked": CampaignKind.SCALE}],
    ids=["an excluded rater", "a gold item", "the scale from 1 to 5"],
)
def test_answers_that_do_not_count_as_labels_are_left_out(
    store: Store, arm_id: int, rate: Callable[..., None], left_out: dict[str, object]
) -> None:
    rate(1, "glad")
    rate(1, "sad", "sad", **left_out)
    rate(2, "sad", **left_out)
    with store() as session:
        found = fidelity.pairs(session, arm_id=arm_id, by=By.RATERS)

    assert found[["sample_id", "other"]].to_numpy().tolist() == [[1, "glad"]]


@pytest.mark.parametrize("by", list(By))
def test_an_arm_that_nobody_judged_has_no_pairs(store: Store, arm_id: int, by: By) -> None:
    with store() as session:
        found = fidelity.pairs(session, arm_id=arm_id, by=by)

    assert list(found.columns) == fidelity.PAIR_COLUMNS
    assert fidelity.table(found, LABELS).n == 0
