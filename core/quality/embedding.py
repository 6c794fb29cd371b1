"""Embed texts with an encoder as means of token vectors, scaled to length 1. Imported by worker processes only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from core import encoders, quiet_hub
from core.errors import StudyError
from core.quality import embedding_store
from core.reports import Report, shifted
from core.study.chunks import chunks

BATCH_SIZE = 64
MAX_LENGTH = 128  # tokens of a text
STORE_EVERY = 4096  # texts


def embed(
    texts: Sequence[str],
    *,
    home: Path,
    encoder: str = "minilm",
    batch_size: int = BATCH_SIZE,
    report: Report | None = None,
) -> NDArray[np.float32]:
    """The unit vectors of texts, shape (n, d), float32, in the order of `texts`.

    A text is cut at `MAX_LENGTH` tokens; its vector is the mean over its tokens, scaled to length 1. Vectors stored under
    `home` are read; other texts are embedded, and their vectors are stored after every few thousand texts, so that a call
    after an interruption continues from that point. `report` is called with the number of texts done and of all texts to
    embed. Raises `StudyError` if the encoder cannot be loaded.
    """
    unique = list(dict.fromkeys(texts))
    _, is_stored = embedding_store.read(unique, encoder=encoder, home=home)
    missing = sorted((text for text, known in zip(unique, is_stored, strict=True) if not known), key=len)
    if missing or not unique:
        loaded = _loaded(encoder)
        done = 0
        for chunk in chunks(missing, STORE_EVERY):
            told = None if report is None else shifted(report, done=done, total=len(missing))
            embedding_store.write(chunk, _embed(loaded, chunk, batch_size, report=told), encoder=encoder, home=home)
            done += len(chunk)
        if not unique:
            return np.empty((0, loaded[0].config.hidden_size), dtype=np.float32)
    return embedding_store.read(texts, encoder=encoder, home=home)[0]


def tokenizer(encoder: str) -> Any:
    """The tokenizer of an encoder, without its weights. Raises `StudyError` if the tokenizer cannot be loaded."""
    with quiet_hub.loading(encoder) as (source, options):
        return AutoTokenizer.from_pretrained(source, **options)


def _embed(
    loaded: tuple[Any, Any], texts: Sequence[str], batch_size: int, *, report: Report | None
) -> NDArray[np.float32]:
    """The unit vectors of texts by a model and its tokenizer; batches hold texts of similar length."""
    model, reader = loaded
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    rows = reader(list(texts), truncation=True, max_length=MAX_LENGTH, return_token_type_ids=False)["input_ids"]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]), reverse=True)
    with torch.inference_mode():
        done = 0
        for places in chunks(order, batch_size):
            inputs = reader.pad({"input_ids": [rows[place] for place in places]}, return_tensors="pt")
            vectors[places] = _pooled(model, inputs.to(model.device)).cpu().numpy()
            done += len(places)
            if report is not None:
                report(done, len(order), "texts embedded", {})
    return vectors


def _pooled(model: Any, inputs: Any) -> torch.Tensor:
    """The mean over tokens other than padding, scaled to length 1: shape (b, d)."""
    states = model(**inputs).last_hidden_state  # (b, tokens, d)
    mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean: torch.Tensor = (states * mask).sum(dim=1) / mask.sum(dim=1)
    return torch.nn.functional.normalize(mean.float(), dim=-1)


def _loaded(encoder: str) -> tuple[Any, Any]:
    """The model in float32, on the GPU if there is one, and its tokenizer. Raises `StudyError` if either cannot be loaded."""
    read = tokenizer(encoder)
    with quiet_hub.loading(encoder) as (source, options):
        model = AutoModel.from_pretrained(source, dtype=torch.float32, use_safetensors=True, **options)
    limit = encoders.most_tokens(model.config)
    if read.pad_token_id is None or limit < MAX_LENGTH:
        fault = "has no padding token" if read.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {encoder!r} {fault}; choose another encoder.")
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), read
