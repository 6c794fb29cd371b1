"""Load an encoder with a new classification head, from local weights in safetensors or from the hub."""

import math
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core import encoders, quiet_hub
from core.errors import StudyError


def load(name: str, *, classes: int, max_length: int, device: torch.device) -> tuple[Any, Any]:
    """The encoder with a new classification head for `classes` labels on a device, and its tokenizer.

    Only weights in the safetensors format are read, and no code that comes with a model is run. Raises `StudyError` if
    either cannot be loaded, or if the encoder cannot read texts of `max_length` tokens.
    """
    is_local = encoders.offline(name)
    source = encoders.resolve(name)
    try:
        with quiet_hub.hub(offline=is_local):
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=is_local, trust_remote_code=False)
            model = AutoModelForSequenceClassification.from_pretrained(
                source,
                num_labels=classes,
                dtype=torch.float32,
                local_files_only=is_local,
                use_safetensors=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StudyError(
            f"The encoder {name!r} cannot be loaded: {reason[:200]} Check its name or path and the network; 'minilm' "
            "needs no network."
        ) from error
    limit = getattr(model.config, "max_position_embeddings", math.inf)
    if tokenizer.pad_token_id is None or max_length > limit:
        fault = "has no padding token" if tokenizer.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {name!r} {fault}; choose another encoder or a lower max_length.")
    return model.to(device), tokenizer
