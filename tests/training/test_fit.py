"""Fine-tuning of MiniLM: reproducible, resumed after an interruption, and refused with a sentence."""

import json
import math
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sqlalchemy import delete, select, update
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core import encoders
from core.errors import StudyError
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Prediction, Run, Sample, Task
from core.study.store import Store
from core.training import fit, plan, predict, runs
from core.training.settings import training_settings
from tests import tiny_encoder
from tests.training.conftest import SETTINGS, add_samples

Reported = list[tuple[int, int, str, dict[str, float]]]


class Killed(BaseException):
    """Raised by a test to stop a training; the code under test must not catch it."""


def silent(*_said: object) -> None:
    pass


def answers(store: Store, run_id: int) -> list[tuple[int, int, float]]:
    query = select(Prediction.sample_id, Prediction.label_id, Prediction.probability).order_by(Prediction.sample_id)
    with store() as session:
        return [tuple(row) for row in session.execute(query.where(Prediction.run_id == run_id))]


def run_of(store: Store, run_id: int) -> Run:
    with store() as session:
        return session.get_one(Run, run_id)


def plan_one(store: Store, task: Task, *, encoder: str = "minilm", **changes: float | str) -> int:
    with store.write() as session:
        arms = [tasks.get_arm(session, task, "real")]
        settings = training_settings(SETTINGS.model_dump() | changes)
        planned = plan.plan(session, task=task, arms=arms, encoders=[encoder], seeds=[0], settings=settings)
    return planned.new[0].id


@pytest.mark.slow
def test_a_run_keeps_the_probability_of_every_label_in_the_order_of_their_names(store: Store, task: Task) -> None:
    run_id = plan_one(store, task)

    fit.execute(store, [run_id], report=silent)

    with store() as session:
        by_name = [label.id for label in sorted(tasks.labels_of(session, task.id), key=lambda label: label.name)]
        kept = session.scalars(select(Prediction).where(Prediction.run_id == run_id)).all()
    assert len(kept) == 16
    for row in kept:
        assert row.probabilities is not None and sum(row.probabilities) == pytest.approx(1, abs=1e-6)
        assert by_name[row.probabilities.index(max(row.probabilities))] == row.label_id
        assert max(row.probabilities) == pytest.approx(row.probability, abs=1e-6)


@pytest.mark.slow
def test_a_run_learns_and_leaves_predictions_and_facts(store: Store, task: Task) -> None:
    run_id, said = plan_one(store, task, steps=20), Reported()

    fit.execute(store, [run_id], report=lambda *report: said.append(report))

    run = run_of(store, run_id)
    with store() as session:
        scored = runs.scores(session, task.study_id).iloc[0]
        tested = set(session.scalars(select(Sample.id).where(Sample.split == Split.TEST)))
    assert scored["macro_f1"] > 0.8
    assert {sample_id for sample_id, _, _ in answers(store, run_id)} == tested
    assert all(0.5 <= probability <= 1 for _, _, probability in answers(store, run_id))
    assert run.finished_at is not None
    assert {
        "device",
        "threads",
        "dtype",
        "torch",
        "transformers",
        "seconds",
        "samples_per_second",
        "train_digest",
    } < set(run.facts)
    assert [step for step, _ in run.facts["loss"]] == list(range(1, 21))
    assert run.facts["loss"][-1][1] < run.facts["loss"][0][1]
    assert [done for done, _, _, _ in said] == sorted(done for done, _, _, _ in said)
    assert said[-1][:2] == (20, 20)
    assert said[5][2] == "reviews · real · seed 0"
    assert said[5][3]["loss"] == pytest.approx(run.facts["loss"][4][1])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answers_to_the_last_bit(store: Store, planned: list[int]) -> None:
    fit.execute(store, planned[:1], report=silent)
    first = answers(store, planned[0])
    with store.write() as session:
        session.execute(delete(Prediction))
        session.execute(update(Run).values(finished_at=None, facts={}))

    fit.execute(store, planned[:1], report=silent)

    assert len(first) == 16
    assert answers(store, planned[0]) == first


@pytest.mark.slow
def test_the_order_of_the_labels_decides_nothing(store: Store, task: Task) -> None:
    answers = []
    for order in (["good", "bad"], ["bad", "good"]):
        with store.write() as session:
            for label in tasks.labels_of(session, task.id):
                label.position = order.index(label.name)
            made = plan.plan(
                session,
                task=task,
                arms=[tasks.get_arm(session, task, "real")],
                encoders=["minilm"],
                seeds=[0],
                settings=SETTINGS,
            )
            run_id = (made.new or made.existing)[0].id
            session.execute(delete(Prediction))
            session.execute(update(Run).values(finished_at=None))
        fit.execute(store, [run_id], report=lambda *_: None)
        with store() as session:
            found = runs.predictions(session, run_id)
        answers.append(found[["sample_id", "predicted", "probability"]].to_dict("records"))

    assert answers[0] == answers[1]


@pytest.mark.slow
def test_the_share_of_texts_that_are_cut_stands_in_the_facts_and_beside_the_score(store: Store, task: Task) -> None:
    short = SETTINGS.model_copy(update={"max_length": 8, "steps": 1})
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        add_samples(session, real, label="good", texts=["a long walk along the river with my aunt and her dog today"])
        made = plan.plan(session, task=task, arms=[real], encoders=["minilm"], seeds=[0], settings=short)

    fit.execute(store, [made.new[0].id], report=lambda *_: None)

    with store() as session:
        run = runs.get(session, made.new[0].id)
        found = runs.scores(session, task.study_id)
    assert 0 < run.facts["cut"]["train"] <= 1 and run.facts["cut"]["test"] == 0
    assert "longer than 8 tokens" in " ".join(found["notes"].iloc[0])


@pytest.mark.slow
def test_a_job_killed_between_runs_trains_only_what_is_missing(store: Store, planned: list[int]) -> None:
    def stop_at_second(_done: int, _total: int, message: str, _extra: dict[str, float]) -> None:
        if "zero-shot" in message:
            raise Killed

    with pytest.raises(Killed):
        fit.execute(store, planned, report=stop_at_second)
    first = run_of(store, planned[0])
    said = Reported()
    fit.execute(store, planned, report=lambda *report: said.append(report))

    assert first.finished_at is not None
    assert run_of(store, planned[0]).finished_at == first.finished_at
    assert run_of(store, planned[1]).finished_at is not None
    assert {message for _, _, message, _ in said} == {"reviews · zero-shot · seed 0", ""}
    assert said[0][:2] == (SETTINGS.steps, 2 * SETTINGS.steps)
    assert [len(answers(store, run_id)) for run_id in planned] == [16, 16]


@pytest.mark.slow
def test_a_run_that_another_attempt_finished_is_left_alone(store: Store, planned: list[int]) -> None:
    def finish_elsewhere(done: int, _total: int, _message: str, _extra: dict[str, float]) -> None:
        if done == SETTINGS.steps:
            with store.write() as session:
                session.execute(update(Run).where(Run.id == planned[0]).values(finished_at=1.0, facts={"by": "other"}))

    fit.execute(store, planned[:1], report=finish_elsewhere)

    assert run_of(store, planned[0]).facts == {"by": "other"}
    assert answers(store, planned[0]) == []


@pytest.mark.slow
def test_data_changed_since_planning_is_refused(store: Store, task: Task, planned: list[int]) -> None:
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        add_samples(session, real, label="bad", texts=["nobody liked it"], split=Split.TEST)

    with pytest.raises(StudyError, match="have changed since it was planned"):
        fit.execute(store, planned[:1], report=silent)

    assert run_of(store, planned[0]).finished_at is None


def test_an_encoder_that_cannot_be_loaded_is_refused_by_name(store: Store, task: Task, tmp_path: Path) -> None:
    run_id = plan_one(store, task, encoder=str(tmp_path))

    with pytest.raises(StudyError, match="cannot be loaded") as raised:
        fit.execute(store, [run_id], report=silent)

    assert str(tmp_path) in str(raised.value)


def test_a_run_that_cannot_be_trained_holds_up_no_other_run_of_its_job(
    store: Store, task: Task, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    broken = plan_one(store, task, encoder=str(tmp_path / "empty"))
    sound = plan_one(store, task, encoder=str(tiny_encoder.build(tmp_path / "tiny")), steps=3)
    said = Reported()

    with pytest.raises(StudyError) as raised:
        fit.execute(store, [99, broken, sound], report=lambda *report: said.append(report))

    assert str(raised.value).startswith("1 of 3 runs trained, 2 not. There is no run 99. ")
    assert "cannot be loaded" in str(raised.value)
    assert run_of(store, sound).finished_at is not None and len(answers(store, sound)) == 16
    assert said[-1] == (3, SETTINGS.steps + 3, "", {"kept": 3})
    assert all(extra["kept"] == 0 for *_, extra in said[:-1])  # the steps of the broken run are not kept


def test_a_length_the_encoder_cannot_read_is_refused(store: Store, task: Task) -> None:
    run_id = plan_one(store, task, max_length=600)

    with pytest.raises(StudyError, match="reads at most 512 tokens"):
        fit.execute(store, [run_id], report=silent)


def test_a_processor_without_memory_for_an_encoder_is_a_sentence(store: Store, task: Task, tmp_path: Path) -> None:
    folder = tiny_encoder.build(tmp_path / "huge")
    told = json.loads((folder / "config.json").read_text()) | {"type_vocab_size": 10**14}
    (folder / "config.json").write_text(json.dumps(told))
    held = load_file(folder / "model.safetensors")
    rest = {name: weight for name, weight in held.items() if "token_type" not in name}
    save_file(rest, folder / "model.safetensors", metadata={"format": "pt"})
    run_id = plan_one(store, task, encoder=str(folder))

    with pytest.raises(StudyError, match="does not fit into the memory of cpu, not even one text at a time"):
        fit.execute(store, [run_id], report=silent)


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_refused_and_nothing_stored(store: Store, task: Task, tmp_path: Path) -> None:
    broken = AutoModelForSequenceClassification.from_pretrained(encoders.resolve("minilm"))
    with torch.no_grad():
        broken.base_model.embeddings.word_embeddings.weight.fill_(float("nan"))
    broken.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(encoders.resolve("minilm")).save_pretrained(tmp_path)
    run_id = plan_one(store, task, encoder=str(tmp_path))

    with pytest.raises(StudyError, match="diverged at step 1: its loss is nan. Lower learning_rate"):
        fit.execute(store, [run_id], report=silent)

    assert run_of(store, run_id).finished_at is None
    assert answers(store, run_id) == []


@pytest.mark.slow
def test_a_local_encoder_asks_no_hub(settings: Settings, planned: list[int]) -> None:
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815

    program = (
        "from core import settings\n"
        "from core.study import store\n"
        "from core.training import fit\n"
        f"fit.execute(store.open_store(settings.load()), {planned[:1]}, report=lambda *said: None)\n"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        address = f"http://127.0.0.1:{hub.server_port}"
        environ = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        environ |= {"LITMUS_HOME": str(settings.home), "HF_ENDPOINT": address, "HTTPS_PROXY": address}
        done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=120)
        hub.shutdown()

    assert done.returncode == 0, done.stderr[-2000:]
    assert asked == []
    assert done.stderr == ""


def test_an_unknown_run_is_refused(store: Store, task: Task) -> None:
    with pytest.raises(StudyError, match="no run 99"):
        fit.execute(store, [99], report=silent)


@pytest.mark.slow
def test_answers_do_not_depend_on_the_order_of_the_texts() -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoders.resolve("minilm"))
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(encoders.resolve("minilm"), num_labels=3)
    texts = ["short", "a somewhat longer text about the weather", "rain " * 200, "sun", "two words"] * 3

    places, shares = predict.predict(model, tokenizer, texts, max_length=64, dtype=torch.float32, batch_size=4)
    turned, turned_shares = predict.predict(
        model, tokenizer, texts[::-1], max_length=64, dtype=torch.float32, batch_size=15
    )

    assert places.tolist() == turned[::-1].tolist()
    assert shares == pytest.approx(turned_shares[::-1], abs=1e-5)
    assert shares.shape == (15, 3) and shares.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert places.tolist() == shares.argmax(axis=1).tolist()


@pytest.mark.slow
def test_early_stopping_keeps_a_tenth_out_ends_before_the_last_step_and_keeps_the_best_weights(
    store: Store, task: Task
) -> None:
    """At so high a rate the loss on other texts soon rises; the answers are those of the lowest loss, not of the last step."""
    run_id = plan_one(store, task, steps=100, stop="early", learning_rate=2e-3)

    fit.execute(store, [run_id], report=silent)

    facts = run_of(store, run_id).facts
    losses = facts["validation"]["loss"]
    best = min(losses[1:], key=lambda point: point[1])[0]  # not before the first step
    assert facts["stopped_early"] and facts["steps"] == facts["loss"][-1][0] < 100
    assert facts["validation"]["n"] == 2  # of 12 texts of each of two labels, one
    assert sum(step > max(best, 10) for step, _ in losses) == 4  # 10 steps of warm-up
    with store() as session:
        scored = runs.scores(session, task.study_id).iloc[0]
    assert scored["converged"] is True and scored["settings"].endswith("version 2, stopping 2")
    assert scored["notes"][-1] == "2 of the texts of arm real were kept out of training for early stopping."


@pytest.mark.slow
def test_weights_of_classes_change_what_an_uneven_arm_learns_and_nothing_in_an_even_one(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        ids = [label.id for label in tasks.labels_of(session, task.id)]
        extra = select(Sample.id).where(
            Sample.arm_id == real.id, Sample.label_id == ids[1], Sample.split == Split.TRAIN
        )
        session.execute(delete(Sample).where(Sample.id.in_(session.scalars(extra.limit(9)).all())))
        wanted = {"task": task, "encoders": ["minilm"], "seeds": [0]}
        made = {}
        for arm in tasks.arms(session, task.id):
            for weights in ("none", "balanced"):
                asked = SETTINGS.model_dump() | {"balance": "natural", "class_weights": weights}
                planned = plan.plan(session, arms=[arm], settings=training_settings(asked), **wanted)
                made[arm.name, weights] = planned.new[0].id

    fit.execute(store, list(made.values()), report=silent)

    assert answers(store, made["real", "none"]) != answers(store, made["real", "balanced"])
    assert answers(store, made["zero-shot", "none"]) == answers(store, made["zero-shot", "balanced"])
    plain, balanced = (run_of(store, made["real", weights]).facts for weights in ("none", "balanced"))
    assert plain["guess"] == pytest.approx(0.5004, abs=1e-3)  # 12 texts and 3
    assert balanced["guess"] == pytest.approx(math.log(2)) and balanced["least"] == 0


@pytest.mark.parametrize("own", ["pickled weights", "code of its own"])
def test_an_encoder_with_pickled_weights_or_code_of_its_own_is_refused(
    store: Store, task: Task, tmp_path: Path, own: str
) -> None:
    source, folder = Path(encoders.resolve("minilm")), tmp_path / "encoder"
    shutil.copytree(source, folder)
    if own == "pickled weights":
        (folder / "model.safetensors").unlink()
        torch.save({}, folder / "pytorch_model.bin")
    else:
        told = json.loads((folder / "config.json").read_text())
        told |= {
            "model_type": "own",
            "auto_map": {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"},
        }
        (folder / "config.json").write_text(json.dumps(told))
        (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    run_id = plan_one(store, task, encoder=str(folder))

    with pytest.raises(StudyError, match="cannot be loaded"):
        fit.execute(store, [run_id], report=silent)

    assert not (tmp_path / "ran").exists()
    assert run_of(store, run_id).finished_at is None and not answers(store, run_id)
