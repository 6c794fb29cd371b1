"""The training loop: fine-tune an encoder in place, and measure on the way how far it has converged."""

import math
import time
from collections.abc import Callable, Sequence
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


@dataclass
class Progress:
    """How far a training is: its last step, its loss curve and the losses that are not yet in it, its validation losses.

    `curve` holds [step, mean loss since the point before], `validation` [step, mean loss]. `best` holds the weights with
    the lowest validation loss and is filled with early stopping only.
    """

    step: int = 0
    curve: list[list[float]] = field(default_factory=list)
    recent: list[Tensor] = field(default_factory=list)
    validation: list[list[float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def checks_since_best(self) -> int:
        """The number of validation losses after the lowest one."""
        losses = [loss for _, loss in self.validation]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0


@dataclass(frozen=True)
class Fit:
    """A model with what its training needs: tokenised texts, optimiser and schedule of the learning rate."""

    model: Any
    data: RunData
    dtype: torch.dtype
    pad_id: int
    train: Sequence[Sequence[int]]
    validation: Sequence[Sequence[int]]
    optimizer: torch.optim.Optimizer
    weights: Tensor | None

    def losses(self, rows: Sequence[Sequence[int]], labelled: Labelled) -> float:
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


def train(fit: Fit, progress: Progress, *, report: Report, keep: Callable[[Progress], None]) -> float:
    """Fine-tune the model from `progress` to its last step, and return the seconds of training.

    `keep` is called after every step of the loss curve, so that the caller may store a checkpoint. Raises `StudyError` if
    the loss is no longer finite.
    """
    began, settings = time.monotonic(), fit.data.settings
    steps, every = settings.length, max(1, settings.length // LOSS_POINTS)
    targets = torch.tensor(fit.data.train.targets, device=fit.model.device)
    rng = np.random.default_rng(fit.data.run.seed)
    stream = batches([len(row) for row in fit.train], settings.batch_size, rng=rng)
    for _ in range(progress.step):
        next(stream)
    marks = _marks(settings)
    if progress.step == 0:
        _validate(fit, progress)
    while progress.step < steps:
        progress.recent.append(_step(fit, next(stream), targets, scale=rate(progress.step, settings)))
        progress.step += 1
        if progress.step in marks:
            _validate(fit, progress)
        if progress.step % every == 0 or progress.step == steps:
            loss = _finite(torch.stack(progress.recent).mean().item(), fit.data, progress.step)
            progress.curve.append([progress.step, loss])
            progress.recent.clear()
            report(progress.step, steps, fit.data.title, {"loss": loss})
            keep(progress)
        if settings.early_stop and progress.checks_since_best >= PATIENCE:
            break
    if progress.best:
        fit.model.load_state_dict(progress.best)
    return time.monotonic() - began


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


def _validate(fit: Fit, progress: Progress) -> None:
    """Measure the loss on the validation texts, and with early stopping keep the weights with the lowest loss."""
    if not fit.validation:
        return
    progress.validation.append([progress.step, fit.losses(fit.validation, fit.data.validation)])
    if fit.data.settings.early_stop and progress.checks_since_best == 0:
        progress.best = {name: weight.detach().clone() for name, weight in fit.model.state_dict().items()}


def _marks(settings: TrainingSettings) -> set[int]:
    """The steps after which the validation loss is measured."""
    shares = [place / CHECKS for place in range(1, CHECKS + 1)] if settings.early_stop else MARKS
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
