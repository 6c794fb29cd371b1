"""Where a training stands: its step and its losses, and these with model, optimiser and random numbers as tensors."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODEL, BEST, OPTIMIZER, RECENT = "model.", "best.", "optimizer.", "recent"
TORCH, CUDA, NUMPY = "random.torch", "random.cuda", "random.numpy"


@dataclass
class Validation:
    """The validation losses so far, as [step, mean loss]; with early stopping, the weights at the lowest of them in `best`."""

    losses: list[list[float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_step(self) -> int:
        """The step of the lowest loss of a model that was trained at all; 0 before the first such loss."""
        trained = [point for point in self.losses if point[0] > 0]
        return int(min(trained, key=lambda point: point[1])[0]) if trained else 0

    def waited(self, warmup: int) -> int:
        """The number of losses after the lowest one and after so many steps of warm-up."""
        return sum(step > max(self.best_step, warmup) for step, _ in self.losses)


@dataclass
class State:
    """Where a training stands after `step` steps.

    `curve` holds [step, mean loss since the point before], `recent` the losses since the last point. `part` is the most
    texts that are computed at once; 0 stands for the whole batch. `resumed_at` holds the steps at which the training was taken up again
    from a checkpoint, `seconds` the time that earlier processes trained for.
    """

    step: int = 0
    curve: list[list[float]] = field(default_factory=list)
    recent: list[Tensor] = field(default_factory=list)
    validation: Validation = field(default_factory=Validation)
    part: int = 0
    resumed_at: list[int] = field(default_factory=list)
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def trained_for(self) -> float:
        """The seconds for which the training has run, in this process and in earlier ones up to their last checkpoint."""
        return self.seconds + time.monotonic() - self.began


def packed(model: Any, optimizer: torch.optim.Optimizer, state: State) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that a training needs to go on, as tensors on the CPU by name and as values for JSON."""
    tensors = {MODEL + name: weight for name, weight in model.state_dict().items()}
    tensors |= {BEST + name: weight for name, weight in state.validation.best.items()}
    for place, held in optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{place}.{name}": value for name, value in held.items()}
    if state.recent:
        tensors[RECENT] = torch.stack(state.recent)
    tensors[TORCH] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors[CUDA] = torch.cuda.get_rng_state()
    _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    tensors[NUMPY] = torch.from_numpy(np.asarray(keys, dtype=np.int64))
    values = {
        "step": state.step,
        "curve": state.curve,
        "validation": state.validation.losses,
        "part": state.part,
        "resumed_at": state.resumed_at,
        "seconds": state.trained_for(),
        "numpy": [int(position), int(has_gauss), float(gauss)],
    }
    return _apart(tensors), values


def fits(model: Any, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the weights of a checkpoint have the names and shapes of a model's."""
    return {name: weight.shape for name, weight in model.state_dict().items()} == {
        name: weight.shape for name, weight in _under(MODEL, tensors).items()
    }


def unpacked(
    model: Any, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
) -> State:
    """The state of a training, after its weights, its optimiser and the random numbers were set to those of a checkpoint."""
    model.load_state_dict(_under(MODEL, tensors))
    held: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(OPTIMIZER, tensors).items():
        place, _, part = name.partition(".")
        held.setdefault(int(place), {})[part] = tensor
    optimizer.load_state_dict({"state": held, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors[TORCH])
    if CUDA in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[CUDA])
    position, has_gauss, gauss = values["numpy"]
    np.random.set_state(("MT19937", tensors[NUMPY].numpy().astype(np.uint32), position, has_gauss, gauss))
    device = model.device
    return State(
        step=values["step"],
        curve=values["curve"],
        recent=list(tensors[RECENT].to(device).unbind()) if RECENT in tensors else [],
        validation=Validation(
            values["validation"], {name: weight.to(device) for name, weight in _under(BEST, tensors).items()}
        ),
        part=values["part"],
        resumed_at=[*values["resumed_at"], values["step"]],
        seconds=values["seconds"],
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors on the CPU, each with memory of its own: weights that a model uses twice share theirs, which no file can."""
    taken: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        moved = tensor.detach().to("cpu").contiguous()
        place = moved.untyped_storage().data_ptr()
        apart[name] = moved.clone() if place in taken else moved
        taken.add(place)
    return apart
