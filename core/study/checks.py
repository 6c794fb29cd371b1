"""What is wrong with a study file, all of it at once: one list of problems, each with its place and the way out."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from core.errors import StudyError
from core.study import spec

ROUNDS = 20
NAMELESS = "a study without a name"
STAND_IN = "?"
STAND_INS: dict[str, Any] = {"question": STAND_IN, "labels": ["?", "??"], "real": {"file": STAND_IN}}


@dataclass(frozen=True)
class Problem:
    """`where` is a place in the study file such as tasks.mood.arms.zero-shot; a problem that is not fatal is a caution."""

    where: str
    what: str
    way_out: str = ""
    is_fatal: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.way_out}".rstrip()


@dataclass(frozen=True)
class Reading:
    """A study file as far as it can be understood. `spec` lacks every part that has a problem; it is None when nothing is
    left. `unsure` are tasks whose labels or real texts are stand-ins; `is_whole` says that no task was left out."""

    spec: spec.StudySpec | None
    problems: list[Problem]
    unsure: frozenset[str] = frozenset()
    is_whole: bool = True


def of_error(where: str, error: StudyError) -> Problem:
    """The problem that an error tells. Its last sentence is the way out."""
    what, dot, way_out = str(error).rpartition(". ")
    return Problem(where, f"{what}." if dot else way_out, way_out if dot else "")


def read(path: Path) -> Reading:
    """A study file with everything that is wrong in it; the files that it names are not opened."""
    try:
        given, twice = spec.raw(path)
    except StudyError as error:
        return Reading(None, [of_error(path.name, error)], is_whole=False)
    found = [Problem(path.name, sentence, "Keep one of the two.") for sentence in twice]
    names = set(_mapping(given.get("tasks")))
    for turn in range(ROUNDS):
        try:
            understood = spec.StudySpec.model_validate(given)
        except pydantic.ValidationError as error:
            found += [problem for problem in _problems(error) if not turn or problem.where != "tasks"]
            given = _without(given, error)
            continue
        unsure = _stand_ins(understood)
        spec.make_absolute(understood, path.parent.absolute())
        return Reading(understood, _once(found), unsure, is_whole=names == set(understood.tasks))
    return Reading(None, _once(found), is_whole=False)


def of_validation(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], *, where: str = ""
) -> list[Problem]:
    """A problem for each thing that a model refuses."""
    told = [spec.told(one, model) for one in error.errors()]
    return [Problem(".".join(filter(None, (where, place))), what) for place, what in told]


def _problems(error: pydantic.ValidationError) -> list[Problem]:
    by_place: dict[str, Problem] = {}
    for problem in of_validation(error, spec.StudySpec):
        by_place.setdefault(problem.where, problem)
    return list(by_place.values())


def _once(found: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(found))


def _without(given: dict[Any, Any], error: pydantic.ValidationError) -> dict[Any, Any]:
    """The same study without the smallest part that holds each error, or with a stand-in for a part that must be."""
    left = copy.deepcopy(given)
    for one in error.errors():
        place = one["loc"]
        if one["type"] == "extra_forbidden":
            _remove(left, place)
        elif place[:1] == ("study",):
            left["study"] = NAMELESS
        elif place[0] != "tasks":
            _remove(left, place[: 2 if place[0] == "training" else 1])
        elif len(place) > 1:
            _mend_task(_mapping(left["tasks"]), place[1], place[2:])
    return left


def _mend_task(known: dict[Any, Any], name: int | str, place: tuple[int | str, ...]) -> None:
    task = known.get(name)
    part = place[0] if place else ""
    if not isinstance(task, dict) or part == "[key]":
        known.pop(name, None)
    elif part in STAND_INS:
        task[part] = STAND_INS[str(part)]
    elif part:
        _remove(task, place[: 2 if part == "arms" else 1])
    else:
        task.pop("arms", None)  # what is said of a task as a whole is said of its arms


def _stand_ins(understood: spec.StudySpec) -> frozenset[str]:
    labels = dict.fromkeys(STAND_INS["labels"], "")
    return frozenset(
        name for name, task in understood.tasks.items() if task.labels == labels or str(task.real.file) == STAND_IN
    )


def _remove(given: dict[Any, Any], place: tuple[int | str, ...]) -> None:
    inner: Any = given
    for step in place[:-1]:
        inner = _mapping(inner).get(step)
    _mapping(inner).pop(place[-1], None)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
