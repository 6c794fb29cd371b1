"""The sample study: the number of its texts, no duplicates, answers in the odd forms of practice, ratings as simulated."""

import csv
import re
import shutil
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from statistics import mean

import pytest

from core import catalogue
from core.catalogue.sample import simulate_raters
from core.llm import providers
from core.study import checks
from core.study.splits import equal_texts
from core.synthesis.parsing import texts as parsing

STUDY = checks.read(catalogue.SAMPLE_STUDY).spec


def real_rows(task: str) -> list[dict[str, str]]:
    with STUDY.tasks[task].real.file.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def answers(task: str) -> dict[tuple[str, str], list[providers.RecordedAnswer]]:
    arm = STUDY.tasks[task].arms["zero-shot"]
    assert arm.generate and arm.generate.recordings
    return dict(providers.recordings(arm.generate.recordings))


def synthetic_texts(task: str) -> dict[tuple[str, str], list[str]]:
    return {
        key: [
            text
            for answer in recorded
            for text in parsing.parse(answer.content, finish_reason=answer.finish_reason, expected=5).texts
        ]
        for key, recorded in answers(task).items()
    }


@pytest.mark.parametrize("task", list(STUDY.tasks))
def test_every_group_has_the_texts_it_promises(task: str) -> None:
    counted = Counter((row["label"], row["split"]) for row in real_rows(task))
    distinct = {
        key: len({equal_texts.text_hash(text) for text in texts}) for key, texts in synthetic_texts(task).items()
    }

    for label in STUDY.tasks[task].labels:
        assert counted[label, "train"] >= 50
        assert counted[label, "test"] >= 30
        for arm in ("zero-shot", "few-shot"):
            assert distinct[arm, label] >= 50


def test_texts_are_less_clear_the_more_subjective_their_task() -> None:
    by_strength = sorted(simulate_raters.STRENGTHS, key=simulate_raters.STRENGTHS.__getitem__)
    tests = [[row for row in real_rows(task) if row["split"] == "test"] for task in by_strength]
    clarity = [mean(float(row["clarity"]) for row in rows) for rows in tests]

    assert all(clearer - vaguer > 0.015 for clearer, vaguer in pairwise(clarity)), clarity


def test_the_ratings_and_comparisons_are_those_that_the_script_draws(tmp_path: Path) -> None:
    drawn = shutil.copytree(simulate_raters.FOLDER, tmp_path / "sample", ignore=shutil.ignore_patterns("ratings.csv"))

    simulate_raters.main(drawn)

    for name in ("comparisons.csv", *(f"{task}/ratings.csv" for task in STUDY.tasks)):
        assert (drawn / name).read_bytes() == (simulate_raters.FOLDER / name).read_bytes(), name


@pytest.mark.parametrize("task", list(STUDY.tasks))
def test_recorded_answers_have_the_shapes_real_ones_have(task: str) -> None:
    contents = [answer.content for recorded in answers(task).values() for answer in recorded]
    parsed = [parsing.parse(content, finish_reason="stop", expected=5) for content in contents]

    assert any(re.match(r"\s*1[.)]", content) for content in contents), "a numbered list"
    assert any(content.lstrip().startswith(("[", "{", "```")) for content in contents), "JSON"
    assert any(re.match(r"[A-Z][^\n]*:\n", content) for content in contents), "a stray preamble"
    assert any(not content.strip() for content in contents), "an empty answer"
    assert any(found.reason == "refusal" for found in parsed), "a refusal"


@pytest.mark.slow
def test_fewer_than_one_in_a_hundred_texts_is_a_near_duplicate() -> None:
    texts: list[str] = []
    for task in STUDY.tasks:
        texts += [row["text"] for row in real_rows(task)]
        texts += [text for found in synthetic_texts(task).values() for text in found]
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in dict.fromkeys(texts)]

    near = sum(len(one & other) >= 0.7 * len(one | other) for one, other in combinations(words, 2))

    assert len(words) > 1400
    assert near < 0.01 * len(words)
