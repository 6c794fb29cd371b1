"""The transaction in which a study file is brought in: what was asked for, and the list of problems met on the way."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pydantic
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.study import checks, spec
from core.study.checks import Problem
from core.study.rows.study import Study
from core.subjectivity.exchange import formats, pseudonyms
from core.training import plan

OPTION = re.compile(
    r"--(?P<name>fold|keep-labels|drop-several|whole-sets|cut|header|no-header|text|label|split-column|split)\b"
    r"(?: (?P<number>[\d.]+))?|--has (?P<has>[^\s)]+)"
    r"|--rename (?P<theirs>'[^']+'|[^\s=]+)=(?P<ours>'[^']+'|[\w-]+)"
)

NAMING = ("text", "label", "split", "split-column")


@dataclass(frozen=True)
class Asked:
    """A study file as far as it is understood, with what was changed on the command line, and what is wrong in it."""

    spec: spec.StudySpec
    training: plan.TrainingSettings
    seeds: list[int]
    problems: list[Problem]
    unsure: frozenset[str] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True)
class Taken:
    """What was brought in: a row for each file, and every problem; `study` is None when one of them is fatal."""

    study: Study | None
    imports: list[dict[str, Any]]
    problems: list[Problem]


class Refused(StudyError):
    """A study that cannot be run as it stands; `problems` are all its problems, the message lists them."""

    def __init__(self, problems: list[Problem]) -> None:
        fatal = [problem for problem in problems if problem.is_fatal]
        count = f"{len(fatal)} problem{'s' if len(fatal) > 1 else ''}"
        super().__init__("\n".join([f"{count}; nothing was stored, asked or paid for.", *map(lines_of, problems)]))
        self.problems = problems


class Intake:
    """The transaction and the problems met in it so far; each step that fails is undone by itself."""

    def __init__(self, session: Session, settings: settings_module.Settings, asked: Asked) -> None:
        self.session = session
        self.settings = settings
        self.asked = asked
        self.imports: list[dict[str, Any]] = []
        self.problems: list[Problem] = list(asked.problems)

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        """A step whose `StudyError` is noted as the problem of a place."""
        try:
            with self.session.begin_nested():
                yield
        except StudyError as error:
            self.note(checks.of_error(where, StudyError(in_yaml(str(error)))))

    def note(self, problem: Problem) -> None:
        said = {(known.what, known.where.startswith(problem.where)) for known in self.problems}
        if (problem.what, True) not in said:
            self.problems.append(problem)

    @property
    def options(self) -> formats.Options:
        return formats.Options(key=pseudonyms.key_in(self.settings.home))


def lines_of(problem: Problem) -> str:
    """A problem as a line of a list."""
    return f"  {'' if problem.is_fatal else 'mind: '}{problem}"


def asked_of(reading: checks.Reading, *, seeds: str | None) -> Asked:
    """A study file with its training settings checked and the seeds of the command line in place of its own.

    Raises `Refused` when nothing of it can be understood.
    """
    problems = list(reading.problems)
    if reading.spec is None:
        raise Refused(problems)
    study = reading.spec
    try:
        training = plan.TrainingSettings.model_validate(study.training)
    except pydantic.ValidationError as error:
        problems += checks.of_validation(error, plan.TrainingSettings, where="training")
        training = plan.TrainingSettings()
    try:
        chosen = [int(seed) for seed in seeds.split(",")] if seeds else study.seeds
    except ValueError:
        problems.append(Problem("--seeds", f"found {seeds!r}.", "Write whole numbers separated by commas."))
        chosen = study.seeds
    if not all(0 <= seed < plan.SEED_LIMIT for seed in chosen):
        listed = ", ".join(map(str, chosen))
        problems.append(Problem("--seeds", f"found {listed}.", f"Seeds are from 0 to {plan.SEED_LIMIT - 1}."))
    return Asked(study, training, list(dict.fromkeys(chosen)), problems, reading.unsure, reading.is_whole)


def in_yaml(sentence: str) -> str:
    """A sentence that names options of the commands import, with the keys of a study file in their place."""
    return OPTION.sub(_as_key, sentence)


def _as_key(option: re.Match[str]) -> str:
    if option["theirs"]:
        return f"rename: {{{option['theirs']}: {option['ours']}}}"
    if option["has"]:
        return f"has: {option['has']}"
    if option["name"] in NAMING:
        return option["name"].replace("-", "_")
    if option["name"] == "no-header":
        return "header: false"
    value = f"[{option['number']}]" if option["number"] else "true"
    return f"{option['name'].replace('-', '_')}: {value}"
