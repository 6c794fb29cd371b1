"""People and LLM raters side by side: agreement of each group on the items that both groups rated."""

import math

import numpy as np
import pandas as pd
import pytest

from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind
from core.study.rows.sessions import Comparison, Item, Rater, Rating
from core.subjectivity.llm import beside_people
from core.subjectivity.statistics import agreement
from tests.subjectivity.conftest import Sessions

MODELS = {"m · none": "m", "m · sceptic": "m", "n · none": "n"}


def table(rows: list[tuple[int, str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label", "kind"])


def given(people: list[list[str]], llm: list[list[str]]) -> pd.DataFrame:
    """A table of answers of people and of LLM raters; each text gives an item's labels, a letter per rater."""
    rows = [(n, f"p{k}", label, "person") for n, labels in enumerate(people) for k, label in enumerate(labels)]
    names = list(MODELS)
    rows += [(n, names[k], label, "llm") for n, labels in enumerate(llm) for k, label in enumerate(labels)]
    return table(rows)


def split(n: int, *, share: float, seed: int, raters: int = 3) -> list[list[str]]:
    """Simulated answers: raters choose the item's own label with a probability that falls from 1 to `share` over the items."""
    rng = np.random.default_rng(seed)
    right = np.linspace(1, share, n)
    return [["ab"[(k % 2) ^ int(rng.random() > right[k])] for _ in range(raters)] for k in range(n)]


def test_each_group_has_its_own_alpha_on_the_items_that_both_rated() -> None:
    people = [list("aab"), list("bbb"), list("abb"), list("aaa"), list("aba")]
    llm = [list("aaa"), list("bbb"), list("bba"), list("aaa"), []]
    frame = given(people, llm)

    found = beside_people.compare(frame, models=MODELS)

    for group, kind in ((found.people, "person"), (found.llm, "llm")):
        own = frame[(frame["kind"] == kind) & (frame["item_id"] < 4)]
        assert group is not None and group.alpha == pytest.approx(agreement.krippendorff_alpha(own), abs=1e-12)
        assert (group.n_items, group.n_raters, group.n_ratings) == (4, 3, 12)
    assert found.pooled is None


def test_pooling_happens_only_when_asked_for() -> None:
    frame = given([list("aab"), list("bbb")], [list("aaa"), list("bba")])

    found = beside_people.compare(frame, models=MODELS, pooled=True)

    assert found.pooled is not None and found.pooled.n_raters == 6
    assert found.pooled.alpha == pytest.approx(agreement.krippendorff_alpha(frame), abs=1e-12)


def test_every_model_is_a_group_of_its_own() -> None:
    found = beside_people.compare(given([list("ab")] * 4, [list("aab")] * 4), models=MODELS)

    assert {name: group.n_raters for name, group in found.by_model.items()} == {"m": 2, "n": 1}


def test_the_table_has_both_majorities_and_says_nothing_where_one_is_tied() -> None:
    found = beside_people.compare(
        given([list("aab"), list("ab"), list("bb")], [list("aaa"), list("aab"), list("aab")]), models=MODELS
    )

    assert found.items["same_majority"].tolist()[0] is True
    assert found.items["same_majority"].isna().tolist() == [False, True, False]
    assert found.items["people_agreement"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert (found.same_majority.value, found.same_majority.n) == (0.5, 2)
    assert found.same_majority.low < found.same_majority.value < found.same_majority.high


def test_the_correlation_is_that_of_ranks_with_an_interval() -> None:
    frame = given(split(60, share=0.5, seed=1, raters=9), split(60, share=0.5, seed=2))

    found = beside_people.compare(frame, models=MODELS)

    ranks = found.items[["people_agreement", "llm_agreement"]].rank()
    assert found.correlation.value == pytest.approx(np.corrcoef(ranks.T)[0, 1], abs=1e-12)
    assert (
        -1 < found.correlation.low < found.correlation.value < found.correlation.high < 1 and found.correlation.n == 60
    )


def test_the_correlation_is_nan_where_one_group_agrees_alike_on_everything() -> None:
    found = beside_people.compare(given(split(20, share=0.5, seed=1), [list("aaa"), list("bbb")] * 10), models=MODELS)

    assert math.isnan(found.correlation.value) and "cannot be told" in found.reading


@pytest.mark.parametrize(
    ("people", "llm", "words"),
    [
        (
            split(80, share=0.5, seed=3),
            split(80, share=1.0, seed=4),
            "LLM raters agree with themselves far more than people",
        ),
        (
            split(80, share=1.0, seed=3),
            split(80, share=0.5, seed=4),
            "LLM raters agree with themselves less than people",
        ),
        (split(40, share=0.6, seed=3), split(40, share=0.6, seed=4), "cannot be told apart"),
        ([], [list("ab")] * 3, "No person has rated the items"),
        ([list("ab")] * 3, [], "No LLM has rated these items yet"),
        ([list("ab")] * 3, [list("a")] * 3, "There is one LLM rater"),
        ([list("aa")] * 3, [list("ab")] * 3, "Alpha is undefined for people's answers"),
        ([list("ab")], [list("ab")], "Too few items"),
        ([list("aab"), list("bbb"), [], []], [[], [], list("aab"), list("bbb")], "have rated no item in common"),
        (
            [list("aab"), list("bbb")] * 3,
            [list("aab"), list("bbb")] * 3,
            "is the same in both groups (Spearman 1.00, 6",
        ),
        ([list("aab"), list("bbb"), list("aaa")], [list("aab"), list("bbb"), list("aaa")], "there are 3"),
    ],
)
def test_the_reading_says_what_the_numbers_say(people: list[list[str]], llm: list[list[str]], words: str) -> None:
    assert words in beside_people.compare(given(people, llm), models=MODELS).reading


def add(sessions: Sessions, rater: str, item: Item, label: str, **rater_fields: object) -> None:
    """Store an answer of an LLM rater, who is enrolled if missing."""
    with sessions.store.write() as session:
        found = session.query(Rater).filter_by(campaign_id=item.campaign_id, pseudonym=rater).one_or_none()
        if found is None:
            found = Rater(
                campaign_id=item.campaign_id,
                pseudonym=rater,
                code=rater,
                kind=RaterKind.LLM,
                facts={"model": "m"},
                **rater_fields,
            )
            session.add(found)
            session.flush()
        session.add(Rating(item_id=item.id, rater_id=found.id, label=label))


def test_excluded_raters_and_items_with_another_role_are_left_out(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=3, items_per_rater=6)
    items = sessions.rate(sessions.rater(campaign), "yes")
    with sessions.store.write() as session:
        gold = Item(campaign_id=campaign.id, external_id="gold-0", sample_id=items[0].sample_id, role=ItemRole.GOLD)
        session.add(gold)
    for item in (*items, gold):
        add(sessions, "one", item, "yes")
        add(sessions, "two", item, "no", excluded_at=1.0, excluded_because="asked twice")

    with sessions.store() as session:
        found = beside_people.side_by_side(session, campaign)

    assert found.llm is not None and (found.llm.n_items, found.llm.n_raters) == (6, 1)
    assert (found.same_majority.value, found.same_majority.n) == (1, 6)


def test_of_a_pair_counts_what_was_chosen_whichever_side_it_stood_on(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None, raters_per_item=5)
    with sessions.store.write() as session:
        item = session.query(Item).filter_by(campaign_id=campaign.id).one()
        sides = (item.left_task_id, item.right_task_id)
        for n, kind in enumerate((RaterKind.PERSON, RaterKind.PERSON, RaterKind.LLM, RaterKind.LLM)):
            rater = Rater(campaign_id=campaign.id, pseudonym=f"r{n}", code=f"r{n}", kind=kind, facts={"model": "m"})
            session.add(rater)
            session.flush()
            left, right = sides[:: -1 if n % 2 else 1]
            winner = "right" if n % 2 else "left"
            session.add(
                Comparison(
                    campaign_id=campaign.id, item_id=item.id, rater_id=rater.id, winner=winner, left_task_id=left,
                    right_task_id=right,
                )
            )  # fmt: skip

    with sessions.store() as session:
        found = beside_people.side_by_side(session, campaign)

    assert found.items["people_majority"].tolist() == found.items["llm_majority"].tolist() == ["easy"]
    assert found.items["llm_agreement"].tolist() == [1.0]
