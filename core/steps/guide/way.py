"""The way from real texts to a verdict: the steps of each task, what each step has so far, and which step comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from core.jobs import queue
from core.steps.guide import going_on
from core.steps.guide.going_on import Doing
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose, RaterKind, SampleStatus, Split, TrialKind
from core.study.rows.sessions import Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Judgement, Prompt, Run, Sample, Study, Task, Trial
from core.subjectivity import ratings
from core.wording import counted, shown

LEAST_SEEDS = 3  # an interval of a gap needs as many


@dataclass(frozen=True)
class Step:
    """One step of the way of a task.

    `page`: where the step is done. `has`: what the task has of it, in a few words; "" if it has nothing. `wanted`: what to do,
    as a sentence. An optional step is never the next one: a verdict can be had without it. `doing`: what jobs do there for this task.
    `is_possible`: there is something to do the step with.
    """

    page: str
    name: str
    has: str
    wanted: str
    is_done: bool
    is_optional: bool = False
    is_possible: bool = True
    doing: Doing = going_on.NOTHING

    @property
    def is_paused(self) -> bool:
        """Whether all jobs that do the step are paused."""
        return self.doing.is_paused

    @property
    def is_running(self) -> bool:
        """Whether a job does the step, or waits to do it."""
        return bool(self.doing.states) and not self.is_paused


@dataclass(frozen=True)
class Way:
    """The steps of a task in their order. The last step is the verdict."""

    task: str
    steps: tuple[Step, ...]

    @property
    def next(self) -> Step:
        """The first step that is needed and not done, or the verdict."""
        return next((step for step in self.steps if not step.is_done and not step.is_optional), self.steps[-1])

    @property
    def meanwhile(self) -> Step | None:
        """An optional step that can be done and is not, for the time in which a job does the next step; None without one."""
        return next((step for step in self.steps if step.is_optional and step.is_possible and not step.is_done), None)


@dataclass(frozen=True)
class _Counts:
    """What a task has: kept texts by use, prompt versions, tried calls, judged texts, answers of raters, and seeds by arm."""

    train: int = 0
    test: int = 0
    synthetic: int = 0
    prompts: int = 0
    tries: int = 0
    judged: int = 0
    answers: int = 0
    seeds_real: int = 0
    seeds_synthetic: int = 0


def ways(session: Session, study_id: int) -> list[Way]:
    """The way of every task of a study, in the order of its tasks."""
    known = tasks.tasks(session, study_id)
    doing = going_on.of_tasks(session, study_id)
    counted = _counts(session, [task.id for task in known], people=ratings.people(session.get_one(Study, study_id)))
    return [Way(task.name, _steps(task, counted[task.id], doing[task.id])) for task in known]


def stamp(session: Session, study_id: int) -> tuple[object, ...]:
    """What `ways` depends on beside `core.study.state.stamp`: names of tasks, prompt versions, tried calls and active jobs."""
    known = tuple((task.id, task.name) for task in tasks.tasks(session, study_id))
    jobs = queue.rows(session, study_id=study_id, active_only=True, limit=None)
    active = tuple((job.id, job.state, job.resume_at) for job in jobs)
    return known, session.scalar(select(func.max(Prompt.id))), session.scalar(select(func.max(Trial.id))), active


def first_open(found: Sequence[Way]) -> Way | None:
    """The first way whose next step is not its verdict; else the first way; None if there is no task."""
    return next((way for way in found if way.next.page != "verdict"), found[0] if found else None)


def _steps(task: Task, counts: _Counts, doing: Mapping[str, Doing]) -> tuple[Step, ...]:
    name, seeds = shown(task.name), min(counts.seeds_real, counts.seeds_synthetic)
    real = (
        f"Bring in real test texts of {name}, each with its label: models are scored on them."
        if counts.train
        else f"Bring in real texts of {name}, each with its label."
    )
    came = "texts came from a file" if counts.synthetic and not counts.prompts else _has(counts.prompts, "version")
    steps = (
        Step(
            "data",
            "Real texts",
            f"{counts.train + counts.test:,} texts, {counts.test:,} of them for testing" if counts.train else "",
            real,
            counts.train > 0 and counts.test > 0,
        ),
        Step("prompts", "Prompt", came, _prompt(name, counts), bool(came)),
        Step(
            "generate",
            "LLM texts",
            _has(counts.synthetic, "text"),
            f"Let a model write texts of {name}; the estimate says what that costs.",
            counts.synthetic > 0,
        ),
        _optional(
            "inspect",
            "Check",
            _has(counts.judged, "judged text"),
            f"Look at the texts written for {name}: do their labels fit, are they too much alike?",
            is_possible=counts.synthetic > 0,
        ),
        _optional(
            "campaigns",
            "Ratings",
            _has(counts.answers, "answer"),
            f"Ask people how subjective {name} is.",
            is_possible=counts.train > 0,
        ),
        Step(
            "train",
            "Training",
            f"{counted(seeds, 'seed')} of each arm" if seeds else "",
            _training(name, counts),
            seeds >= LEAST_SEEDS,
        ),
        Step("verdict", "Verdict", "", f"Read the verdict on {name}.", False),
    )
    return tuple(replace(step, doing=doing.get(step.page, going_on.NOTHING)) for step in steps)


def _prompt(task: str, counts: _Counts) -> str:
    if counts.tries:
        return f"Save the prompt for {task} as a new version: it has been tried, and texts are written with a saved version."
    return f"Write the prompt for {task}: connect a model, try it with five calls, then save it as a new version."


def _training(task: str, counts: _Counts) -> str:
    seeds = min(counts.seeds_real, counts.seeds_synthetic)
    if seeds:
        return f"Train {task} with more seeds: an interval needs {LEAST_SEEDS}, and {seeds} {'is' if seeds == 1 else 'are'} done."
    return f"Train on the real and on the synthetic texts of {task}, with {LEAST_SEEDS} seeds."


def _optional(page: str, name: str, has: str, wanted: str, *, is_possible: bool) -> Step:
    return Step(page, name, has, wanted, is_done=bool(has), is_optional=True, is_possible=is_possible)


def _has(n: int, noun: str) -> str:
    return counted(n, noun) if n else ""


def _counts(session: Session, task_ids: Sequence[int], *, people: Sequence[RaterKind]) -> dict[int, _Counts]:
    """The counts of each task, read in one query for each kind of row; answers are those of raters of the kinds `people`."""
    is_real = Arm.kind == ArmKind.REAL
    kept = (
        select(Arm.task_id, is_real, Sample.split, func.count(Sample.id))
        .join(Sample, Sample.arm_id == Arm.id)
        .where(Arm.task_id.in_(task_ids), Sample.status == SampleStatus.KEPT)
        .group_by(Arm.task_id, is_real, Sample.split)
    )
    found = {id: _Counts() for id in task_ids}
    for task_id, real, split, n in session.execute(kept):
        if real and split in (Split.TRAIN, Split.TEST):
            name = "train" if split == Split.TRAIN else "test"
            found[task_id] = replace(found[task_id], **{name: n})
        elif not real and split == Split.TRAIN:
            found[task_id] = replace(found[task_id], synthetic=n)
    of_tasks = Arm.task_id.in_(task_ids)
    counts = (Rater.kind.in_(people), Rater.excluded_at.is_(None))
    prompts = select(Arm.task_id, func.count(Prompt.id)).join(Prompt, Prompt.arm_id == Arm.id).where(of_tasks)
    tried = select(Arm.task_id, func.count(Trial.id)).join(Trial, Trial.arm_id == Arm.id)
    tried = tried.where(of_tasks, Trial.kind == TrialKind.TRY)
    judged = (
        select(Arm.task_id, func.count(func.distinct(Judgement.sample_id)))
        .join(Sample, Sample.arm_id == Arm.id)
        .join(Judgement, Judgement.sample_id == Sample.id)
        .where(of_tasks)
    )
    rated = (
        select(Arm.task_id, func.count(Rating.id))
        .join(Sample, Sample.arm_id == Arm.id)
        .join(Item, Item.sample_id == Sample.id)
        .join(Rating, Rating.item_id == Item.id)
        .join(Rater, Rater.id == Rating.rater_id)
        .where(of_tasks, *counts)
    )
    for name, query in {"prompts": prompts, "tries": tried, "judged": judged, "answers": rated}.items():
        for task_id, n in session.execute(query.group_by(Arm.task_id)):
            found[task_id] = replace(found[task_id], **{name: n})
    for side in (Comparison.left_task_id, Comparison.right_task_id):
        compared = select(side, func.count(Comparison.id)).join(Rater, Rater.id == Comparison.rater_id)
        compared = compared.where(side.in_(task_ids), *counts).group_by(side)
        for compared_id, n in session.execute(compared):
            if compared_id is not None:
                found[compared_id] = replace(found[compared_id], answers=found[compared_id].answers + n)
    _add_seeds(session, found)
    return found


def _add_seeds(session: Session, found: dict[int, _Counts]) -> None:
    """Add how many seeds of the comparison are finished: of the real arm, and of the synthetic arm that has the most."""
    query = (
        select(Arm.task_id, case((Arm.kind == ArmKind.REAL, 1), else_=0), func.count(func.distinct(Run.seed)))
        .join(Run, Run.arm_id == Arm.id)
        .where(Arm.task_id.in_(list(found)), Run.finished_at.is_not(None), Run.purpose == Purpose.COMPARISON)
        .group_by(Arm.task_id, Arm.id, Arm.kind)
    )
    for task_id, real, n in session.execute(query):
        counts = found[task_id]
        if real:
            found[task_id] = replace(counts, seeds_real=n)
        else:
            found[task_id] = replace(counts, seeds_synthetic=max(counts.seeds_synthetic, n))
