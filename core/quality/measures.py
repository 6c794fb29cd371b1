"""Store and read the quality measures of a task's arms: diversity, duplicates, copies, leakage and the map of texts.

A job computes them with `core.quality.arms` and stores them in one file per task. The file is out of date as soon as
the kept samples of the task change. Nothing here needs torch or scikit-learn.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import files
from core import settings as settings_module
from core.interval import Interval
from core.quality import diversity
from core.quality.beside_real.comparison import MEASURES, BesideReal
from core.quality.beside_real.languages import Tokens
from core.quality.diversity import Diversity
from core.quality.leakage import Apart, Score
from core.study import judgements
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Arm, Sample

VERSION = 4  # of the measures and of their file
NEAR_DUPLICATE = "near-duplicate of an earlier text"
TABLE_COLUMNS = ["measure", "arm", "kind", "value", "low", "high", "spread", "n"]
POINT_COLUMNS = ["sample_id", "arm", "label", "x", "y", "text"]


@dataclass(frozen=True)
class Copy:
    """A text of an arm that copies the real text `of_id`, exactly or nearly (`similarity` as in `duplicates.near`).

    `shown`: a prompt of the arm contained the real text.
    """

    sample_id: int
    of_id: int
    shown: bool
    similarity: float
    is_exact: bool


@dataclass(frozen=True)
class Cue:
    """A word that gives a label away: a row of `leakage.cues`."""

    label: str
    word: str
    n_in: int
    of_in: int
    n_out: int
    of_out: int
    share_in: float
    share_out: float
    log_odds: float
    low: float
    high: float
    q: float


@dataclass(frozen=True)
class Named:
    """The texts of a label that contain the label's own name: how many (`named`), and which share of its texts."""

    label: str
    named: int
    share: Interval


@dataclass(frozen=True)
class ArmMeasures:
    """The measures of an arm's `n` kept training texts; nan = not computable, or too few texts for a comparison.

    Measures that change with the number of texts use `n_compared` texts, the same number in every arm, drawn evenly over
    labels: diversity by `cosine` and by `angular` distance (means over random draws), `distinct_1`, `distinct_2`,
    `self_bleu` (of `n_self_bleu` texts), `bag_of_words` and `within`. The quartiles of words per text, `vocabulary`
    (number of distinct words) and `hd_d` use all `n` texts.

    `exact_duplicates`: texts rejected as duplicates on arrival. `near_pairs`: pairs of near-duplicates; `near_groups`:
    the sample ids of each group of near-duplicates, earliest first. `copies`: of real texts outside the test split;
    `near_test`: of real test texts. `nearest_real`: mean cosine of a real text to its 5 nearest among `n_nearest` texts
    of the arm. `beside`: the measures that order arms before training. `tokens`: how the encoder's tokenizer cuts the texts;
    where it does not know their language, every measure of embeddings is nan. `by_characters`: share of texts whose words
    were counted by characters, in [0, 1].
    """

    arm_id: int
    arm: str
    kind: str
    n: int
    n_compared: int
    cosine: Diversity
    angular: Diversity
    distinct_1: float
    distinct_2: float
    self_bleu: float
    n_self_bleu: int
    words_low: float
    words_median: float
    words_high: float
    vocabulary: int
    hd_d: float
    exact_duplicates: int
    near_pairs: int
    near_groups: list[list[int]]
    copies: list[Copy]
    near_test: list[Copy]
    nearest_real: float
    n_nearest: int
    bag_of_words: Score
    within: Score
    apart: Apart
    names_itself: list[Named]
    cues: list[Cue]
    beside: BesideReal
    tokens: Tokens
    by_characters: float = 0.0

    @property
    def removable(self) -> list[int]:
        """The sample ids of all near-duplicates except the earliest of each group."""
        return [sample_id for group in self.near_groups for sample_id in group[1:]]


@dataclass(frozen=True)
class Points:
    """The map of texts: in every list one entry per text; `x` and `y` have no unit."""

    sample_id: list[int]
    arm: list[str]
    label: list[str]
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Measures:
    """The measures of every arm of a task, real arm first. `seconds`: how long the computation took."""

    task_id: int
    task: str
    labels: list[str]
    encoder: str
    digest: str
    version: int
    seconds: float
    arms: list[ArmMeasures]
    points: Points


@dataclass(frozen=True)
class StoredMeasures:
    """The stored measures of a task; `stale` if its samples or the code that measures them have changed since."""

    measures: Measures
    stale: bool


def digest(session: Session, task_id: int) -> str:
    """A digest of a task's kept samples, 16 characters; it changes with their texts, labels, splits or arms."""
    texts = func.aggregate_strings(Sample.text_hash, "")
    query = (
        select(Arm.id, Arm.name, Sample.split, Sample.label_id, func.max(Sample.id), texts)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task_id, Sample.status == SampleStatus.KEPT)
        .group_by(Arm.id, Arm.name, Sample.split, Sample.label_id)
    )
    parts = sorted([*map(str, row[:5]), *_sum(row[5])] for row in session.execute(query))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def write(settings: settings_module.Settings, measures: Measures) -> Path:
    """Store the measures of a task in place of earlier measures, and return the path of their file."""
    path = _path(settings, measures.task_id)
    files.replace(path, TypeAdapter(Measures).dump_json(measures))
    return path


def read(settings: settings_module.Settings, session: Session, task_id: int) -> StoredMeasures | None:
    """The stored measures of a task; None if there is no file, or if this version cannot read the file."""
    path = _path(settings, task_id)
    if not path.is_file():
        return None
    try:
        stored = TypeAdapter(Measures).validate_python(_with_nan(json.loads(path.read_bytes())))
    except (ValidationError, ValueError):
        return None
    return StoredMeasures(stored, stale=stored.version != VERSION or stored.digest != digest(session, task_id))


def table(measures: Measures) -> pd.DataFrame:
    """The measures as a table with a row per measure and arm.

    Columns measure, arm, kind, value, low, high, spread, n (number of texts). `spread` names the kind of low and high:
    95 % interval, quartiles, or standard deviation over folds; it is "" if low and high are nan.
    """
    rows = [
        (name, arm.arm, arm.kind, float(value), low, high, spread if math.isfinite(low) else "", n)
        for arm in measures.arms
        for name, value, low, high, spread, n in _rows(arm)
    ]
    frame = pd.DataFrame(rows, columns=TABLE_COLUMNS)
    order = {name: place for place, name in enumerate(frame["measure"].unique())}
    return frame.sort_values("measure", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def points(session: Session, measures: Measures) -> pd.DataFrame:
    """The map with each sample's current text: columns sample_id, arm, label, x, y, text. Deleted samples are left out."""
    texts: dict[int, str] = {}
    ids = measures.points.sample_id
    for chunk in chunks(ids):
        query = select(Sample.id, Sample.text).where(Sample.id.in_(chunk))
        texts |= {row.id: row.text for row in session.execute(query)}
    frame = pd.DataFrame({field.name: getattr(measures.points, field.name) for field in fields(Points)})
    frame["text"] = frame["sample_id"].map(texts)
    return frame.dropna(subset="text")[POINT_COLUMNS].reset_index(drop=True)


def cues(arm: ArmMeasures) -> pd.DataFrame:
    """The arm's cues in the columns of `leakage.cues`."""
    return pd.DataFrame(arm.cues, columns=[field.name for field in fields(Cue)])


def real(measures: Measures) -> ArmMeasures | None:
    """The measures of the real arm; None if the task has no real training texts."""
    return next((arm for arm in measures.arms if arm.kind == ArmKind.REAL), None)


def unknown_languages(measures: Measures) -> list[tuple[str, Tokens]]:
    """The names and tokens of the compared arms whose language the encoder does not know."""
    return [(arm.arm, arm.tokens) for arm in measures.arms if arm.n_compared and not arm.tokens.is_known]


def reject_near_duplicates(session: Session, *, arm_id: int, groups: Sequence[Sequence[int]]) -> int:
    """Reject the kept texts of each group of near-duplicates except the earliest; return how many were rejected.

    Texts that `judgements.reject` would refuse to reject, because results depend on them, stay kept.
    """
    ids = [sample_id for group in groups for sample_id in group]
    kept: set[int] = set()
    for chunk in chunks(ids):
        query = select(Sample.id).where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT)
        kept |= set(session.scalars(query.where(Sample.id.in_(chunk))))
    later = [sample_id for group in groups for sample_id in sorted(kept.intersection(group))[1:]]
    fixed = judgements.relied_on(session, later)
    extra = [sample_id for sample_id in later if sample_id not in fixed]
    for chunk in chunks(extra):
        change = update(Sample).where(Sample.id.in_(chunk))
        session.execute(change.values(status=SampleStatus.REJECTED, reject_reason=NEAR_DUPLICATE))
    return len(extra)


def _rows(arm: ArmMeasures) -> list[tuple[str, float, float, float, str, int]]:
    """Measure, value, low, high, spread and n of every measure of an arm."""
    nan, apart = math.nan, arm.apart
    distances = {
        f"{name}_{distance}": getattr(scores, name)
        for name in diversity.SCORES
        for distance, scores in (("cosine", arm.cosine), ("angular", arm.angular))
    }
    words = {"bag_of_words": arm.bag_of_words.macro_f1, "within": arm.within.macro_f1}
    plain = {
        "distinct_1": arm.n_compared,
        "distinct_2": arm.n_compared,
        "self_bleu": arm.n_self_bleu,
        "vocabulary": arm.n,
        "hd_d": arm.n,
        "nearest_real": arm.n_nearest,
    }
    shares = {
        "near_duplicates": len(arm.removable),
        "copies": len({copy.sample_id for copy in arm.copies}) if arm.kind != ArmKind.REAL else nan,
        "near_test": len({copy.sample_id for copy in arm.near_test}),
        "names_itself": sum(label.named for label in arm.names_itself),
    }
    return [
        *(_interval_row(name, score) for name, score in distances.items()),
        *((name, getattr(arm.beside, name), nan, nan, "", arm.beside.n) for name in MEASURES if name != "separability"),
        _interval_row("separability", arm.beside.separability),
        *((name, getattr(arm, name), nan, nan, "", n) for name, n in plain.items()),
        ("words_median", arm.words_median, arm.words_low, arm.words_high, "quartiles", arm.n),
        *((name, count / arm.n if arm.n else nan, nan, nan, "", arm.n) for name, count in shares.items()),
        *(_interval_row(name, score) for name, score in words.items()),
        ("apart", apart.auc, apart.auc - apart.sd, apart.auc + apart.sd, "standard deviation over folds", apart.n_real),
    ]


def _interval_row(name: str, score: Interval) -> tuple[str, float, float, float, str, int]:
    return name, score.value, score.low, score.high, "95 % interval", score.n


def _path(settings: settings_module.Settings, task_id: int) -> Path:
    return settings.home / "measures" / f"task-{task_id}.json"


def _sum(hashes: str) -> list[str]:
    """The number and the sum of the 128-bit digests joined in `hashes`, the same for any order."""
    halves = np.frombuffer(bytes.fromhex(hashes), dtype=">u8").reshape(-1, 2)
    return [str(len(halves)), *(str(int(half)) for half in halves.sum(axis=0, dtype=np.uint64))]


def _with_nan(value: Any) -> Any:
    """The parsed JSON with nan for every null: JSON has no nan, and no field of `Measures` can be None."""
    if isinstance(value, dict):
        return {key: _with_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_nan(inner) for inner in value]
    return math.nan if value is None else value
