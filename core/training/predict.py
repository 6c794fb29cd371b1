"""Predict labels of texts with a fine-tuned encoder; tokenise, pad and choose the number format."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.study.chunks import chunks

BATCH_SIZE = 32
CUDA_MULTIPLE = 8


def predict(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    *,
    max_length: int,
    dtype: torch.dtype,
    batch_size: int = BATCH_SIZE,
) -> tuple[np.ndarray, np.ndarray]:
    """The predicted class index of each text, int64, shape (n,), and the softmax probability of every class, float64,
    shape (n, classes).

    Results are in the order of `texts`; the model reads texts in batches of similar length.
    """
    rows = token_ids(tokenizer, texts, max_length=max_length)
    shares = probabilities(model, rows, pad_id=tokenizer.pad_token_id, dtype=dtype, batch_size=batch_size)
    return shares.argmax(axis=1), shares


def probabilities(
    model: Any, rows: Sequence[Sequence[int]], *, pad_id: int, dtype: torch.dtype, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """The softmax probability of every class for texts given as token ids, float64, shape (n, classes), in their order.

    The model reads texts in batches of similar length, without dropout.
    """
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]), reverse=True)
    shares = np.empty((len(rows), model.config.num_labels))
    model.eval()
    with torch.inference_mode(), autocast(model.device, dtype):
        for places in chunks(order, batch_size):
            inputs = pad([rows[place] for place in places], pad_id=pad_id, device=model.device)
            shares[places] = torch.softmax(model(**inputs).logits.double(), dim=-1).cpu().numpy()
    return shares


def token_ids(tokenizer: Any, texts: Sequence[str], *, max_length: int) -> list[list[int]]:
    """The token ids of each text, with the encoder's special tokens, cut at `max_length` tokens."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts), truncation=True, max_length=max_length, return_attention_mask=False, return_token_type_ids=False
    )
    return list(encoded["input_ids"])


def share_cut(tokenizer: Any, texts: Sequence[str], *, max_length: int) -> float:
    """The share of texts, in [0, 1], with more than `max_length` tokens, whose end the encoder does not read."""
    rows = token_ids(tokenizer, texts, max_length=max_length + 1)
    return sum(len(row) > max_length for row in rows) / max(1, len(rows))


def pad(rows: Sequence[Sequence[int]], *, pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """The model inputs `input_ids` and `attention_mask`, both int64, shape (b, length of the longest row).

    On CUDA the length is rounded up to a multiple of 8, which suits a GPU's matrix units; on a CPU the padding would only
    cost time (7 to 10 % of a step).
    """
    multiple = CUDA_MULTIPLE if device.type == "cuda" else 1
    width = math.ceil(max(map(len, rows)) / multiple) * multiple
    ids = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(width) < lengths[:, None]).long()
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 if the device computes natively in bfloat16, else float32."""
    if device.type == "cuda":
        is_fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        found = torch.cpu.get_capabilities()
        is_fast = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return torch.bfloat16 if is_fast else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """A context in which matrix products are computed in `dtype`; it changes nothing for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
