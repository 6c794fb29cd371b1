"""The table of baselines: the answers of plain classifiers to the real test texts."""

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.study.rows.base import Base
from core.study.rows.kinds import Split


class Baseline(Base):
    """The answers of one plain classifier, fitted on texts of an arm, to the real test texts.

    `name` is the classifier ("tfidf", "embeddings"). `split` says which texts of the arm it was fitted on: training texts
    chosen by `seed` as for a run, or the whole few-shot pool. `config` holds the training settings that matter to it.
    `train_digest` and `test_digest` are digests of the chosen and of the test texts with their labels; `fingerprint` is a
    digest of everything that determines the answers. `answers` maps the `text_hash` of each test text to two names of
    labels: that of the data set, and the answer.
    """

    __tablename__ = "baseline"
    __table_args__ = (UniqueConstraint("arm_id", "name", "seed", "fingerprint"),)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    name: Mapped[str] = mapped_column(String(50))
    split: Mapped[Split]
    seed: Mapped[int]
    n_train: Mapped[int]
    config: Mapped[dict[str, Any]]
    train_digest: Mapped[str] = mapped_column(String(64))
    test_digest: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    answers: Mapped[dict[str, Any]]
