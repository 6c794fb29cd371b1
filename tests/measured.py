"""Measures of a task's arms, made by hand: no text is embedded and no model is trained."""

import math
from collections.abc import Mapping

from core.interval import Interval, undefined
from core.quality import measures
from core.quality.beside_real.comparison import BesideReal
from core.quality.beside_real.languages import Tokens
from core.quality.diversity import UNDEFINED, Diversity
from core.quality.leakage import Apart, Score
from core.quality.measures import ArmMeasures, Measures, Points
from core.study.rows.kinds import ArmKind

KNOWN = Tokens(500, 0.0, 4.2, is_unspaced=False, vocabulary=30_522)
THAI = Tokens(500, 0.56, 1.4, is_unspaced=True, vocabulary=30_522)
NO_SCORE = Score(0, undefined(), undefined(), "Not measured.")


def arm(
    name: str,
    chamfer: float = 0.3,
    *,
    margin: float = 0.01,
    n: int = 300,
    compared: int | None = None,
    tokens: Tokens = KNOWN,
) -> ArmMeasures:
    """The measures of an arm with this Chamfer distance and the half-width of its interval; everything else is plain."""
    n_compared = n if compared is None else compared
    kind = ArmKind.REAL if name == "real" else ArmKind.ZERO_SHOT
    interval = Interval(chamfer, chamfer - margin, chamfer + margin, n_compared)
    distances = (
        Diversity(Interval(0.8, 0.79, 0.81, n_compared), interval) if n_compared and tokens.is_known else UNDEFINED
    )
    is_beside = kind != ArmKind.REAL and tokens.is_known
    beside = BesideReal(
        n_compared, *((0.2, 90.0, 0.7, 0.031) if is_beside else (math.nan,) * 4), 2.5,
        Interval(0.8, 0.78, 0.82, 2 * n_compared) if is_beside else undefined(),
    )  # fmt: skip
    return ArmMeasures(
        arm_id=0, arm=name, kind=kind, n=n, n_compared=n_compared, cosine=distances, angular=distances, distinct_1=0.3,
        distinct_2=0.7, self_bleu=0.2, n_self_bleu=n_compared, words_low=8.0, words_median=12.0, words_high=19.0,
        vocabulary=900, hd_d=0.8, exact_duplicates=0, near_pairs=0, near_groups=[], copies=[], near_test=[],
        nearest_real=math.nan, n_nearest=0, bag_of_words=NO_SCORE, within=NO_SCORE,
        apart=Apart(math.nan, math.nan, 0, n, n, "Not measured."), names_itself=[], cues=[], beside=beside, tokens=tokens,
    )  # fmt: skip


def task(*arms: ArmMeasures, task_id: int = 1, name: str = "mood", digest: str = "") -> Measures:
    """The measures of a task with these arms, as `core.quality.measures.write` stores them."""
    return Measures(
        task_id=task_id, task=name, labels=["yes", "no"], encoder="minilm", digest=digest, version=measures.VERSION,
        seconds=1.0, arms=list(arms), points=Points([], [], [], [], []),
    )  # fmt: skip


def by_distance(distances: Mapping[str, float], *, margin: float = 0.01, n: int = 300) -> Measures:
    """The measures of a task: arm -> Chamfer distance."""
    return task(*(arm(name, value, margin=margin, n=n) for name, value in distances.items()))
