"""Embed texts with an encoder as means of token vectors, scaled to length 1. Imported by worker processes only."""

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
from core.quality import embedding_store
from core.reports import Report

BATCH_SIZE = 64
MAX_LENGTH = 128
STORE_EVERY = 4096  # texts


def embed(
    texts: Sequence[str],
    *,
    encoder: str = "minilm",
    batch_size: int = BATCH_SIZE,
    max_length: int = MAX_LENGTH,
    report: Report | None = None,
) -> NDArray[np.float32]:
    """The unit vectors of texts, shape (n, d), float32, in the order of `texts`.

    A text is cut at `max_length` tokens; its vector is the mean over its tokens, scaled to length 1. `report` is called
    with the number of texts done and of all texts. Raises `StudyError` if the encoder cannot be loaded.
    """
    return _embed(_loaded(encoder, max_length), texts, batch_size=batch_size, max_length=max_length, report=report)


def cached(
    texts: Sequence[str], *, encoder: str = "minilm", home: Path, report: Report | None = None
) -> NDArray[np.float32]:
    """The unit vectors of texts as `embed` returns them, read from `home` if stored there, else embedded and stored.

    Vectors are stored after every few thousand texts, so that a call after an interruption continues from there.
    """
    unique = list(dict.fromkeys(texts))
    _, is_stored = embedding_store.read(unique, encoder=encoder, home=home)
    missing = sorted((text for text, known in zip(unique, is_stored, strict=True) if not known), key=len)
    if missing or not unique:
        loaded = _loaded(encoder, MAX_LENGTH)
        for start in range(0, len(missing), STORE_EVERY):
            batch = missing[start : start + STORE_EVERY]
            shift = _shifted(report, done=start, total=len(missing))
            vectors = _embed(loaded, batch, batch_size=BATCH_SIZE, max_length=MAX_LENGTH, report=shift)
            embedding_store.write(batch, vectors, encoder=encoder, home=home)
        if not unique:
            return np.empty((0, loaded[0].config.hidden_size), dtype=np.float32)
    return embedding_store.read(texts, encoder=encoder, home=home)[0]


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
    """The mean over tokens other than padding, scaled to length 1: shape (b, d)."""
    states = model(**inputs).last_hidden_state  # (b, tokens, d)
    mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean: torch.Tensor = (states * mask).sum(dim=1) / mask.sum(dim=1)
    return torch.nn.functional.normalize(mean.float(), dim=-1)


def _loaded(encoder: str, max_length: int) -> tuple[Any, Any]:
    """The model in float32, on the GPU if there is one, and its tokenizer. Raises `StudyError` if either cannot be loaded."""
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
            "'minilm' needs no network."
        ) from error
    limit = getattr(model.config, "max_position_embeddings", None)
    if tokenizer.pad_token_id is None or (limit is not None and max_length > limit):
        fault = "has no padding token" if tokenizer.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {encoder!r} {fault}; choose another encoder.")
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _shifted(report: Report | None, *, done: int, total: int) -> Report | None:
    """A report of steps after `done` earlier steps, out of `total`."""
    if report is None:
        return None
    return lambda step, _steps, message, extra: report(done + step, total, message, extra)
