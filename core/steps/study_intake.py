"""A checked study file, the transaction that imports it, and the list of problems met on the way."""

import re
from collections.abc import Iterator, Mapping
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
from core.training import plan, presets
from core.training.settings import TrainingSettings

OPTION = re.compile(
    r"--(?P<name>fold|keep-labels|drop-several|whole-sets|cut|header|no-header|text|label|split-column|split)\b"
    r"(?: (?P<number>[\d.]+))?|--has (?P<has>[^\s)]+)"
    r"|--rename (?P<theirs>'[^']+'|[^\s=]+)=(?P<ours>'[^']+'|[\w-]+)"
)

# what the command's option does about items -> what the file can do, since a study file names no columns
ABOUT_ITEMS = (
    (re.compile(r"\(--column item_id=.*? keeps the ids\)"), "(without the column of texts the ids are kept)"),
    (re.compile(r"\(--column item_id=.*? takes each text for one item\)"), "(without the column of ids each text is an item)"),
    (re.compile(r"If another column says which item was rated: --column item_id=NAME\."),
     "If another column says which item was rated, name that column item_id in the file."),
)  # fmt: skip
NAMING = ("text", "label", "split", "split-column")
LISTED = 15


@dataclass(frozen=True)
class StudyRequest:
    """The readable parts of a study file, with the changes of the command line, and the problems found in the file.

    `unsure` are names of tasks whose labels or real texts are stand-ins, since their entries have problems; `is_whole`
    is False if a task of the file had to be left out.
    """

    spec: spec.StudySpec
    training: TrainingSettings
    seeds: list[int]
    problems: list[Problem]
    unsure: frozenset[str] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True)
class ImportedStudy:
    """The result of importing a study file: a row of counts for each file, and every problem.

    `study` is None if one of the problems is fatal.
    """

    study: Study | None
    imports: list[dict[str, Any]]
    problems: list[Problem]


class Refused(StudyError):
    """A study file that cannot be run. `problems`: all of the file and its data; the message lists the first `LISTED`."""

    def __init__(self, problems: list[Problem]) -> None:
        fatal = [problem for problem in problems if problem.is_fatal]
        count = f"{len(fatal)} problem{'s' if len(fatal) > 1 else ''}"
        listed = problems if len(problems) <= LISTED else [*fatal, *(each for each in problems if not each.is_fatal)]
        lines = [f"{count}; nothing was stored, asked or paid for.", *map(line_of, listed[:LISTED])]
        if len(problems) > LISTED:
            lines.append(f"  and {len(problems) - LISTED} more, which are listed once these are mended")
        super().__init__("\n".join(lines))
        self.problems = problems


class StudyImport:
    """The transaction that imports a study file, with the problems met so far; a step that fails is undone alone."""

    def __init__(self, session: Session, settings: settings_module.Settings, request: StudyRequest) -> None:
        self.session = session
        self.settings = settings
        self.request = request
        self.imports: list[dict[str, Any]] = []
        self.problems: list[Problem] = list(request.problems)

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        """Run a step in the block; after a `StudyError`, undo the step and note the error as a problem of the place `where`."""
        try:
            with self.session.begin_nested():
                yield
        except StudyError as error:
            self.note(checks.of_error(where, StudyError(in_yaml(str(error)))))

    def note(self, problem: Problem) -> None:
        """Add a problem to the list, unless the same sentence is noted for the same place or for an inner place."""
        said = {(known.what, known.where.startswith(problem.where)) for known in self.problems}
        if (problem.what, True) not in said:
            self.problems.append(problem)

    @property
    def options(self) -> formats.Options:
        """The options for reading files of answers in this home."""
        return formats.Options(key=pseudonyms.key_in(self.settings.home))


def line_of(problem: Problem) -> str:
    """Return a problem as a line of a list."""
    return f"  {'' if problem.is_fatal else 'mind: '}{problem}"


def request_of(
    reading: checks.Reading, *, seeds: str | None, training: Mapping[str, Any] | None = None
) -> StudyRequest:
    """Return the request of a study file: training settings checked, `seeds` in place of the file's own unless None, and the
    settings in `training` in place of those of the file.

    A preset gives the encoders and seeds that the file does not, and a caution says what it stands for. `seeds` are whole
    numbers separated by commas. Raises `Refused` if the file cannot be read at all.
    """
    problems = list(reading.problems)
    if reading.spec is None:
        raise Refused(problems)
    study, said = _with_preset(reading.spec)
    problems += said
    try:
        settings = TrainingSettings.model_validate({**study.training, **(training or {})})
    except pydantic.ValidationError as error:
        problems += checks.of_validation(error, TrainingSettings, where="training")
        settings = TrainingSettings()
    try:
        chosen = [int(seed) for seed in seeds.split(",")] if seeds else study.seeds
    except ValueError:
        problems.append(Problem("--seeds", f"found {seeds!r}.", "Write whole numbers separated by commas."))
        chosen = study.seeds
    if not all(0 <= seed < plan.SEED_LIMIT for seed in chosen):
        listed = ", ".join(map(str, chosen))
        problems.append(Problem("--seeds", f"found {listed}.", f"Seeds are from 0 to {plan.SEED_LIMIT - 1}."))
    return StudyRequest(study, settings, list(dict.fromkeys(chosen)), problems, reading.unsure, reading.is_whole)


def _with_preset(study: spec.StudySpec) -> tuple[spec.StudySpec, list[Problem]]:
    """A study with the encoders and seeds of its preset where it has none of its own, and a caution about the preset."""
    name = study.training.get("preset")
    if name not in presets.PRESETS:
        return study, []
    preset = presets.PRESETS[str(name)]
    given = {"encoders": list(preset.encoders), "seeds": list(preset.seeds)}
    own = {key: value for key, value in given.items() if key not in study.model_fields_set}
    changed = sorted((set(study.training) - {"preset"}) | (set(given) - set(own)))
    more = f" The file has its own {', '.join(changed)}." if changed else ""
    said = Problem("training", presets.words(str(name)) + more, is_fatal=False)
    return study.model_copy(update=own), [said]


def in_yaml(sentence: str) -> str:
    """Return a sentence in which each option of the command import is replaced by the key of a study file."""
    for option, way_out in ABOUT_ITEMS:
        sentence = option.sub(way_out, sentence)
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
