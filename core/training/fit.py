"""Fine-tune encoders, run by run, and predict the real test split. Imported by worker processes only."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from safetensors import SafetensorError
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core import encoders, quiet_hub
from core.errors import StudyError
from core.reports import Report
from core.study import tasks
from core.study.rows.study import Arm, Prediction, Run, Sample, Task
from core.study.store import Store
from core.training import fingerprints, predict, selection
from core.training.settings import TrainingSettings, training_settings

POOL_BATCHES = 16  # batches whose texts are sorted by length together
LOSS_POINTS = 200  # stored points of a loss curve
MAX_GRADIENT = 1.0  # norm


@dataclass(frozen=True)
class RunData:
    """A run with the data and settings of its training; `targets` holds an index in `label_ids` for every training text."""

    run: Run
    title: str
    settings: TrainingSettings
    texts: list[str]
    targets: list[int]
    label_ids: list[int]
    test_ids: list[int]
    test_texts: list[str]
    train_digest: str


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
        steps = {run_id: _settings(_run(session, run_id)).steps for run_id in run_ids}
    total, done = sum(steps.values()), 0
    for run_id in run_ids:
        with store() as session:
            data = _run_data(session, run_id)
        if data is not None:
            report(done, total, data.title, {})
            _train_and_store(store, data, device=device, report=_shifted(report, done=done, total=total))
        done += steps[run_id]
    report(done, total, "", {})


def _train_and_store(store: Store, data: RunData, *, device: torch.device, report: Report) -> None:
    """Train a run, predict its test texts and store the result."""
    began = time.monotonic()
    dtype = predict.fast_dtype(device)
    transformers.set_seed(data.run.seed)
    try:
        model, tokenizer = _loaded(data, device)
        cut = {
            split: predict.share_cut(tokenizer, texts, max_length=data.settings.max_length)
            for split, texts in (("train", data.texts), ("test", data.test_texts))
        }
        loss, training_seconds = _train(model, tokenizer, data, dtype=dtype, report=report)
        indices, probabilities = predict.predict(
            model, tokenizer, data.test_texts, max_length=data.settings.max_length, dtype=dtype
        )
    except torch.OutOfMemoryError as error:
        raise StudyError(
            f"{data.title} with {data.run.encoder} does not fit into the GPU's memory. Lower batch_size "
            f"({data.settings.batch_size}) or max_length ({data.settings.max_length})."
        ) from error
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "seconds": time.monotonic() - began,
        "samples_per_second": data.settings.steps * data.settings.batch_size / training_seconds,
        "loss": loss,
        "train_digest": data.train_digest,
        "cut": cut,
        "notes": data.run.config.get("notes", []),
    }
    _store(store, data, facts=facts, indices=indices, probabilities=probabilities)


def _train(
    model: Any, tokenizer: Any, data: RunData, *, dtype: torch.dtype, report: Report
) -> tuple[list[list[float]], float]:
    """Fine-tune the model in place; return the loss curve and the seconds of training.

    The loss curve is a list of [step, mean loss since the previous point].
    """
    began, settings, every = time.monotonic(), data.settings, max(1, data.settings.steps // LOSS_POINTS)
    rows = predict.token_ids(tokenizer, data.texts, max_length=settings.max_length)
    targets = torch.tensor(data.targets, device=model.device)
    optimizer = _optimizer(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, settings))
    stream = batches([len(row) for row in rows], settings.batch_size, rng=np.random.default_rng(data.run.seed))
    curve: list[list[float]] = []
    recent: list[torch.Tensor] = []
    model.train()
    for step in range(1, settings.steps + 1):
        places = next(stream)
        inputs = predict.pad([rows[place] for place in places], pad_id=tokenizer.pad_token_id, device=model.device)
        with predict.autocast(model.device, dtype):
            logits = model(**inputs).logits
        loss: Any = torch.nn.functional.cross_entropy(logits.float(), targets[places])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        recent.append(loss.detach())
        if step % every == 0 or step == settings.steps:
            curve.append([step, _finite(torch.stack(recent).mean().item(), data, step)])
            recent.clear()
            report(step, settings.steps, data.title, {"loss": curve[-1][1]})
    return curve, time.monotonic() - began


def batches(lengths: Sequence[int], size: int, *, rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield batches of `size` indices of texts of similar length, without end.

    Every text is used once before any text is used again. Texts are shuffled and divided into pools of up to sixteen
    batches (never more than all texts); each pool is sorted by length and cut into batches, and the batches are shuffled.
    So every batch is full, whatever the number of texts.
    """
    pool = size * max(1, min(POOL_BATCHES, len(lengths) // size))
    waiting: list[int] = []
    while True:
        while len(waiting) < pool:
            waiting += rng.permutation(len(lengths)).tolist()
        pooled, waiting = sorted(waiting[:pool], key=lengths.__getitem__), waiting[pool:]
        for start in rng.permutation(np.arange(0, pool, size)).tolist():
            yield pooled[start : start + size]


def rate(step: int, settings: TrainingSettings) -> float:
    """The learning rate at a step (from 0) as a share of the highest rate: linear rise in the warm-up, then linear decay."""
    warmup = max(1, round(settings.warmup_share * settings.steps))
    return min((step + 1) / warmup, (settings.steps - step) / (settings.steps - warmup + 1))


def _optimizer(model: Any, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The AdamW optimiser, without weight decay for biases and normalisation weights."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def _loaded(data: RunData, device: torch.device) -> tuple[Any, Any]:
    """The encoder with a new classification head, and its tokenizer. Raises `StudyError` if either cannot be loaded."""
    name, is_local = data.run.encoder, encoders.offline(data.run.encoder)
    source = encoders.resolve(name)
    try:
        with quiet_hub.hub(offline=is_local):
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=is_local)
            model = AutoModelForSequenceClassification.from_pretrained(
                source, num_labels=len(data.label_ids), dtype=torch.float32, local_files_only=is_local
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StudyError(
            f"The encoder {name!r} cannot be loaded: {reason[:200]} Check its name or path and the network; 'minilm' "
            "needs no network."
        ) from error
    limit = getattr(model.config, "max_position_embeddings", math.inf)
    if tokenizer.pad_token_id is None or data.settings.max_length > limit:
        fault = "has no padding token" if tokenizer.pad_token_id is None else f"reads at most {limit} tokens"
        raise StudyError(f"The encoder {name!r} {fault}; choose another encoder or a lower max_length.")
    return model.to(device), tokenizer


def _shifted(report: Report, *, done: int, total: int) -> Report:
    """A report of steps after `done` earlier steps, out of `total`."""
    return lambda step, _steps, message, extra: report(done + step, total, message, extra)


def _finite(loss: float, data: RunData, step: int) -> float:
    """The loss itself. Raises `StudyError` if it is not finite."""
    if not math.isfinite(loss):
        raise StudyError(f"{data.title} diverged at step {step}: its loss is {loss}. Lower learning_rate.")
    return loss


def _run(session: Session, run_id: int) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise StudyError(f"There is no run {run_id}. Queue the runs again on Train.")
    return run


def _settings(run: Run) -> TrainingSettings:
    return training_settings(run.config["training"])


def _run_data(session: Session, run_id: int) -> RunData | None:
    """The data of a run; None if the run has finished. Raises `StudyError` if the data has changed since the plan."""
    run = _run(session, run_id)
    if run.finished_at is not None:
        return None
    arm = session.get_one(Arm, run.arm_id)
    task = session.get_one(Task, arm.task_id)
    title, settings = f"{task.name} · {arm.name} · seed {run.seed}", _settings(run)
    train = selection.choose_training_samples(
        session, arm, n=run.n_train, seed=run.seed, balance=settings.balance
    ).samples
    test = selection.test_samples(session, task)
    fingerprint = fingerprints.fingerprint(
        encoder=run.encoder, seed=run.seed, settings=settings, train=train, test=test
    )
    if fingerprint != run.fingerprint:
        raise StudyError(f"The texts of {title} have changed since it was planned. Queue the runs again on Train.")
    labels = sorted(tasks.labels_of(session, task.id), key=lambda label: label.name)
    places = {label.name: place for place, label in enumerate(labels)}
    real = next(other for other in tasks.arms(session, task.id) if other.kind == "real")
    texts = {**_texts(session, arm.id), **_texts(session, real.id)}
    return RunData(
        run=run,
        title=title,
        settings=settings,
        texts=[texts[sample_id] for sample_id in train["sample_id"]],
        targets=[places[label] for label in train["label"]],
        label_ids=[label.id for label in labels],
        test_ids=[int(sample_id) for sample_id in test["sample_id"]],
        test_texts=[texts[sample_id] for sample_id in test["sample_id"]],
        train_digest=fingerprints.data_digest(train),
    )


def _texts(session: Session, arm_id: int) -> dict[int, str]:
    return {row.id: row.text for row in session.execute(select(Sample.id, Sample.text).where(Sample.arm_id == arm_id))}


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
