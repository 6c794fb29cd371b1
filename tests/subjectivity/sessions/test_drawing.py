"""Texts, gold items and pairs drawn for a campaign."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csgraph
from sqlalchemy import select

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import CampaignKind, ItemRole, Split
from core.study.rows.sessions import Campaign, Item
from core.study.rows.study import Arm, Label, Sample
from core.subjectivity.sessions.items import drawing
from core.subjectivity.sessions.protocol import Protocol
from tests.subjectivity.conftest import Sessions


def drawn(sessions: Sessions, campaign: Campaign) -> Counter[tuple[str, str, str]]:
    """The number of a campaign's items of each arm, label and split."""
    query = (
        select(Arm.name, Label.name, Sample.split)
        .join(Sample, Sample.arm_id == Arm.id)
        .join(Label, Label.id == Sample.label_id)
        .join(Item, Item.sample_id == Sample.id)
        .where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM)
    )
    with sessions.store() as session:
        return Counter(tuple(row) for row in session.execute(query))


def test_as_many_real_test_texts_come_from_each_label(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=6)

    assert drawn(sessions, campaign) == {("real", "yes", Split.TEST): 6, ("real", "no", Split.TEST): 6}


def test_a_blind_mix_has_as_many_texts_of_each_arm_and_label(sessions: Sessions, tmp_path: Path) -> None:
    synthetic = sessions.synthetic(10, folder=tmp_path)
    with sessions.store() as session:
        real = tasks.get_arm(session, sessions.task(), "real")

    found = drawn(sessions, sessions.campaign(per_class=4, arm_ids=(real.id, synthetic.id)))

    assert sorted((arm, label, n) for (arm, label, _), n in found.items()) == [
        ("real", "no", 4), ("real", "yes", 4), ("zero-shot", "no", 4), ("zero-shot", "yes", 4),
    ]  # fmt: skip


def test_another_seed_draws_other_texts(sessions: Sessions) -> None:
    with sessions.store() as session:
        found = [
            drawing.samples(session, task=sessions.task(), arm_ids=(), per_class=5, seed=seed) for seed in (1, 2, 1)
        ]

    assert found[0] == found[2] != found[1]


def test_gold_items_come_from_training_texts_with_their_labels(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=2, protocol=Protocol(gold_per_rater=1))

    with sessions.store() as session:
        gold = session.execute(
            select(Sample.text, Item.expected)
            .join(Item, Item.sample_id == Sample.id)
            .where(Item.campaign_id == campaign.id, Item.role == ItemRole.GOLD)
        ).all()

    assert sorted(gold) == [("easy practice", "no"), ("easy train", "yes")]


def test_gold_items_are_refused_where_no_label_is_asked(sessions: Sessions) -> None:
    with pytest.raises(StudyError, match="only a campaign of labels"):
        sessions.campaign(kind=CampaignKind.SCALE, protocol=Protocol(gold_per_rater=1))


@pytest.mark.parametrize(("n", "per_item"), [(2, 1), (3, 2), (10, 4), (41, 6)])
def test_pairs_join_all_texts_and_show_each_about_as_often(n: int, per_item: int) -> None:
    pairs = drawing.pairs(range(n), per_item=per_item, seed=3)

    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(left != right for left, right in pairs)
    joined = np.zeros((n, n))
    joined[tuple(zip(*pairs, strict=True))] = 1
    assert csgraph.connected_components(joined, directed=False)[0] == 1
    assert max(Counter(one for pair in pairs for one in pair).values()) <= max(per_item, 2)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"name": " "}, "needs a name"),
        ({"task": None}, "Choose the task"),
        ({"arm_ids": (999,)}, "no kept sample|no real test samples"),
        ({"kind": CampaignKind.COMPARE_ITEMS, "per_class": 0}, "no real test samples|two of them"),
    ],
)
def test_a_plan_that_cannot_work_is_one_sentence_and_leaves_nothing(
    sessions: Sessions, plan: dict[str, object], words: str
) -> None:
    with pytest.raises(StudyError, match=words):
        sessions.campaign(**plan)

    with sessions.store() as session:
        assert session.scalars(select(Campaign)).all() == []
