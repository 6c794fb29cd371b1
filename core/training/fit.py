"""Fine-tune encoders, run by run, and predict the real test split. Imported by worker processes only."""

import time
from collections.abc import Mapping, Sequence
from shutil import disk_usage
from typing import Any

import numpy as np
import torch
import transformers
from sqlalchemy import insert, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core import quiet_hub
from core.errors import StorageError, StudyError
from core.reports import Report, shifted
from core.study.rows.study import Prediction, Run
from core.study.store import Store
from core.training import predict
from core.training.checkpoints.checkpoint import Checkpoint
from core.training.checkpoints.folder import Folder
from core.training.fitting import encoder, loop, micro_batches, run_data
from core.training.fitting.loop import Trained
from core.training.fitting.run_data import RunData
from core.training.kept import save
from core.training.kept.folder import Keep
from core.training.kept.save import Keeper
from core.wording import counted

ROOM = 32 << 20  # bytes free, below which a checkpoint gives way to the predictions of its run
MOST_FAULTS = 5  # reasons for which runs could not be trained, in the error of a job
FULL_DISK = ("disk is full", "disk I/O error", "No space left")  # how databases say that nothing more can be written


def execute(
    store: Store,
    run_ids: Sequence[int],
    *,
    report: Report,
    threads: int = 1,
    checkpoints: Folder | None = None,
    keeper: Keeper | None = None,
) -> None:
    """Train those of the runs that are unfinished, in turn, and store their predictions and facts.

    With a keeper, the model of a run is kept where `Run.config` says so under `keep`; a finished run that should have a kept
    model and has none is trained once more for its weights, and its stored result does not change.

    `report` is called with steps done and steps in all over these runs, the title of the current run, its loss, and the
    steps that are `kept` on disk. The same run with the same `threads` on the same processor ends with the same weights,
    bit by bit, also if its process was killed and it went on from a checkpoint in the folder `checkpoints`.

    A run cannot be trained if its data has changed since it was planned, if its encoder cannot be loaded, if not one text fits
    into memory, or if its loss is no longer finite. The others are trained nevertheless; then `StudyError` is raised with the
    reasons. Raises `StorageError` at once if predictions or a model cannot be stored.
    """
    quiet_hub.be_quiet()
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    steps, faults = _lengths(store, run_ids)
    if checkpoints:
        checkpoints.sweep(store)
    total, done, kept = sum(steps.values()), 0, 0
    for run_id, length in steps.items():
        said = _keeping(report, done=done, kept=kept, total=total)
        try:
            _train_if_wanted(store, run_id, device=device, report=said, checkpoints=checkpoints, keeper=keeper)
            kept += length
        except StorageError:
            raise
        except StudyError as error:
            faults.append(str(error))
        done += length
    report(kept, total, "", {"kept": kept})
    _check_trained(faults, n=len(set(run_ids)))


def _lengths(store: Store, run_ids: Sequence[int]) -> tuple[dict[int, int], list[str]]:
    """The number of steps of each run, by its id, and a sentence about each run that is gone or has no usable settings."""
    steps, faults = dict[int, int](), list[str]()
    with store() as session:
        for run_id in dict.fromkeys(run_ids):
            try:
                steps[run_id] = run_data.settings_of(run_data.run_of(session, run_id)).length
            except StudyError as error:
                faults.append(str(error))
    return steps, faults


def _check_trained(faults: Sequence[str], *, n: int) -> None:
    """Raise `StudyError` if some of `n` runs could not be trained: how many were trained, how many not, and for which reasons."""
    if not faults:
        return
    reasons = list(dict.fromkeys(faults))
    more = f" And {counted(len(reasons) - MOST_FAULTS, 'reason')} more." if len(reasons) > MOST_FAULTS else ""
    head = f"{n - len(faults):,} of {n:,} runs trained, {len(faults):,} not. " if n > 1 else ""
    raise StudyError(head + " ".join(reasons[:MOST_FAULTS]) + more)


def _keeping(report: Report, *, done: int, kept: int, total: int) -> Report:
    """A report of a run after others of `done` steps, of which `kept` are stored: they count among the kept steps of the run."""
    told = shifted(report, done=done, total=total)
    return lambda step, steps, message, extra: told(
        step, steps, message, {**extra, "kept": kept + extra.get("kept", 0)}
    )


def _train_if_wanted(
    store: Store,
    run_id: int,
    *,
    device: torch.device,
    report: Report,
    checkpoints: Folder | None,
    keeper: Keeper | None,
) -> None:
    """Train a run that is unfinished, or whose model should be kept and is not there."""
    with store() as session:
        data = run_data.read(session, run_id, again=keeper is not None and _is_to_keep(session, keeper, run_id))
    if data is None:
        return
    report(0, data.settings.length, data.title, {})
    own = checkpoints if data.run.finished_at is None else None  # those of finished runs are swept away
    _train_and_store(store, data, device=device, report=report, checkpoints=own, keeper=keeper)


def _is_to_keep(session: Session, keeper: Keeper, run_id: int) -> bool:
    """Whether a run keeps its model for certain, not as a candidate for the best one, and the model is not there."""
    run = run_data.run_of(session, run_id)
    return run.config.get("keep") == Keep.ALL and keeper.models.find(run_id, run.fingerprint) is None


def _train_and_store(
    store: Store,
    data: RunData,
    *,
    device: torch.device,
    report: Report,
    checkpoints: Folder | None,
    keeper: Keeper | None,
) -> None:
    """Train a run, predict its test texts, store the result unless the run has finished, and keep its model if that is planned."""
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
        conditions = _conditions(data, device=device, dtype=dtype)
        checkpoint = Checkpoint(checkpoints, data.run.id, data.title, conditions) if checkpoints else None
        trained = loop.train(fit, report=report, checkpoint=checkpoint)
        indices, probabilities = predict.predict(
            model, tokenizer, data.test_texts, max_length=settings.max_length, dtype=dtype
        )
        train_loss = fit.mean_loss(fit.train[: loop.MEASURED], data.train)
    except (MemoryError, RuntimeError) as error:
        if not micro_batches.is_out_of_memory(error):
            raise
        raise StudyError(
            f"{data.title} with {data.run.encoder} does not fit into the memory of {_device_name(device)}, not even one text at a "
            f"time. Lower max_length ({settings.max_length}) or choose a smaller encoder."
        ) from error
    facts = _facts(data, conditions, trained, seconds=time.monotonic() - began) | {"train_loss": train_loss, "cut": cut}
    if checkpoints and disk_usage(checkpoints.path.parent).free < ROOM:
        checkpoints.remove(data.run.id)  # it has served, and makes room for the predictions
    _store(store, data, facts=facts, indices=indices, probabilities=probabilities)
    if checkpoints:
        checkpoints.remove(data.run.id)
    if keeper and data.run.config.get("keep"):
        keeper.keep(store, data, model, tokenizer, repeated=_repeated(store, data, indices))


def _facts(data: RunData, conditions: Mapping[str, Any], trained: Trained, *, seconds: float) -> dict[str, Any]:
    """What is stored about a training: its conditions, time, losses and notes. `seconds`: of the run in this process."""
    return {
        **{name: conditions[name] for name in ("device", "threads", "dtype", "torch", "transformers")},
        "seconds": seconds + trained.seconds_before,
        "samples_per_second": trained.steps * data.settings.batch_size / trained.seconds,
        "steps": trained.steps,
        "stopped_early": trained.steps < data.settings.length,
        "loss": trained.curve,
        "validation": {"n": len(data.validation), "loss": trained.validation}
        | ({"guess": data.guess.loss_on(data.validation.targets)} if len(data.validation) else {}),
        "guess": data.guess.loss,
        "least": data.guess.least,
        "train_digest": data.train_digest,
        "notes": [*data.run.config.get("notes", []), *([trained.note] if trained.note else [])],
        **({"resumed_at": trained.resumed_at, "seconds_before": trained.seconds_before} if trained.resumed_at else {}),
    }


def _repeated(store: Store, data: RunData, indices: np.ndarray) -> str:
    """A sentence about a training that was repeated for its weights: whether its answers are the stored ones. Else ""."""
    if data.run.finished_at is None:
        return ""
    answers = dict(zip(data.test_ids, (data.label_ids[place] for place in indices.tolist()), strict=True))
    with store() as session:
        same, n = save.same_answers(session, data.run.id, answers)
    return f"The training was repeated to keep its weights; its answers equal the stored ones on {same:,} of {n:,} test texts."


def _device_name(device: torch.device) -> str:
    """The name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _conditions(data: RunData, *, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What the last bit of a run depends on, apart from its code, by name."""
    return {
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "encoder": data.run.encoder,
        "fingerprint": data.run.fingerprint,
    }


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
    try:
        with store.write() as session:
            if session.scalars(finish).one_or_none() is not None:
                session.execute(insert(Prediction), rows)
    except OperationalError as error:
        if not any(words in str(error.orig) for words in FULL_DISK):
            raise
        raise StorageError(
            f"The predictions of {data.title} could not be stored: {str(error.orig).strip().rstrip('.')}. Free some disk "
            "space, then retry the job; runs that are stored are kept."
        ) from error
