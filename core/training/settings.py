"""How runs are trained: the settings of a study file or a form, checked."""

from collections.abc import Mapping
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from core.errors import StudyError
from core.study import spec


class TrainingSettings(BaseModel):
    """How every run of a study is trained.

    The number of `steps` is the same for arms of all sizes. `max_length` is in tokens; `warmup_share`, in [0, 1), is the
    share of the steps in which the learning rate rises. `balance` says which texts of an arm are drawn: equally many of
    each label ("equal"), or texts at random, so that an arm keeps its own shares of the labels ("natural").
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: int = Field(default=100, ge=1, le=1_000_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=5e-5, gt=0, le=1)
    max_length: int = Field(default=128, ge=8, le=8192)
    warmup_share: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    balance: Literal["equal", "natural"] = "equal"

    @pydantic.model_serializer(mode="wrap")
    def _without_default_balance(self, serialise: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The settings without the balance "equal", so that runs from before there was a choice keep their fingerprint."""
        return {name: value for name, value in serialise(self).items() if (name, value) != ("balance", "equal")}


def training_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings in a study file or a form. Raises `StudyError` for an unknown key or a value out of range."""
    try:
        return TrainingSettings.model_validate(dict(values))
    except pydantic.ValidationError as error:
        raise StudyError(f"Training settings: {spec.explain(error, TrainingSettings)}") from error
