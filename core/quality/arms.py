"""Compute the quality measures of every arm of a task. Takes seconds or minutes: embeds texts and trains small models."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from core.errors import StudyError
from core.interval import Interval
from core.quality import diversity, embedding, layout, leakage, lexical, measures, nearest
from core.quality.beside_real import comparison, languages
from core.quality.beside_real.comparison import BesideReal
from core.quality.diversity import Distance, Diversity
from core.quality.measures import ArmMeasures, Copy, Cue, Measures, Named, Points
from core.reports import Report
from core.study import samples, tasks
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Import, Label, Sample, Task
from core.study.splits import duplicates

FEWEST = 20  # texts; a smaller arm is not compared, as all other arms would be cut to its size
MOST_COMPARED = 5_000  # texts per arm in the measures that use the same number of texts of every arm
MOST_EMBEDDED = 10_000  # embedded texts per arm, drawn evenly over labels


@dataclass(frozen=True)
class TaskTexts:
    """The kept texts of a task at the time of reading; `digest` identifies them.

    `texts`: columns sample_id, arm_id, split, label, text. `shown`: arm id -> sample id -> real text that a prompt of the
    arm contained. `repeats`: arm id -> number of texts rejected as exact duplicates on arrival.
    """

    task: Task
    labels: list[str]
    arms: list[Arm]
    texts: pd.DataFrame
    shown: dict[int, dict[int, str]]
    repeats: dict[int, int]
    digest: str

    def train(self, arm: Arm) -> pd.DataFrame:
        """The training texts of an arm, in the columns of `texts`."""
        of_arm = (self.texts["arm_id"] == arm.id) & (self.texts["split"] == Split.TRAIN)
        return self.texts[of_arm].reset_index(drop=True)

    def real(self, *splits: Split) -> pd.DataFrame:
        """The texts of the real arm in these splits, in the columns of `texts`."""
        ids = [arm.id for arm in self.arms if arm.kind == ArmKind.REAL]
        return self.texts[self.texts["arm_id"].isin(ids) & self.texts["split"].isin(splits)].reset_index(drop=True)


@dataclass(frozen=True)
class ArmTexts:
    """An arm's training texts and the embeddings of a subset: `rows`, shape (n, d), belong to `places` in `texts`."""

    arm: Arm
    texts: pd.DataFrame
    places: npt.NDArray[np.intp]
    rows: npt.NDArray[np.float32]
    tokens: languages.Tokens

    @property
    def is_compared(self) -> bool:
        """Whether the arm has enough texts for the measures that use the same number of texts of every arm."""
        return len(self.texts) >= FEWEST

    @property
    def is_placed(self) -> bool:
        """Whether distances between embeddings of the arm are compared: its size and its language allow it."""
        return self.is_compared and self.tokens.is_known

    def subset(self, n: int, *, seed: int) -> tuple[list[str], npt.NDArray[np.float32]]:
        """At most `n` embedded texts, drawn without regard to labels, with their embeddings."""
        places = np.sort(np.random.default_rng(seed).permutation(len(self.places))[:n])
        return self.texts["text"].iloc[self.places[places]].tolist(), self.rows[places]


def read_texts(session: Session, task_id: int) -> TaskTexts:
    """Read everything that the measures need from the store. Raises `StudyError` if the task has no kept training text."""
    task = session.get_one(Task, task_id)
    query = (
        select(Sample.id, Sample.arm_id, Sample.split, Label.name, Sample.text)
        .join(Label, Label.id == Sample.label_id)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task_id, Sample.status == SampleStatus.KEPT)
        .order_by(Sample.id)
    )
    texts = pd.DataFrame(session.execute(query).all(), columns=["sample_id", "arm_id", "split", "label", "text"])
    if not (texts["split"] == Split.TRAIN).any():
        raise StudyError(f"Task {task.name!r} keeps no training text yet. Import or generate some, then measure.")
    arms = tasks.arms(session, task_id)
    return TaskTexts(
        task=task,
        labels=[label.name for label in tasks.labels_of(session, task_id)],
        arms=arms,
        texts=texts,
        shown={arm.id: _shown(session, arm.id) for arm in arms},
        repeats=_repeats(session, [arm.id for arm in arms]),
        digest=measures.digest(session, task_id),
    )


def compute(
    task_texts: TaskTexts, *, home: Path, encoder: str = "minilm", seed: int = 0, report: Report | None = None
) -> Measures:
    """The measures of every arm with kept training texts.

    Embeddings are stored under `home` and reused. `report` is called with steps done, steps in all, a description of the
    step, and {}.
    """
    started = time.monotonic()
    report_stage = _stage_report(report, n_arms=sum(not task_texts.train(arm).empty for arm in task_texts.arms))
    parts = _parts(task_texts, encoder=encoder, home=home, seed=seed, report_stage=report_stage)
    sizes = [len(part.texts) for part in parts if part.is_compared]
    n = min([*sizes, MOST_COMPARED]) if sizes else 0
    spread = _spread(parts, n=n, seed=seed)
    measured = []
    for place, part in enumerate(parts):
        report_stage(len(parts) + place, 0.0, f"measuring {part.arm.name}")
        with threadpool_limits(1):  # threads waiting for busy cores made the small models ten times slower
            measured.append(_arm(part, task_texts, parts, spread=spread[part.arm.id], n=n, seed=seed))
    report_stage(2 * len(parts), 0.0, "drawing the map")
    points = _map(parts, seed=seed)
    report_stage(2 * len(parts), 1.0, "measured")
    return Measures(
        task_id=task_texts.task.id,
        task=task_texts.task.name,
        labels=task_texts.labels,
        encoder=encoder,
        digest=task_texts.digest,
        version=measures.VERSION,
        seconds=time.monotonic() - started,
        arms=measured,
        points=points,
    )


def _stage_report(report: Report | None, *, n_arms: int) -> Callable[[int, float, str], None]:
    """A function that reports a stage, the finished share of it, and a message; counts tenths of stages.

    Every arm has two stages, embedding and measuring; the map is the last stage.
    """

    def report_stage(stage: int, share: float, message: str) -> None:
        if report is not None:
            report(round(10 * (stage + share)), 10 * (2 * n_arms + 1), message, {})

    return report_stage


def _parts(
    task_texts: TaskTexts, *, encoder: str, home: Path, seed: int, report_stage: Callable[[int, float, str], None]
) -> list[ArmTexts]:
    """The training texts and embeddings of every arm with training texts."""
    texts_of = [(arm, task_texts.train(arm)) for arm in task_texts.arms]
    tokenizer = embedding.tokenizer(encoder)
    parts = []
    for place, (arm, texts) in enumerate((arm, texts) for arm, texts in texts_of if len(texts)):

        def embedded(
            done: int, total: int, _message: str, _extra: Mapping[str, Any], place: int = place, name: str = arm.name
        ) -> None:
            report_stage(place, done / max(total, 1), f"embedding {name}: {done} of {total} new texts")

        report_stage(place, 0.0, f"embedding {arm.name}")
        places = layout.balanced_subset(texts["label"].tolist(), most=MOST_EMBEDDED, seed=seed)
        rows = embedding.embed(texts["text"].iloc[places].tolist(), encoder=encoder, home=home, report=embedded)
        parts.append(ArmTexts(arm, texts, places, rows, languages.tokens(texts["text"].tolist(), tokenizer)))
    return parts


def _arm(
    part: ArmTexts,
    task_texts: TaskTexts,
    parts: Sequence[ArmTexts],
    *,
    spread: Mapping[str, Diversity],
    n: int,
    seed: int,
) -> ArmMeasures:
    texts, labels = part.texts["text"].tolist(), part.texts["label"].tolist()
    compared = (
        part.texts.iloc[layout.balanced_subset(labels, most=n, seed=seed)] if part.is_compared else part.texts.iloc[:0]
    )
    compared_texts = compared["text"].tolist()
    words, vocabulary = lexical.lengths(texts), lexical.vocabulary(texts)
    near = duplicates.near(texts)
    ids = part.texts["sample_id"].tolist()
    return ArmMeasures(
        arm_id=part.arm.id,
        arm=part.arm.name,
        kind=part.arm.kind,
        n=len(texts),
        n_compared=len(compared),
        cosine=spread[Distance.COSINE],
        angular=spread[Distance.ANGULAR],
        distinct_1=lexical.distinct(compared_texts, 1),
        distinct_2=lexical.distinct(compared_texts, 2),
        self_bleu=lexical.self_bleu(compared_texts, seed=seed),
        n_self_bleu=min(len(compared), lexical.SAMPLE),
        words_low=words.q1,
        words_median=words.median,
        words_high=words.q3,
        vocabulary=vocabulary.types,
        hd_d=vocabulary.hd_d,
        by_characters=lexical.share_by_characters(texts),
        exact_duplicates=task_texts.repeats.get(part.arm.id, 0),
        near_pairs=len(near.pairs),
        near_groups=[[ids[place] for place in group] for group in near.groups],
        copies=_copies(part, task_texts),
        near_test=_near(part.texts, _by_id(task_texts.real(Split.TEST)), shown={}),
        beside=_beside(part, parts, n=n, seed=seed),
        tokens=part.tokens,
        **_nearest(part, parts, n=n),
        **_leaks(part, task_texts, compared, seed=seed),
    )


def _spread(parts: Sequence[ArmTexts], *, n: int, seed: int) -> dict[int, dict[str, Diversity]]:
    """Arm id -> distance -> diversity on `n` texts; nan for arms whose distances are not compared."""
    found: dict[int, dict[str, Diversity]] = {
        part.arm.id: dict.fromkeys(Distance, diversity.UNDEFINED) for part in parts
    }
    compared = {str(part.arm.id): part.rows for part in parts if part.is_placed}
    for row in diversity.at_equal_size(compared, n=n, seed=seed).to_dict("records") if compared else []:
        scores = {
            name: Interval(row[name], row[f"{name}_low"], row[f"{name}_high"], row["n"]) for name in diversity.SCORES
        }
        found[int(row["arm"])][Distance(row["distance"])] = Diversity(**scores)
    return found


def _nearest(part: ArmTexts, parts: Sequence[ArmTexts], *, n: int) -> dict[str, Any]:
    """`nearest_real` on `n` texts of the arm against all embedded real texts; the score rises with `n`."""
    real = next((other for other in parts if other.arm.kind == ArmKind.REAL), None)
    if real is None or real is part or not (part.is_placed and real.tokens.is_known):
        return {"nearest_real": math.nan, "n_nearest": 0}
    places = layout.balanced_subset(part.texts["label"].iloc[part.places].tolist(), most=n)
    return {"nearest_real": nearest.nearest_real(part.rows[places], real.rows), "n_nearest": len(places)}


def _beside(part: ArmTexts, parts: Sequence[ArmTexts], *, n: int, seed: int) -> BesideReal:
    """The measures of `n` embedded texts of the arm beside `n` of the real arm, whose labels are not used."""
    if not part.is_compared:
        return comparison.compare([], None, None)
    real = next((other for other in parts if other.arm.kind == ArmKind.REAL and other is not part), None)
    texts, rows = part.subset(n, seed=seed)
    real_rows = real.subset(n, seed=seed)[1] if real is not None and real.is_placed else None
    return comparison.compare(texts, rows if part.is_placed else None, real_rows, seed=seed)


def _leaks(part: ArmTexts, task_texts: TaskTexts, compared: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """The leakage measures of an arm: classifier scores on the `compared` texts, names and cues on all its texts."""
    texts, labels = part.texts["text"].tolist(), part.texts["label"].tolist()
    train = compared["text"].tolist(), compared["label"].tolist()
    test = task_texts.real(Split.TEST)
    tested = test["text"].tolist(), test["label"].tolist()
    against = [] if part.arm.kind == ArmKind.REAL else task_texts.real(Split.TRAIN)["text"].tolist()
    return {
        "bag_of_words": leakage.bag_of_words(*train, *tested, seed=seed),
        "within": leakage.within(*train, seed=seed),
        "apart": leakage.tell_apart(train[0], against, seed=seed),
        "names_itself": [
            Named(row["label"], row["named"], Interval(row["share"], row["low"], row["high"], row["n"]))
            for row in _records(leakage.names_itself(texts, labels))
        ],
        "cues": [Cue(**row) for row in _records(leakage.cues(texts, labels))],
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _copies(part: ArmTexts, task_texts: TaskTexts) -> list[Copy]:
    """Copies of real texts outside the test split and of the real texts that the arm's prompts contained."""
    shown = task_texts.shown[part.arm.id]
    if part.arm.kind == ArmKind.REAL:
        return []
    return _near(part.texts, shown | _by_id(task_texts.real(Split.TRAIN, Split.VALIDATION, Split.POOL)), shown=shown)


def _near(texts: pd.DataFrame, others: Mapping[int, str], *, shown: Mapping[int, str]) -> list[Copy]:
    """Copies of the real texts `others` (sample id -> text); `shown` are real texts that prompts contained."""
    found = nearest.copies(texts["text"].tolist(), list(others.values()))
    ids, other_ids = texts["sample_id"].tolist(), list(others)
    columns = (found[name].tolist() for name in ("text", "shown", "similarity", "exact"))
    return [
        Copy(ids[place], other_ids[other], other_ids[other] in shown, similarity, is_exact)
        for place, other, similarity, is_exact in zip(*columns, strict=True)
    ]


def _by_id(texts: pd.DataFrame) -> dict[int, str]:
    return dict(zip(texts["sample_id"].tolist(), texts["text"].tolist(), strict=True))


def _map(parts: Sequence[ArmTexts], *, seed: int) -> Points:
    """The map of at most `layout.MOST_POINTS` texts of all arms, drawn evenly over arms and labels."""
    texts = pd.concat([part.texts.iloc[part.places].assign(arm=part.arm.name) for part in parts], ignore_index=True)
    groups = list(zip(texts["arm"], texts["label"], strict=True))
    places = layout.balanced_subset(groups, most=layout.MOST_POINTS, seed=seed)
    placed = layout.map_2d(np.concatenate([part.rows for part in parts])[places], seed=seed)
    drawn = texts.iloc[places]
    x, y = placed.astype(float).round(3).T.tolist()
    return Points(drawn["sample_id"].tolist(), drawn["arm"].tolist(), drawn["label"].tolist(), x, y)


def _shown(session: Session, arm_id: int) -> dict[int, str]:
    """Sample id -> real text that a prompt of the arm contained, as an example or as a text to rewrite."""
    query = select(Completion.example_ids, Completion.source_ids).where(Completion.arm_id == arm_id)
    ids = sorted({int(sample_id) for row in session.execute(query) for ids in row for sample_id in ids})
    shown: dict[int, str] = {}
    for chunk in chunks(ids):
        rows = session.execute(select(Sample.id, Sample.text).where(Sample.id.in_(chunk)))
        shown |= {row.id: row.text for row in rows}
    return shown


def _repeats(session: Session, arm_ids: Sequence[int]) -> dict[int, int]:
    """Arm id -> number of exact duplicates rejected on arrival: generated texts and rows of imported files."""
    query = (
        select(Sample.arm_id, func.count(Sample.id).label("n"))
        .where(Sample.arm_id.in_(arm_ids), Sample.reject_reason == samples.DUPLICATE)
        .group_by(Sample.arm_id)
    )
    found = Counter({row.arm_id: row.n for row in session.execute(query)})
    for row in session.execute(select(Import.arm_id, Import.rejected).where(Import.arm_id.in_(arm_ids))):
        found[row.arm_id] += int(row.rejected.get(samples.DUPLICATE, 0))
    return dict(found)
