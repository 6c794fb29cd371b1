"""Read a study file and list all problems in it, each with its place and with what to do."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from core.errors import StudyError
from core.study import spec

ROUNDS = 20
NAMELESS = "a study without a name"
PLACEHOLDER = "?"
PLACEHOLDERS: dict[str, Any] = {"question": PLACEHOLDER, "labels": ["?", "??"], "real": {"file": PLACEHOLDER}}


@dataclass(frozen=True)
class Problem:
    """A problem at a place in the study file, such as tasks.mood.arms.zero-shot.

    `what` is a sentence that describes the problem, `way_out` a sentence that says what to do ("" if unknown). A problem
    with `is_fatal` False is a warning: the study can run.
    """

    where: str
    what: str
    way_out: str = ""
    is_fatal: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.way_out}".rstrip()


@dataclass(frozen=True)
class Reading:
    """A study file with its problems.

    `spec` holds the parts of the file without problems; None if no such part exists. `unsure` names the tasks whose
    labels or real texts had a problem and were replaced by placeholders. `is_whole` is True if no task was left out.
    """

    spec: spec.StudySpec | None
    problems: list[Problem]
    unsure: frozenset[str] = frozenset()
    is_whole: bool = True


def of_error(where: str, error: StudyError) -> Problem:
    """Turn an error into a problem; the last sentence of its message becomes `way_out`."""
    what, dot, way_out = str(error).rpartition(". ")
    return Problem(where, f"{what}." if dot else way_out, way_out if dot else "")


def read(path: Path) -> Reading:
    """Read a study file and collect its problems; the files named in it are not opened."""
    try:
        content, twice = spec.raw(path)
    except StudyError as error:
        return Reading(None, [of_error(path.name, error)], is_whole=False)
    found = [Problem(path.name, sentence, "Keep one of the two.") for sentence in twice]
    names = set(_mapping(content.get("tasks")))
    for turn in range(ROUNDS):
        try:
            valid = spec.StudySpec.model_validate(content)
        except pydantic.ValidationError as error:
            found += [problem for problem in _problems(error) if not turn or problem.where != "tasks"]
            content = _without(content, error)
            continue
        unsure = _with_placeholders(valid)
        spec.make_absolute(valid, path.parent.absolute())
        return Reading(valid, _unique(found), unsure, is_whole=names == set(valid.tasks))
    return Reading(None, _unique(found), is_whole=False)


def of_validation(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], *, where: str = ""
) -> list[Problem]:
    """One problem for each validation error of a model; `where` is the place of the model in the study file."""
    described = [spec.described(details, model) for details in error.errors()]
    return [Problem(".".join(filter(None, (where, place))), what) for place, what in described]


def _problems(error: pydantic.ValidationError) -> list[Problem]:
    by_place: dict[str, Problem] = {}
    for problem in of_validation(error, spec.StudySpec):
        by_place.setdefault(problem.where, problem)
    return list(by_place.values())


def _unique(found: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(found))


def _without(content: dict[Any, Any], error: pydantic.ValidationError) -> dict[Any, Any]:
    """A copy of a study file without the smallest part that holds each error; a required part gets a placeholder."""
    rest = copy.deepcopy(content)
    for details in error.errors():
        place = details["loc"]
        if details["type"] == "extra_forbidden":
            _remove(rest, place)
        elif place[:1] == ("study",):
            rest["study"] = NAMELESS
        elif place[0] != "tasks":
            _remove(rest, place[: 2 if place[0] == "training" else 1])
        elif len(place) > 1:
            _mend_task(_mapping(rest["tasks"]), place[1], place[2:])
    return rest


def _mend_task(tasks: dict[Any, Any], name: int | str, place: tuple[int | str, ...]) -> None:
    """Remove the part of a task that holds an error, or replace a required part by its placeholder."""
    task = tasks.get(name)
    part = place[0] if place else ""
    if not isinstance(task, dict) or part == "[key]":
        tasks.pop(name, None)
    elif part in PLACEHOLDERS:
        task[part] = PLACEHOLDERS[str(part)]
    elif part:
        _remove(task, place[: 2 if part == "arms" else 1])
    else:
        task.pop("arms", None)  # a problem of the task as a whole is a problem of its arms


def _with_placeholders(valid: spec.StudySpec) -> frozenset[str]:
    """The names of the tasks whose labels or real texts are placeholders."""
    labels = dict.fromkeys(PLACEHOLDERS["labels"], "")
    return frozenset(
        name for name, task in valid.tasks.items() if task.labels == labels or str(task.real.file) == PLACEHOLDER
    )


def _remove(content: dict[Any, Any], place: tuple[int | str, ...]) -> None:
    """Remove the value at a path of keys, if the path exists."""
    inner: Any = content
    for step in place[:-1]:
        inner = _mapping(inner).get(step)
    _mapping(inner).pop(place[-1], None)


def _mapping(value: Any) -> dict[Any, Any]:
    """The value if it is a mapping, else an empty mapping."""
    return value if isinstance(value, dict) else {}
