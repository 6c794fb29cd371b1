"""The training loop: fine-tune an encoder in place, and measure on the way how far it has converged."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import StudyError
from core.reports import Report
from core.training import predict
from core.training.convergence import MARKS
from core.training.fitting.batches import batches, rate
from core.training.fitting.run_data import Labelled, RunData
from core.training.settings import TrainingSettings

LOSS_POINTS = 200  # stored points of a loss curve
MAX_GRADIENT = 1.0  # norm
CHECKS = 20  # with early stopping, how often the validation loss is measured
MEASURED = 128  # training texts on which the loss is measured at the end
PATIENCE = 4  # with early stopping, checks in a row without a lower loss, after which a run ends


@dataclass(frozen=True)
class Trained:
    """How a training went: its steps and seconds, the loss curve as [step, mean loss since the point before], and the
    validation losses as [step, mean loss]."""

    steps: int
    seconds: float
    curve: list[list[float]]
    validation: list[list[float]]


@dataclass
class Validation:
    """The validation losses so far, as [step, mean loss]; with early stopping, the weights at the lowest of them in `best`."""

    losses: list[list[float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def since_best(self) -> int:
        """The number of validation losses after the lowest one."""
        losses = [loss for _, loss in self.losses]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0


@dataclass(frozen=True)
class Fit:
    """A model with what its training needs: tokenised texts, the optimiser, and the weights of the classes in the loss."""

    model: Any
    data: RunData
    dtype: torch.dtype
    pad_id: int
    train: Sequence[Sequence[int]]
    validation: Sequence[Sequence[int]]
    optimizer: torch.optim.Optimizer
    weights: Tensor | None

    def mean_loss(self, rows: Sequence[Sequence[int]], labelled: Labelled) -> float:
        """The mean cross-entropy of the model on texts, without dropout; nan without texts."""
        if not rows:
            return math.nan
        shares = predict.probabilities(self.model, rows, pad_id=self.pad_id, dtype=self.dtype)
        chosen = shares[np.arange(len(rows)), labelled.targets[: len(rows)]]
        return float(-np.log(np.maximum(chosen, np.finfo(float).tiny)).mean())


def prepare(model: Any, tokenizer: Any, data: RunData, *, dtype: torch.dtype) -> Fit:
    """A model made ready to be trained on the data of a run."""
    settings, classes = data.settings, len(data.label_ids)
    weights = None
    if settings.class_weights == "balanced":
        counts = np.bincount(data.train.targets, minlength=classes)
        weights = torch.tensor(len(data.train) / (classes * np.maximum(counts, 1)), dtype=torch.float32)
        weights = weights.to(model.device)
    return Fit(
        model=model,
        data=data,
        dtype=dtype,
        pad_id=tokenizer.pad_token_id,
        train=predict.token_ids(tokenizer, data.train.texts, max_length=settings.max_length),
        validation=predict.token_ids(tokenizer, data.validation.texts, max_length=settings.max_length),
        optimizer=_optimizer(model, settings),
        weights=weights,
    )


def train(fit: Fit, *, report: Report) -> Trained:
    """Fine-tune the model in place. With early stopping, the model ends with the weights of the lowest validation loss.

    Raises `StudyError` if the loss is no longer finite.
    """
    began, settings = time.monotonic(), fit.data.settings
    steps, every = settings.length, max(1, settings.length // LOSS_POINTS)
    targets = torch.tensor(fit.data.train.targets, device=fit.model.device)
    rng = np.random.default_rng(fit.data.run.seed)
    stream = batches([len(row) for row in fit.train], settings.batch_size, rng=rng)
    marks, validation = _marks(settings), Validation()
    curve: list[list[float]] = []
    recent: list[Tensor] = []
    _validate(fit, validation, step=0)
    for step in range(1, steps + 1):
        recent.append(_step(fit, next(stream), targets, scale=rate(step - 1, settings)))
        if step in marks:
            _validate(fit, validation, step=step)
        is_last = step == steps or (settings.stops_early and validation.since_best >= PATIENCE)
        if step % every == 0 or is_last:
            curve.append([step, _finite(torch.stack(recent).mean().item(), fit.data, step)])
            recent.clear()
            report(step, steps, fit.data.title, {"loss": curve[-1][1]})
        if is_last:
            break
    if validation.best:
        fit.model.load_state_dict(validation.best)
    return Trained(step, time.monotonic() - began, curve, validation.losses)


def _step(fit: Fit, places: list[int], targets: Tensor, *, scale: float) -> Tensor:
    """One step of the optimiser on a batch; returns its loss."""
    fit.model.train()
    for group in fit.optimizer.param_groups:
        group["lr"] = scale * fit.data.settings.learning_rate
    inputs = predict.pad([fit.train[place] for place in places], pad_id=fit.pad_id, device=fit.model.device)
    with predict.autocast(fit.model.device, fit.dtype):
        logits = fit.model(**inputs).logits
    loss: Any = torch.nn.functional.cross_entropy(logits.float(), targets[places], weight=fit.weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(fit.model.parameters(), MAX_GRADIENT)
    fit.optimizer.step()
    fit.optimizer.zero_grad(set_to_none=True)
    detached: Tensor = loss.detach()
    return detached


def _validate(fit: Fit, validation: Validation, *, step: int) -> None:
    """Measure the loss on the validation texts, if there are any; with early stopping keep the weights at the lowest loss."""
    if not fit.validation:
        return
    validation.losses.append([step, fit.mean_loss(fit.validation, fit.data.validation)])
    if fit.data.settings.stops_early and validation.since_best == 0:
        validation.best = {name: weight.detach().clone() for name, weight in fit.model.state_dict().items()}


def _marks(settings: TrainingSettings) -> set[int]:
    """The steps after which the validation loss is measured."""
    shares = [place / CHECKS for place in range(1, CHECKS + 1)] if settings.stops_early else MARKS
    return {max(1, round(share * settings.length)) for share in shares}


def _finite(loss: float, data: RunData, step: int) -> float:
    """The loss itself. Raises `StudyError` if it is not finite."""
    if not math.isfinite(loss):
        raise StudyError(f"{data.title} diverged at step {step}: its loss is {loss}. Lower learning_rate.")
    return loss


def _optimizer(model: Any, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The AdamW optimiser, without weight decay for biases and normalisation weights."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
