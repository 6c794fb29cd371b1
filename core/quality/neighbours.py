"""Find the real texts nearest to a sample, by stored embeddings; loads no model."""

from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.quality import embedding_store
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Label, Sample

K = 5
MOST = 10_000


def nearest(session: Session, sample: Sample, *, home: Path, encoder: str = "minilm", k: int = K) -> pd.DataFrame:
    """The `k` real training texts of the sample's task with the highest cosine to the sample, without the sample itself.

    Columns cosine, label, text, sample_id, highest cosine first. Empty if the sample or the real texts have no stored
    embedding yet. Only the first 10,000 real texts are compared.
    """
    columns = ["cosine", "label", "text", "sample_id"]
    vectors, is_stored = embedding_store.read([sample.text], encoder=encoder, home=home)
    rows = session.execute(_real(session, sample)).all() if is_stored[0] else []
    others, known = embedding_store.read([row.text for row in rows], encoder=encoder, home=home)
    places = np.flatnonzero(known)
    if not len(places):
        return pd.DataFrame(columns=columns)
    cosines = others[places] @ vectors[0]
    best = places[np.argsort(-cosines, kind="stable")[:k]]
    found = [(float(others[at] @ vectors[0]), rows[at].name, rows[at].text, rows[at].id) for at in best]
    return pd.DataFrame(found, columns=columns)


def _real(session: Session, sample: Sample) -> Select[int, str, str]:
    task_id = session.get_one(Arm, sample.arm_id).task_id
    return (
        select(Sample.id, Sample.text, Label.name)
        .join(Arm, Arm.id == Sample.arm_id)
        .join(Label, Label.id == Sample.label_id)
        .where(
            Arm.task_id == task_id,
            Arm.kind == ArmKind.REAL,
            Sample.split == Split.TRAIN,
            Sample.status == SampleStatus.KEPT,
            Sample.id != sample.id,
        )
        .order_by(Sample.id)
        .limit(MOST)
    )
