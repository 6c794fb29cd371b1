"""All problems of a study file in one list."""

from pathlib import Path

import pytest

from core.errors import StudyError
from core.study import checks


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_problem_of_a_file_is_told_and_the_rest_of_it_is_understood(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
sudy: walks
seeds: [zero, 1]
training: {steps: yes, batch_size: 4}
tasks:
  dogs:
    question: Is it about a dog?
    labels: {dog: "", cat: ""}
    real: {file: dogs.csv}
    train_size: 1
    arms: {zero-shot: {}, few-shot: {file: few.csv, wher: {a: b}}}
  cats: {labels: {no: "", yes: ""}, real: {file: cats.csv}}
  cats: {labels: {no: "", yes: ""}, real: {file: cats.csv}}
""",
    )

    found = checks.read(path)

    told = "\n".join(map(str, found.problems))
    for sentence in (
        "study.yaml: the key 'cats' stands twice; the second one is in line 13.",
        "study: is missing.",
        "did you mean 'study'?",
        "seeds.0: Input should be a valid integer",
        "training.steps: this is a yes or no; a number is needed",
        "tasks.dogs.train_size: Input should be greater than or equal to 2",
        "tasks.dogs.arms.zero-shot: an arm needs either 'file' or 'generate'",
        "tasks.dogs.arms.few-shot.wher: unknown key",
        "tasks.cats.question: is missing.",
        "the name False was read as bool, not as text; put it in quotes.",
    ):
        assert sentence in told
    assert found.spec is not None and list(found.spec.tasks) == ["dogs", "cats"]
    assert found.unsure == {"cats"}
    assert list(found.spec.tasks["dogs"].arms) == ["few-shot"]
    assert found.spec.training == {"batch_size": 4}
    assert found.spec.tasks["dogs"].real.file == tmp_path / "dogs.csv"


@pytest.mark.parametrize("text", ["study: [open", "- a list", "tasks: 3", ""])
def test_a_file_without_anything_to_understand_is_a_problem_too(tmp_path: Path, text: str) -> None:
    found = checks.read(written(tmp_path, text))

    assert found.spec is None and found.problems and all(problem.is_fatal for problem in found.problems)


def test_the_last_sentence_of_an_error_is_the_way_out() -> None:
    found = checks.of_error("real", StudyError("The file has no column 'text'. Its columns are a, b."))

    assert (found.what, found.way_out) == ("The file has no column 'text'.", "Its columns are a, b.")


@pytest.mark.parametrize("text", ["study: s\ntasks: {}\n", "study: s\ntasks: {1: {}}\n"])
def test_a_study_without_tasks_is_told_once(tmp_path: Path, text: str) -> None:
    found = checks.read(written(tmp_path, text))

    assert found.spec is None
    assert "at least 1 item" in str(found.problems[0]) or "read as int" in str(found.problems[0])
    assert "tasks: is missing" not in "\n".join(map(str, found.problems))


LISTED = """
study: walks
tasks:
  dogs:
    question: Is it about a dog?
    labels: LABELS
    real: {file: dogs.csv}
"""


@pytest.mark.parametrize("labels", ["[dog, cat]", "\n      - dog\n      - cat", "{dog: , cat: }"])
def test_labels_may_be_a_list_and_need_no_description(tmp_path: Path, labels: str) -> None:
    found = checks.read(written(tmp_path, LISTED.replace("LABELS", labels)))

    assert not found.problems and found.spec is not None
    assert found.spec.tasks["dogs"].labels == {"dog": "", "cat": ""}


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("[0, 1]", 'the label 0 was read as int, not as text; put it in quotes: ["0", "1"]'),
        ("[no, yes]", "the label False was read as bool"),
        ("{0: none, 1: some}", "the name 0 was read as int, not as text; put it in quotes."),
        ("[dog, dog]", "the label 'dog' stands twice"),
        ("dog", "a list such as [bad, good]"),
    ],
)
def test_labels_that_are_no_text_are_told_with_the_form(tmp_path: Path, labels: str, sentence: str) -> None:
    (tmp_path / "dogs.csv").touch()
    path = written(tmp_path, LISTED.replace("LABELS", labels))

    assert sentence in "\n".join(map(str, checks.read(path).problems))
