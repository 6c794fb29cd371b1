"""Measure the subjectivity of each task of a study, by comparisons of tasks, agreement of raters, or ratings on a scale."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterKind
from core.study.rows.study import Study, Task
from core.subjectivity import ratings
from core.subjectivity.statistics import agreement, ranking, scale_means
from core.subjectivity.statistics.counts import Level

SCALE_ENDS = 1, 5
COLUMNS = ["task", "value", "low", "high", "n", "level", "commonest", "error"]
NAN = float("nan")

Row = tuple[str, float, float, float, int, float, float, float]  # columns as in `COLUMNS`


class Measure(StrEnum):
    """A measure of subjectivity; a larger value means more subjective.

    `comparisons`: Bradley-Terry strength (natural log, mean 0). `ratings`: 1 - Krippendorff's alpha of labels. `scale`:
    mean rating from 1 to 5.
    """

    COMPARISONS = "comparisons"
    RATINGS = "ratings"
    SCALE = "scale"


def measures(session: Session, study: Study) -> list[Measure]:
    """The measures for which the study has answers; comparisons of tasks, the paper's measure, come first."""
    kinds = ratings.people(study)
    found = [] if ratings.comparisons(session, study.id, kinds=kinds).empty else [Measure.COMPARISONS]
    known = tasks.tasks(session, study.id)
    if any(ratings.are_there(session, task.id, kinds=kinds) for task in known):
        found.append(Measure.RATINGS)
    if any(ratings.are_there(session, task.id, kinds=kinds, campaign_kind=CampaignKind.SCALE) for task in known):
        found.append(Measure.SCALE)
    return found


def check_has(session: Session, study: Study, measure: Measure | None) -> None:
    """Raise `StudyError` if a measure is asked for by name and the study has no answers for it."""
    known = measures(session, study)
    if measure is not None and measure not in known:
        raise StudyError(
            f"This study has no answers for the measure {measure!r}. It has: {', '.join(known) or 'none yet'}."
        )


def by_task(session: Session, study: Study, measure: Measure) -> pd.DataFrame:
    """Compute the subjectivity of each task: columns task, value, low, high (95 % interval), n (answers), level, commonest, error.

    `level` is the level in the majority graph, nan for other measures than comparisons. `commonest` is the share of the commonest
    label among the ratings, in (0, 1], nan for other measures than ratings. `error` is the standard error of the value. Tasks
    without answers are left out. value, low, high and error are nan if the statistic is undefined. Strengths without a finite
    estimate have no interval (`ranking.bradley_terry`). A text that was rated in several sessions counts as one text.
    """
    read = {Measure.COMPARISONS: _compared, Measure.RATINGS: _rated, Measure.SCALE: _scaled}[measure]
    return pd.DataFrame(read(session, study), columns=COLUMNS).sort_values("value", ignore_index=True)


def _compared(session: Session, study: Study) -> list[Row]:
    """Rows of `by_task` from comparisons of tasks."""
    answers = ratings.comparisons(session, study.id, kinds=ratings.people(study))
    if answers.empty:
        return []
    ranked = ranking.bradley_terry(answers)
    return [
        (name, strength.value, strength.low, strength.high, strength.n, float(ranked.levels[name]), NAN, strength.error)
        for name, strength in ranked.strength.items()
    ]


def _rated(session: Session, study: Study) -> list[Row]:
    """Rows of `by_task` from labels of texts."""
    rows = []
    for task in tasks.tasks(session, study.id):
        answers = ratings.of_task(session, task.id, kinds=ratings.people(study))
        if answers.empty:
            continue
        alpha = agreement.alpha_interval(ratings.by_text(answers), level=Level.NOMINAL)
        share = float(answers["label"].value_counts(normalize=True).max())
        rows.append((task.name, 1 - alpha.value, 1 - alpha.high, 1 - alpha.low, len(answers), NAN, share, alpha.error))
    return rows


def _scaled(session: Session, study: Study) -> list[Row]:
    """The mean rating of each task's texts with its interval over texts and raters, cut off at the ends of the scale."""
    rows = []
    for task in tasks.tasks(session, study.id):
        answers = _on_scale(session, task, ratings.people(study))
        if answers.empty:
            continue
        mean = scale_means.mean_rating(ratings.by_text(answers))
        low, high = np.clip([mean.low, mean.high], *SCALE_ENDS)
        rows.append((task.name, mean.value, float(low), float(high), len(answers), NAN, NAN, mean.error))
    return rows


def _on_scale(session: Session, task: Task, kinds: Sequence[RaterKind]) -> pd.DataFrame:
    """The ratings on a scale of a task's texts, with labels as numbers."""
    answers = ratings.of_task(session, task.id, kinds=kinds, campaign_kind=CampaignKind.SCALE)
    return answers.assign(label=pd.to_numeric(answers["label"]))
