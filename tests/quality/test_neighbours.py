"""The real texts nearest to a sample, by stored embeddings."""

import numpy as np
import pytest

from core.quality import embedding_store, neighbours
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Sample
from core.study.splits import equal_texts
from core.study.store import Store

VECTORS = {"asked": (1.0, 0.0), "near": (0.8, 0.6), "far": (0.0, 1.0), "tested": (1.0, 0.0)}


@pytest.fixture
def asked(store: Store) -> Sample:
    """A zero-shot text and four real texts: near, far, in the test split, and without an embedding."""
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"a": "", "b": ""})
        label = tasks.labels_of(session, task.id)[0]
        real, made = (tasks.make_arm(session, task_id=task.id, name=name) for name in ("real", "zero-shot"))
        for name in ("far", "near", "tested", "new"):
            split = Split.TEST if name == "tested" else Split.TRAIN
            row = Sample(
                arm_id=real.id, label_id=label.id, split=split, text=name, text_hash=equal_texts.text_hash(name)
            )
            session.add(row)
        sample = Sample(
            arm_id=made.id, label_id=label.id, split=Split.TRAIN, text="asked", text_hash=equal_texts.text_hash("asked")
        )
        session.add(sample)
    return sample


def test_the_nearest_real_training_texts_come_first_with_their_cosines(
    store: Store, settings: Settings, asked: Sample
) -> None:
    vectors = np.array(list(VECTORS.values()), dtype=np.float32)
    embedding_store.write(list(VECTORS), vectors, encoder="minilm", home=settings.home)

    with store() as session:
        found = neighbours.nearest(session, asked, home=settings.home)

    assert found["text"].tolist() == ["near", "far"]
    assert found["cosine"].tolist() == pytest.approx([0.8, 0.0], abs=1e-6)
    assert found["label"].tolist() == ["a", "a"]


def test_a_sample_that_was_never_measured_has_no_neighbours(store: Store, settings: Settings, asked: Sample) -> None:
    with store() as session:
        found = neighbours.nearest(session, asked, home=settings.home)

    assert found.empty
    assert found.columns.tolist() == ["cosine", "label", "text", "sample_id"]
