"""Validating STUDY.yaml: which values are accepted and which are refused."""

from pathlib import Path

import pytest

from core import catalogue
from core.study import checks
from core.study.spec import StudySpec

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


def read(path: Path) -> StudySpec:
    """The study in a file without problems."""
    found = checks.read(path)
    assert found.spec is not None and not found.problems and found.is_whole
    return found.spec


def problems(path: Path) -> str:
    return "\n".join(map(str, checks.read(path).problems))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD))

    assert found.tasks["t"].real.file == tmp_path / "real.csv"
    assert found.seeds == [0, 1, 2]


def test_a_folder_of_an_encoder_is_relative_to_the_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD + "encoders: [./enc, minilm, roberta-base]\n"))

    assert found.encoders == [f"{tmp_path}/enc", "minilm", "roberta-base"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("study:", "sudy:"), "did you mean 'study'?"),
        (("question:", "qestion:"), "unknown key 'tasks.t.qestion'; did you mean 'question'?"),
        (("{a: first, b: second}", "3"), "tasks.t.labels"),
        (("file: made.csv, where: {source: x}", "where: {source: x}"), "either 'file' or 'generate'"),
        (("study: small", "study: [unclosed"), "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))

    assert any(sentence in line for line in problems(path).splitlines())


GENERATING = GOOD.replace("{file: made.csv, where: {source: x}}", "{generate: {per_label: 5, model: m}}")
WHOLE = """{per_label: 5, models: [m, n], temperature: 0.9, rpm: 60, structured: true, technique: attributes,
        prompt: {context: You write notes., generation: "{n} notes, {label}, {mood}, {kind}"},
        attributes: {mood: [calm, angry], kind: {a: [one], b: [two, three]}}, sources: 0, words: 12, turns: 1}}"""


def test_generation_can_be_said_whole_in_the_file(tmp_path: Path) -> None:
    text = GENERATING.replace("{per_label: 5, model: m}}", WHOLE)

    found = read(written(tmp_path, text)).tasks["t"].arms["zero-shot"].generate

    assert found is not None and found.models == ["m", "n"] and found.structured and found.technique == "attributes"
    assert found.prompt is not None and found.prompt.context == "You write notes." and found.prompt.diversity is None
    assert found.attributes == {"mood": ["calm", "angry"], "kind": {"a": ["one"], "b": ["two", "three"]}}
    assert (found.temperature, found.rpm, found.sources, found.words) == (0.9, 60, 0, 12)


@pytest.mark.parametrize(
    ("generate", "sentence"),
    [
        ("model: m, models: [n]", "one 'model' or a list of 'models', not both"),
        ("models: [n, n]", "a model stands twice"),
        ("modls: [n]", "did you mean 'models'?"),
        ("prompt: {contxt: c}", "did you mean 'context'?"),
        ("tecnique: rewrite", "did you mean 'technique'?"),
        ("technique: magic", "'taxonomy', 'rewrite' or 'catalogue'"),
        ("technique: taxonomy", "a taxonomy needs its kinds"),
        ("temperature: 3", "less than or equal to 2"),
        ("temperature: true", "a number is needed"),
        ("rpm: 0", "greater than 0"),
        ("attributes: {mood: calm}", "'mood' needs a list of words or phrases"),
        ("attributes: {mood: [yes, no]}", "'mood' needs a list of words or phrases"),
        ("attributes: {mood: {a: [x], c: [y]}}", "needs values for each label (a, b) and no other; it has a, c"),
    ],
)
def test_what_is_wrong_with_generation_is_said(tmp_path: Path, generate: str, sentence: str) -> None:
    path = written(tmp_path, GENERATING.replace("model: m", generate))

    assert sentence in problems(path)


def test_the_bundled_sample_study_is_valid_and_says_that_it_is_sample_data() -> None:
    found = read(catalogue.SAMPLE_STUDY)

    assert found.sample
    assert len(found.tasks) == 4
    assert all(set(task.arms) == {"zero-shot", "few-shot"} for task in found.tasks.values())
