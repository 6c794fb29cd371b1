"""Kept models: a folder that Hugging Face's libraries load, its card, the best seed alone, and errors in sentences."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sqlalchemy import select
from sqlalchemy.orm import Session
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.errors import StudyError
from core.jobs import carried
from core.reports import silent
from core.settings import Settings
from core.steps import train
from core.steps.trained import model_card, models
from core.study import tasks, trash
from core.study.rows.kinds import JobState
from core.study.rows.study import Job, Label, Prediction, Run, Sample, Study, Task
from core.study.store import Store
from core.training import fit, plan, runs
from core.training.kept.folder import Keep, KeptModel, Models
from core.training.kept.save import Keeper
from tests import tiny_encoder
from tests.training.conftest import SETTINGS


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    return str(tiny_encoder.build(tmp_path / "tiny"))


def planned(store: Store, task: Task, encoder: str, seeds: list[int], keep: Keep | None = None) -> list[int]:
    """The ids of planned runs of both arms."""
    with store.write() as session:
        arms = tasks.arms(session, task.id)
        made = plan.plan(session, task=task, arms=arms, encoders=[encoder], seeds=seeds, settings=SETTINGS)
        ids = [run.id for run in [*made.new, *made.existing]]
        if keep:
            models.mark(session, ids, keep)
    return ids


def trained(store: Store, settings: Settings, ids: list[int]) -> Models:
    kept = models.models_in(settings)
    fit.execute(store, ids, report=silent, keeper=Keeper(kept, model_card.text))
    return kept


@pytest.mark.slow
def test_a_kept_model_loads_by_its_folder_and_gives_the_stored_answers_under_the_tasks_labels(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    [run_id, other] = planned(store, task, encoder, [0], Keep.ALL)
    kept = trained(store, settings, [run_id, other])

    folder = kept.of(run_id)
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    with store() as session:
        query = (
            select(Sample.text, Label.name)
            .join(Prediction, Prediction.sample_id == Sample.id)
            .join(Label, Label.id == Prediction.label_id)
        )
        stored = session.execute(query.where(Prediction.run_id == run_id)).all()
    with torch.inference_mode():
        logits = model(**tokenizer([text for text, _ in stored], return_tensors="pt", padding=True)).logits
    answers = [model.config.id2label[place] for place in logits.argmax(dim=1).tolist()]

    assert model.config.id2label == {0: "bad", 1: "good"} and model.config.label2id == {"bad": 0, "good": 1}
    assert len(stored) == 16 and answers == [label for _, label in stored]
    assert load_file(folder / "model.safetensors") and tokenizer.model_max_length == SETTINGS.max_length
    assert [model.run_id for model in kept.listed()] == [run_id, other]
    assert not list(kept.path.glob(".*"))


@pytest.mark.slow
def test_a_model_card_says_the_task_the_texts_the_scores_with_intervals_and_that_texts_are_synthetic(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    real, synthetic = planned(store, task, encoder, [0], Keep.ALL)
    kept = trained(store, settings, [real, synthetic])

    cards = [(kept.of(run_id) / "README.md").read_text(encoding="utf-8") for run_id in (real, synthetic)]

    assert "# reviews, trained on zero-shot" in cards[1] and "20 texts of the arm zero-shot" in cards[1]
    assert "20 imported from files" in cards[1] and "Seed 0." in cards[1]
    assert re.search(r"On 16 real test texts: macro-F1 0\.\d\d \[0\.\d\d, \d\.\d\d\], accuracy 0\.\d\d \[", cards[1])
    assert "**Trained on synthetic texts.**" in cards[1] and "synthetic-training-data" in cards[1]
    assert "from `tiny`" in cards[0] and str(settings.home.parent) not in cards[0] and "too high" not in cards[0]
    assert "**Trained on real texts.**" in cards[0] and "synthetic" not in cards[0]
    assert cards[1].startswith("---\nlibrary_name: transformers\npipeline_tag: text-classification\n")


def test_a_finished_run_is_trained_again_for_its_weights_and_its_result_stays(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    [run_id, _] = planned(store, task, encoder, [0])
    kept = trained(store, settings, [run_id])
    with store() as session:
        before = runs.get(session, run_id)
        answers = session.execute(select(Prediction.sample_id, Prediction.label_id)).all()
    assert not kept.listed()

    with store.write() as session:
        job = models.queue_model(session, settings, run_id)
    trained(store, settings, [run_id])

    with store() as session:
        after = runs.get(session, run_id)
        assert session.execute(select(Prediction.sample_id, Prediction.label_id)).all() == answers
    assert (after.finished_at, after.facts) == (before.finished_at, before.facts)
    assert job.command[-2:] == ["--runs", str(run_id)]
    said = (kept.of(run_id) / "README.md").read_text(encoding="utf-8")
    assert "its answers equal the stored ones on 16 of 16 test texts." in said
    with store() as session:
        models.refresh_card(session, models.get(session, settings, run_id))
    assert (kept.of(run_id) / "README.md").read_text(encoding="utf-8") == said
    with store.write() as session, pytest.raises(StudyError, match="is kept already"):
        models.queue_model(session, settings, run_id)


def queued(session: Session, settings: Settings, task: Task, encoder: str) -> Job:
    """The one job of the runs of the real arm with three seeds that no other active job is to train."""
    arms = [tasks.get_arm(session, task, "real")]
    request = train.TrainingRequest([task], arms, [encoder], [0, 1, 2], SETTINGS)
    one_slot = replace(settings, slots=1, gpus=0)
    return train.queue_training(session, one_slot, study=session.get_one(Study, task.study_id), request=request).jobs[0]


def test_a_run_is_in_one_job_at_a_time_also_if_its_model_is_kept(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    with store.write() as session:
        job = queued(session, settings, task, encoder)
        first, second, third = carried.run_ids(job)
        waiting = models.queue_model(session, settings, third)
        job.state, job.started_at = JobState.RUNNING, 5.0
        job.progress = {"done": SETTINGS.length, "total": 18, "message": "", "started_at": 6.0}
        running = models.queue_model(session, settings, third)
        with pytest.raises(StudyError, match=f"Job {job.id} trains run {second} without keeping its model. Wait"):
            models.queue_model(session, settings, second)
        kept = [session.get_one(Run, run_id).config.get("keep") for run_id in (first, second, third)]
        job.state = JobState.FAILED
        session.flush()
        own = models.queue_model(session, settings, second)
        others = queued(session, settings, task, encoder)

        assert (waiting.id, running.id, kept) == (job.id, job.id, [None, None, Keep.ALL])
        assert carried.run_ids(own) == [second] and carried.run_ids(others) == [first, third]


@pytest.mark.slow
def test_of_the_seeds_of_an_arm_the_best_alone_stays_and_a_job_that_runs_again_trains_no_other(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    ids = planned(store, task, encoder, [0, 1, 2], Keep.BEST)
    kept = trained(store, settings, ids)

    with store() as session:
        best = runs.best(session, task.study_id, ids)
        scores = runs.scores(session, task.study_id).set_index("run_id")
    assert len(best) == 2 and [model.run_id for model in kept.listed()] == best
    for run_id in best:
        alike = scores[scores["arm"] == scores.loc[run_id, "arm"]]
        assert scores.loc[run_id, "macro_f1"] == alike["macro_f1"].max()
        assert "so its score is a little too high." in (kept.of(run_id) / "README.md").read_text(encoding="utf-8")
    trained(store, settings, ids)
    assert [model.run_id for model in kept.listed()] == best


class SharedModels(Models):
    """A folder from which another job removes each model a moment earlier."""

    def remove(self, run_id: int) -> KeptModel:
        Models(self.path).remove(run_id)
        return super().remove(run_id)


@pytest.mark.slow
def test_a_model_that_the_job_of_another_seed_has_removed_fails_no_training(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    ids = planned(store, task, encoder, [0, 1, 2], Keep.BEST)
    kept = SharedModels(models.models_in(settings).path)

    fit.execute(store, ids, report=silent, keeper=Keeper(kept, model_card.text))

    with store() as session:
        assert [model.run_id for model in kept.listed()] == runs.best(session, task.study_id, ids)


def test_of_two_that_remove_a_model_at_once_one_is_told_that_there_is_no_model(tmp_path: Path) -> None:
    kept, ends = Models(tmp_path), list[str]()

    def remove_all() -> None:
        for run_id in range(200):
            try:
                ends.append(str(kept.remove(run_id).run_id))
            except StudyError as error:
                ends.append(str(error))

    for run_id in range(200):
        kept.of(run_id).mkdir()
        kept.mark(kept.of(run_id), "")
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(remove_all) for _ in range(4)]:
            done.result()

    assert sum("has no kept model" in end for end in ends) == 600 and len(ends) == 800
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_is_removed_and_a_folder_that_cannot_be_written_is_a_sentence_with_the_scores_stored(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    run_id, other, later, _ = planned(store, task, encoder, [0, 1], Keep.ALL)
    kept = trained(store, settings, [run_id])
    size = kept.listed()[0].size

    with store.write() as session:
        gone = models.remove(session, settings, run_id)
    kept.path.rmdir()
    kept.path.write_text("in the way")
    with pytest.raises(StudyError, match=f"could not be kept: .*write: models keep {other}"):
        trained(store, settings, [other, later])

    assert gone.size == size > 10_000
    with store() as session, pytest.raises(StudyError, match="has no kept model. Keep it first"):
        models.get(session, settings, run_id)
    with store() as session:
        assert session.get_one(Run, other).finished_at is not None
        assert session.get_one(Run, later).finished_at is None  # nothing more is computed for a disk that takes nothing


@pytest.mark.slow
def test_the_model_of_a_deleted_run_is_removed_and_never_taken_for_that_of_a_new_run_of_its_number(
    store: Store, task: Task, settings: Settings, encoder: str
) -> None:
    run_id, other = planned(store, task, encoder, [0], Keep.ALL)
    kept = trained(store, settings, [run_id])
    shutil.copytree(kept.of(run_id), kept.of(other))  # as a deleted run of that number has left it

    with store() as session:
        rows = models.rows(session, settings)
        found = models.find(session, settings, run_id), models.find(session, settings, other)
    trained(store, settings, [run_id, other])
    with store() as session:
        own = models.get(session, settings, other)
        fingerprint = session.get_one(Run, other).fingerprint
    with store.write() as session:
        trash.put_task(session, task.id, now=0.0)
    models.empty_trash(store, settings, now=1.0, days=0)

    assert [row["arm"] for row in rows] == ["real", None]
    assert found[0] is not None and found[1] is None
    assert own.fingerprint == fingerprint and kept.listed() == []
