"""The training loop: fine-tune an encoder in place, and measure on the way how far it has converged."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core import stopping
from core.errors import StudyError
from core.reports import Report
from core.training import predict
from core.training.checkpoints.checkpoint import Checkpoint
from core.training.checkpoints.state import State, Validation
from core.training.convergence import MARKS
from core.training.fitting import micro_batches
from core.training.fitting.batches import batches, rate
from core.training.fitting.run_data import Labelled, RunData
from core.training.settings import TrainingSettings
from core.training.targets import weights

LOSS_POINTS = 200  # stored points of a loss curve
MAX_GRADIENT = 1.0  # norm
CHECKS = 20  # with early stopping, how often the validation loss is measured
MEASURED = 128  # training texts on which the loss is measured at the end
PATIENCE = 4  # with early stopping, checks in a row after the warm-up without a lower loss, after which a run ends


@dataclass(frozen=True)
class Trained:
    """How a training went: its steps and seconds, the loss curve as [step, mean loss since the point before], and the
    validation losses as [step, mean loss].

    `seconds_before` are those of its seconds that passed in earlier processes. `resumed_at` holds the steps at which it was taken
    up from a checkpoint; `note` says that memory ran out, or is "".
    """

    steps: int
    seconds: float
    seconds_before: float
    curve: list[list[float]]
    validation: list[list[float]]
    resumed_at: list[int]
    note: str


@dataclass(frozen=True)
class Fit:
    """A model with what its training needs: tokenised texts, the optimiser, and the weights of the classes or of the texts in the loss,
    None where classes or texts count alike."""

    model: Any
    data: RunData
    dtype: torch.dtype
    pad_id: int
    train: Sequence[Sequence[int]]
    validation: Sequence[Sequence[int]]
    optimizer: torch.optim.Optimizer
    class_weights: Tensor | None
    text_weights: Tensor | None

    def mean_loss(self, rows: Sequence[Sequence[int]], labelled: Labelled) -> float:
        """The mean cross-entropy of the model on texts, without dropout; nan without texts."""
        if not rows:
            return math.nan
        shares = predict.probabilities(self.model, rows, pad_id=self.pad_id, dtype=self.dtype)
        chosen = shares[np.arange(len(rows)), labelled.targets[: len(rows)]]
        return float(-np.log(np.maximum(chosen, np.finfo(float).tiny)).mean())


def prepare(model: Any, tokenizer: Any, data: RunData, *, dtype: torch.dtype) -> Fit:
    """A model made ready to be trained on the data of a run."""
    settings = data.settings
    class_weights, text_weights = _weights(data, model.device)
    return Fit(
        model=model,
        data=data,
        dtype=dtype,
        pad_id=tokenizer.pad_token_id,
        train=predict.token_ids(tokenizer, data.train.texts, max_length=settings.max_length),
        validation=predict.token_ids(tokenizer, data.validation.texts, max_length=settings.max_length),
        optimizer=_optimizer(model, settings),
        class_weights=class_weights,
        text_weights=text_weights,
    )


def train(fit: Fit, *, report: Report, checkpoint: Checkpoint | None = None) -> Trained:
    """Fine-tune the model in place. With early stopping, the model ends with the weights of the lowest validation loss.

    With a checkpoint, the training goes on where the checkpoint was written, and keeps a newer one from time to time, and
    before a pause. Raises `StudyError` if the loss is no longer finite, and `Stopped` after a step if it is paused.
    """
    settings = fit.data.settings
    steps, every = settings.length, max(1, settings.length // LOSS_POINTS)
    state = checkpoint.taken_up(fit.model, fit.optimizer) if checkpoint else State()
    targets = torch.tensor(fit.data.train.shares or fit.data.train.targets, device=fit.model.device)
    rng = np.random.default_rng(fit.data.run.seed)
    stream = islice(batches([len(row) for row in fit.train], settings.batch_size, rng=rng), state.step, None)
    marks = _marks(settings)
    if state.step == 0:
        _validate(fit, state.validation, step=0)
    with stopping.at_points() as is_to_pause:
        while not _is_over(state, settings):
            loss, state.part = _step(fit, next(stream), targets, state)
            pauses = is_to_pause.is_set()  # read once, so that a checkpoint comes before the end
            state.step += 1
            state.recent.append(loss)
            if state.step in marks:
                _validate(fit, state.validation, step=state.step)
            if state.step % every == 0 or _is_over(state, settings):
                state.curve.append([state.step, _finite(torch.stack(state.recent).mean().item(), fit.data, state.step)])
                state.recent.clear()
            if checkpoint:
                checkpoint.keep(fit.model, fit.optimizer, state, at_once=pauses)
            if state.curve and (not state.recent or pauses):
                report(state.step, steps, fit.data.title, {"loss": state.curve[-1][1]} | _kept(state, checkpoint))
            if pauses:
                raise stopping.Stopped
    if state.validation.best:
        fit.model.load_state_dict(state.validation.best)
    note = micro_batches.note(state.part, settings.batch_size)
    return Trained(
        steps=state.step,
        seconds=state.trained_for(),
        seconds_before=state.seconds,
        curve=state.curve,
        validation=state.validation.losses,
        resumed_at=state.resumed_at,
        note=note,
    )


def _is_over(state: State, settings: TrainingSettings) -> bool:
    """Whether all steps are done or early stopping ends the training."""
    return state.step >= settings.length or (
        settings.stops_early and state.validation.waited(settings.warmup) >= PATIENCE
    )


def _kept(state: State, checkpoint: Checkpoint | None) -> dict[str, int]:
    """The steps that are kept if the process is killed now, and the step at which it was taken up, for a report."""
    kept = {"kept": checkpoint.kept} if checkpoint else {}
    return kept | ({"resumed_at": state.resumed_at[-1]} if state.resumed_at else {})


def _step(fit: Fit, places: list[int], targets: Tensor, state: State) -> tuple[Tensor, int]:
    """One step of the optimiser on a batch; returns its loss, and the most texts that were computed at once."""
    settings = fit.data.settings
    fit.model.train()
    for group in fit.optimizer.param_groups:
        group["lr"] = rate(state.step, settings) * settings.learning_rate
    loss, part = micro_batches.gradients(
        places,
        part=state.part or settings.batch_size,
        loss_of=_loss(fit, targets),
        weight_of=lambda some: (
            len(some) if fit.class_weights is None else fit.class_weights[targets[some]].sum().item()
        ),
        clear=lambda: fit.optimizer.zero_grad(set_to_none=True),
    )
    torch.nn.utils.clip_grad_norm_(fit.model.parameters(), MAX_GRADIENT)
    fit.optimizer.step()
    fit.optimizer.zero_grad(set_to_none=True)
    return loss, part


def _loss(fit: Fit, targets: Tensor) -> Callable[[list[int]], Tensor]:
    """A function that gives the mean loss of the texts at some places, with dropout."""

    def of(places: list[int]) -> Tensor:
        inputs = predict.pad([fit.train[place] for place in places], pad_id=fit.pad_id, device=fit.model.device)
        with predict.autocast(fit.model.device, fit.dtype):
            logits = fit.model(**inputs).logits
        if fit.text_weights is None:
            return torch.nn.functional.cross_entropy(logits.float(), targets[places], weight=fit.class_weights)
        losses = torch.nn.functional.cross_entropy(logits.float(), targets[places], reduction="none")
        return (losses * fit.text_weights[places]).mean()

    return of


def _weights(data: RunData, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """The weights of the classes in the loss, or where texts are weighed, those of the texts, with the classes' in them."""
    classes, is_balanced = len(data.label_ids), data.settings.class_weights == "balanced"
    if data.train.weights:
        own = weights.in_the_loss(data.train.targets, data.train.weights, classes=classes, is_balanced=is_balanced)
        return None, torch.tensor(own, dtype=torch.float32, device=device) if own else None
    if not is_balanced:
        return None, None
    counts = np.bincount(data.train.targets, minlength=classes)
    of_classes = torch.tensor(len(data.train) / (classes * np.maximum(counts, 1)), dtype=torch.float32)
    return of_classes.to(device), None


def _validate(fit: Fit, validation: Validation, *, step: int) -> None:
    """Measure the loss on the validation texts, if there are any; with early stopping keep the weights at the lowest loss."""
    if not fit.validation:
        return
    validation.losses.append([step, fit.mean_loss(fit.validation, fit.data.validation)])
    if fit.data.settings.stops_early and step > 0 and validation.best_step == step:
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
