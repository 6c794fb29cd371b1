"""Micro-batches: when memory runs out, a batch is computed in parts, and its gradients stay those of the whole batch."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.training.fitting import micro_batches

INPUTS = torch.linspace(-1, 1, 16 * 3).reshape(16, 3)
TARGETS = torch.tensor([0, 1] * 8)
CLASS_WEIGHTS = torch.tensor([1.0, 3.0])


def loss_with_limit(weights: Tensor, limit: int) -> Callable[[list[int]], Tensor]:
    """The loss of a linear model on a machine whose memory holds `limit` texts."""

    def loss_of(places: list[int]) -> Tensor:
        if len(places) > limit:
            raise torch.OutOfMemoryError("no room")
        return torch.nn.functional.cross_entropy(INPUTS[places] @ weights, TARGETS[places], weight=CLASS_WEIGHTS)

    return loss_of


def gradients(limit: int, *, part: int = 16) -> tuple[Tensor, float, int]:
    weights = torch.ones(3, 2, requires_grad=True)
    loss, at_once = micro_batches.gradients(
        list(range(15)),
        part=part,
        loss_of=loss_with_limit(weights, limit),
        weight_of=lambda some: CLASS_WEIGHTS[TARGETS[some]].sum().item(),
        clear=lambda: setattr(weights, "grad", None),
    )
    assert weights.grad is not None
    return weights.grad, loss.item(), at_once


@pytest.mark.parametrize(("limit", "at_once"), [(15, 16), (14, 8), (7, 4), (3, 2), (1, 1)])
def test_parts_add_up_to_the_gradient_and_the_loss_of_the_whole_batch(limit: int, at_once: int) -> None:
    whole, loss, _ = gradients(15)

    in_parts, loss_in_parts, found = gradients(limit)

    assert found == at_once
    assert torch.allclose(in_parts, whole, atol=1e-6)
    assert loss_in_parts == pytest.approx(loss, abs=1e-6)


def test_a_memory_without_room_for_one_text_raises_its_error() -> None:
    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        gradients(0)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    assert not micro_batches.is_out_of_memory(RuntimeError("shapes do not match"))
    assert micro_batches.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))


def test_the_note_says_the_parts_and_is_empty_without() -> None:
    assert micro_batches.note(16, 16) == micro_batches.note(0, 16) == ""
    assert "batches of 16 texts were computed in parts of at most 4" in micro_batches.note(4, 16)
