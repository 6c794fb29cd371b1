"""The catalogue: ten tasks with complete prompts in their own words."""

import itertools
import re
from collections.abc import Callable

import pytest

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Label, Task
from core.study.store import Store
from core.synthesis.prompts import catalogued, versions
from core.synthesis.prompts.catalogued import CatalogueTask

NAMES = {
    "ag_news",
    "relation",
    "imdb",
    "sms_spam",
    "financial_phrasebank",
    "reddit_emotion",
    "tweet_irony",
    "tweet_emotions",
    "sarcasm_news",
    "humor",
}
LONGEST_SHARED_RUN = 7
BY_NAME = {entry.name: entry for entry in catalogued.catalogue_tasks()}


@pytest.fixture
def make(store: Store) -> Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]]:
    def make(name: str, labels: dict[str, str]) -> tuple[Task, list[Label], Arm]:
        with store.write() as session:
            study = tasks.study_named(session, "ten")
            task = tasks.make_task(session, study_id=study.id, name=name, question="Which one?", labels=labels)
            return task, tasks.labels_of(session, task.id), tasks.make_arm(session, task_id=task.id, name="few-shot")

    return make


def test_the_ten_tasks_are_there_and_say_where_they_come_from() -> None:
    assert set(BY_NAME) == NAMES
    assert all(entry.source and entry.label_note and entry.domain for entry in BY_NAME.values())
    assert all((entry.texts_per_call == 10) == (entry.words <= 30) for entry in BY_NAME.values())
    assert "not known" in BY_NAME["reddit_emotion"].label_note


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("technique", ["zero-shot", "few-shot", "attributes", "rewrite"])
def test_every_prompt_can_be_saved_and_sent_as_it_is(
    name: str, technique: str, store: Store, make: Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]]
) -> None:
    entry = BY_NAME[name]
    task, labels, arm = make(name, entry.labels)
    draft = entry.draft(technique)

    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=draft)
    messages = versions.render(
        draft,
        task=task,
        label=labels[0],
        labels=labels,
        drawn=versions.Drawn(
            examples=["EXAMPLE"] * draft.examples,
            sources=["SOURCE"] * draft.sources,
            attributes=versions.draw(draft, label=labels[0], slot=0, seed=0),
        ),
        previous=["1. EARLIER"],
    )

    sent = "\n".join(message["content"] for message in messages)
    assert not versions.PLACEHOLDER.search(sent) and "\\" not in sent
    request = messages[1]["content"]
    assert all(part in request for part in (labels[0].name, labels[0].description, str(draft.words)))
    assert str(draft.texts_per_call) in request and "numbered list" in request
    assert (sent.count("EXAMPLE"), sent.count("SOURCE")) == (2 * draft.examples, 2 * draft.sources)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_attribute_of_a_task_draws_for_every_label(name: str) -> None:
    entry = BY_NAME[name]
    draft = entry.draft("attributes")

    versions.check(draft, labels=list(entry.labels))

    assert len(draft.attributes) >= 3
    for given in draft.attributes.values():
        assert isinstance(given, list) or set(given) == set(entry.labels)


def test_no_two_tasks_share_a_run_of_eight_words() -> None:
    for one, other in itertools.combinations(BY_NAME.values(), 2):
        shared = runs(one) & runs(other)

        assert not shared, f"{one.name} and {other.name} share {shared}"


def test_a_task_is_found_by_many_spellings_of_its_name(
    make: Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]],
) -> None:
    spellings = {
        "AG News": "ag_news",
        "ag-news-2k": "ag_news",
        "IMDB": "imdb",
        "GoEmotions": "reddit_emotion",
        "tweet_eval_irony": "tweet_irony",
        "my humour task": "humor",
        "Financial Phrasebank (all agree)": "financial_phrasebank",
        "tweet_sarcasm": None,
        "mood": None,
    }

    for spelling, name in spellings.items():
        task, labels, _ = make(spelling, {"a": "first", "b": "second"})
        found = catalogued.for_task(task, labels)
        assert (found and found.name) == name, spelling


def test_a_task_with_labels_of_its_own_keeps_them_and_gets_only_attributes_that_fit(
    make: Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]],
) -> None:
    task, labels, _ = make("humor", {"funny": "", "dull": "no joke"})

    found = catalogued.for_task(task, labels)

    assert found is not None and found.labels == {"funny": "", "dull": "no joke"} and found.question == "Which one?"
    assert "mechanism" in BY_NAME["humor"].attributes and "mechanism" not in found.attributes
    versions.check(found.draft("attributes"), labels=["funny", "dull"])


def test_a_study_file_may_ask_for_the_catalogue_and_change_parts(
    make: Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]],
) -> None:
    task, labels, _ = make("imdb", BY_NAME["imdb"].labels)

    few = catalogued.ready(task, labels, kind=ArmKind.FEW_SHOT, technique="catalogue", words=80)
    plain = catalogued.ready(
        task, labels, kind=ArmKind.OTHER, prompt={"context": "Mine.", "diversity": None}, turns=None
    )
    grid = catalogued.ready(
        task,
        labels,
        kind=ArmKind.OTHER,
        prompt={"generation": "{n} {label} {mood}"},
        attributes={"mood": ["calm"]},
    )

    assert (few.examples, few.words, few.texts_per_call) == (3, 80, 1) and few.context == BY_NAME["imdb"].context
    assert plain.context == "Mine." and plain.turns == 3 and plain.generation
    assert grid.turns == 1 and grid.attributes == {"mood": ["calm"]}
    with pytest.raises(StudyError, match="no prompts for a task called 'mood'. It has ag_news"):
        catalogued.ready(*make("mood", {"a": "", "b": ""})[:2], kind=ArmKind.OTHER, technique="catalogue")


@pytest.mark.parametrize("kind", [ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT])
@pytest.mark.parametrize("technique", [None, "catalogue"])
def test_attributes_and_sources_of_a_study_file_are_shown_whatever_the_technique(
    kind: ArmKind,
    technique: str | None,
    make: Callable[[str, dict[str, str]], tuple[Task, list[Label], Arm]],
) -> None:
    task, labels, _ = make("imdb", BY_NAME["imdb"].labels)

    grid = catalogued.ready(task, labels, kind=kind, technique=technique, attributes={"mood": ["calm"]})
    rewriting = catalogued.ready(task, labels, kind=kind, technique=technique, sources=2)

    for draft in (grid, rewriting):
        versions.check(draft, labels=list(BY_NAME["imdb"].labels))
    assert grid.generation.count("{attributes}") == 1 and grid.examples == (3 if kind == ArmKind.FEW_SHOT else 0)
    assert (rewriting.sources, rewriting.texts_per_call, rewriting.turns) == (2, 2, 1)


def runs(entry: CatalogueTask) -> set[tuple[str, ...]]:
    """The sequences of eight words in the prompts of a task."""
    found = set()
    for part in (entry.context, entry.request, entry.zero_shot, entry.few_shot, entry.diversity):
        words = re.findall(r"\w+", part.casefold())
        found |= {tuple(words[at : at + LONGEST_SHARED_RUN + 1]) for at in range(len(words) - LONGEST_SHARED_RUN)}
    return found
