"""Embed texts with an encoder: token vectors averaged and brought to length 1. Loaded by worker processes only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer

from core import encoders, quiet_hub
from core.errors import StudyError
from core.quality import embedded
from core.reports import Report

BATCH_SIZE = 64
MAX_LENGTH = 128
KEEP_EVERY = 4096


def embed(
    texts: Sequence[str],
    *,
    encoder: str = "minilm",
    batch_size: int = BATCH_SIZE,
    max_length: int = MAX_LENGTH,
    report: Report | None = None,
) -> NDArray[np.float32]:
    """Unit vectors of the texts, shape (n, d), in their order: the mean over a text's tokens, cut at `max_length`.

    `report` gets texts done and in all. Raises `StudyError` when the encoder cannot be loaded.
    """
    return _embed(_loaded(encoder, max_length), texts, batch_size=batch_size, max_length=max_length, report=report)


def cached(
    texts: Sequence[str], *, encoder: str = "minilm", home: Path, report: Report | None = None
) -> NDArray[np.float32]:
    """As `embed`, but no text is embedded twice: vectors are kept under `home` (see `core.quality.embedded`).

    They are kept every few thousand texts, so that an interrupted call goes on where it was.
    """
    unique = list(dict.fromkeys(texts))
    _, held = embedded.recall(unique, encoder=encoder, home=home)
    missing = sorted((text for text, is_held in zip(unique, held, strict=True) if not is_held), key=len)
    if missing or not unique:
        loaded = _loaded(encoder, MAX_LENGTH)
        for start in range(0, len(missing), KEEP_EVERY):
            some = missing[start : start + KEEP_EVERY]
            shift = _shifted(report, done=start, total=len(missing))
            vectors = _embed(loaded, some, batch_size=BATCH_SIZE, max_length=MAX_LENGTH, report=shift)
            embedded.remember(some, vectors, encoder=encoder, home=home)
        if not unique:
            return np.empty((0, loaded[0].config.hidden_size), dtype=np.float32)
    return embedded.recall(texts, encoder=encoder, home=home)[0]


def _embed(
    loaded: tuple[Any, Any], texts: Sequence[str], *, batch_size: int, max_length: int, report: Report | None
) -> NDArray[np.float32]:
    model, tokenizer = loaded
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    if not texts:
        return vectors
    rows = tokenizer(list(texts), truncation=True, max_length=max_length, return_token_type_ids=False)["input_ids"]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]), reverse=True)
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            inputs = tokenizer.pad({"input_ids": [rows[place] for place in places]}, return_tensors="pt")
            vectors[places] = _pooled(model, inputs.to(model.device)).cpu().numpy()
            if report is not None:
                report(start + len(places), len(order), "texts embedded", {})
    return vectors


def _pooled(model: Any, inputs: Any) -> torch.Tensor:
    """Mean over the tokens that are no padding, then length 1: (b, d)."""
    states = model(**inputs).last_hidden_state  # (b, tokens, d)
    mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean: torch.Tensor = (states * mask).sum(dim=1) / mask.sum(dim=1)
    return torch.nn.functional.normalize(mean.float(), dim=-1)


def _loaded(encoder: str, max_length: int) -> tuple[Any, Any]:
    """Model in float32 on the GPU if there is one, and tokenizer. Raises `StudyError` when they cannot be had."""
    is_local = encoders.offline(encoder)
    source = encoders.resolve(encoder)
    quiet_hub.be_quiet()
    try:
        with quiet_hub.hub(offline=is_local):
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=is_local)
            model = AutoModel.from_pretrained(source, dtype=torch.float32, local_files_only=is_local)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StudyError(
            f"The encoder {encoder!r} cannot be loaded: {reason[:200]} Check its name or path and the network; "
            "'minilm' needs neither."
        ) from error
    limit = getattr(model.config, "max_position_embeddings", None)
    if tokenizer.pad_token_id is None or (limit is not None and max_length > limit):
        wrong = "has no padding token" if tokenizer.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {encoder!r} {wrong}; choose another one.")
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _shifted(report: Report | None, *, done: int, total: int) -> Report | None:
    if report is None:
        return None
    return lambda step, _steps, message, extra: report(done + step, total, message, extra)
