"""How subjective each task of a study is, by comparisons between tasks or by agreement on their items."""

from enum import StrEnum

import pandas as pd
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.records import Study
from core.subjectivity import agreement, ranking, ratings

COLUMNS = ["task", "value", "low", "high", "n", "level"]


class Measure(StrEnum):
    """`comparisons`: Bradley-Terry strength (natural log, mean 0). `ratings`: 1 - Krippendorff's alpha. More = more subjective."""

    COMPARISONS = "comparisons"
    RATINGS = "ratings"


def measures(session: Session, study: Study) -> list[Measure]:
    """The measures this study has answers for; the task comparisons of the paper first."""
    kinds = ratings.people(study)
    found = [] if ratings.comparisons(session, study.id, kinds=kinds).empty else [Measure.COMPARISONS]
    if any(not ratings.of_task(session, task.id, kinds=kinds).empty for task in tasks.tasks(session, study.id)):
        found.append(Measure.RATINGS)
    return found


def by_task(session: Session, study: Study, measure: Measure) -> pd.DataFrame:
    """Subjectivity per task: columns task, value, low, high (95 % interval), n (answers), level (nan with ratings).

    Tasks without answers are left out; value, low and high are nan where the statistic is undefined.
    """
    rows = _compared(session, study) if measure == Measure.COMPARISONS else _rated(session, study)
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("value", ignore_index=True)


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
        alpha = agreement.alpha_interval(given, level=agreement.Level.NOMINAL)
        rows.append((task.name, 1 - alpha.value, 1 - alpha.high, 1 - alpha.low, len(given), float("nan")))
    return rows
