"""How subjective each task of a study is, by comparisons between tasks or by agreement on their items."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import stats
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterKind
from core.study.rows.study import Study, Task
from core.subjectivity import ratings
from core.subjectivity.statistics import agreement, ranking
from core.subjectivity.statistics.counts import Level

SCALE_ENDS = 1, 5
COLUMNS = ["task", "value", "low", "high", "n", "level"]


class Measure(StrEnum):
    """`comparisons`: Bradley-Terry strength (natural log, mean 0). `ratings`: 1 - Krippendorff's alpha of labels. `scale`:
    mean of the ratings from 1 to 5. More = more subjective."""

    COMPARISONS = "comparisons"
    RATINGS = "ratings"
    SCALE = "scale"


def measures(session: Session, study: Study) -> list[Measure]:
    """The measures this study has answers for; the task comparisons of the paper first."""
    kinds = ratings.people(study)
    found = [] if ratings.comparisons(session, study.id, kinds=kinds).empty else [Measure.COMPARISONS]
    known = tasks.tasks(session, study.id)
    if any(not ratings.of_task(session, task.id, kinds=kinds).empty for task in known):
        found.append(Measure.RATINGS)
    if any(not _on_scale(session, task, kinds).empty for task in known):
        found.append(Measure.SCALE)
    return found


def by_task(session: Session, study: Study, measure: Measure) -> pd.DataFrame:
    """Subjectivity per task: columns task, value, low, high (95 % interval), n (answers), level (nan but with comparisons).

    Tasks without answers are left out; value, low and high are nan where the statistic is undefined. Strengths without a
    finite estimate are those with one virtual tie per task, without interval (`ranking.bradley_terry`). A text that
    several sessions asked about is one text.
    """
    read = {Measure.COMPARISONS: _compared, Measure.RATINGS: _rated, Measure.SCALE: _scaled}[measure]
    return pd.DataFrame(read(session, study), columns=COLUMNS).sort_values("value", ignore_index=True)


def _compared(session: Session, study: Study) -> list[tuple[str, float, float, float, int, float]]:
    answers = ratings.comparisons(session, study.id, kinds=ratings.people(study))
    if answers.empty:
        return []
    ranked = ranking.bradley_terry(answers)
    counted = pd.concat([answers["left"], answers["right"]]).value_counts()
    return [
        (name, strength.value, strength.low, strength.high, int(counted[name]), float(ranked.levels[name]))
        for name, strength in ranked.strength.items()
    ]


def _rated(session: Session, study: Study) -> list[tuple[str, float, float, float, int, float]]:
    rows = []
    for task in tasks.tasks(session, study.id):
        given = ratings.of_task(session, task.id, kinds=ratings.people(study))
        if given.empty:
            continue
        alpha = agreement.alpha_interval(ratings.by_text(given), level=Level.NOMINAL)
        rows.append((task.name, 1 - alpha.value, 1 - alpha.high, 1 - alpha.low, len(given), float("nan")))
    return rows


def _scaled(session: Session, study: Study) -> list[tuple[str, float, float, float, int, float]]:
    """The mean over a task's texts of their mean rating, with the t interval over texts, cut off at the ends of the scale
    (nan with a single text, or where all texts have the same mean)."""
    rows = []
    for task in tasks.tasks(session, study.id):
        given = _on_scale(session, task, ratings.people(study))
        if given.empty:
            continue
        of_text = ratings.by_text(given).groupby("item_id")["label"].mean()
        n, mean, margin = len(of_text), float(of_text.mean()), float("nan")
        if of_text.nunique() > 1:
            margin = float(of_text.std() / np.sqrt(n) * stats.t.ppf(0.975, n - 1))
        low, high = np.clip([mean - margin, mean + margin], *SCALE_ENDS)
        rows.append((task.name, mean, float(low), float(high), len(given), float("nan")))
    return rows


def _on_scale(session: Session, task: Task, kinds: Sequence[RaterKind]) -> pd.DataFrame:
    given = ratings.of_task(session, task.id, kinds=kinds, campaign_kind=CampaignKind.SCALE)
    return given.assign(label=pd.to_numeric(given["label"]))
