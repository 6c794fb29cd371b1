"""A model that follows its prompt badly is noticed, whatever it is: counted, said, and asked for one text a call."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.llm.money.prices import Price
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Completion, Label, Sample
from core.study.store import Store
from core.synthesis.generation import generation, obedience, requests
from core.synthesis.generation.samples_from_answers import Outcome
from core.synthesis.generation.scheduler import Yield
from core.synthesis.parsing import slips
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from tests import endpoints
from tests.llm_server import LlmServer
from tests.texts import texts_a_call

DRAFT = Draft(context="", generation="Number of texts: {n}\nLabel: {label}", diversity="", texts_per_call=5, turns=1)
FREE = Price(model="m", input_usd_per_million=0, output_usd_per_million=0)
DEAR = Price(model="m", input_usd_per_million=1, output_usd_per_million=1)


@pytest.fixture
def arm(store: Store, make_arm: Callable[[str], Arm]) -> Arm:
    made = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=made.id, draft=DRAFT)
    return made


def fill(store: Store, arm: Arm, model: str, price: Price, *, per_label: int = 8) -> generation.Generated:
    with LlmServer() as server:
        provider = endpoints.client(model, base_url=server.url, api_key=None, price=price)
        return generation.generate(store, arm_id=arm.id, per_label=per_label, provider=provider)


def test_a_model_that_writes_one_text_of_five_is_asked_for_one_text_a_call_and_fills_the_arm(
    store: Store, arm: Arm
) -> None:
    made = fill(store, arm, "one-of-many", DEAR)

    assert texts_a_call(store, arm) == [5, 1] and made.kept == 16 and made.stopped == {}
    with store() as session:
        asked = dict(session.execute(select(Completion.id, Completion.prompt_id)).all())
    assert len(set(asked.values())) == 2 and len(asked) < 16 + 5
    assert "one-of-many wrote" in made.slips[0]
    assert "version 2 of the prompt asks for one text a call" in made.slips[-1]


def test_a_version_that_a_person_made_is_not_laid_at_the_door_of_answers(store: Store, arm: Arm) -> None:
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=versions.of_one_text(DRAFT))

        assert obedience.sentences(session, arm.id) == []


def test_a_person_s_change_after_answers_that_no_generation_would_have_left_is_not_theirs(
    store: Store, arm: Arm
) -> None:
    fill(store, arm, "two-of-many", DEAR)

    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=versions.of_one_text(DRAFT))
        said = obedience.sentences(session, arm.id)

    assert len(said) == 1 and "two-of-many wrote 16 of the 40 texts" in said[0]


def test_one_text_a_call_rewrites_one_text_as_after_a_restart(
    store: Store,
    labels: list[Label],
    make_arm: Callable[[str], Arm],
    add_real: Callable[[Split, int], None],
) -> None:
    add_real(Split.POOL, 6)
    arm = make_arm("rewritten")
    draft = replace(DRAFT, generation=f"{DRAFT.generation}\nRewrite each of them once:\n{{sources}}", sources=3)
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=draft)

    fill(store, arm, "one-of-many", DEAR)

    again = requests.plan(store, arm_id=arm.id)
    with store() as session:
        rows = session.scalars(select(Completion).where(Completion.prompt_id == again.prompt.id)).all()
    by_id = {label.id: label for label in labels}
    assert again.prompt.texts_per_call == again.prompt.sources == 1 and rows
    for row in rows:
        wanted = requests.request(store, again, label=by_id[row.label_id], slot=row.slot)
        assert row.request["messages"] == wanted.messages
        assert row.source_ids == [sample.id for sample in wanted.sources] and len(row.source_ids) == 1


def test_two_texts_of_five_are_cheaper_than_one_so_only_a_free_model_is_asked_for_one(
    store: Store, arm: Arm, make_arm: Callable[[str], Arm]
) -> None:
    dear = fill(store, arm, "two-of-many", DEAR)
    after_dear = texts_a_call(store, arm)
    other = make_arm("few-shot")
    with store.write() as session:
        versions.save(session, arm_id=other.id, draft=DRAFT)
    fill(store, other, "two-of-many", FREE)

    assert after_dear == [5] and dear.kept == 16
    assert "two-of-many wrote 16 of the 40 texts that 8 calls asked for" in dear.slips[0]
    assert texts_a_call(store, other) == [5, 1]


def test_a_model_that_does_as_it_is_asked_is_not_mentioned(store: Store, arm: Arm) -> None:
    made = fill(store, arm, "test-model", FREE)

    assert made.slips == [] and texts_a_call(store, arm) == [5]


def test_kept_texts_that_name_their_label_are_counted_by_model(store: Store, arm: Arm, labels: list[Label]) -> None:
    fill(store, arm, "test-model", FREE, per_label=5)
    with store.write() as session:
        first = session.scalars(select(Sample).where(Sample.label_id == labels[0].id)).first()
        assert first is not None
        first.text = f"I am so {labels[0].name} about the train"

    with store() as session:
        (found,) = obedience.of(session, arm.id)
        said = obedience.sentences(session, arm.id)

    assert (found.looked_at, found.naming, found.echoes) == (10, 1, 0)
    assert said == [
        "1 of 10 usable texts of test-model contain the name of their own label: a classifier can learn the name in place of "
        "the task. Read these texts, and reject what is junk."
    ]


@pytest.mark.parametrize(
    ("texts", "rejected", "is_free", "is_poor"),
    [
        ([1, 1, 1, 1], {}, False, True),
        ([2, 2, 2, 2], {}, False, False),
        ([2, 2, 2, 2], {}, True, True),
        ([5, 5, 5, 5], {}, True, False),
        ([0, 0, 0], {slips.ECHO: 1}, True, False),  # too few answers to tell
        ([0, 0, 0, 0], {slips.ECHO: 1}, True, True),
        ([0, 0, 0, 0], {"refusal": 1}, True, False),  # one text a call would be refused as well
    ],
)
def test_when_one_text_a_call_is_better(
    texts: list[int], rejected: dict[str, int], is_free: bool, is_poor: bool
) -> None:
    found = Yield()
    for n in texts:
        found.count(Outcome(0, is_fruitful=n > 0, rejected=rejected, n_texts=n))

    assert found.is_poor(texts_per_call=5, is_free=is_free) is is_poor
