"""How runs are trained: the settings of a study file or a form, checked, and the number of steps that follows from them."""

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from core.errors import StudyError
from core.study import spec
from core.training import presets

PASSES = 10.0  # passes over the training texts, if neither steps nor passes are asked for
LEAST_STEPS = 200  # the floor of steps then
CHECK_TIMES = (0.5, 2.0)  # of the steps of a run, in a check of the steps
LENGTH = ("steps", "passes", "least_steps")
UNSAID: dict[str, Any] = {
    "balance": "equal",
    "class_weights": "none",
    "stop": "last",
    "targets": "hard",
    "sample_weights": "none",
}  # left out of fingerprints


class TrainingSettings(BaseModel):
    """How every run of a study is trained.

    Either `steps` is given, or the number of steps follows from `passes` over the training texts with the floor
    `least_steps` (`for_texts`); either way it is the same for every arm of a task, as all arms train on equally many texts.
    `max_length` is in tokens; `warmup_share`, in [0, 1), is the share of the steps in which the learning rate rises.
    `balance` says which texts of an arm are drawn: equally many of each label ("equal"), or texts at random, so that an
    arm keeps its own shares of the labels ("natural"). `class_weights` "balanced" weighs the loss of a text by the inverse
    frequency of its label. With `stop` "early", a tenth of an arm's chosen texts are kept out of training, and a run ends
    once the loss on them no longer falls after the warm-up; its best weights count. `per_label` limits the training texts of
    an arm to so many times the number of labels, where the task has no training size of its own. With `targets` "soft", the target of
    a training text with ratings is the share of its raters who chose each label, not its label alone. With
    `sample_weights` "column", a text counts in the loss by the column `weight` of the file it came from, 1 without; a weight of 2
    counts like the text given twice. `preset` names choices of
    `core.training.presets`, which the other keys change one by one; it is None in valid settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    preset: Literal["paper", "quick"] | None = Field(default=None, exclude=True)
    per_label: Annotated[int | None, spec.NOT_BOOL] = Field(default=None, ge=1, le=1_000_000)
    steps: Annotated[int | None, spec.NOT_BOOL] = Field(default=None, ge=1, le=1_000_000)
    passes: Annotated[float | None, spec.NOT_BOOL] = Field(default=None, gt=0, le=10_000)
    least_steps: Annotated[int | None, spec.NOT_BOOL] = Field(default=None, ge=1, le=1_000_000)
    batch_size: Annotated[int, spec.NOT_BOOL] = Field(default=32, ge=1, le=4096)
    learning_rate: Annotated[float, spec.NOT_BOOL] = Field(default=5e-5, gt=0, le=1)
    max_length: Annotated[int, spec.NOT_BOOL] = Field(default=128, ge=8, le=8192)
    warmup_share: Annotated[float, spec.NOT_BOOL] = Field(default=0.1, ge=0, lt=1)
    weight_decay: Annotated[float, spec.NOT_BOOL] = Field(default=0.01, ge=0, le=1)
    balance: Literal["equal", "natural"] = "equal"
    class_weights: Literal["none", "balanced"] = "none"
    stop: Literal["last", "early"] = "last"
    targets: Literal["hard", "soft"] = "hard"
    sample_weights: Literal["none", "column"] = "none"

    @pydantic.model_validator(mode="before")
    @classmethod
    def _expanded(cls, values: Any) -> Any:
        return presets.expanded(values) if isinstance(values, Mapping) else values

    @pydantic.model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is not None and (self.passes is not None or self.least_steps is not None):
            raise ValueError("give either steps, or passes with least_steps, not both")
        if self.targets == "soft" and self.class_weights == "balanced":
            raise ValueError("class_weights balanced needs hard targets: leave out one of the two")
        return self

    @pydantic.model_serializer(mode="wrap")
    def _without_unsaid(self, serialise: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The settings without absent lengths and without later choices left at their first value, so that runs from before
        there was a choice keep their fingerprint."""
        return {
            name: value
            for name, value in serialise(self).items()
            if value is not None and (name not in UNSAID or value != UNSAID[name])
        }

    @property
    def rule(self) -> dict[str, float]:
        """The rule from which the number of steps follows, with keys passes and least_steps; empty if `steps` is given."""
        if self.steps is not None:
            return {}
        return {
            "passes": PASSES if self.passes is None else self.passes,
            "least_steps": LEAST_STEPS if self.least_steps is None else self.least_steps,
        }

    def for_texts(self, n: int) -> "TrainingSettings":
        """These settings with the number of steps for `n` training texts in place of passes and floor, and without the limit
        of the texts, which `n` keeps to.

        steps = max(least_steps, ceil(passes * n / batch_size)).
        """
        if not self.rule:
            return self if self.per_label is None else self.model_copy(update={"per_label": None})
        steps = max(int(self.rule["least_steps"]), math.ceil(self.rule["passes"] * n / self.batch_size))
        return self.model_copy(update={"steps": steps, "passes": None, "least_steps": None, "per_label": None})

    def texts_of(self, *, train_size: int | None, smallest: int, labels: int) -> int:
        """The number of training texts of every arm of a task: its training size if it has one, else what its smallest arm
        has, at most `per_label` times the number of labels."""
        return train_size or (smallest if self.per_label is None else min(smallest, self.per_label * labels))

    def with_times(self, times: float) -> "TrainingSettings":
        """Settings that `for_texts` returned, with so many times their steps, at least 1."""
        return self if times == 1 else self.model_copy(update={"steps": max(1, round(times * self.length))})

    @property
    def stops_early(self) -> bool:
        """Whether a run may end before its last step."""
        return self.stop == "early"

    @property
    def warmup(self) -> int:
        """The number of steps in which the learning rate rises, at least 1, of settings that `for_texts` returned."""
        return max(1, round(self.warmup_share * self.length))

    @property
    def length(self) -> int:
        """The number of steps of settings that `for_texts` returned."""
        if self.steps is None:
            raise ValueError("The number of steps is known only for a number of texts: see for_texts.")
        return self.steps


def first_seeds(own: Iterable[int], n: int) -> list[int]:
    """The first `n` of a study's own seeds; where it has fewer, then the smallest numbers from 0 on that are not among them."""
    known = list(own)
    return [*known, *itertools.islice((seed for seed in itertools.count() if seed not in known), n)][:n]


def with_length(training: Mapping[str, Any], length: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a study file with another length (the keys steps, or passes and least_steps) in place of their own."""
    return {name: value for name, value in training.items() if name not in LENGTH} | dict(length)


def training_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings in a study file or a form. Raises `StudyError` for an unknown key or a value out of range."""
    try:
        return TrainingSettings.model_validate(dict(values))
    except pydantic.ValidationError as error:
        raise StudyError(f"Training settings: {spec.explain(error, TrainingSettings)}") from error
