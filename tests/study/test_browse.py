"""Browsing samples: filters, pages, facets, and the origin of a sample."""

import pytest

from core.study import browse, judgements
from core.study.browse import Filter, Opinion
from core.study.rows.kinds import JudgementKind
from core.study.rows.study import Judgement
from core.study.store import Store
from tests.study.conftest import Letters


def judge(store: Store, letters: Letters, **named: str | None) -> None:
    """Store labels by a judge: name of the text -> name of the label."""
    with store.write() as session:
        for text, label in named.items():
            session.add(
                Judgement(
                    sample_id=letters.texts[text].id, kind=JudgementKind.JUDGE, judge="model-j", content=label or "?",
                    label_id=letters.labels[label].id if label else None, cost_usd=0.25,
                )
            )  # fmt: skip


def names(store: Store, letters: Letters, wanted: Filter) -> set[str]:
    """The names of the texts that meet a filter; also checks that `count` gives their number."""
    with store() as session:
        ids = set(browse.page(session, wanted)["id"])
        assert browse.count(session, wanted) == len(ids)
    return {name for name, sample in letters.texts.items() if sample.id in ids}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"one", "two", "short", "three"}),
        ({"label": "sad"}, {"three"}),
        ({"status": "rejected"}, {"short"}),
        ({"status": "kept"}, {"one", "two", "three"}),
        ({"reason": "too short"}, {"short"}),
        ({"split": "test"}, set()),
        ({"version": 1}, {"one", "two", "short"}),
        ({"version": 2}, {"three"}),
        ({"model": "model-b"}, {"three"}),
        ({"model": "model-b", "version": 1}, set()),
        ({"words": "WENT well"}, {"two", "three"}),
        ({"words": "étude"}, {"one"}),
        ({"words": "100%"}, set()),
        ({"opinion": Opinion.JUDGE_AGREES}, {"one"}),
        ({"opinion": Opinion.JUDGE_DISAGREES}, {"two"}),
        ({"opinion": Opinion.JUDGE_UNCLEAR}, {"three"}),
        ({"opinion": Opinion.NOT_JUDGED}, {"short"}),
        ({"opinion": Opinion.HUMAN}, {"one", "three"}),
        ({"opinion": Opinion.HUMAN_DISAGREES}, {"three"}),
    ],
)
def test_every_filter_gives_its_samples_and_no_others(
    store: Store, letters: Letters, conditions: dict[str, object], expected: set[str]
) -> None:
    judge(store, letters, one="glad", two="sad", three=None)
    with store.write() as session:
        for name in ("one", "three"):
            judgements.set_human_label(session, letters.texts[name].id, letters.labels["glad"].id)
    asked = dict(conditions)
    if "label" in asked:
        asked["label_id"] = letters.labels[str(asked.pop("label"))].id
    if "version" in asked:
        asked["prompt_id"] = letters.prompts[int(str(asked.pop("version"))) - 1].id

    found = names(store, letters, Filter((letters.made.id,), **asked))  # type: ignore[arg-type]

    assert found == expected


def test_a_page_shows_the_beginning_of_each_text_and_what_is_known_of_it(store: Store, letters: Letters) -> None:
    judge(store, letters, two="sad", three=None)

    with store() as session:
        rows = browse.page(session, Filter((letters.made.id, letters.real.id))).set_index("id")

    two, real = rows.loc[letters.texts["two"].id], rows.loc[letters.texts["test sad"].id]
    assert list(rows.columns) == [
        "text", "label", "arm", "split", "status", "reason", "judged", "human", "model", "version",
    ]  # fmt: skip
    assert len(two["text"]) == browse.LONGEST_CELL
    assert (two["label"], two["judged"], two["human"], two["model"], two["version"]) == (
        "glad",
        "sad",
        "",
        "model-a",
        1,
    )
    assert rows.loc[letters.texts["three"].id, "judged"] == browse.NO_LABEL
    assert (real["arm"], real["split"], real["model"], real["judged"]) == ("real", "test", "", "")
    assert not rows.drop(columns="version").isna().any().any()


def test_pages_follow_one_another_without_gap_or_overlap(store: Store, letters: Letters) -> None:
    wanted = Filter((letters.made.id, letters.real.id))

    with store() as session:
        seen = [list(browse.page(session, wanted, number=number, size=3)["id"]) for number in (1, 2, 3, 4, 5)]

    assert [len(ids) for ids in seen] == [3, 3, 3, 1, 0]
    assert sorted(sum(seen, [])) == sorted(sample.id for sample in letters.texts.values())


def test_the_choices_of_the_filters_are_counted(store: Store, letters: Letters) -> None:
    with store() as session:
        found = browse.facets(session, letters.task.id)

    assert found.arms[["arm", "kept", "rejected"]].to_dict("list") == {
        "arm": ["real", "few-shot"], "kept": [6, 3], "rejected": [0, 1],
    }  # fmt: skip
    assert found.prompts[["version", "answers"]].to_dict("list") == {"version": [2, 1], "answers": [1, 1]}
    assert found.models == {"model-a": 1, "model-b": 1}
    assert found.reasons == {"too short": 1}


def test_a_generated_text_is_walked_back_to_all_that_made_it(store: Store, letters: Letters) -> None:
    judge(store, letters, one="sad")

    with store() as session:
        one = browse.origin(session, letters.texts["one"].id)
        three = browse.origin(session, letters.texts["three"].id)

    assert one.completion is not None and one.prompt is not None
    assert (one.label, one.arm.name, one.completion.content, one.prompt.version) == (
        "glad",
        "few-shot",
        "1. A letter",
        1,
    )
    assert [sample.text for sample in one.examples] == ["A real pool text, glad", "A real pool text, sad"]
    assert one.sources == [] and one.imported is None and one.batch is None
    assert list(one.siblings["reason"]) == ["", "", "too short"]
    assert one.judgements[["kind", "judge", "label", "answer"]].values.tolist() == [["judge", "model-j", "sad", "sad"]]
    assert three.batch is not None and three.batch.key == "k"


def test_a_real_text_is_walked_back_to_its_file(store: Store, letters: Letters) -> None:
    with store() as session:
        found = browse.origin(session, letters.texts["train glad"].id)

    assert found.imported is not None and found.imported.file == "real.csv"
    assert found.completion is None and found.siblings.empty and found.judgements.empty
