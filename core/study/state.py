"""A value that changes with the stored runs, answers, samples and tasks: the key of caches of findings."""

import hashlib

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from core.study.rows.baselines import Baseline
from core.study.rows.kinds import SampleStatus
from core.study.rows.sessions import Comparison, Rater, Rating
from core.study.rows.study import Arm, Continuation, Judgement, Label, Regrouping, Run, Sample, Study, Task


def stamp(session: Session) -> tuple[object, ...]:
    """Counts and newest times of all studies' rows that findings are computed from, read in two queries.

    Two equal stamps mean that no run finished, no answer came or went, no rater was excluded or counted again, no sample
    was kept or rejected, no near-duplicates changed their split, no model completed or judged a text, no baseline was
    computed, no task was put into the trash or taken out, and no study, task, arm or label got another name in between.
    """
    counted = select(
        select(func.count(Run.finished_at)).scalar_subquery(),
        select(func.max(Run.finished_at)).scalar_subquery(),
        select(func.count(Rating.id)).scalar_subquery(),
        select(func.max(Rating.id)).scalar_subquery(),
        select(func.max(Rating.created_at)).scalar_subquery(),
        select(func.count(Comparison.id)).scalar_subquery(),
        select(func.max(Comparison.id)).scalar_subquery(),
        select(func.max(Comparison.created_at)).scalar_subquery(),
        select(func.count(Rater.excluded_at)).scalar_subquery(),
        select(func.max(Rater.excluded_at)).scalar_subquery(),
        select(func.count(Sample.id)).where(Sample.status == SampleStatus.KEPT).scalar_subquery(),
        select(func.count(Task.trashed_at)).scalar_subquery(),
        select(func.max(Task.trashed_at)).scalar_subquery(),
        select(func.count(Regrouping.id)).scalar_subquery(),
        select(func.max(Regrouping.undone_at)).scalar_subquery(),
        select(func.count(Continuation.id)).scalar_subquery(),
        select(func.count(Judgement.id)).scalar_subquery(),
        select(func.max(Judgement.created_at)).scalar_subquery(),
        select(func.count(Baseline.id)).scalar_subquery(),
        select(func.max(Baseline.id)).scalar_subquery(),
    )
    named = union_all(*(select(table.id, table.name) for table in (Study, Task, Arm, Label)))
    names = hashlib.sha256(repr(session.execute(named).all()).encode()).hexdigest()
    return (*session.execute(counted).one(), names)
