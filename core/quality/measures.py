"""What the arms of a task are like beside its real data, as a value that a job computes once and keeps in a file.

The file depends on the kept samples alone: when they change it is out of date, which reading it tells. Nothing here
needs torch or scikit-learn; `core.quality.arms` computes.
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
from core.quality.diversity import Diversity
from core.quality.leakage import Apart, Score
from core.study import judgements
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Arm, Sample

VERSION = 2
NEAR_DUPLICATE = "near-duplicate of an earlier text"
TABLE_COLUMNS = ["measure", "arm", "kind", "value", "low", "high", "spread", "n"]
POINT_COLUMNS = ["sample_id", "arm", "label", "x", "y", "text"]


@dataclass(frozen=True)
class Copy:
    """A text of an arm that equals real text `of_id`, or nearly (`similarity`, as `duplicates.near` counts it).

    `shown`: a prompt of the arm had that text in it.
    """

    sample_id: int
    of_id: int
    shown: bool
    similarity: float
    is_exact: bool


@dataclass(frozen=True)
class Cue:
    """A word that comes with a label, as a row of `leakage.cues`."""

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
    """Texts of a label that hold its own name, as a row of `leakage.names_itself`."""

    label: str
    n: int
    named: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class ArmMeasures:
    """One arm's kept training texts (`n`). nan: not computable, or the arm has too few texts to be compared.

    `n_compared` texts, as many in every arm and drawn evenly over labels, stand behind the diversity by `cosine` and
    `angular` distance, distinct-n, self-BLEU (`n_self_bleu`), `bag_of_words` and `within`, since these change with the
    number of texts (diversity: means over draws at random). Words per text (quartiles), `vocabulary` (distinct words)
    and `hd_d` are over all `n`.

    `exact_duplicates` were set aside when they came in. `near_groups` holds the sample ids of texts that nearly equal
    one another, the earliest first. `copies` are of real texts outside the test split, `near_test` of real test texts.
    `nearest_real` is the mean cosine from each real text to its 5 nearest texts of the arm (`n_nearest` of them).
    `by_characters` is the share of texts whose words were counted by characters.
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
    by_characters: float = 0.0

    @property
    def removable(self) -> list[int]:
        """Near-duplicates but for the first of each group: what rejecting them would take."""
        return [sample_id for group in self.near_groups for sample_id in group[1:]]


@dataclass(frozen=True)
class Points:
    """The map: one entry per text shown, `x` and `y` without units."""

    sample_id: list[int]
    arm: list[str]
    label: list[str]
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Measures:
    """Every arm of a task, the real one first. `seconds`: how long the computing took."""

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
class Found:
    """What was kept of a task; `stale` when its samples, or the way of measuring, changed since."""

    measures: Measures
    stale: bool


def digest(session: Session, task_id: int) -> str:
    """What the kept samples of a task are, in 16 characters: other texts, labels, splits or arms give others."""
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
    """Keep the measures of a task in place of earlier ones; a reader sees either the old or the new file."""
    path = _path(settings, measures.task_id)
    files.replace(path, TypeAdapter(Measures).dump_json(measures))
    return path


def read(settings: settings_module.Settings, session: Session, task_id: int) -> Found | None:
    """The measures kept of a task; None when there are none, or none that this version can read."""
    path = _path(settings, task_id)
    if not path.is_file():
        return None
    try:
        kept = TypeAdapter(Measures).validate_python(_with_nan(json.loads(path.read_bytes())))
    except (ValidationError, ValueError):
        return None
    return Found(kept, stale=kept.version != VERSION or kept.digest != digest(session, task_id))


def table(measures: Measures) -> pd.DataFrame:
    """One row per measure and arm: columns measure, arm, kind, value, low, high, spread, n (texts behind the value).

    `spread` says what low and high are (95 % interval, quartiles, standard deviation over folds); empty and nan
    without one.
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
    """The map with the texts as they are now: columns sample_id, arm, label, x, y, text. Deleted samples are left out."""
    texts: dict[int, str] = {}
    ids = measures.points.sample_id
    for chunk in chunks(ids):
        query = select(Sample.id, Sample.text).where(Sample.id.in_(chunk))
        texts |= {row.id: row.text for row in session.execute(query)}
    frame = pd.DataFrame({field.name: getattr(measures.points, field.name) for field in fields(Points)})
    frame["text"] = frame["sample_id"].map(texts)
    return frame.dropna(subset="text")[POINT_COLUMNS].reset_index(drop=True)


def cues(arm: ArmMeasures) -> pd.DataFrame:
    """The arm's cues as `leakage.cues` gives them."""
    return pd.DataFrame(arm.cues, columns=[field.name for field in fields(Cue)])


def real(measures: Measures) -> ArmMeasures | None:
    """The real arm, when the task has one with texts."""
    return next((arm for arm in measures.arms if arm.kind == ArmKind.REAL), None)


def reject_near_duplicates(session: Session, *, arm_id: int, groups: Sequence[Sequence[int]]) -> int:
    """Reject what an arm still keeps of each group of near-duplicates but its earliest kept text; gives how many.

    Texts on which results rest already stay, as `judgements.reject` says.
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
    nan, interval = math.nan, "95 % interval"
    words, inside, apart = arm.bag_of_words, arm.within, arm.apart
    plain = {
        "distinct_1": arm.n_compared,
        "distinct_2": arm.n_compared,
        "self_bleu": arm.n_self_bleu,
        "vocabulary": arm.n,
        "hd_d": arm.n,
        "nearest_real": arm.n_nearest,
    }
    named = sum(row.named for row in arm.names_itself)
    shares = {
        "near_duplicates": len(arm.removable),
        "copies": len({copy.sample_id for copy in arm.copies}) if arm.kind != ArmKind.REAL else nan,
        "near_test": len({copy.sample_id for copy in arm.near_test}),
        "names_itself": named,
    }
    return [
        *(row for name in ("remote_clique", "chamfer_distance") for row in _distances(arm, name)),
        *((name, getattr(arm, name), nan, nan, "", n) for name, n in plain.items()),
        ("words_median", arm.words_median, arm.words_low, arm.words_high, "quartiles", arm.n),
        *((name, count / arm.n if arm.n else nan, nan, nan, "", arm.n) for name, count in shares.items()),
        ("bag_of_words", words.macro_f1, words.macro_f1_low, words.macro_f1_high, interval, words.n_test),
        ("within", inside.macro_f1, inside.macro_f1_low, inside.macro_f1_high, interval, inside.n_test),
        ("apart", apart.auc, apart.auc - apart.sd, apart.auc + apart.sd, "standard deviation over folds", apart.n_real),
    ]


def _distances(arm: ArmMeasures, name: str) -> list[tuple[str, float, float, float, str, int]]:
    return [
        (
            f"{name}_{distance}",
            *(getattr(found, f"{name}{end}") for end in ("", "_low", "_high")),
            "95 % interval",
            found.n,
        )
        for distance, found in (("cosine", arm.cosine), ("angular", arm.angular))
    ]


def _path(settings: settings_module.Settings, task_id: int) -> Path:
    return settings.home / "measures" / f"task-{task_id}.json"


def _sum(hashes: str) -> list[str]:
    """Number and sum of joined 128-bit digests, the same in any order."""
    halves = np.frombuffer(bytes.fromhex(hashes), dtype=">u8").reshape(-1, 2)
    return [str(len(halves)), *(str(int(half)) for half in halves.sum(axis=0, dtype=np.uint64))]


def _with_nan(value: Any) -> Any:
    """JSON has no word for nan, so null stands for it: no field of the measures is ever null otherwise."""
    if isinstance(value, dict):
        return {key: _with_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_nan(inner) for inner in value]
    return math.nan if value is None else value
