"""Measures of a task's arms: computed on a small task, stored, read again, and stale after a change."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import encoders
from core.errors import StudyError
from core.quality import arms, leakage, measures, readings
from core.quality.measures import Measures
from core.settings import Settings
from core.steps import measure
from core.study import tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Slot, Split
from core.study.rows.sessions import Campaign, Item
from core.study.rows.study import Arm, Completion, Job, Prompt, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from tests.texts import keep_new

ROOT = Path(__file__).parents[2]
LISTED = (encoders.packaged(encoders.PACKAGES["minilm"]) / "vocab.txt").read_text(encoding="utf-8").split("\n")
WORDS = [word for word in LISTED if re.fullmatch("[a-z]{5,7}", word)]  # words that the encoder knows


def sentences(start: int, n: int) -> list[str]:
    """`n` sentences of eight words with little in common; another `start` gives other sentences."""
    rng = np.random.default_rng(start)
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(n)]


def add(session: Session, arm: Arm, texts: Sequence[str], *, split: Split = Split.TRAIN) -> list[Sample]:
    """Store texts with alternating labels in an arm, and return their samples."""
    ids = [label.id for label in tasks.labels_of(session, arm.task_id)]
    made = [
        Sample(arm_id=arm.id, label_id=ids[k % 2], split=split, text=text, text_hash=equal_texts.text_hash(text))
        for k, text in enumerate(texts)
    ]
    return keep_new(session, made)


@pytest.fixture
def task(store: Store) -> Task:
    """Real texts in three splits; a zero-shot arm with cues, repeats and copies; a few-shot arm too small to compare."""
    with store.write() as session:
        study = tasks.study_named(session, "deeds")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"glad": "", "sad": ""})
        real, made, few = (
            tasks.make_arm(session, task_id=task.id, name=name) for name in ("real", "zero-shot", "few-shot")
        )
        add(session, real, sentences(1, 40))
        tested = add(session, real, sentences(2, 30), split=Split.TEST)
        pool = add(session, real, sentences(3, 4), split=Split.POOL)
        cued = [f"{text} {'hooray' if k % 2 == 0 else 'alas'}" for k, text in enumerate(sentences(4, 26))]
        add(session, made, [*cued, f"{cued[0]}!!", cued[0].upper(), f"{pool[1].text} .", f"{tested[0].text} ;"])
        _completion(session, few, shown=[pool[0].id])
        add(session, few, [f"{pool[0].text}...", "something else entirely", "and a third text here"])
    return task


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for embeddings that all tests share, so that a single test loads the encoder."""
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture
def found(store: Store, task: Task, vectors: Path) -> Measures:
    with store() as session:
        task_texts = arms.read_texts(session, task.id)
    return arms.compute(task_texts, home=vectors)


def _completion(session: Session, arm: Arm, *, shown: list[int]) -> None:
    prompt = Prompt(
        arm_id=arm.id,
        version=1,
        context="",
        generation="",
        diversity="",
        texts_per_call=1,
        turns=1,
        examples=1,
        words=9,
    )
    session.add(prompt)
    session.flush()
    label = tasks.labels_of(session, arm.task_id)[0]
    session.add(
        Completion(
            arm_id=arm.id, label_id=label.id, slot=0, prompt_id=prompt.id, provider="p", model="m", request={}, content="",
            finish_reason="stop", tokens_in=1, tokens_out=1, cost_usd=None, latency_s=0.1, example_ids=shown,
        )
    )  # fmt: skip


@pytest.mark.slow
def test_every_arm_is_measured_beside_the_real_one_at_equal_size(found: Measures) -> None:
    real, zero_shot, few_shot = found.arms

    assert [arm.arm for arm in found.arms] == ["real", "zero-shot", "few-shot"]
    assert (real.n, zero_shot.n, few_shot.n) == (40, 29, 3)
    assert real.n_compared == zero_shot.n_compared == real.cosine.n == zero_shot.angular.n == 29
    assert 0 < zero_shot.cosine.chamfer_distance.value < zero_shot.cosine.remote_clique.value < 1
    assert few_shot.n_compared == 0
    assert math.isnan(few_shot.cosine.remote_clique.value)
    assert math.isnan(few_shot.distinct_1)
    assert few_shot.words_median == 5
    assert math.isnan(real.nearest_real)
    assert 0 < zero_shot.nearest_real < 1
    assert real.tokens.is_known and zero_shot.beside.n == real.beside.n == 29
    assert 1 < zero_shot.beside.vendi_score < 29
    assert 0 <= zero_shot.beside.recall <= 1 and math.isnan(real.beside.recall)
    assert zero_shot.beside.separability.high > 0.5 and zero_shot.beside.separability.n == 58
    assert math.isnan(zero_shot.beside.frechet_distance)  # 29 texts have fewer directions than 50 components
    assert few_shot.beside.n == 0


@pytest.mark.slow
def test_repeats_and_copies_are_named_by_their_samples(store: Store, found: Measures) -> None:
    with store() as session:
        texts = {row.id: row.text for row in session.execute(select(Sample.id, Sample.text))}
    zero_shot, few_shot = found.arms[1:]

    assert zero_shot.exact_duplicates == 1
    assert [[texts[one] for one in group] for group in zero_shot.near_groups] == [
        [(first := texts[zero_shot.near_groups[0][0]]), f"{first}!!"]
    ]
    assert zero_shot.removable == [zero_shot.near_groups[0][1]]
    assert [(texts[copy.sample_id], copy.shown) for copy in zero_shot.copies] == [(f"{texts[72]} .", False)]
    assert [texts[copy.sample_id] for copy in zero_shot.near_test] == [f"{texts[41]} ;"]
    assert [(copy.of_id, copy.shown) for copy in few_shot.copies] == [(71, True)]


@pytest.mark.slow
def test_a_planted_cue_shows_as_leakage(found: Measures) -> None:
    real, zero_shot, few_shot = found.arms

    assert {"hooray", "alas"} <= {cue.word for cue in zero_shot.cues}
    assert zero_shot.within.macro_f1.value > real.within.macro_f1.value
    assert zero_shot.bag_of_words.n_test == 30
    assert math.isnan(few_shot.within.macro_f1.value)
    assert "two labels" in few_shot.within.note
    assert list(measures.cues(zero_shot).columns) == leakage.CUE_COLUMNS


@pytest.mark.slow
def test_the_map_has_a_place_for_every_text_and_gives_its_text(store: Store, found: Measures) -> None:
    with store.write() as session:
        session.delete(session.get_one(Sample, found.points.sample_id[0]))

    with store() as session:
        frame = measures.points(session, found)

    assert len(found.points.sample_id) == 40 + 29 + 3
    assert len(frame) == 71
    assert list(frame.columns) == measures.POINT_COLUMNS
    assert set(frame["arm"]) == {"real", "zero-shot", "few-shot"}
    assert frame["text"].str.len().min() > 0


@pytest.mark.slow
def test_the_same_texts_give_the_same_measures_and_progress_only_grows(
    store: Store, task: Task, found: Measures, vectors: Path
) -> None:
    heard: list[tuple[int, int]] = []
    with store() as session:
        task_texts = arms.read_texts(session, task.id)

    again = arms.compute(task_texts, home=vectors, report=lambda done, total, *_rest: heard.append((done, total)))

    assert measures.table(again).equals(measures.table(found))
    assert again.points == found.points
    assert heard == sorted(heard)
    assert heard[-1] == (70, 70)


@pytest.mark.slow
def test_what_is_written_is_read_again_with_nan_and_says_when_it_is_out_of_date(
    store: Store, settings: Settings, task: Task, found: Measures
) -> None:
    path = measures.write(settings, found)

    with store() as session:
        fresh = measures.read(settings, session, task.id)
    with store.write() as session:
        session.get_one(Sample, 5).status = SampleStatus.REJECTED
    with store() as session:
        later = measures.read(settings, session, task.id)

    assert fresh is not None
    assert later is not None
    assert (fresh.stale, later.stale) == (False, True)
    assert measures.table(fresh.measures).equals(measures.table(found))
    assert fresh.measures.points == found.points
    assert "NaN" not in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["arms"][2]["within"]["macro_f1"]["value"] is None


@pytest.mark.slow
def test_no_file_a_broken_one_and_one_of_another_version(
    store: Store, settings: Settings, task: Task, found: Measures
) -> None:
    with store() as session:
        assert measures.read(settings, session, task.id) is None
        path = measures.write(settings, replace(found, version=0))
        old = measures.read(settings, session, task.id)
        path.write_text('{"arms": 3', encoding="utf-8")
        broken = measures.read(settings, session, task.id)

    assert old is not None
    assert old.stale
    assert broken is None


@pytest.mark.parametrize("change", ["reject", "relabel", "move", "add"])
def test_the_digest_changes_with_what_is_kept_and_only_then(store: Store, task: Task, change: str) -> None:
    with store() as session:
        before = measures.digest(session, task.id)
    with store.write() as session:
        sample = session.get_one(Sample, 3)
        if change == "reject":
            sample.status = SampleStatus.REJECTED
        elif change == "relabel":
            sample.label_id = tasks.labels_of(session, task.id)[1].id
        elif change == "move":
            sample.split = Split.VALIDATION
        else:
            add(session, session.get_one(Arm, sample.arm_id), ["one more"])
    with store() as session:
        after = measures.digest(session, task.id)
        again = measures.digest(session, task.id)

    assert before != after == again


@pytest.mark.slow
def test_rejecting_near_duplicates_keeps_the_first_and_never_a_whole_group(
    store: Store, task: Task, found: Measures
) -> None:
    zero_shot = found.arms[1]
    first, second = zero_shot.near_groups[0]
    with store.write() as session:
        session.get_one(Sample, first).status = SampleStatus.REJECTED
    with store.write() as session:
        none = measures.reject_near_duplicates(session, arm_id=zero_shot.arm_id, groups=zero_shot.near_groups)
        session.get_one(Sample, first).status = SampleStatus.KEPT
    with store.write() as session:
        one = measures.reject_near_duplicates(session, arm_id=zero_shot.arm_id, groups=zero_shot.near_groups)
    with store() as session:
        sample = session.get_one(Sample, second)

    assert (none, one) == (0, 1)
    assert (sample.status, sample.reject_reason) == (SampleStatus.REJECTED, measures.NEAR_DUPLICATE)


@pytest.mark.slow
def test_a_near_duplicate_that_is_rated_stays(store: Store, task: Task, found: Measures) -> None:
    zero_shot = found.arms[1]
    second = zero_shot.near_groups[0][1]
    with store.write() as session:
        campaign = Campaign(study_id=session.get_one(Task, task.id).study_id, name="c", kind="label", token="t")
        session.add(campaign)
        session.flush()
        session.add(Item(campaign_id=campaign.id, external_id="1", sample_id=second))

    with store.write() as session:
        n = measures.reject_near_duplicates(session, arm_id=zero_shot.arm_id, groups=zero_shot.near_groups)

    assert n == 0


@pytest.mark.slow
def test_every_measure_has_a_name_for_people(found: Measures) -> None:
    assert set(measures.table(found)["measure"]) == set(readings.NAMES)


@pytest.mark.slow
def test_the_readings_name_arms_numbers_and_sizes(found: Measures) -> None:
    said = readings.reading(found)

    assert "on 29 texts each)" in said["diversity"][0]
    assert said["diversity"][1] == "few-shot has 3 texts, too few to compare its diversity."
    assert any("copy a real text" in sentence for sentence in said["copies"])
    assert any(sentence.startswith("zero-shot: words alone reach macro-F1") for sentence in said["leakage"])


def test_a_task_without_training_texts_is_told_what_to_do(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "empty")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"a": "", "b": ""})

    with store() as session, pytest.raises(StudyError, match="keeps no training text yet"):
        arms.read_texts(session, task.id)


@pytest.mark.slow
def test_an_arm_without_real_data_is_measured_and_says_so(store: Store, vectors: Path) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "alone")
        task = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"a": "", "b": ""})
        add(session, tasks.make_arm(session, task_id=task.id, name="zero-shot"), sentences(7, 24))

    with store() as session:
        found = arms.compute(arms.read_texts(session, task.id), home=vectors)

    assert measures.real(found) is None
    assert found.arms[0].bag_of_words.note == "There is no text to test on."
    assert "no real texts to compare" in readings.reading(found)["diversity"][0]
    assert found.arms[0].kind == ArmKind.ZERO_SHOT


def test_a_task_has_one_measuring_job_at_a_time(store: Store, task: Task) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "deeds")
        job = measure.queue_measuring(session, study=study, task=task)
        again = measure.queue_measuring(session, study=study, task=task)
        n = len(list(session.scalars(select(Job))))

    assert (again.id, n) == (job.id, 1)
    assert (job.slot, job.key, job.title) == (Slot.CPU, f"measure:{task.id}", "Measure mood")
    assert job.command[:3] == ["-m", "core", "measure"]


@pytest.mark.slow
def test_the_command_prints_one_json_object_and_keeps_the_measures(
    store: Store, settings: Settings, task: Task
) -> None:
    environ = {"LITMUS_HOME": str(settings.home), "LITMUS_GPUS": "0", "PATH": "/usr/bin:/bin"}
    arguments = [sys.executable, "-m", "core", "measure", "--task", "mood", "--json"]

    done = subprocess.run(arguments, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr[-500:]
    printed = json.loads(done.stdout)
    assert {row["arm"] for row in printed["measures"]} == {"real", "zero-shot", "few-shot"}
    assert set(printed["readings"]) == {"diversity", "duplicates", "copies", "leakage", "likeness"}
    assert (printed["order"], printed["start_with"], printed["after_training"]) == ([], [], None)
    assert "few-shot has 3" in printed["order_reading"][0]
    with store() as session:
        kept = measures.read(settings, session, task.id)
    assert kept is not None
    assert not kept.stale
