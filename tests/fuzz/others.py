"""Cases for the parser of completions and for study files."""

import random
from typing import Any

import yaml

from core.steps import study_file, study_intake
from core.study import checks
from core.synthesis.parsing import texts
from tests.fuzz.damage import damaged
from tests.fuzz.importers import Bench
from tests.synthesis.parsing import test_parsing_fuzz as made_up

STUDY = """\
study: sheep
encoders: [minilm]
seeds: [0, 1]
training: {steps: 20, batch_size: 16, learning_rate: 3.0e-4, max_length: 64}
tasks:
  mood:
    question: How does the writer feel?
    labels: {good: glad, bad: sad}
    real: {file: real.csv, split_column: split}
    arms:
      zero-shot: {generate: {per_label: 50, provider: openai, model: gpt-4o-mini, texts_per_call: 5, turns: 1, words: 25}}
      mine: {file: made.csv, where: {source: a}, rename: {well: good}}
    train_size: 2
    ratings: {file: ratings.csv}
    curve: {sizes: [2, all]}
  sarcasm:
    question: Is it sarcastic?
    labels: [good, bad]
    real: {file: real.csv}
    arms:
      few-shot: {file: made.csv}
comparisons: {file: comparisons.csv}
"""
READ_ONLY = 0.9
FILES = {
    "real.csv": "text,label,split\n",
    "made.csv": "text,label,source\n",
    "ratings.csv": "item_id,rater_id,label\n",
    "comparisons.csv": "rater_id,left,right,winner\nr,mood,sarcasm,left\ns,mood,sarcasm,tie\n",
}
for n in range(16):
    good = "good" if n % 2 else "bad"
    FILES["real.csv"] += f"a real letter {n},{good},{'test' if n % 4 > 1 else 'train'}\n"
    FILES["made.csv"] += f"a made letter {n},{good},{'ab'[n // 2 % 2]}\n"
    FILES["ratings.csv"] += f"{n // 2},r{n % 2},{'good' if n % 3 else 'bad'}\n"
ODD: list[Any] = [
    None, True, -1, 0, 2**70, 0.5, float("nan"), float("inf"), "", "x", "real", "../../etc/passwd", "/etc/passwd", "real.csv", [], {}, [[]],
    {"a": 1}, [1, "x"], "x" * 3000, {"file": "real.csv"}, {"generate": {}}, {"file": "."}, "\u202e", "minilm", [0, 0], [-1], "all",
]  # fmt: skip


def completion(rng: random.Random) -> None:
    """Parse a made-up answer without loss or invention, or a damaged one without an error."""
    answer = made_up.made_up(rng)
    if rng.random() < 0.5:
        made_up.check(answer)
        return
    content, finish, expected, _ = answer
    content = damaged(content.encode("utf-8", "replace"), rng).decode(
        "utf-8", rng.choice(("replace", "surrogateescape"))
    )
    parsed = texts.parse(content, finish_reason=finish, expected=expected)
    assert all(text and text == " ".join(text.split()) for text in parsed.texts)
    assert all(reason for _, reason in [*parsed.rejected, *parsed.left_out])


def prepare(bench: Bench) -> None:
    """Write the files that the study files name."""
    for name, content in FILES.items():
        (bench.folder / name).write_text(content)


def study(bench: Bench, rng: random.Random) -> None:
    """Check a changed study file and, for one of ten, import its data; with a fatal problem nothing is stored."""
    path = bench.folder / "study.yaml"
    path.write_bytes(_changed(rng))
    request = study_intake.request_of(checks.read(path), seeds=rng.choice((None, None, "1,2", "x", "")))
    if rng.random() < READ_ONLY:
        if any(problem.is_fatal for problem in request.problems):
            raise study_intake.Refused(request.problems)
        return
    with bench.store.write() as session:
        imported = study_file.import_study(session, bench.settings, request)
        if imported.study is None:
            session.rollback()
        else:
            study_file.cautions(session, imported, request)
    if imported.study is None:
        raise study_intake.Refused(imported.problems)


def _changed(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return damaged(STUDY.encode(), rng)
    content = yaml.safe_load(STUDY)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(content, rng)
    return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace")


def _change(content: Any, rng: random.Random) -> None:
    """Change, remove, rename or add something at a random place of nested mappings and lists."""
    while isinstance(content, dict | list) and content:
        key = rng.choice(list(content)) if isinstance(content, dict) else rng.randrange(len(content))
        if not isinstance(content[key], dict | list) or rng.random() < 0.35:
            break
        content = content[key]
    else:
        return
    turn = rng.random()
    if turn < 0.6:
        content[key] = rng.choice(ODD)
    elif turn < 0.75:
        del content[key]
    elif isinstance(content, dict):
        content[rng.choice(("stepps", "file", "labels", "", "x" * 200, "real", key))] = (
            content[key] if turn < 0.9 else rng.choice(ODD)
        )
