"""Write a checkpoint of a training whole or not at all, and take a training up from it. For worker processes only."""

import json
import math
import os
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import StudyError
from core.training.checkpoints import state as states
from core.training.checkpoints.folder import Folder
from core.training.checkpoints.state import State

SHARE = 0.02  # of the time of a training, the most that writing checkpoints may take
GUESSED_RATE = 150e6  # bytes that are written in a second, until a checkpoint was written


class Unusable(Exception):
    """Raised with the reason for which a checkpoint cannot be used."""


@dataclass
class Checkpoint:
    """The checkpoint of one run: when it is due, how it is written, and how a training is taken up from it.

    `conditions` are what the last bit of a run depends on, by name: threads, device, number format, versions, texts. A
    checkpoint that was written under other conditions is not used. `kept` is the step of the newest checkpoint.
    """

    folder: Folder
    run_id: int
    title: str
    conditions: Mapping[str, Any]
    kept: int = 0
    cost: float = math.nan
    written_at: float = field(default_factory=time.monotonic)
    has_failed: bool = False

    def taken_up(self, model: Any, optimizer: torch.optim.Optimizer) -> State:
        """The state from which a training goes on: that of the checkpoint, else of a training that begins.

        A checkpoint that cannot be used is said in one sentence, and removed.
        """
        path = self.folder.file(self.run_id)
        self.folder.fetch(self.run_id)
        if not path.is_file():
            return State()
        try:
            tensors, values = _read(path, self.conditions)
            if not states.fits(model, tensors):
                raise Unusable("holds weights of another shape than the encoder's")
            state = states.unpacked(model, optimizer, tensors, values)
        except Unusable as error:
            self.folder.say(f"{self.title} starts anew: its checkpoint {path.name} {error}.")
            self.folder.remove(self.run_id)
            return State()
        self.kept = state.step
        self.folder.say(f"{self.title} goes on at step {state.step:,}, from its checkpoint.")
        return state

    def keep(self, model: Any, optimizer: torch.optim.Optimizer, state: State, *, at_once: bool = False) -> None:
        """Write a checkpoint if one is due, or `at_once`. If the disk refuses, say so once; the training goes on."""
        began = time.monotonic()
        if math.isnan(self.cost):
            self.cost = 3 * sum(weight.nbytes for weight in model.parameters()) / GUESSED_RATE
        if not at_once and began - self.written_at < self._wait():
            return
        try:
            _write(self.folder.file(self.run_id), self.conditions, *states.packed(model, optimizer, state))
            self.folder.share(self.run_id)
            self.kept = state.step
        except (OSError, SafetensorError, StudyError) as error:
            if not self.has_failed:
                at = f"step {self.kept:,}" if self.kept else "its beginning"
                self.folder.say(
                    f"The checkpoint of {self.title} could not be written: {_reason(error)}. The training goes on; were it "
                    f"killed now, it would go on from {at}."
                )
            self.has_failed = True
        self.written_at = time.monotonic()
        self.cost = self.written_at - began

    def _wait(self) -> float:
        """The seconds from one checkpoint to the next: as set, and long enough that writing takes its share at most."""
        return max(self.folder.seconds, self.cost / SHARE) if self.folder.seconds > 0 else 0.0


def _write(path: Path, conditions: Mapping[str, Any], tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, make sure that it is on the disk, and move it there. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    for left in path.parent.glob(f".{path.name}.*"):  # by a process that was killed as it wrote
        left.unlink(missing_ok=True)
    said = {"values": json.dumps(values), "conditions": json.dumps(dict(conditions)), "sum": str(_sum(tensors, values))}
    try:
        save_file(tensors, draft, metadata=said)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path, conditions: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and values of a checkpoint. Raises `Unusable` if it is damaged or from other conditions."""
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata()
            values, found = json.loads(said["values"]), json.loads(said["conditions"])
            changed = [
                f"{name} {found.get(name)}, now {now}" for name, now in conditions.items() if found.get(name) != now
            ]
            if changed:
                raise Unusable(f"was written under other conditions ({'; '.join(changed)})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Unusable(f"is damaged ({_reason(error)})") from error
    if said.get("sum") != str(_sum(tensors, values)):
        raise Unusable("is damaged (its checksum is another)")
    return tensors, values


def _sum(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> int:
    """A checksum of all that a checkpoint holds."""
    total = zlib.crc32(json.dumps(values).encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, zlib.crc32(name.encode(), total))
    return total


def _reason(error: Exception) -> str:
    """What an error says, on one line, without a full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:200]
