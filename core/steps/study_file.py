"""What a study file and its data hold, brought in as one transaction; all that is wrong with them becomes one list.

Nothing here calls an endpoint or trains. `run` keeps the transaction when no problem is fatal; `run --check` never does.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from core import encoders
from core import settings as settings_module
from core.errors import StudyError
from core.steps import drafting, generate
from core.steps.study_intake import Asked, Intake, Refused, Taken, in_yaml
from core.study import checks, spec, tasks
from core.study.checks import Problem
from core.study.exchange import importing, labels_in_files, tables
from core.study.rows.kinds import ArmKind, RaterKind
from core.study.rows.study import Arm, Study, Task
from core.subjectivity.exchange import counted, formats, imported
from core.synthesis.generation import standing
from core.training import plan


def bring_in(session: Session, settings: settings_module.Settings, asked: Asked) -> Taken:
    """Study, tasks, labels, the files of all arms, and answers. Where a problem is fatal the caller rolls back."""
    intake = Intake(session, settings, asked)
    _check_names(intake)
    _check_encoders(intake)
    study = _study(intake)
    for name, given in asked.spec.tasks.items():
        _task(intake, study, name, given)
    if asked.spec.comparisons:
        _comparisons(intake, study, asked.spec.comparisons)
    is_refused = any(problem.is_fatal for problem in intake.problems)
    return Taken(None if is_refused else study, intake.imports, intake.problems)


def cautions(session: Session, taken: Taken, asked: Asked) -> list[Problem]:
    """What the check of a good study adds: rows that will be left out, and what runs would note about their texts."""
    found = [
        Problem(
            _place(f"tasks.{one['task'][:40]}", one["arm"]),
            f"{sum(one['rejected'].values())} of {one['read']} rows of {one['file']} will be left out: "
            f"{', '.join(f'{reason} ({n})' for reason, n in one['rejected'].items())}.",
            is_fatal=False,
        )
        for one in taken.imports
        if one["rejected"]
    ]
    for name, given in asked.spec.tasks.items():
        if taken.study is not None and not any(arm.generate for arm in given.arms.values()):
            notes = _training_notes(session, tasks.get_task(session, taken.study.id, name), given, asked)
            found += [Problem(f"tasks.{name[:40]}", note, is_fatal=False) for note in notes]
    return found


def _training_notes(session: Session, task: Task, given: spec.TaskSpec, asked: Asked) -> list[str]:
    arms = [arm for arm in tasks.arms(session, task.id) if arm.name == ArmKind.REAL or arm.name in given.arms]
    planned = plan.plan(
        session, task=task, arms=arms, encoders=asked.spec.encoders, seeds=asked.seeds, settings=asked.training
    )
    notes = [note for run in (*planned.new, *planned.existing) for note in run.config.get("notes", [])]
    return list(dict.fromkeys(notes))


def how(given: spec.GenerateSpec) -> generate.How:
    """How an arm is generated, in the words of the command. Raises `StudyError`."""
    wanted = generate.connection_of(
        provider=given.provider,
        model=given.models or ([given.model] if given.model else None),
        base_url=given.base_url,
        recordings=given.recordings,
        temperature=given.temperature,
        concurrency=given.concurrency,
        rpm=given.rpm,
        timeout=given.timeout_s,
        structured=given.structured,
    )
    return generate.How(given.per_label, wanted, given.budget_usd)


def _check_names(intake: Intake) -> None:
    given = intake.asked.spec
    named = [("study", given.study, "study")]
    for task, task_spec in given.tasks.items():
        named.append((f"tasks.{task[:40]}", task, "task"))
        named += [(f"tasks.{task[:40]}.labels", label, "label") for label in task_spec.labels]
        named += [(f"tasks.{task[:40]}.arms.{arm[:40]}", arm, "arm") for arm in task_spec.arms]
    for where, name, what in named:
        with intake.at(where):
            tasks.checked_name(name, what)


def _check_encoders(intake: Intake) -> None:
    """What can be told of encoders without loading them: that they are there, and how many tokens they read."""
    for name in intake.asked.spec.encoders:
        with intake.at("encoders"):
            folder = Path(encoders.resolve(name))
            near = difflib.get_close_matches(name.casefold(), encoders.PACKAGES, n=1, cutoff=0.8)
            if near and name not in encoders.PACKAGES and not folder.is_dir():
                raise StudyError(f"There is no encoder {name!r} here. Did you mean {near[0]!r}?")
            is_path = name.startswith((".", "/", "~")) or len(Path(name).parts) > 2
            if is_path and not folder.is_dir():
                raise StudyError(
                    f"There is no folder {name}. Give the folder of a model, or a model's name such as minilm."
                )
            most = _longest(folder)
            if most and intake.asked.training.max_length > most:
                raise StudyError(
                    f"The encoder {name!r} reads at most {most} tokens. Lower max_length, or choose another."
                )


def _longest(folder: Path) -> int:
    """The most tokens that the encoder in a folder reads; 0 when that cannot be told."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("max_position_embeddings", 0)
    except (OSError, ValueError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0


def _study(intake: Intake) -> Study:
    """The study, or a stand-in when it cannot be had, so that the rest can be looked at."""
    asked = intake.asked
    for name in (asked.spec.study, checks.NAMELESS):
        with intake.at("study"):
            study = tasks.study_named(intake.session, name, is_sample=asked.spec.sample)
            study.config = {
                **study.config,
                "encoders": asked.spec.encoders,
                "seeds": asked.seeds,
                "training": asked.training.model_dump(),
            }
            return study
    raise Refused(intake.problems)


def _task(intake: Intake, study: Study, name: str, given: spec.TaskSpec) -> None:
    where = f"tasks.{name[:40]}"
    task = None if name in intake.asked.unsure else _made(intake, study, name, given)
    _check_providers(intake, where, given, task)
    if task is None:
        _look_only(intake, where, given)
        return
    arms: list[Arm] = []
    to_come: dict[int, int] = {}
    for arm, file in {"real": given.real, **given.arms}.items():
        place = _place(where, arm)
        with intake.at(place):
            arms.append(_arm(intake, place, task, arm, file))
            if isinstance(file, spec.ArmSpec) and file.generate:
                to_come[arms[-1].id] = file.generate.per_label
    if any(arm.kind == ArmKind.REAL for arm in arms):
        for named, sentence in plan.obstacles(intake.session, task=task, arms=arms, to_come=to_come):
            intake.note(checks.of_error(_place(where, named) if named else where, StudyError(sentence)))
    if given.ratings:
        _ratings(intake, f"{where}.ratings", task, given.ratings)


def _made(intake: Intake, study: Study, name: str, given: spec.TaskSpec) -> Task | None:
    with intake.at(f"tasks.{name[:40]}"):
        task = tasks.make_task(
            intake.session,
            study_id=study.id,
            name=name,
            question=given.question,
            labels=given.labels,
            train_size=given.train_size,
        )
        task.train_size = given.train_size  # a size that was taken out of the file holds no longer
        return task
    return None


def _check_providers(intake: Intake, where: str, given: spec.TaskSpec, task: Task | None) -> None:
    """Whether the models of the arms that still need texts can be asked."""
    there = {arm.name: arm.id for arm in tasks.arms(intake.session, task.id)} if task else {}
    for arm, arm_spec in given.arms.items():
        if arm_spec.generate is None:
            continue
        with intake.at(_place(where, arm)):
            wanted = how(arm_spec.generate)
            is_full = arm in there and standing.is_full(
                intake.session, there[arm], per_label=arm_spec.generate.per_label
            )
            if not is_full:
                generate.check(intake.settings, wanted)


def _arm(intake: Intake, place: str, task: Task, name: str, given: spec.FileSpec) -> Arm:
    """An arm with its file, or with the prompt that will fill it. Raises `StudyError`."""
    if isinstance(given, spec.ArmSpec) and given.generate:
        arm = generate.synthetic_arm(intake.session, task, name)
        drafting.ready(intake.session, task, arm, given.generate)
        return arm
    arm = tasks.make_arm(intake.session, task_id=task.id, name=name)
    table = tables.read(given.file, header=given.header)
    labels = [label.name for label in tasks.labels_of(intake.session, task.id)]
    looked = importing.look(table, _options(given), known=labels, real=arm.kind == ArmKind.REAL)
    _strange_labels(intake, place, looked)
    found = importing.bring_in(intake.session, task=task, arm=arm, table=table, options=_options(given))
    counted = {"read": found.read, "kept": found.kept, "rejected": found.rejected}
    intake.imports.append({"task": task.name, "arm": name, "file": given.file.name} | counted)
    return arm


def _options(given: spec.FileSpec) -> importing.Options:
    choices = labels_in_files.Choices(given.fold, given.keep_labels, given.drop_several, tuple(given.cut))
    return importing.Options(
        text=given.text,
        label=given.label,
        split=given.split,
        where=given.where,
        rename=given.rename,
        choices=choices,
        split_column=given.split_column,
    )


def _look_only(intake: Intake, where: str, given: spec.TaskSpec) -> None:
    """The files of a task that could not be made: whether they can be read and have their columns."""
    for arm, file in {"real": given.real, **given.arms}.items():
        if file.file and file.file.name != checks.PLACEHOLDER:
            with intake.at(_place(where, arm)):
                importing.look(tables.read(file.file, header=file.header), _options(file), real=arm == ArmKind.REAL)
    if given.ratings:
        with intake.at(f"{where}.ratings"):
            formats.ratings_in(_answers_in(given.ratings.file), intake.options)


def _strange_labels(intake: Intake, place: str, looked: importing.Findings) -> None:
    """Labels of a file that the task does not have. One that only looks otherwise is a mistake; others are left out."""
    if looked.meant:
        alike = ", ".join(f"{label!r} looks like {name!r}" for label, name in looked.meant.items())
        renamed = ", ".join(f"{json.dumps(label, ensure_ascii=False)}: {name}" for label, name in looked.meant.items())
        what = f"the file has labels that the task writes otherwise: {alike}."
        intake.note(Problem(place, what, f"Write fold: true beside the file, or rename: {{{renamed}}}."))
    if others := {label: n for label, n in looked.unknown.items() if label not in looked.meant}:
        what = f"the file has labels that the task does not have: {_counted(others)}; their rows are left out."
        intake.note(Problem(place, what, "Add them to the task's labels, or map them by rename.", is_fatal=False))
    for note in looked.notes:
        if not note.startswith("Labels that the task does not have"):
            intake.note(Problem(place, in_yaml(note), is_fatal=False))


def _ratings(intake: Intake, place: str, task: Task, given: spec.RatingsSpec) -> None:
    with intake.at(place):
        table = _answers_in(given.file)
        named = [label.name for label in tasks.labels_of(intake.session, task.id)]
        choices = counted.Choices(
            fold=given.fold,
            keep_labels=given.keep_labels,
            whole_sets=given.whole_sets,
            has=given.has,
            rename=given.rename,
        )
        options = replace(intake.options, known=named, choices=choices)
        _strange_answers(intake, place, formats.ratings_in(table, options), named if not given.keep_labels else [])
        imported.import_ratings(intake.session, task=task, table=table, kind=_kind(given), options=options)


def _strange_answers(intake: Intake, place: str, found: formats.Answers, named: list[str]) -> None:
    """Answers that are none of the task's labels. What only looks otherwise is a mistake; others are left out."""
    groups = [group for group in found.alike if set(group) & set(named)]
    if alike := [label for group in groups for label in group if label not in named]:
        what = f"raters gave labels that the task writes otherwise: {_listed(alike)}."
        intake.note(Problem(place, what, "Write fold: true beside the file, or map them by rename."))
    if strange := {reason: n for reason, n in found.left_out.items() if reason.startswith(counted.NO_SUCH)}:
        what = "answers are left out: " + ", ".join(f"{reason} ({n})" for reason, n in list(strange.items())[:10]) + "."
        way_out = "Map them by rename, or write keep_labels: true beside the file."
        intake.note(Problem(place, what, way_out, is_fatal=False))
    for note in found.notes:
        if not groups or not note.startswith("These labels look alike"):
            intake.note(Problem(place, in_yaml(note), is_fatal=False))


def _comparisons(intake: Intake, study: Study, given: spec.RatingsSpec) -> None:
    known = [task.name for task in tasks.tasks(intake.session, study.id)]
    with intake.at("comparisons"):
        table = _answers_in(given.file)
        found = formats.comparisons_in(table, intake.options).frame
        if not intake.asked.is_whole or set(intake.asked.spec.tasks) - set(known):
            return
        named = list(dict.fromkeys([*found["left"], *found["right"]]))
        if strange := [name for name in named if name not in known]:
            intake.note(_strange_tasks(strange, named, intake.asked.spec.tasks))
        imported.import_comparisons(
            intake.session, study_id=study.id, table=table, kind=_kind(given), options=intake.options
        )


def _answers_in(path: Path) -> tables.Table:
    try:
        return formats.read(path)
    except OSError as error:
        raise StudyError(
            f"{path.name[:80]} cannot be read: {error.strerror}. Check its name and its rights."
        ) from error


def _strange_tasks(strange: list[str], named: list[str], asked: Mapping[str, Any]) -> Problem:
    """Comparisons of tasks that the study does not have: a mistake where one of its own tasks then has none."""
    missed = [name for name in asked if name not in named]
    near = [name for name in strange if difflib.get_close_matches(name, asked, n=1, cutoff=0.8)]
    what = f"compares tasks that the study does not have: {_listed(strange)}."
    if missed or near:
        has = f"It has {', '.join(asked)}" + (f"; never compared: {_listed(missed)}." if missed else ".")
        return Problem(
            "comparisons", f"{what} {has}", "Write the tasks' names as the study does, or take those rows out."
        )
    return Problem("comparisons", what, "Their rows are left out.", is_fatal=False)


def _place(task: str, arm: str) -> str:
    """Where an arm of a task stands in a study file."""
    return f"{task}.real" if arm == ArmKind.REAL else f"{task}.arms.{arm[:40]}"


def _kind(given: spec.RatingsSpec) -> RaterKind:
    return RaterKind.SIMULATED if given.simulated else RaterKind.IMPORTED


def _counted(counts: Mapping[str, int]) -> str:
    more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
    return ", ".join(f"{name[:60]!r} ({n})" for name, n in list(counts.items())[:10]) + more


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(repr(name[:60]) for name in names[:10]) + more
