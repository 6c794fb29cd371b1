"""Gradients of a batch in parts: when memory runs out, fewer texts are computed at once, with the same effective batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from core.study.chunks import chunks

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # how a RuntimeError of PyTorch says so


def gradients(
    places: list[int],
    *,
    part: int,
    loss_of: Callable[[list[int]], Tensor],
    weight_of: Callable[[list[int]], float],
    clear: Callable[[], None],
) -> tuple[Tensor, int]:
    """Add the gradients of the mean loss of a batch; returns this loss, and the texts that were computed at once.

    `part` is the most texts to compute at once. When memory runs out, it is halved and the batch is begun again, after
    `clear` has removed its gradients. `loss_of` gives the mean loss of some texts of the batch, `weight_of` their weight
    in the mean, such as their number. Raises the error of the memory if not even one text fits.
    """
    while True:
        try:
            return _summed(places, part, loss_of, weight_of), part
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if part == 1 or not is_out_of_memory(error):
                raise
        clear()
        part = math.ceil(min(part, len(places)) / 2)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of this machine or of its GPU is used up."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)


def note(part: int, batch_size: int) -> str:
    """A sentence for the run's notes about batches that were computed in parts; "" if they were not."""
    if not 0 < part < batch_size:
        return ""
    return (
        f"Memory ran out: its batches of {batch_size} texts were computed in parts of at most {part}, and the gradients added up, "
        "so that every step is still one of the whole batch."
    )


def _summed(
    places: list[int], part: int, loss_of: Callable[[list[int]], Tensor], weight_of: Callable[[list[int]], float]
) -> Tensor:
    if part >= len(places):
        whole = loss_of(places)
        whole.backward()  # type: ignore[no-untyped-call]
        return whole.detach()
    total, all_weight = [], weight_of(places)
    for some in chunks(places, part):
        loss = loss_of(list(some)) * (weight_of(list(some)) / all_weight)
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        total.append(loss.detach())
    return torch.stack(total).sum()
