"""Load an encoder with a new classification head, from weights in safetensors, on this machine or from the hub."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core import encoders, quiet_hub
from core.errors import StudyError


def load(name: str, *, classes: int, max_length: int, device: torch.device) -> tuple[Any, Any]:
    """The encoder with a new classification head for `classes` labels on a device, and its tokenizer.

    Raises `StudyError` if either cannot be loaded, or if the encoder cannot read texts of `max_length` tokens.
    """
    folder = Path(encoders.resolve(name))
    if folder.is_dir() and (fault := encoders.fault_of(folder)):
        raise StudyError(f"The encoder {name!r} cannot be loaded: it {fault}")
    with quiet_hub.loading(name) as (source, options):
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        model = AutoModelForSequenceClassification.from_pretrained(
            source, num_labels=classes, dtype=torch.float32, use_safetensors=True, **options
        )
    limit = encoders.most_tokens(model.config)
    if tokenizer.pad_token_id is None or max_length > limit:
        fault = "has no padding token" if tokenizer.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {name!r} {fault}; choose another encoder or a lower max_length.")
    return model.to(device), tokenizer
