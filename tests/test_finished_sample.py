"""The finished sample study: it holds the texts, ratings and code of today, nearly every run converged, and opens without a training."""

import csv
import json
from collections import Counter

import pytest
from sqlalchemy import func, select

from core import catalogue
from core.llm import providers
from core.steps.guide import finished_sample
from core.study import checks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import ArmKind, Split
from core.study.rows.sessions import Campaign, Comparison, Rating
from core.study.rows.study import Arm, Completion, Job, Label, Prediction, Run, Sample, Study, Task
from core.study.store import Store
from core.training import fingerprints
from core.training.convergence import judge
from tests.command_line import CommandLine

STUDY = checks.read(catalogue.SAMPLE_STUDY).spec
AGAIN = "Run `make sample`: the finished sample study is older than its sources."


@pytest.fixture
def finished(store: Store) -> Store:
    finished_sample.bring_in(store)
    return store


@pytest.mark.slow
@pytest.mark.parametrize("task", list(STUDY.tasks))
def test_its_real_texts_are_those_of_the_sample_study(finished: Store, task: str) -> None:
    with STUDY.tasks[task].real.file.open(encoding="utf-8", newline="") as file:
        written = Counter((row["text"], row["label"], row["split"]) for row in csv.DictReader(file))
    query = (
        select(Sample.text, Label.name, Sample.split)
        .join(Label, Label.id == Sample.label_id)
        .join(Arm, Arm.id == Sample.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .where(Task.name == task, Arm.kind == ArmKind.REAL, Sample.status == "kept")
    )

    with finished() as session:
        stored = Counter((text, label, str(Split(split))) for text, label, split in session.execute(query))

    assert stored == written, AGAIN


def test_its_answers_ratings_and_questions_are_those_of_the_sample_study(finished: Store) -> None:
    with finished() as session:
        contents = set(session.scalars(select(Completion.content)))
        asked = dict(session.execute(select(Task.name, Task.question)).all())
        rated = session.scalar(select(func.count()).select_from(Rating))
        compared = session.scalar(select(func.count()).select_from(Comparison))

    written = {
        answer.content
        for path in catalogue.SAMPLE_STUDY.parent.glob("*/completions.jsonl")
        for recorded in providers.recordings(path).values()
        for answer in recorded
    }
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines()) - 1
        for path in catalogue.SAMPLE_STUDY.parent.rglob("*.csv")
    }
    assert contents
    assert contents <= written, AGAIN
    assert asked == {name: task.question for name, task in STUDY.tasks.items()}, AGAIN
    assert rated == sum(n for path, n in lines.items() if path.name == "ratings.csv"), AGAIN
    assert compared == sum(n for path, n in lines.items() if path.name == "comparisons.csv"), AGAIN


def test_every_run_is_finished_and_of_the_code_of_today_and_nearly_all_converged(finished: Store) -> None:
    with finished() as session:
        runs = session.scalars(select(Run)).all()
        predicted = session.scalar(select(func.count()).select_from(Prediction))

    assert len(runs) == len(STUDY.tasks) * 3 * 3
    assert all(run.finished_at and run.facts["steps"] == finished_sample.STEPS for run in runs)
    assert {run.config["code"] for run in runs} == {fingerprints.CODE_VERSION}, AGAIN
    assert sum(judge(run.facts).is_converged is True for run in runs) >= 34
    assert predicted > 0


@pytest.mark.slow
def test_every_copy_is_a_study_of_its_own_and_nothing_waits_to_be_trained(finished: Store) -> None:
    second = finished_sample.bring_in(finished)

    with finished() as session:
        studies = session.scalars(select(Study).order_by(Study.id)).all()
        assert [study.name for study in studies] == ["finished-sample", "finished-sample-2"]
        assert second.name == "finished-sample-2"
        assert all(study.is_sample for study in studies)
        assert session.scalar(select(func.count()).select_from(Job)) == 0
        assert session.scalar(select(func.count()).select_from(Baseline)) > 0
        assert session.scalar(select(func.count()).select_from(Campaign)) > 0


@pytest.mark.slow
def test_the_command_prints_what_the_runs_say_and_trains_nothing(call: CommandLine) -> None:
    said = call("demo", "--finished", "--json")

    found = json.loads(said.stdout)
    assert said.code == 0
    assert found["study"] == "finished-sample"
    assert found["sample_data"] is True
    assert len(found["scores"]) == len(STUDY.tasks) * 3 * 3
    assert found["headline"]


def test_a_finished_study_is_not_trained_at_full_length_too(call: CommandLine) -> None:
    said = call("demo", "--finished", "--full")

    assert said.code == 2
    assert "--finished trains nothing" in said.stderr
