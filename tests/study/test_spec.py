"""STUDY.yaml: what is understood and what is refused."""

from pathlib import Path

import pytest

from core import catalogue
from core.errors import StudyError
from core.study import spec

GOOD = """
study: small
tasks:
  t:
    question: Is it?
    labels: {a: first, b: second}
    real: {file: real.csv}
    arms:
      zero-shot: {file: made.csv, where: {source: x}}
"""


def written(folder: Path, text: str) -> Path:
    for name in ("real.csv", "made.csv"):
        (folder / name).write_text("text,label\n")
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = spec.load(written(tmp_path, GOOD))

    assert found.tasks["t"].real.file == tmp_path / "real.csv"
    assert found.seeds == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("study:", "sudy:"), "did you mean 'study'?"),
        (("question:", "qestion:"), "unknown key 'tasks.t.qestion'; did you mean 'question'?"),
        (("real.csv}", "gone.csv}"), "files that are not there"),
        (("{a: first, b: second}", "3"), "tasks.t.labels"),
        (("file: made.csv, where: {source: x}", "where: {source: x}"), "either 'file' or 'generate'"),
        (("study: small", "study: [unclosed"), "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))

    with pytest.raises(StudyError) as raised:
        spec.load(path)

    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_bundled_sample_study_is_valid_and_says_that_it_is_sample_data() -> None:
    found = spec.load(catalogue.SAMPLE_STUDY)

    assert found.sample
    assert len(found.tasks) == 4
    assert all(set(task.arms) == {"zero-shot", "few-shot"} for task in found.tasks.values())
