"""Fine-tune encoders, run by run, and predict the real test split. Imported by worker processes only."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from sqlalchemy import insert, update

from core import quiet_hub
from core.errors import StudyError
from core.reports import Report, shifted
from core.study.rows.study import Prediction, Run
from core.study.store import Store
from core.training import convergence, predict
from core.training.fitting import encoder, loop, run_data
from core.training.fitting.run_data import RunData


def execute(store: Store, run_ids: Sequence[int], *, report: Report, threads: int = 1) -> None:
    """Train those of the runs that are unfinished, in turn, and store their predictions and facts.

    `report` is called with steps done and steps in all over these runs, the title of the current run, and its loss. The
    same run with the same `threads` on the same processor ends with the same weights, bit by bit. Raises `StudyError` if a
    run's data has changed since it was planned, if its encoder cannot be loaded, if it does not fit into the GPU's
    memory, or if its loss is no longer finite.
    """
    quiet_hub.be_quiet()
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with store() as session:
        steps = {
            run_id: run_data.settings_of(run_data.run_of(session, run_id)).length for run_id in dict.fromkeys(run_ids)
        }
    total, done = sum(steps.values()), 0
    for run_id, length in steps.items():
        with store() as session:
            data = run_data.read(session, run_id)
        if data is not None:
            report(done, total, data.title, {})
            _train_and_store(store, data, device=device, report=shifted(report, done=done, total=total))
        done += length
    report(done, total, "", {})


def _train_and_store(store: Store, data: RunData, *, device: torch.device, report: Report) -> None:
    """Train a run, predict its test texts and store the result."""
    began = time.monotonic()
    dtype = predict.fast_dtype(device)
    settings = data.settings
    transformers.set_seed(data.run.seed)
    try:
        model, tokenizer = encoder.load(
            data.run.encoder, classes=len(data.label_ids), max_length=settings.max_length, device=device
        )
        cut = {
            split: predict.share_cut(tokenizer, texts, max_length=settings.max_length)
            for split, texts in (("train", data.train.texts), ("test", data.test_texts))
        }
        fit = loop.prepare(model, tokenizer, data, dtype=dtype)
        trained = loop.train(fit, report=report)
        indices, probabilities = predict.predict(
            model, tokenizer, data.test_texts, max_length=settings.max_length, dtype=dtype
        )
        train_loss = fit.mean_loss(fit.train[: loop.MEASURED], data.train)
    except torch.OutOfMemoryError as error:
        raise StudyError(
            f"{data.title} with {data.run.encoder} does not fit into the GPU's memory. Lower batch_size "
            f"({settings.batch_size}) or max_length ({settings.max_length})."
        ) from error
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "seconds": time.monotonic() - began,
        "samples_per_second": trained.steps * settings.batch_size / trained.seconds,
        "steps": trained.steps,
        "stopped_early": trained.steps < settings.length,
        "loss": trained.curve,
        "train_loss": train_loss,
        "validation": {"n": len(data.validation), "loss": trained.validation},
        "guess": convergence.loss_of_a_guess(data.train.targets),
        "train_digest": data.train_digest,
        "cut": cut,
        "notes": data.run.config.get("notes", []),
    }
    _store(store, data, facts=facts, indices=indices, probabilities=probabilities)


def _store(
    store: Store, data: RunData, *, facts: dict[str, Any], indices: np.ndarray, probabilities: np.ndarray
) -> None:
    """Store a run's predictions, facts and end time in one transaction, unless another attempt has finished the run."""
    rows = [
        {"run_id": data.run.id, "sample_id": sample_id, "label_id": data.label_ids[place], "probability": shares[place],
         "probabilities": shares, "created_at": time.time()}
        for sample_id, place, shares in zip(data.test_ids, indices.tolist(), probabilities.tolist(), strict=True)
    ]  # fmt: skip
    finish = (
        update(Run)
        .where(Run.id == data.run.id, Run.finished_at.is_(None))
        .values(facts=facts, finished_at=time.time())
        .returning(Run.id)
    )
    with store.write() as session:
        if session.scalars(finish).one_or_none() is not None:
            session.execute(insert(Prediction), rows)
