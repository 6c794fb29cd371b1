"""The methods of a study in sentences: tasks, texts, models, training, statistics, versions and dates."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis.findings import Findings
from core.analysis.reports.pack import references
from core.study import samples, tasks
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Arm, Completion, Run, Task
from core.subjectivity.levels import Measure

OF_MEASURES = {
    Measure.COMPARISONS: (
        "Subjectivity of a task is its Bradley-Terry strength in comparisons of two tasks, with errors robust to the rater.",
        "bradley1952rank",
    ),
    Measure.RATINGS: (
        "Subjectivity of a task is 1 minus Krippendorff's alpha of its ratings.",
        "krippendorff2011computing",
    ),
    Measure.SCALE: ("Subjectivity of a task is the mean rating of its texts from 1 to 5.", "cameron2011robust"),
}
SETTINGS = {
    "batch_size": "batches of {} texts", "learning_rate": "a highest learning rate of {}",
    "max_length": "at most {} tokens a text", "warmup_share": "a warm-up over a share of {} of the steps",
    "weight_decay": "weight decay {}", "class_weights": "{} class weights in the loss",
    "targets": "{} targets, the shares of raters", "sample_weights": "texts weighed in the loss by a {} of their file",
}  # fmt: skip


@dataclass(frozen=True)
class Methods:
    """The methods in paragraphs of plain sentences, the paragraph on training ("" before a run has finished), and the keys of
    the references that they rest on."""

    paragraphs: tuple[str, ...]
    training: str
    references: tuple[str, ...]


def of_study(session: Session, found: Findings) -> Methods:
    """The methods of a study, from its stored settings, runs and completions."""
    runs = _runs(session, found)
    encoders = sorted({run.encoder for run in runs})
    measured, key = OF_MEASURES.get(found.measure, ("", "")) if found.measure else ("", "")
    keys = ["li2023synthetic", *filter(None, map(references.of_encoder, encoders))]
    keys += ["smyth2004linear"] if found.measured.spread.df else []
    keys += ["bell2002bias", "pustejovsky2018small"] if found.fit else []
    keys += [key] if key else []
    training = _training(found, runs, encoders)
    paragraphs = (
        _tasks(session, found),
        _models(session, found),
        training,
        f"{_statistics(found) if runs else ''} {measured}".strip(),
        _versions(runs),
    )
    return Methods(tuple(paragraph for paragraph in paragraphs if paragraph), training, tuple(keys))


def _runs(session: Session, found: Findings) -> list[Run]:
    """The runs behind the findings, in the order of their ids."""
    ids = {int(number) for number in found.scores["run_id"]}
    return [run for run in session.scalars(_of_study(select(Run), found).order_by(Run.id)) if run.id in ids]


def _of_study(query: Any, found: Findings) -> Any:
    return query.join(Arm).join(Task, Task.id == Arm.task_id).where(Task.study_id == found.study.id)


def _tasks(session: Session, found: Findings) -> str:
    counted = samples.counts(session, found.study.id)
    kept = counted[counted["status"] == SampleStatus.KEPT]
    said = []
    for task in tasks.tasks(session, found.study.id):
        own = kept[kept["task"] == task.name]
        of_split = own[own["kind"] == ArmKind.REAL].groupby("split")["n"].sum()
        real = ", ".join(f"{n} {split}" for split, n in of_split.items()) or "no"
        labels = len(tasks.labels_of(session, task.id))
        made = own[own["kind"] != ArmKind.REAL].groupby("arm", sort=False)["n"].sum()
        written = "; ".join(f"{arm} {n}" for arm, n in made.items())
        said.append(f"{task.name} ({labels} labels; {real} real texts{f'; {written} texts' if written else ''})")
    start = "The design follows Li et al. (2023): one encoder is fine-tuned on real and on synthetic texts and tested on real texts."
    return f"{start} Tasks: {'; '.join(said)}." if said else ""


def _models(session: Session, found: Findings) -> str:
    """The models that wrote texts, with numbers of answers, settings and dates."""
    query = select(
        Completion.model, Completion.is_recorded, func.count(), func.min(Completion.created_at), func.max(Completion.created_at)
    )  # fmt: skip
    rows = session.execute(_of_study(query, found).group_by(Completion.model, Completion.is_recorded)).all()
    if not rows:
        return (
            "No text was written by an LLM in this study; synthetic texts, if there are any, were imported from files."
        )
    said = [
        f"{model} ({n} answers, {_span(first, last)}{', recorded beforehand' if is_recorded else ''})"
        for model, is_recorded, n, first, last in rows
    ]
    asked = session.scalars(_of_study(select(Completion.request), found).limit(1000))
    temperatures = sorted({str(request["temperature"]) for request in asked if request.get("temperature") is not None})
    heat = (
        f" Temperature: {', '.join(temperatures)}."
        if temperatures
        else " The temperature was left to the endpoint's default."
    )
    return f"Synthetic texts were written by {'; '.join(said)}.{heat} All prompts are in the appendix."


def _training(found: Findings, runs: list[Run], encoders: list[str]) -> str:
    if not runs:
        return ""
    settings = {name: value for run in runs for name, value in run.config.get("training", {}).items()}
    told = [*_length(runs), *(form.format(settings[name]) for name, form in SETTINGS.items() if name in settings)]
    by_task = found.scores.groupby("task", sort=False)["n_train"]
    sizes = {str(task): sorted(set(map(int, own))) for task, own in by_task}
    size = ", ".join(f"{task} {' or '.join(map(str, numbers))}" for task, numbers in sizes.items())
    if any(len(numbers) > 1 for numbers in sizes.values()):
        size += " (arms are compared on equal numbers of texts)"
    seeds = ", ".join(str(seed) for seed in sorted({run.seed for run in runs}))
    ends = [run.finished_at or 0.0 for run in runs]
    return (
        f"Encoders: {', '.join(encoders)}, fine-tuned with AdamW for {', '.join(told) or 'settings that are not stored'}, with the seeds "
        f"{seeds}. Training texts of every arm: {size}. {len(runs)} runs finished, {_span(min(ends), max(ends))}. {found.left_out}".strip()
    )


def _length(runs: list[Run]) -> list[str]:
    """How long runs were trained: their steps, the rules from which these follow, and whether they could end early."""
    trainings = [run.config["training"] for run in runs if run.config.get("training")]
    steps = sorted({training["steps"] for training in trainings if "steps" in training})
    if not steps:
        return []
    rules = {(run.config["rule"]["passes"], run.config["rule"]["least_steps"]) for run in runs if "rule" in run.config}
    said = [f"{steps[0]:,} steps" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,} steps"]
    said += [
        f"that is {passes:g} passes over the texts and at least {least:,} steps" for passes, least in sorted(rules)
    ]
    if any(training.get("stop") == "early" for training in trainings):
        said.append("early stopping by the loss on a tenth of the texts, kept out of training")
    return said


def _statistics(found: Findings) -> str:
    moderated = ", moderated over arms after Smyth 2004" if found.measured.spread.df else ""
    said = (
        "A gap is the mean score of the trainings on real texts minus that on the arm's texts; its 95 % interval speaks of new test "
        f"texts (by influence functions) and new trainings (by the variance over seeds{moderated})."
    )
    if found.fit:
        said += (
            " The slope over tasks is of least squares, with the task as the unit: CR2 covariance and Satterthwaite degrees of "
            "freedom (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018)."
        )
    return said


def _versions(runs: list[Run]) -> str:
    """Versions, devices and number formats of the runs, with the number of runs where they differ."""
    if not runs:
        return ""
    known = [run.facts for run in runs if run.facts]
    said = [_listed(name, known) for name in ("torch", "transformers", "device", "dtype")]
    return (
        f"Versions: {'; '.join(filter(None, said)) or 'not stored with the runs'}. Written {time.strftime('%Y-%m-%d')}."
    )


def _listed(name: str, facts: Iterable[Mapping[str, Any]]) -> str:
    counted = Counter(str(fact[name]) for fact in facts if name in fact)
    if len(counted) < 2:
        return f"{name} {next(iter(counted))}" if counted else ""
    return f"{name} " + ", ".join(f"{value} ({n} runs)" for value, n in counted.most_common())


def _span(first: float, last: float) -> str:
    """A day, or the first and the last day."""
    return _day(first) if _day(first) == _day(last) else f"{_day(first)} to {_day(last)}"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
