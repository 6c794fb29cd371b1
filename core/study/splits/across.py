"""Find real test texts with a near-duplicate in another real split: a model that was trained on one knows the other's answer"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.interval import Interval, wilson
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Sample
from core.study.splits import duplicates
from core.wording import percent_within

COLUMNS = ["test_id", "other_id", "split", "similarity", "test_text", "other_text"]
OTHERS = (Split.TRAIN, Split.VALIDATION, Split.POOL)


@dataclass(frozen=True)
class Across:
    """The near-duplicates of a task's real test texts in its other real splits.

    `pairs`: a row per pair, most similar first, with the columns `COLUMNS`. `share`: the share of the `n_test` test texts
    with at least one near-duplicate in another split; nan without test texts. `n_others`: texts in the other splits.
    `threshold`: the Jaccard similarity of letter triples, in (0, 1], from which on two texts are near-duplicates.
    """

    pairs: pd.DataFrame
    share: Interval
    n_test: int
    n_others: int
    threshold: float

    @property
    def tested(self) -> list[int]:
        """The ids of the test texts with a near-duplicate in another split, in order."""
        return sorted({int(number) for number in self.pairs["test_id"]})


def across(session: Session, task_id: int, *, threshold: float = duplicates.THRESHOLD) -> Across:
    """Find the near-duplicates of a task's kept real test texts among its kept real texts of all other splits."""
    texts = real_texts(session, task_id)
    is_test = texts["split"] == Split.TEST
    test, others = texts[is_test].reset_index(drop=True), texts[~is_test].reset_index(drop=True)
    found = duplicates.between(test["text"].tolist(), others["text"].tolist(), threshold=threshold)
    left, right = test.iloc[found["text"]], others.iloc[found["other"]]
    pairs = pd.DataFrame(
        {
            "test_id": left["sample_id"].to_numpy(),
            "other_id": right["sample_id"].to_numpy(),
            "split": right["split"].to_numpy(),
            "similarity": found["similarity"].to_numpy(),
            "test_text": left["text"].to_numpy(),
            "other_text": right["text"].to_numpy(),
        },
        columns=COLUMNS,
    )
    share = wilson(pairs["test_id"].nunique(), len(test))
    return Across(pairs, share, len(test), len(others), threshold)


def reading(found: Across) -> str:
    """What the near-duplicates mean for the real score, in a sentence or two."""
    if not found.n_test or not found.n_others:
        lacking = "no real test text" if not found.n_test else "no real text outside its test split"
        return f"Near-duplicates were not looked for: the task has {lacking}."
    looked = f"of {found.n_test:,} test texts beside {found.n_others:,} real texts of other splits"
    if not len(found.pairs):
        return f"No near-duplicate {looked}, so nothing of that kind inflates the real score."
    by_split = Counter(found.pairs.drop_duplicates(["test_id", "split"])["split"])
    where = ", ".join(f"{by_split[split]:,} in {split}" for split in OTHERS if by_split[split])
    k = len(found.tested)
    have = "has a near-duplicate" if k == 1 else "have near-duplicates"
    return (
        f"{k:,} {looked} {have} there ({where}): {percent_within(found.share.value, found.share.low, found.share.high, 1)}. "
        "A model trained on real texts may know their answers, which inflates the real score and the gap."
    )


def near_test(session: Session, task_id: int, texts: Sequence[str]) -> set[int]:
    """The places, among `texts`, of near-duplicates of the task's kept real test texts."""
    test = real_texts(session, task_id)
    tested = test[test["split"] == Split.TEST]["text"].tolist()
    return {int(place) for place in duplicates.between(texts, tested)["text"]} if texts and tested else set()


def real_texts(session: Session, task_id: int) -> pd.DataFrame:
    """The kept texts of a task's real arm: columns sample_id, label_id, split, text_hash, text, by id."""
    query = (
        select(Sample.id, Sample.label_id, Sample.split, Sample.text_hash, Sample.text)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task_id, Arm.kind == ArmKind.REAL, Sample.status == SampleStatus.KEPT)
        .order_by(Sample.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["sample_id", "label_id", "split", "text_hash", "text"])
