"""Weights of texts: a weight of 2 is the text given twice, equal weights change nothing, and files, runs and notes carry them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sqlalchemy import select
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from core.reports import silent
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import Split
from core.study.rows.study import Run, Sample, Study, Task
from core.study.store import Store
from core.training import fit, plan
from core.training.convergence import guess_of
from core.training.fitting import loop, run_data
from core.training.fitting.run_data import Labelled, RunData
from core.training.settings import TrainingSettings, training_settings
from core.training.targets import weights
from tests import tiny_encoder
from tests.training.conftest import SETTINGS

WEIGHED = training_settings(SETTINGS.model_dump() | {"sample_weights": "column"})
TEXTS = ["a good day", "a bad day", "so good", "so bad", "rather good", "quite bad and sad"]
TARGETS = [1, 0, 1, 0, 1, 0]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder without dropout, so that one training can equal another."""
    folder = tiny_encoder.build(tmp_path_factory.mktemp("encoder"))
    config = BertConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config.save_pretrained(folder)
    return folder


def trained(encoder: Path, train: Labelled, **changes: str) -> dict[str, torch.Tensor]:
    """The weights of the encoder after four steps on all texts at once."""
    settings = TrainingSettings(
        steps=4,
        batch_size=len(train),
        learning_rate=1e-3,
        max_length=32,
        **changes,  # type: ignore[arg-type]
    )
    run = Run(arm_id=1, encoder=str(encoder), seed=0, n_train=len(train), config={}, fingerprint="")
    data = RunData(run, "t", settings, train, Labelled(), [1, 2], [], [], "")
    torch.manual_seed(0)
    model = BertForSequenceClassification.from_pretrained(encoder)
    prepared = loop.prepare(model, BertTokenizerFast.from_pretrained(encoder), data, dtype=torch.float32)
    loop.train(prepared, report=silent)
    return model.state_dict()


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference of any weight."""
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize("changes", [{}, {"class_weights": "balanced"}], ids=["texts", "texts and classes"])
def test_texts_of_weight_2_train_like_the_same_texts_given_twice(encoder: Path, changes: dict[str, str]) -> None:
    own = [2.0, 1.0, 1.0, 2.0, 2.0, 1.0]
    twice = [place for place, weight in enumerate(own) for _ in range(int(weight))]

    weighed = trained(encoder, Labelled(TEXTS, TARGETS, weights=own), sample_weights="column", **changes)
    repeated = trained(encoder, Labelled([TEXTS[n] for n in twice], [TARGETS[n] for n in twice]), **changes)
    plain = trained(encoder, Labelled(TEXTS, TARGETS), **changes)

    assert apart(weighed, repeated) < 2e-5
    assert apart(weighed, plain) > 2e-4


@pytest.mark.parametrize("weight", [1.0, 2.0, 0.3])
def test_equal_weights_change_nothing_to_the_last_bit(encoder: Path, weight: float) -> None:
    weighed = trained(encoder, Labelled(TEXTS, TARGETS, weights=[weight] * 6), sample_weights="column")

    assert apart(weighed, trained(encoder, Labelled(TEXTS, TARGETS))) == 0


def test_soft_targets_are_weighed_too(encoder: Path) -> None:
    shares = [[0.2, 0.8], [1.0, 0.0], [0.5, 0.5], [0.9, 0.1], [0.0, 1.0], [0.6, 0.4]]
    twice = [0, 0, 1, 2, 3, 4, 5]

    weighed = trained(
        encoder, Labelled(TEXTS, TARGETS, shares, [2.0, 1, 1, 1, 1, 1]), targets="soft", sample_weights="column"
    )
    repeated = trained(
        encoder,
        Labelled([TEXTS[n] for n in twice], [TARGETS[n] for n in twice], [shares[n] for n in twice]),
        targets="soft",
    )

    assert apart(weighed, repeated) < 2e-5


def test_balanced_weights_give_every_class_the_same_weight_in_all() -> None:
    own = np.array(weights.in_the_loss([0, 0, 0, 1], [1.0, 2.0, 1.0, 5.0], classes=2, is_balanced=True))

    assert own.mean() == pytest.approx(1) and own[:3].sum() == pytest.approx(own[3]) == pytest.approx(2)
    assert own[1] == pytest.approx(2 * own[0])
    assert weights.in_the_loss([0, 1], [], classes=2, is_balanced=False) == []
    assert guess_of([0, 0, 0, 1], classes=2, weights=[1.0, 1.0, 1.0, 3.0]).loss == pytest.approx(math.log(2))


def weigh(store: Store, task: Task, weight: float, *, texts: int) -> None:
    """Give a weight to the first training texts of the real arm."""
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        of_arm = select(Sample).where(Sample.arm_id == real.id, Sample.split == Split.TRAIN).order_by(Sample.id)
        for sample in list(session.scalars(of_arm))[:texts]:
            sample.weight = weight


def planned(store: Store, task: Task, settings: TrainingSettings, *, arm: str = "real") -> Run:
    with store.write() as session:
        own = tasks.get_arm(session, task, arm)
        made = plan.plan(session, task=task, arms=[own], encoders=["minilm"], seeds=[0], settings=settings)
        return [*made.new, *made.existing][0]


def test_weights_make_another_run_only_where_they_are_asked_for(store: Store, task: Task) -> None:
    before = {name: planned(store, task, own).fingerprint for name, own in (("weighed", WEIGHED), ("plain", SETTINGS))}
    weigh(store, task, 3, texts=5)
    after = {name: planned(store, task, own).fingerprint for name, own in (("weighed", WEIGHED), ("plain", SETTINGS))}

    assert before["plain"] == after["plain"] and len({*before.values(), *after.values()}) == 3
    assert "sample_weights" not in SETTINGS.model_dump() and WEIGHED.model_dump()["sample_weights"] == "column"


@pytest.mark.slow
def test_a_run_trains_with_the_weights_of_its_texts_and_says_how_many_there_are(store: Store, task: Task) -> None:
    weigh(store, task, 3, texts=5)
    run, other = planned(store, task, WEIGHED), planned(store, task, WEIGHED, arm="zero-shot")
    with store() as session:
        data = run_data.read(session, run.id)
        counted = weights.texts_of_arms(session, session.get_one(Study, task.study_id))

    assert data is not None and sorted(data.train.weights) == [1.0] * 19 + [3.0] * 5
    assert list(counted.values()) == [5]
    told = "5 of 24 training texts of arm real have a weight, from 3 to 3; the others count 1."
    assert told in run.config["notes"]
    assert "No training text of arm zero-shot has a weight, so all its texts count alike." in other.config["notes"]
    fit.execute(store, [run.id], report=silent)
    with store() as session:
        assert session.get_one(Run, run.id).finished_at is not None


def bring_in(store: Store, task: Task, folder: Path, cells: list[str]) -> tuple[importing.Imported, list[float | None]]:
    rows = [f"a new text {place},good,{cell}" for place, cell in enumerate(cells)]
    path = folder / "weighed.csv"
    path.write_text("\n".join(["text,label,weight", *rows]))
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="written")
        found = importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
        stored = session.scalars(select(Sample.weight).where(Sample.arm_id == arm.id).order_by(Sample.part))
        return found, list(stored)


def test_the_column_weight_of_a_file_is_kept_with_its_texts(store: Store, task: Task, tmp_path: Path) -> None:
    found, stored = bring_in(store, task, tmp_path, ["2", "", "0.5"])

    assert stored == [2.0, None, 0.5]
    assert "Column 'weight' gives 2 of 3 rows a weight, for trainings with sample_weights: column." in found.notes


@pytest.mark.parametrize("cell", ["heavy", "0", "-1", "inf"])
def test_a_column_weight_with_anything_but_numbers_above_0_is_not_used_and_said(
    store: Store, task: Task, tmp_path: Path, cell: str
) -> None:
    found, stored = bring_in(store, task, tmp_path, ["2", cell])

    assert stored == [None, None]
    assert (
        f"Column 'weight' holds cells that are no number above 0 ('{cell}'), so the column was not used." in found.notes
    )


def test_what_is_said_of_the_weights_is_about_the_chosen_rows_alone(store: Store, task: Task, tmp_path: Path) -> None:
    path = tmp_path / "two-sources.csv"
    path.write_text(
        "text,label,weight,source\na mild text,good,2,here\na plain text,good,3,here\na loud text,good,heavy,there\n"
    )
    options = importing.Options(where={"source": "here"})
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="written")
        found = importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=options)
        stored = session.scalars(select(Sample.weight).where(Sample.arm_id == arm.id).order_by(Sample.part)).all()

    assert stored == [2.0, 3.0]
    assert "Column 'weight' gives 2 of 2 rows a weight, for trainings with sample_weights: column." in found.notes
