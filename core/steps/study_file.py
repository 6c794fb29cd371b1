"""Import a study file and its data in one transaction, and list every problem of the file and the data.

Nothing here calls an endpoint or trains. The command `run` commits the transaction unless a problem is fatal;
`run --check` always rolls back.
"""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy.orm import Session

from core import encoders, files
from core import settings as settings_module
from core.errors import StudyError
from core.steps import drafting, generate
from core.steps.study_intake import ImportedStudy, Refused, StudyImport, StudyRequest, in_yaml
from core.study import checks, spec, tasks
from core.study.checks import Problem
from core.study.exchange import importing, labels_in_files, tables
from core.study.rows.kinds import ArmKind, RaterKind
from core.study.rows.study import Arm, Study, Task
from core.subjectivity.exchange import counted, formats, imported
from core.synthesis.generation import standing
from core.training import curve, plan, selection
from core.wording import listed


def import_study(session: Session, settings: settings_module.Settings, request: StudyRequest) -> ImportedStudy:
    """Import the study, its tasks, labels, files of arms, ratings and comparisons.

    The caller rolls back if the returned `study` is None, which means that a problem is fatal.
    """
    study_import = StudyImport(session, settings, request)
    _check_names(study_import)
    _check_encoders(study_import)
    study = _study(study_import)
    for name, task_spec in request.spec.tasks.items():
        _task(study_import, study, name, task_spec)
    if request.spec.comparisons:
        _comparisons(study_import, study, request.spec.comparisons)
    is_refused = any(problem.is_fatal for problem in study_import.problems)
    return ImportedStudy(None if is_refused else study, study_import.imports, study_import.problems)


def cautions(session: Session, result: ImportedStudy, request: StudyRequest) -> list[Problem]:
    """Return the cautions about a study without fatal problems: rows left out, and notes of runs about their texts."""
    problems = [
        Problem(
            _place(f"tasks.{row['task'][:40]}", row["arm"]),
            f"{sum(row['rejected'].values())} of {row['read']} rows of {row['file']} will be left out: "
            f"{', '.join(f'{reason} ({n})' for reason, n in row['rejected'].items())}.",
            is_fatal=False,
        )
        for row in result.imports
        if row["rejected"]
    ]
    for name, task_spec in request.spec.tasks.items():
        if result.study is not None and not any(arm.generate for arm in task_spec.arms.values()):
            notes = _training_notes(session, tasks.get_task(session, result.study.id, name), task_spec, request)
            problems += [Problem(f"tasks.{name[:40]}", note, is_fatal=False) for note in notes]
    return problems


def _training_notes(session: Session, task: Task, task_spec: spec.TaskSpec, request: StudyRequest) -> list[str]:
    arms = [arm for arm in tasks.arms(session, task.id) if arm.name == ArmKind.REAL or arm.name in task_spec.arms]
    planned = plan.plan(
        session, task=task, arms=arms, encoders=request.spec.encoders, seeds=request.seeds, settings=request.training
    )
    notes = [note for run in (*planned.new, *planned.existing) for note in run.config.get("notes", [])]
    return list(dict.fromkeys(notes))


def generation_request(generate_spec: spec.GenerateSpec) -> generate.GenerationRequest:
    """Return the generation request of an arm's entry in a study file. Raises `StudyError` for an invalid entry."""
    wanted = generate.connection_of(
        provider=generate_spec.provider,
        model=generate_spec.models or ([generate_spec.model] if generate_spec.model else None),
        base_url=generate_spec.base_url,
        recordings=generate_spec.recordings,
        temperature=generate_spec.temperature,
        concurrency=generate_spec.concurrency,
        rpm=generate_spec.rpm,
        timeout=generate_spec.timeout_s,
        structured=generate_spec.structured,
    )
    return generate.GenerationRequest(generate_spec.per_label, wanted, generate_spec.budget_usd)


def _check_names(study_import: StudyImport) -> None:
    study_spec = study_import.request.spec
    named = [("study", study_spec.study, "study")]
    for task, task_spec in study_spec.tasks.items():
        named.append((f"tasks.{task[:40]}", task, "task"))
        named += [(f"tasks.{task[:40]}.labels", label, "label") for label in task_spec.labels]
        named += [(f"tasks.{task[:40]}.arms.{arm[:40]}", arm, "arm") for arm in task_spec.arms]
    for where, name, what in named:
        with study_import.at(where):
            tasks.checked_name(name, what)


def _check_encoders(study_import: StudyImport) -> None:
    """Check encoders without loading them: that folders exist and hold a model that may be used, and that `max_length` is
    not too long. A name on a hub is not looked up: a check makes no request."""
    for name in study_import.request.spec.encoders:
        with study_import.at("encoders"):
            folder = Path(encoders.resolve(name))
            is_here = folder.is_absolute() and files.is_folder(folder)
            near = difflib.get_close_matches(name.casefold(), encoders.PACKAGES, n=1, cutoff=0.8)
            if near and name not in encoders.PACKAGES and not is_here:
                raise StudyError(f"There is no encoder {name!r} here. Did you mean {near[0]!r}?")
            if encoders.is_path(name) and not is_here:
                raise StudyError(
                    f"There is no folder {name}. Give the folder of a model, or a model's name such as minilm."
                )
            if is_here and (fault := encoders.fault_of(folder)):
                raise StudyError(f"The encoder {name!r} {fault}")
            most = _longest(folder)
            if study_import.request.training.max_length > most:
                raise StudyError(
                    f"The encoder {name!r} reads at most {most} tokens. Lower max_length, or choose another."
                )


def _longest(folder: Path) -> float:
    """Return the most tokens that the encoder in a folder reads; infinity if its config.json does not say."""
    try:
        return encoders.most_tokens(SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError):
        return math.inf


def _study(study_import: StudyImport) -> Study:
    """Get or create the study; after a problem with the name, a stand-in study, so that the rest of the file is checked too."""
    request = study_import.request
    for name in (request.spec.study, checks.NAMELESS):
        with study_import.at("study"):
            study = tasks.study_named(study_import.session, name, is_sample=request.spec.sample)
            study.config = {
                **study.config,
                "encoders": request.spec.encoders,
                "seeds": request.seeds,
                "training": request.training.model_dump(),
            }
            return study
    raise Refused(study_import.problems)


def _task(study_import: StudyImport, study: Study, name: str, task_spec: spec.TaskSpec) -> None:
    where = f"tasks.{name[:40]}"
    task = None if name in study_import.request.unsure else _get_task(study_import, study, name, task_spec)
    _check_providers(study_import, where, task_spec, task)
    if task is None:
        _look_only(study_import, where, task_spec)
        return
    arms: list[Arm] = []
    to_come: dict[int, int] = {}
    for arm, file in {"real": task_spec.real, **task_spec.arms}.items():
        place = _place(where, arm)
        with study_import.at(place):
            arms.append(_arm(study_import, place, task, arm, file))
            if isinstance(file, spec.ArmSpec) and file.generate:
                to_come[arms[-1].id] = file.generate.per_label
    if any(arm.kind == ArmKind.REAL for arm in arms):
        for named, sentence in plan.obstacles(study_import.session, task=task, arms=arms, to_come=to_come):
            study_import.note(checks.of_error(_place(where, named) if named else where, StudyError(sentence)))
        _check_curve(study_import, where, task, task_spec)
    if task_spec.ratings:
        _ratings(study_import, f"{where}.ratings", task, task_spec.ratings)


def _check_curve(study_import: StudyImport, where: str, task: Task, task_spec: spec.TaskSpec) -> None:
    """Check that the arms and sizes of a task's learning curve exist."""
    asked = task_spec.curve or study_import.request.spec.curve
    if asked is None:
        return
    session = study_import.session
    with study_import.at(f"{where}.curve"):
        if strange := [name for name in asked.arms if name not in task_spec.arms]:
            arms = ", ".join(task_spec.arms) or "none"
            raise StudyError(f"The task has no synthetic arm {strange[0]!r} for its curve. Arms of the task: {arms}.")
        labels = [label.name for label in tasks.labels_of(session, task.id)]
        real = tasks.get_arm(session, task, ArmKind.REAL)
        most = len(selection.training_pool(session, task, real, labels, selection.test_split(session, task)))
        sizes = [curve.size_of(str(size)) for size in (curve.USUAL if asked.sizes is None else asked.sizes)]
        curve.check_sizes([size for size in sizes if size is not None], labels=len(labels), most=most)


def _get_task(study_import: StudyImport, study: Study, name: str, task_spec: spec.TaskSpec) -> Task | None:
    with study_import.at(f"tasks.{name[:40]}"):
        task = tasks.make_task(
            study_import.session,
            study_id=study.id,
            name=name,
            question=task_spec.question,
            labels=task_spec.labels,
            train_size=task_spec.train_size,
        )
        task.train_size = task_spec.train_size  # a size that was deleted from the file no longer applies
        return task
    return None


def _check_providers(study_import: StudyImport, where: str, task_spec: spec.TaskSpec, task: Task | None) -> None:
    """Check that the models can be opened, for each arm that still needs texts."""
    arm_ids = {arm.name: arm.id for arm in tasks.arms(study_import.session, task.id)} if task else {}
    for arm, arm_spec in task_spec.arms.items():
        if arm_spec.generate is None:
            continue
        with study_import.at(_place(where, arm)):
            wanted = generation_request(arm_spec.generate)
            is_full = arm in arm_ids and standing.is_full(
                study_import.session, arm_ids[arm], per_label=arm_spec.generate.per_label
            )
            if not is_full:
                generate.check(study_import.settings, wanted)


def _arm(study_import: StudyImport, place: str, task: Task, name: str, file_spec: spec.FileSpec) -> Arm:
    """Get or create an arm, and import its file or save its prompt. Raises `StudyError` for an invalid entry or file."""
    if isinstance(file_spec, spec.ArmSpec) and file_spec.generate:
        arm = generate.synthetic_arm(study_import.session, task, name)
        drafting.ready(study_import.session, task, arm, file_spec.generate)
        return arm
    arm = tasks.make_arm(study_import.session, task_id=task.id, name=name)
    table = tables.read(file_spec.file, header=file_spec.header)
    labels = [label.name for label in tasks.labels_of(study_import.session, task.id)]
    looked = importing.look(table, _options(file_spec), known=labels, real=arm.kind == ArmKind.REAL)
    _strange_labels(study_import, place, looked)
    imported_file = importing.bring_in(
        study_import.session, task=task, arm=arm, table=table, options=_options(file_spec)
    )
    counted = {"read": imported_file.read, "kept": imported_file.kept, "rejected": imported_file.rejected}
    study_import.imports.append({"task": task.name, "arm": name, "file": file_spec.file.name} | counted)
    return arm


def _options(file_spec: spec.FileSpec) -> importing.Options:
    choices = labels_in_files.Choices(
        file_spec.fold, file_spec.keep_labels, file_spec.drop_several, tuple(file_spec.cut)
    )
    return importing.Options(
        text=file_spec.text,
        label=file_spec.label,
        split=file_spec.split,
        where=file_spec.where,
        rename=file_spec.rename,
        choices=choices,
        split_column=file_spec.split_column,
    )


def _look_only(study_import: StudyImport, where: str, task_spec: spec.TaskSpec) -> None:
    """Check that the files of a task can be read and have their columns, for a task that could not be created."""
    for arm, file in {"real": task_spec.real, **task_spec.arms}.items():
        if file.file and file.file.name != checks.PLACEHOLDER:
            with study_import.at(_place(where, arm)):
                importing.look(tables.read(file.file, header=file.header), _options(file), real=arm == ArmKind.REAL)
    if task_spec.ratings:
        with study_import.at(f"{where}.ratings"):
            formats.ratings_in(_answers_in(task_spec.ratings.file), study_import.options)


def _strange_labels(study_import: StudyImport, place: str, looked: importing.Findings) -> None:
    """Note labels of a file that the task does not have.

    A label that differs from a label of the task only in its spelling is a fatal problem; the rows of other labels are
    left out.
    """
    if looked.meant:
        alike = ", ".join(f"{label!r} looks like {name!r}" for label, name in looked.meant.items())
        renamed = ", ".join(f"{json.dumps(label, ensure_ascii=False)}: {name}" for label, name in looked.meant.items())
        what = f"the file has labels that the task writes otherwise: {alike}."
        study_import.note(Problem(place, what, f"Write fold: true beside the file, or rename: {{{renamed}}}."))
    if others := {label: n for label, n in looked.unknown.items() if label not in looked.meant}:
        what = f"the file has labels that the task does not have: {_counted(others)}; their rows are left out."
        study_import.note(Problem(place, what, "Add them to the task's labels, or map them by rename.", is_fatal=False))
    for note in looked.notes:
        if not note.startswith("Labels that the task does not have"):
            study_import.note(Problem(place, in_yaml(note), is_fatal=False))


def _ratings(study_import: StudyImport, place: str, task: Task, ratings_spec: spec.RatingsSpec) -> None:
    with study_import.at(place):
        table = _answers_in(ratings_spec.file)
        named = [label.name for label in tasks.labels_of(study_import.session, task.id)]
        choices = counted.Choices(
            fold=ratings_spec.fold,
            keep_labels=ratings_spec.keep_labels,
            whole_sets=ratings_spec.whole_sets,
            has=ratings_spec.has,
            rename=ratings_spec.rename,
        )
        options = replace(study_import.options, known=named, choices=choices)
        _strange_answers(
            study_import, place, formats.ratings_in(table, options), named if not ratings_spec.keep_labels else []
        )
        result = imported.import_ratings(
            study_import.session, task=task, table=table, kind=_kind(ratings_spec), options=options
        )
        _earlier_answers(study_import, place, table.file, result)


def _strange_answers(study_import: StudyImport, place: str, answers: formats.Answers, named: list[str]) -> None:
    """Note answers of raters that are no label of the task.

    An answer that differs from a label only in its spelling is a fatal problem; other answers are left out.
    """
    groups = [group for group in answers.alike if set(group) & set(named)]
    if alike := [label for group in groups for label in group if label not in named]:
        what = f"raters gave labels that the task writes otherwise: {listed(map(repr, alike), most=10)}."
        study_import.note(Problem(place, what, "Write fold: true beside the file, or map them by rename."))
    if strange := {reason: n for reason, n in answers.left_out.items() if reason.startswith(counted.NO_SUCH)}:
        what = "answers are left out: " + ", ".join(f"{reason} ({n})" for reason, n in list(strange.items())[:10]) + "."
        way_out = "Map them by rename, or write keep_labels: true beside the file."
        study_import.note(Problem(place, what, way_out, is_fatal=False))
    for note in answers.notes:
        if not groups or not note.startswith("These labels look alike"):
            study_import.note(Problem(place, in_yaml(note), is_fatal=False))


def _comparisons(study_import: StudyImport, study: Study, ratings_spec: spec.RatingsSpec) -> None:
    known = [task.name for task in tasks.tasks(study_import.session, study.id)]
    with study_import.at("comparisons"):
        table = _answers_in(ratings_spec.file)
        answers = formats.comparisons_in(table, study_import.options).frame
        if not study_import.request.is_whole or set(study_import.request.spec.tasks) - set(known):
            return
        named = list(dict.fromkeys([*answers["left"], *answers["right"]]))
        if strange := [name for name in named if name not in known]:
            study_import.note(_strange_tasks(strange, named, study_import.request.spec.tasks))
        result = imported.import_comparisons(
            study_import.session, study_id=study.id, table=table, kind=_kind(ratings_spec), options=study_import.options
        )
        _earlier_answers(study_import, "comparisons", table.file, result)


def _earlier_answers(study_import: StudyImport, place: str, file: str, result: imported.Imported) -> None:
    """Note which answers of earlier files of this name, or of the file read otherwise, were replaced and which stayed."""
    for note in imported.about_earlier(file, replaced=result.replaced, beside=result.beside):
        study_import.note(Problem(place, note, is_fatal=False))


def _answers_in(path: Path) -> tables.Table:
    try:
        return formats.read(path)
    except OSError as error:
        raise StudyError(
            f"{path.name[:80]} cannot be read: {error.strerror}. Check its name and its rights."
        ) from error


def _strange_tasks(strange: list[str], named: list[str], task_names: Mapping[str, Any]) -> Problem:
    """Return the problem of comparisons between tasks that the study does not have.

    The problem is fatal if a task of the study is never compared, or if a name resembles a task of the study.
    """
    missed = [name for name in task_names if name not in named]
    near = [name for name in strange if difflib.get_close_matches(name, task_names, n=1, cutoff=0.8)]
    what = f"compares tasks that the study does not have: {listed(map(repr, strange), most=10)}."
    if missed or near:
        has = f"It has {', '.join(task_names)}" + (
            f"; never compared: {listed(map(repr, missed), most=10)}." if missed else "."
        )
        return Problem(
            "comparisons", f"{what} {has}", "Write the tasks' names as the study does, or take those rows out."
        )
    return Problem("comparisons", what, "Their rows are left out.", is_fatal=False)


def _place(task: str, arm: str) -> str:
    """Return the place of an arm in a study file, such as "tasks.mood.arms.zero-shot"."""
    return f"{task}.real" if arm == ArmKind.REAL else f"{task}.arms.{arm[:40]}"


def _kind(ratings_spec: spec.RatingsSpec) -> RaterKind:
    return RaterKind.SIMULATED if ratings_spec.simulated else RaterKind.IMPORTED


def _counted(counts: Mapping[str, int]) -> str:
    more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
    return ", ".join(f"{name[:60]!r} ({n})" for name, n in list(counts.items())[:10]) + more
