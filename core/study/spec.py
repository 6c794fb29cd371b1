"""Read and validate STUDY.yaml, the file that describes a whole study."""

import difflib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from core import encoders, files
from core.errors import StudyError


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("this is a yes or no; a number is needed")
    return value


NOT_BOOL = pydantic.BeforeValidator(_refuse_bool)
MISSING = "is missing."
LONGEST_KEY = 60  # letters of a key that a sentence repeats
UNION = ("float", "int", "str")  # names that pydantic adds to the place of an error in a training setting


class Part(BaseModel):
    """A part of a study file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", strict=False)


class FileSpec(Part):
    """A file of texts and how it is imported, as by the options of the command `import`.

    `where` selects rows by the values of columns; `text`, `label` and `split_column` name columns; `rename` maps a label
    in the file to a label of the task; the keys from `fold` on say how labels are read.
    """

    file: Path
    where: dict[str, str] = Field(default_factory=dict)
    text: str | None = None
    label: str | None = None
    split: str | None = None
    split_column: str | None = None
    header: bool | None = None
    rename: dict[str, str] = Field(default_factory=dict)
    fold: bool = False
    keep_labels: bool = False
    drop_several: bool = False
    cut: list[Annotated[float, NOT_BOOL]] = Field(default_factory=list)


class PromptSpec(Part):
    """The texts of a prompt; for a text that is None, the text of the technique is used."""

    context: str | None = None
    generation: str | None = None
    diversity: str | None = None


class GenerateSpec(Part):
    """How the texts of an arm are generated. `technique` names the prompt; the keys below it change that prompt.

    `per_label` is the number of kept texts for each label. Several `models` write equal shares of the texts. `rpm` limits
    the requests per minute, `budget_usd` the cost in US dollars. `attributes` maps the name of an attribute to its
    values, or to its values for each label. `recordings` is a file of recorded completions.
    """

    per_label: int = Field(ge=1, le=100_000)
    provider: str = "openai"
    model: str | None = None
    models: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    base_url: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2), NOT_BOOL] | None = None
    rpm: Annotated[float, Field(gt=0), NOT_BOOL] | None = None
    timeout_s: Annotated[float, Field(gt=0), NOT_BOOL] | None = None
    structured: bool = False
    technique: Literal["zero-shot", "few-shot", "attributes", "taxonomy", "rewrite", "catalogue"] | None = None
    prompt: PromptSpec | None = None
    attributes: dict[str, Any] | None = None
    sources: int | None = Field(default=None, ge=0, le=50)
    examples: int | None = Field(default=None, ge=0, le=50)
    texts_per_call: int | None = Field(default=None, ge=1, le=100)
    turns: int | None = Field(default=None, ge=1, le=50)
    words: int | None = Field(default=None, ge=1, le=2000)
    concurrency: int = Field(default=8, ge=1, le=512)
    budget_usd: float | None = Field(default=None, gt=0)
    recordings: Path | None = None

    @pydantic.field_validator("attributes")
    @classmethod
    def _lists(cls, attributes: dict[str, Any] | None) -> dict[str, Any] | None:
        for name, choices in (attributes or {}).items():
            for values in choices.values() if isinstance(choices, dict) else [choices]:
                if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
                    raise ValueError(f"{name!r} needs a list of words or phrases, or such a list for each label")
        return attributes

    @pydantic.model_validator(mode="after")
    def _agree(self) -> "GenerateSpec":
        if self.model and self.models:
            raise ValueError("give one 'model' or a list of 'models', not both")
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model stands twice under 'models'; every model of a mix has the same share")
        if self.technique == "taxonomy" and "kind" not in (self.attributes or {}):
            raise ValueError("a taxonomy needs its kinds: write attributes: {kind: {LABEL: [kind, kind], ...}}")
        return self


class ArmSpec(FileSpec):
    """An arm whose texts are imported from `file` or made by `generate`."""

    file: Path | None = None  # type: ignore[assignment]
    generate: GenerateSpec | None = None

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> "ArmSpec":
        if (self.file is None) == (self.generate is None):
            raise ValueError("an arm needs either 'file' or 'generate'")
        return self


class RatingsSpec(Part):
    """A file of ratings or comparisons and how it is imported, as by the options of the command `import-ratings`.

    `simulated` marks ratings that no person gave.
    """

    file: Path
    simulated: bool = False
    fold: bool = False
    keep_labels: bool = False
    whole_sets: bool = False
    has: str | None = None
    rename: dict[str, str] = Field(default_factory=dict)


class CurveSpec(Part):
    """A learning curve, as by the options of the command `curve`: the key `with` names the synthetic arms that are added.

    `sizes` are numbers of real texts, or "all"; None stands for the usual sizes. `synthetic` is the number of texts of each
    of these arms, None for all. Without `seeds` and `passes` those of the study apply.
    """

    sizes: list[Any] | None = None
    arms: list[str] = Field(default_factory=list, alias="with")
    synthetic: Annotated[int, Field(ge=2), NOT_BOOL] | None = None
    seeds: list[Annotated[int, Field(ge=0, lt=2**32), NOT_BOOL]] | None = Field(default=None, min_length=1)
    passes: Annotated[float, Field(gt=0, le=10_000), NOT_BOOL] | None = None

    @pydantic.field_validator("sizes")
    @classmethod
    def _numbers_or_all(cls, sizes: list[Any] | None) -> list[Any] | None:
        for size in sizes or []:
            if size != "all" and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
                raise ValueError(f"a size is a whole number of real texts or all; found {size!r}")
        if sizes == []:
            raise ValueError("write at least one size, such as [0, 50, all]")
        return sizes


class TaskSpec(Part):
    """A task: its labels with their descriptions, its real texts, its other arms and its ratings.

    `train_size` is the number of training texts of each arm; None uses what the smallest arm allows. `curve` is a learning
    curve that is trained after the comparison; None applies that of the study.
    """

    question: str
    labels: dict[str, str]
    real: FileSpec
    arms: dict[str, ArmSpec] = Field(default_factory=dict)
    train_size: int | None = Field(default=None, ge=2, le=1_000_000_000)
    ratings: RatingsSpec | None = None
    curve: CurveSpec | None = None

    @pydantic.field_validator("labels", mode="before")
    @classmethod
    def _described(cls, labels: Any) -> Any:
        """Turn a list of labels into labels with empty descriptions, and a missing description into an empty description."""
        if isinstance(labels, list):
            return _labels_of_list(labels)
        if not isinstance(labels, dict):
            raise ValueError("labels are a list such as [bad, good], or each with what it means: {bad: complains}")
        return {name: "" if meaning is None else meaning for name, meaning in labels.items()}

    @pydantic.field_validator("arms")
    @classmethod
    def _not_real(cls, arms: dict[str, ArmSpec]) -> dict[str, ArmSpec]:
        if "real" in arms:
            raise ValueError("the real arm is given by the key 'real' beside 'arms', not under it")
        return arms

    @pydantic.model_validator(mode="after")
    def _attributes_of_labels(self) -> "TaskSpec":
        for arm, arm_spec in self.arms.items():
            for name, values in ((arm_spec.generate and arm_spec.generate.attributes) or {}).items():
                if isinstance(values, dict) and set(values) != set(self.labels):
                    raise ValueError(
                        f"attribute {name!r} of arm {arm!r} needs values for each label ({', '.join(self.labels)}) "
                        f"and no other; it has {', '.join(map(str, values)) or 'none'}"
                    )
        return self


def _labels_of_list(labels: list[Any]) -> dict[str, str]:
    """Labels with empty descriptions. Raises `ValueError` if a label is no text or appears twice."""
    for place, name in enumerate(labels):
        if not isinstance(name, str):
            kind = "nothing" if name is None else type(name).__name__
            raise ValueError(
                f"the label {name!r} was read as {kind}, not as text; put it in quotes: "
                f"[{', '.join(json.dumps(str(label)) for label in labels)}]"
            )
        if name in labels[:place]:
            raise ValueError(f"the label {name!r} stands twice")
    return dict.fromkeys(labels, "")


class StudySpec(Part):
    """The content of a study file. `encoders` are names, or folders of models relative to the file; `sample` marks the bundled
    sample study; `training` may be the name of a preset; `curve` is the learning curve of every task that has none of its own;
    `keep_models` says which runs of the comparison keep their model: the best seed of each task, arm and encoder, or all."""

    study: str
    encoders: list[Annotated[str, Field(min_length=1)]] = Field(default=["minilm"], min_length=1)
    seeds: list[Annotated[int, Field(ge=0, lt=2**32), NOT_BOOL]] = Field(default=[0, 1, 2], min_length=1)
    training: dict[str, Annotated[float | int | str, NOT_BOOL]] = Field(default_factory=dict)
    tasks: dict[str, TaskSpec] = Field(min_length=1)
    comparisons: RatingsSpec | None = None
    curve: CurveSpec | None = None
    keep_models: Literal["best", "all"] | None = None
    sample: bool = False

    @pydantic.field_validator("training", mode="before")
    @classmethod
    def _preset(cls, training: Any) -> Any:
        return {"preset": training} if isinstance(training, str) else training


def raw(path: Path) -> tuple[dict[Any, Any], list[str]]:
    """The content of a study file, and a sentence for every key that appears twice.

    Raises `StudyError` if the file is missing, is not YAML, or holds no mapping.
    """
    if not files.is_file(path):
        raise StudyError(f"There is no study file {str(path)[:300]}.")
    try:
        loader = _DuplicateKeyLoader(path.read_text(encoding="utf-8"))
        found = loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise StudyError(f"{path.name} is not valid YAML: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(found, dict):
        raise StudyError(f"{path.name} must hold keys such as study, tasks, seeds; found {type(found).__name__}.")
    return found, loader.twice


class _DuplicateKeyLoader(yaml.SafeLoader):
    """A YAML loader that records every key that appears twice in a mapping, in place of silently using the second value."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.twice: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        names = [key.value for key in keys]
        for place, key in enumerate(keys):
            if key.value in names[:place]:
                line = key.start_mark.line + 1
                self.twice.append(f"the key {key.value!r} stands twice; the second one is in line {line}.")
        return super().construct_mapping(node, deep=deep)


def explain(error: pydantic.ValidationError, model: type[BaseModel]) -> str:
    """The first error in a sentence: its place, what is wrong, and for an unknown key the nearest known key."""
    errors = error.errors()
    unknown_keys = (details for details in errors if details["type"] == "extra_forbidden")
    where, what = described(next(unknown_keys, errors[0]), model)
    return f"{where} {what}" if what == MISSING else what if what.startswith("unknown key") else f"{where}: {what}"


def described(details: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """The place of a validation error in the study file, and a sentence that says what is wrong."""
    keys = details["loc"]
    steps = keys[:-1] if keys[:1] == ("training",) and keys[-1] in UNION else keys
    where = ".".join(_short(step) for step in steps).removesuffix(".[key]")
    if keys and keys[-1] == "[key]":
        kind = type(details["input"]).__name__
        return where, f"the name {details['input']!r} was read as {kind}, not as text; put it in quotes."
    if details["type"] == "missing":
        return where, MISSING
    if details["type"] != "extra_forbidden":
        return where, f"{details['msg'].removeprefix('Value error, ')} (found {str(details.get('input'))[:60]!r})."
    known = sorted(_known_keys(model))
    near = difflib.get_close_matches(str(keys[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}."
    return where, f"unknown key {where!r}; {hint}"


def _short(step: int | str) -> str:
    """A key of a study file, cut to what a sentence can hold."""
    name = str(step)
    return name if len(name) <= LONGEST_KEY else f"{name[: LONGEST_KEY - 1]}…"


def make_absolute(spec: StudySpec, folder: Path) -> None:
    """Make the relative paths in a study absolute; they are relative to the folder of the study file."""
    if (
        "encoders" in spec.model_fields_set
    ):  # an encoder that the file does not name stays one that a preset may replace
        spec.encoders = [encoders.absolute(name, folder) for name in spec.encoders]
    for task in spec.tasks.values():
        task.real.file = folder / task.real.file
        if task.ratings:
            task.ratings.file = folder / task.ratings.file
        for arm in task.arms.values():
            if arm.file:
                arm.file = folder / arm.file
            if arm.generate and arm.generate.recordings:
                arm.generate.recordings = folder / arm.generate.recordings
    if spec.comparisons:
        spec.comparisons.file = folder / spec.comparisons.file


def _known_keys(model: type[BaseModel]) -> set[str]:
    """The keys of a model, for `StudySpec` also the keys of all its parts."""
    parts: list[Any] = (
        [StudySpec, TaskSpec, ArmSpec, GenerateSpec, RatingsSpec, PromptSpec, CurveSpec]
        if model is StudySpec
        else [model]
    )
    return {field.alias or name for part in parts for name, field in part.model_fields.items()}
